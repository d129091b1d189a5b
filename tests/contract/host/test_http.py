"""HTTP functions on the local host: what reaches them, what comes back, who may call."""

import asyncio
import base64
import gzip
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from dev.host import Host, start
from tests.waiting import until

WEB = Path(__file__).parent / "apps" / "web"
SETTINGS = {"SECRET_ROUTE": "hidden/{part?}", "AzureWebJobs.switched_off.Disabled": "true", "A_SETTING": "a value"}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("host") / "gate"


@pytest.fixture(scope="module")
def host(gate: Path) -> Iterator[Host]:
    with start(WEB, {**SETTINGS, "GATE": str(gate)}) as running:
        yield running


@pytest.fixture
def client(host: Host) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=host.url, timeout=20) as calls:
        yield calls


def echoed(client: httpx.Client, method: str = "POST", path: str = "/api/echo/account", **sent: Any) -> dict:
    answer = client.request(method, path, **sent)
    assert answer.status_code == 200, answer.status_code
    return answer.json()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": "ü"}'.encode("utf-16"),
        b"\x00\xff\xfe\r\n\r\n",
        gzip.compress(b"packed"),
        b"x" * 300_000,
    ],
    ids=["empty", "byte order mark", "utf-16", "binary", "gzip", "long"],
)
@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream", "text/xml; charset=utf-16"])
def test_a_body_arrives_as_its_bytes(client: httpx.Client, body: bytes, kind: str) -> None:
    headers = {"Content-Type": kind} | ({"Content-Encoding": "gzip"} if body.startswith(b"\x1f\x8b") else {})
    seen = echoed(client, content=body, headers=headers)
    assert base64.b64decode(seen["body"]) == body
    assert seen["headers"]["content-type"] == kind


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(client: httpx.Client) -> None:
    seen = echoed(client, content=b"asked", headers={"Expect": "100-continue"})
    assert base64.b64decode(seen["body"]) == b"asked"


def test_a_chunked_body_arrives_whole(client: httpx.Client) -> None:
    assert base64.b64decode(echoed(client, content=iter([b"one ", b"two"]))["body"]) == b"one two"


def test_header_names_are_lower_case_and_values_as_sent(client: httpx.Client) -> None:
    sent = [("X-One", "Value; with=parts"), ("X-Twice", "1"), ("x-twice", "2"), ("X-Name", "Bär".encode())]
    principal = base64.b64encode(b"p" * 9000).decode()
    seen = echoed(client, headers=[*sent, ("X-MS-CLIENT-PRINCIPAL", principal)])["headers"]
    assert seen["x-one"] == "Value; with=parts"
    assert seen["x-twice"] == "1,2"
    assert seen["x-name"] == "Bär"
    assert seen["x-ms-client-principal"] == principal
    assert seen["host"] == urlsplit(str(client.base_url)).netloc
    assert "connection" not in seen


def test_query_route_values_and_url_are_as_azure_gives_them(client: httpx.Client) -> None:
    path = "/API/Echo/a%20b%2Fc/7?one=1&two=a+b&two=c&none=&%C3%BC=%26"
    seen = echoed(client, path=path)
    assert seen["route"] == {"entity": "a b%2Fc", "number": "7"}
    assert seen["query"] == {"one": "1", "two": "a b,c", "ü": "&"}
    assert seen["url"] == f"{client.base_url!s}".rstrip("/") + path


def test_a_route_value_that_breaks_its_constraint_is_not_found(client: httpx.Client) -> None:
    assert client.get("/api/echo/account/seven").status_code == 404


def test_a_method_that_is_not_listed_is_not_found(client: httpx.Client) -> None:
    assert client.delete("/api/echo/account").status_code == 404
    assert echoed(client, method="OPTIONS")["method"] == "OPTIONS"


def test_a_disabled_function_is_not_found(client: httpx.Client) -> None:
    assert client.get("/api/off").status_code == 404


@pytest.mark.parametrize(
    ("path", "body"), [("/api/files/a/b", '"a/b"'), ("/api/files", "null"), ("/api/files/", "null")]
)
def test_the_rest_of_a_path_is_one_value(client: httpx.Client, path: str, body: str) -> None:
    assert json.dumps(client.get(path).json()["rest"]) == body


def test_the_trace_context_of_the_caller_is_handed_over(client: httpx.Client) -> None:
    seen = echoed(client, headers={"traceparent": TRACE, "tracestate": "a=b"})
    assert (seen["trace_parent"], seen["trace_state"]) == (TRACE, "a=b")


