"""The S/4 simulator's fault switches: refusals, lost and late answers, locks, sessions that end."""

import httpx
import pytest

from dev.sap.s4 import Running
from tests.waiting import until

PARTNER = "API_BUSINESS_PARTNER"
PATH = "A_BusinessPartner('17100001')"
NEW = {"BusinessPartnerCategory": "2", "OrganizationBPName1": "New"}


def test_a_status_fault_hits_as_often_as_told(s4: Running) -> None:
    client = s4.client(PARTNER)
    fault = {"match": {"method": "PATCH", "path": "A_BusinessPartner"}, "times": 2, "status": 503, "retry_after": 2}
    s4.sim("POST", "faults", fault | {"html": True})
    assert client.get(PATH).status_code == 200
    answers = [client.patch(PATH, json={"SearchTerm2": "X"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 204]
    assert (answers[0].headers["retry-after"], answers[0].headers["content-type"][:9]) == ("2", "text/html")
    assert [each["status"] for each in s4.sim("GET", "log")][-3:] == [503, 503, 204]


def test_a_lost_answer_has_committed(s4: Running) -> None:
    client = s4.client(PARTNER)
    s4.sim("POST", "faults", {"lose_answer": True, "match": {"method": "POST"}})
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("A_BusinessPartner", json=NEW)
    assert client.get("A_BusinessPartner", params={"$filter": "OrganizationBPName1 eq 'New'"}).json()["d"]["results"]


def test_a_time_out_may_commit_later(s4: Running) -> None:
    client = s4.client(PARTNER)
    s4.sim("POST", "faults", {"commit_late_seconds": 0.2, "match": {"method": "POST"}})
    assert client.post("A_BusinessPartner", json=NEW).status_code == 504
    assert client.get("A_BusinessPartner/$count").text == "3"
    until(lambda: client.get("A_BusinessPartner/$count").text == "4", "the late commit")


def test_a_delay_delays(s4: Running) -> None:
    s4.sim("POST", "faults", {"delay_seconds": 5, "match": {"path": "A_BusinessPartner"}})
    with pytest.raises(httpx.ReadTimeout):
        s4.client(PARTNER).get(PATH, timeout=0.2)


def test_a_locked_object_cannot_be_written_but_others_can(s4: Running) -> None:
    client = s4.client(PARTNER)
    s4.sim("POST", "faults", {"lock": {"key": "17100001", "user": "MUELLER"}})
    for path, body in ((PATH, {"SearchTerm2": "X"}), ("A_Customer('17100001')", {"CustomerClassification": "A"})):
        answer = client.patch(path, json=body)
        assert answer.status_code == 400
        assert "is currently being processed by user MUELLER" in answer.json()["error"]["message"]["value"]
    assert client.get(PATH).json()["d"]["SearchTerm2"] == ""
    assert client.patch("A_BusinessPartner('17100002')", json={"SearchTerm2": "X"}).status_code == 204


def test_the_system_may_change_what_it_is_given(s4: Running) -> None:
    client = s4.client(PARTNER)
    s4.sim("POST", "faults", {"upper_case": ["OrganizationBPName1"]})
    client.patch(PATH, json={"OrganizationBPName1": "Quiet"})
    assert client.get(PATH).json()["d"]["OrganizationBPName1"] == "QUIET"


def test_a_dropped_session_needs_a_new_token(s4: Running) -> None:
    client = s4.client(PARTNER)
    s4.sim("POST", "faults", {"drop_session": True})
    answer = client.patch(PATH, json={"SearchTerm2": "X"})
    assert (answer.status_code, answer.headers["x-csrf-token"]) == (403, "Required")


def test_a_fault_reaches_the_operations_of_a_batch(s4: Running) -> None:
    client = s4.client(PARTNER)
    s4.sim("POST", "faults", {"status": 429, "match": {"method": "GET", "path": PATH}})
    one = f"--b\r\nContent-Type: application/http\r\n\r\nGET {PATH} HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n"
    answer = client.post(
        "$batch", content=f"{one}{one}--b--\r\n", headers={"content-type": "multipart/mixed;boundary=b"}
    )
    assert (answer.text.count("HTTP/1.1 429"), answer.text.count("HTTP/1.1 200")) == (1, 1)
    logged = s4.sim("GET", "log")[-1]
    assert [part["status"] for part in logged["parts"]] == [429, 200]


def test_an_unknown_switch_is_refused(s4: Running) -> None:
    for path, body in (("faults", {"statsu": 503}), ("settings", {"nothing": 1}), ("faults", {"times": 3})):
        assert httpx.post(f"{s4.url}/sim/{path}", json=body).status_code == 400
