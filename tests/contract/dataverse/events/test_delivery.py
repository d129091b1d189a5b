"""Delivery: the single retry, failed jobs, held, lost, doubled and reordered events, size limits, sync steps."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dev.dynamics.dataverse import Running, Subscription, start
from tests.webhook import Receiver


@pytest.fixture
def org(receiver: Receiver) -> Iterator[Running]:
    hook = Subscription(receiver.url, tables=["account"], code="k&y", auto_delete=False)
    with start(subscriptions=[hook], events={"retry_seconds": 0.01}) as running:
        yield running


def jobs(api: httpx.Client, condition: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"asyncoperations?$filter={condition}").json()["value"]
    return found


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_error_is_retried_once(api: httpx.Client, org: Running, receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    api.post("accounts", json={"name": "R"})
    org.settled()
    assert len(receiver.got) == 2
    assert receiver.got[0].raw == receiver.got[1].raw
    assert jobs(api, "statuscode eq 30")


@pytest.mark.parametrize(("answers", "tries"), [([503, 503], 2), ([500], 1), ([429], 1), ([401], 1), ([404], 1)])
def test_any_other_failure_is_final_and_readable(
    api: httpx.Client, org: Running, receiver: Receiver, answers: list[int], tries: int
) -> None:
    receiver.answers = list(answers)
    api.post("accounts", json={"name": "F"})
    org.settled()
    assert len(receiver.got) == tries
    failed = jobs(api, "statecode eq 3 and statuscode eq 31")
    assert str(answers[-1]) in failed[0]["message"]
    step = failed[0]["_owningextensionid_value"]
    assert jobs(api, f"statuscode eq 31 and _owningextensionid_value eq {step}")


def test_a_webhook_key_travels_in_the_query(api: httpx.Client, org: Running, receiver: Receiver) -> None:
    api.post("accounts", json={"name": "K"})
    org.settled()
    assert [each.path for each in receiver.got] == ["/hook?code=k%26y"]


def test_held_events_wait_for_their_release(api: httpx.Client, org: Running, receiver: Receiver) -> None:
    httpx.post(f"{org.url}/sim/faults", json={"events": {"hold": True}}).raise_for_status()
    names = [f"H{place}" for place in range(20)]
    for name in names:
        api.post("accounts", json={"name": name})
    assert receiver.got == []
    assert httpx.get(f"{org.url}/sim/events").json()["held"] == 20
    assert httpx.post(f"{org.url}/sim/events/release").json() == {"released": 20}
    org.settled()
    got = [_name(body) for body in receiver.bodies()]
    assert sorted(got) == sorted(names)
    assert got != names


def _name(body: dict[str, Any]) -> str:
    attributes = body["InputParameters"][0]["value"]["Attributes"]
    return next(str(item["value"]) for item in attributes if item["key"] == "name")


def test_events_can_be_doubled_and_dropped(api: httpx.Client, org: Running, receiver: Receiver) -> None:
    httpx.post(f"{org.url}/sim/faults", json={"events": {"duplicate": 5, "reorder": True}}).raise_for_status()
    api.post("accounts", json={"name": "D"})
    org.settled()
    assert len(receiver.got) == 5
    httpx.delete(f"{org.url}/sim/faults").raise_for_status()
    httpx.post(f"{org.url}/sim/faults", json={"events": {"drop": 1.0}}).raise_for_status()
    api.post("accounts", json={"name": "L"})
    org.settled()
    assert len(receiver.got) == 5


def test_a_context_that_is_too_large_loses_its_bulk(receiver: Receiver) -> None:
    hook = Subscription(receiver.url, tables=["account"])
    with start(subscriptions=[hook], events={"webhook_bytes_max": 3000}) as org, org.client() as api:
        api.post("accounts?tag=t", json={"name": "Big", "description": "x" * 2000})
        org.settled()
    context = receiver.got[0].body
    assert receiver.got[0].headers["x-ms-dynamics-msg-size-exceeded"] == "true"
    assert not {"ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages"} & set(context)
    assert {"key": "tag", "value": "t"} in context["SharedVariables"]
    assert context["PrimaryEntityName"] == "account"


def test_bodies_can_have_escaped_slashes_and_a_byte_order_mark(receiver: Receiver) -> None:
    events = {"escape_slashes": True, "byte_order_mark": True, "offset": "+0200", "newer_members": False}
    with start(subscriptions=[Subscription(receiver.url)], events=events) as org, org.client() as api:
        api.post("accounts", json={"name": "a/b"})
        org.settled()
    assert receiver.got[0].raw.startswith(b"\xef\xbb\xbf{")
    assert b"\\/Date(" in receiver.got[0].raw
    assert receiver.got[0].body["OperationCreatedOn"].endswith("+0200)/")
    assert "UserAzureActiveDirectoryObjectId" not in receiver.got[0].body


def test_a_synchronous_step_can_stop_the_operation(receiver: Receiver) -> None:
    hook = Subscription(receiver.url, tables=["account"], mode=0)
    with start(subscriptions=[hook], events={"retry_seconds": 0.01}) as org, org.client() as api:
        receiver.answers = [500]
        refused = api.post("accounts", json={"name": "No"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "0x80040265")
        assert api.get("accounts/$count").text == "0"
        link = api.get("accounts", headers={"Prefer": "odata.track-changes"}).json()["@odata.deltaLink"]
        assert api.post("accounts", json={"name": "Yes"}).status_code == 204
        assert len(api.get(link).json()["value"]) == 1
    context = receiver.got[1].body
    assert (context["Mode"], context["IsInTransaction"]) == (0, True)
    assert context["OperationId"] == context["RequestId"]
    assert context["OwningExtension"]["Name"] == "Create of account"
    assert context["PostEntityImages"] == []


def test_a_change_set_shows_as_a_transaction_above(api: httpx.Client, org: Running, receiver: Receiver) -> None:
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: 1"
    part = f"{head}\r\n\r\nPOST accounts HTTP/1.1"
    inner = f'--c\r\n{part}\r\nContent-Type: application/json\r\n\r\n{{"name":"T"}}\r\n--c--\r\n'
    body = f"--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n{inner}\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/mixed;boundary=b"}
    assert api.post("$batch", content=body.encode(), headers=headers).status_code == 200
    org.settled()
    above = receiver.got[0].body["ParentContext"]["ParentContext"]
    assert (above["MessageName"], above["PrimaryEntityName"]) == ("ExecuteTransaction", "none")
    assert {"key": "ODataChangesetRequestCount", "value": 1} in above["SharedVariables"]


def test_steps_can_be_registered_through_the_web_api(receiver: Receiver) -> None:
    with start() as org, org.client() as api:
        secret = '<settings><setting name="x-key" value="v" /></settings>'
        endpoint = {"name": "e", "url": receiver.url, "contract": 8, "authtype": 5, "authvalue": secret}
        made = api.post("serviceendpoints", json=endpoint).headers["OData-EntityId"]
        message = api.get("sdkmessages?$filter=name eq 'Update'").json()["value"][0]["sdkmessageid"]
        condition = f"primaryobjecttypecode eq 'account' and sdkmessageid/sdkmessageid eq {message}"
        table = api.get(f"sdkmessagefilters?$filter={condition}").json()["value"][0]["sdkmessagefilterid"]
        step = {"name": "s", "stage": 40, "mode": 1, "rank": 1, "filteringattributes": "name"}
        step |= {"eventhandler_serviceendpoint@odata.bind": made}
        step |= {"sdkmessageid@odata.bind": f"/sdkmessages({message})"}
        step |= {"sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({table})"}
        registered = api.post("sdkmessageprocessingsteps", json=step)
        assert registered.status_code == 204, registered.text
        row = api.post("accounts", json={"name": "1"}).headers["OData-EntityId"]
        api.patch(row, json={"name": "2"})
        org.settled()
        assert [body["MessageName"] for body in receiver.bodies()] == ["Update"]
        assert receiver.got[0].headers["x-key"] == "v"
        listed = api.get(f"{made}/serviceendpoint_sdkmessageprocessingstep?$select=name,stage,mode").json()["value"]
        assert listed[0]["name"] == "s"
        api.patch(registered.headers["OData-EntityId"], json={"statecode": 1})
        api.patch(row, json={"name": "3"})
        org.settled()
        assert len(receiver.got) == 1