@pytest.mark.parametrize("parent", [None, "nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_without_a_valid_trace_context_a_new_one_begins(client: httpx.Client, parent: str | None) -> None:
    seen = echoed(client, headers={"traceparent": parent} if parent else {})["trace_parent"]
    assert [len(part) for part in seen.split("-")] == [2, 32, 16, 2]
    assert seen != parent


def test_settings_are_environment_and_the_folder_is_the_apps(client: httpx.Client) -> None:
    seen = echoed(client)
    assert seen["setting"] == "a value"
    assert seen["folder"] == str(WEB)


def test_the_answer_goes_out_unaltered(client: httpx.Client) -> None:
    body = b"\xef\xbb\xbf\x00\xff"
    headers = [["X-Correlation-Id", "c 1"], ["Cache-Control", "no-store"], ["Set-Cookie", "a=1; Path=/; HttpOnly"]]
    headers += [["Set-Cookie", "b=2; Max-Age=5"], ["Location", "/there?x=%20"], ["WebHook-Allowed-Origin", "*"]]
    wanted = {"status": 418, "type": "application/xml", "body": base64.b64encode(body).decode(), "headers": headers}
    answer = client.post("/api/answer", json=wanted)
    assert (answer.status_code, answer.content) == (418, body)
    assert answer.headers["content-type"] == "application/xml"
    assert answer.headers["content-length"] == str(len(body))
    assert answer.headers["x-correlation-id"] == "c 1"
    assert answer.headers["location"] == "/there?x=%20"
    assert sorted(answer.headers.get_list("set-cookie")) == ["a=1; HttpOnly; Path=/", "b=2; Max-Age=5"]


@pytest.mark.parametrize("status", [200, 202, 204, 302, 304, 400, 422, 500, 503])
def test_any_status_goes_out(client: httpx.Client, status: int) -> None:
    assert client.post("/api/answer", json={"status": status}).status_code == status


def test_a_packed_answer_is_not_unpacked_on_the_way(client: httpx.Client) -> None:
    body = base64.b64encode(gzip.compress(b"packed")).decode()
    wanted = {"status": 200, "body": body, "headers": [["Content-Encoding", "gzip"]]}
    assert client.post("/api/answer", json=wanted).content == b"packed"


def test_an_exception_is_a_500_that_tells_nothing(client: httpx.Client, host: Host) -> None:
    answer = client.get("/api/fails")
    assert (answer.status_code, answer.content) == (500, b"")
    assert "a secret detail" in host.log()


def test_a_function_is_opened_by_header_or_code_only(client: httpx.Client, host: Host) -> None:
    shut = client.get("/api/hidden")
    assert (shut.status_code, shut.content) == (401, b"")
    assert client.get("/api/hidden", params={"code": "wrong"}).status_code == 401
    assert client.get("/api/hidden/x", params={"code": host.key}).text == "opened"
    assert client.get("/api/hidden", headers={"X-Functions-Key": host.key}).text == "opened"


def test_an_admin_function_needs_the_master_key(client: httpx.Client, host: Host) -> None:
    assert client.get("/api/master").status_code == 401
    assert client.get("/api/master", headers={"x-functions-key": host.key}).text == "opened"


def test_a_text_is_a_plain_answer(client: httpx.Client) -> None:
    answer = client.get("/api/holding")
    assert (answer.text, answer.headers["content-type"]) == ("0", "text/plain; charset=utf-8")


async def test_async_functions_share_one_loop_and_sync_ones_run_beside_it(host: Host, gate: Path) -> None:
    async with httpx.AsyncClient(base_url=host.url, timeout=20) as client:
        waiting = [asyncio.create_task(client.get("/api/held")) for _ in range(20)]
        await asyncio.to_thread(until, lambda: httpx.get(f"{host.url}/api/holding").text == "20", "all in the function")
        first, second = [(await client.post("/api/echo/x")).json() for _ in range(2)]
        in_pool = (await client.get("/api/files/x")).json()
        assert not any(task.done() for task in waiting)
        await asyncio.to_thread(gate.touch)
        assert {(await task).text for task in waiting} == {"done"}
    assert (first["pid"], first["thread"]) == (second["pid"], second["thread"])
    assert in_pool["thread"] != first["thread"]


def test_one_connection_serves_request_after_request(host: Host) -> None:
    connection = http.client.HTTPConnection(urlsplit(host.url).netloc, timeout=20)
    for path, status in [("/api/hidden", 401), ("/nowhere", 404), ("/api/fails", 500), ("/api/files/x", 200)] * 2:
        connection.request("POST" if status == 401 else "GET", path, body=b"unread" if status == 401 else None)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


def test_the_host_tells_its_state_and_its_functions(client: httpx.Client, host: Host) -> None:
    assert client.get("/admin/host/status").json()["state"] == "Running"
    assert client.get("/admin/functions").status_code == 401
    functions = client.get("/admin/functions", headers={"x-functions-key": host.key}).json()
    by_name = {function["name"]: function for function in functions}
    assert by_name["guarded"]["config"]["bindings"][0]["route"] == "hidden/{part?}"
    assert (by_name["echo"]["isDisabled"], by_name["switched_off"]["isDisabled"]) == (False, True)
    assert client.get("/admin/functions/echo", headers={"x-functions-key": host.key}).json() == by_name["echo"]
    assert client.get("/admin/functions/none", headers={"x-functions-key": host.key}).status_code == 404
