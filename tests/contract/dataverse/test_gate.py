"""The gate: tokens, impersonation, service protection, injected faults, the log, and TLS."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest
from azure.identity import ClientSecretCredential

from dev.dynamics.dataverse import Running, start

PART = (
    "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nGET WhoAmI HTTP/1.1\r\n\r\n\r\n"
)
SHOP = ("11111111-2222-3333-4444-666666666666", "other-secret")


@pytest.fixture
def org() -> Iterator[Running]:
    with start() as running:
        yield running


@pytest.fixture
def api(org: Running) -> Iterator[httpx.Client]:
    with org.client() as client:
        yield client


def fault(org: Running, **members: object) -> None:
    httpx.post(f"{org.url}/sim/faults", json=members).raise_for_status()


def ask(org: Running, **changes: str) -> httpx.Response:
    form = {"grant_type": "client_credentials", "client_id": org.client_id, "client_secret": org.client_secret}
    return httpx.post(org.token_url, data={**form, "scope": org.scope, **changes})


@pytest.mark.parametrize(
    ("changes", "status", "number"),
    [
        ({"client_secret": "wrong"}, 401, 7000215),
        ({"client_id": "nobody"}, 400, 700016),
        ({"grant_type": "password"}, 400, 70003),
        ({"scope": "openid"}, 400, 70011),
    ],
)
def test_the_token_endpoint_refuses_in_its_own_words(
    org: Running, changes: dict[str, str], status: int, number: int
) -> None:
    answer = ask(org, **changes)
    assert answer.status_code == status
    assert f"AADSTS{number}" in answer.json()["error_description"]


def test_a_call_needs_a_valid_token_for_this_audience(org: Running) -> None:
    url = f"{org.api_url}/WhoAmI"
    assert httpx.get(url).status_code == 401
    assert "authorization_uri=" in httpx.get(url).headers["WWW-Authenticate"]
    other = ask(org, scope="https://elsewhere.crm.dynamics.com/.default").json()["access_token"]
    for bad in ("x.y.z", org.token()[:-2], other):
        assert httpx.get(url, headers={"Authorization": f"Bearer {bad}"}).status_code == 401
    assert httpx.get(url, headers={"Authorization": f"Bearer {org.token()}"}).status_code == 200


def test_tokens_expire_by_time_and_on_demand(org: Running) -> None:
    token = org.token()
    headers = {"Authorization": f"Bearer {token}"}
    fault(org, expire_tokens=True)
    assert httpx.get(f"{org.api_url}/WhoAmI", headers=headers).status_code == 401
    with org.client() as fresh:
        assert fresh.get("WhoAmI").status_code == 200
        httpx.post(f"{org.url}/sim/clock", json={"advance_seconds": 3700})
        assert fresh.get("WhoAmI").status_code == 401


def test_a_client_without_a_user_is_no_member(org: Running) -> None:
    token = org.token(*SHOP)
    service = org.service
    service.tokens.settings = type(service.tokens.settings)(users=service.org.settings.users[:1])
    answer = httpx.get(f"{org.api_url}/WhoAmI", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "0x80072560")


def test_impersonation_needs_a_privilege_and_a_user(org: Running, api: httpx.Client) -> None:
    person = next(user for user in org.service.org.settings.users if not user.client_id)
    assert api.get("WhoAmI", headers={"CallerObjectId": person.object_id}).json()["UserId"] == person.id
    assert api.get("WhoAmI", headers={"MSCRMCallerID": person.id}).json()["UserId"] == person.id
    assert api.get("WhoAmI", headers={"CallerObjectId": "nobody"}).status_code == 403
    with org.client(org.token(*SHOP)) as shop:
        assert shop.get("WhoAmI", headers={"CallerObjectId": person.object_id}).status_code == 403


def test_auth_can_be_switched_off() -> None:
    with start(auth=False) as org:
        assert httpx.get(f"{org.api_url}/WhoAmI").status_code == 200


def test_too_many_requests_are_refused_for_one_user_only(org: Running) -> None:
    with start(limits={"requests": 3, "window_seconds": 60}) as limited, limited.client() as api:
        left = [api.get("WhoAmI").headers["x-ms-ratelimit-burst-remaining-xrm-requests"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        first, second = api.get("WhoAmI"), api.get("WhoAmI")
        assert (first.status_code, first.json()["error"]["code"]) == (429, "0x80072322")
        assert int(second.headers["Retry-After"]) > int(first.headers["Retry-After"]) > 0
        with limited.client(limited.token(*SHOP)) as shop:
            assert shop.get("WhoAmI").status_code == 200
        httpx.post(f"{limited.url}/sim/clock", json={"advance_seconds": 61})
        assert api.get("WhoAmI").status_code == 200
        assert api.get("WhoAmI").headers["x-ms-dop-hint"] == "8"
    assert org.tenant


def test_every_request_of_a_batch_counts() -> None:
    headers = {"Content-Type": "multipart/mixed;boundary=b"}
    with start(limits={"requests": 5}) as limited, limited.client() as api:
        assert api.post("$batch", content=f"{PART * 4}--b--\r\n".encode(), headers=headers).status_code == 200
        assert api.post("$batch", content=f"{PART * 2}--b--\r\n".encode(), headers=headers).status_code == 429
        assert api.get("WhoAmI").status_code == 200


def test_execution_time_is_limited_too() -> None:
    with start(limits={"execution_seconds": 0.05}) as limited, limited.client() as api:
        fault(limited, delay_seconds=0.06)
        api.get("WhoAmI")
        assert api.get("WhoAmI").json()["error"]["code"] == "0x80072321"


def test_calls_at_once_are_limited_too() -> None:
    with start(limits={"concurrent": 1}) as limited, limited.client() as api:
        user = next(user for user in limited.service.org.settings.users if user.client_id)
        running = limited.service.protection.enter(user.id, 1)
        refused = api.get("WhoAmI")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "0x80072326")
        limited.service.protection.leave(user.id, running)
        assert [api.get("WhoAmI").status_code for _ in range(2)] == [200, 200]


def test_a_fault_strikes_so_many_matching_calls(org: Running, api: httpx.Client) -> None:
    fault(org, match={"method": "POST", "path": "accounts"}, times=2, after=1, status=503, retry_after=2)
    statuses = [api.post("accounts", json={"name": str(place)}).status_code for place in range(4)]
    assert statuses == [204, 503, 503, 204]
    assert api.get("accounts/$count").text == "2"
    assert httpx.get(f"{org.url}/sim/faults").json()["rules"] == []
    fault(org, status=429, code="0x80072322", retry_after=7)
    answer = api.get("WhoAmI")
    assert (answer.headers["Retry-After"], answer.json()["error"]["code"]) == ("7", "0x80072322")


def test_a_lost_answer_was_committed(org: Running, api: httpx.Client) -> None:
    fault(org, match={"method": "POST"}, lose_answer=True)
    with pytest.raises(httpx.RemoteProtocolError):
        api.post("accounts", json={"name": "Lost"})
    assert api.get("accounts/$count?$filter=name eq 'Lost'").text == "1"
    assert [entry["status"] for entry in httpx.get(f"{org.url}/sim/log").json() if entry["method"] == "POST"][-1] == 0


def test_a_gateway_can_answer_html_and_a_part_of_a_batch_can_fail(org: Running, api: httpx.Client) -> None:
    fault(org, status=502, html=True)
    assert api.get("WhoAmI").headers["content-type"] == "text/html"
    fault(org, match={"path": "WhoAmI"}, status=503)
    headers = {"Content-Type": "multipart/mixed;boundary=b", "Prefer": "odata.continue-on-error"}
    answer = api.post("$batch", content=f"{PART * 2}--b--\r\n".encode(), headers=headers)
    assert (answer.status_code, answer.text.count("HTTP/1.1 503"), answer.text.count("HTTP/1.1 200")) == (200, 1, 1)


def test_somebody_else_can_be_first(org: Running, api: httpx.Client) -> None:
    fault(org, match={"method": "PATCH"}, race=True, status=412, code="0x80060892", message="matching key values")
    assert api.patch("accounts(cr_sapnumber='1')", json={"name": "mine"}).status_code == 412
    found = api.get("accounts(cr_sapnumber='1')?$expand=createdby($select=fullname)").json()
    assert found["createdby"]["fullname"] == "Maria Campbell"


def test_the_log_counts_calls(org: Running, api: httpx.Client) -> None:
    httpx.delete(f"{org.url}/sim/log").raise_for_status()
    api.get("accounts?$top=1", headers={"x-ms-client-request-id": "me"})
    entry = httpx.get(f"{org.url}/sim/log").json()[-1]
    assert (entry["method"], entry["path"], entry["query"]) == ("GET", "accounts", "$top=1")
    assert (entry["status"], entry["client_request_id"]) == (200, "me")


def test_unknown_switches_are_refused(org: Running) -> None:
    assert httpx.post(f"{org.url}/sim/faults", json={"statis": 1}).status_code == 400
    assert httpx.post(f"{org.url}/sim/faults", json={"events": {"lose": 1}}).status_code == 400
    with pytest.raises(ValueError, match="unknown settings"), start(page_sise=3):
        pass


def test_people_create_edit_and_delete(org: Running, api: httpx.Client) -> None:
    made = httpx.post(f"{org.url}/sim/create", json={"table": "account", "values": {"name": "1"}}).json()
    edit = {"table": "account", "id": made["accountid"], "values": {"name": "2"}}
    httpx.post(f"{org.url}/sim/edit", json=edit).raise_for_status()
    assert [row["name"] for row in httpx.get(f"{org.url}/sim/rows/account").json()] == ["2"]
    httpx.post(f"{org.url}/sim/delete", json={"table": "account", "id": made["accountid"]}).raise_for_status()
    assert api.get("accounts/$count").text == "0"
    assert httpx.post(f"{org.url}/sim/edit", json=edit).status_code == 404


def test_microsofts_own_identity_library_gets_a_token_over_tls() -> None:
    with start(tls=True) as org:
        credential = ClientSecretCredential(
            org.tenant, org.client_id, org.client_secret, authority=org.url,
            disable_instance_discovery=True, connection_verify=str(org.certificate),
        )  # fmt: skip
        with credential, org.client(credential.get_token(org.scope).token) as api:
            assert api.get("WhoAmI").status_code == 200


def test_the_command_line_says_when_it_is_ready() -> None:
    command = [sys.executable, "-m", "dev.dynamics.dataverse", "--port", "0", "--seed-data", "--no-auth"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            words = process.stdout.readline().split()
            assert words[:2] == ["dataverse", "ready"]
            found = json.loads(httpx.get(f"{words[2]}/api/data/v9.2/products?$select=productnumber").text)
            assert {"TG11", "TG12"} <= {row["productnumber"] for row in found["value"]}
        finally:
            watchdog.cancel()
            process.terminate()
    assert process.returncode == 0
