import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from dev.dynamics.dataverse.running import make_certificate
from shared.errors import Complaint, NotAllowed, Refused, Stale, SyncError, Throttled, Unavailable, Unconfirmed
from shared.systems.batch import PartAnswer
from shared.systems.exact_json import dumps_exact, loads_exact
from shared.systems.http import Http
from shared.systems.replies import THROTTLED_SECONDS, failure, json_object, retry_after_seconds
from tests.wire import Asked, Cut, answer, serving

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http("s4", timeout_seconds=5, response_bytes_max=1000)
    yield client
    await client.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_an_answer_comes_back_whole_whatever_its_status(http: Http) -> None:
    async with serving(lambda _: answer(418, "tea", X_Kind="pot")) as wire:
        reply = await http.send("GET", f"{wire.url}/a?x=1", writes=False)
    assert (reply.status_code, reply.content, reply.headers["x-kind"]) == (418, b"tea", "pot")


async def test_a_request_leaves_with_its_headers_body_and_address_as_given(http: Http) -> None:
    async with serving(lambda _: answer(204)) as wire:
        url = f"{wire.url}/A_X(%27a%2Fb%27)?$filter=name%20eq%20%27a%26b%2Bc%27"
        await http.send("PATCH", url, headers={"If-Match": 'W/"1"'}, content=b"{}", writes=True)
    asked = wire.asked[0]
    assert (asked.method, asked.body, asked.headers["if-match"]) == ("PATCH", b"{}", 'W/"1"')
    assert httpx.URL(asked.path).params["$filter"] == "name eq 'a&b+c'"
    assert "a%2Fb" in asked.path
    assert "+" not in asked.path


async def test_a_compressed_answer_is_unpacked(http: Http) -> None:
    async with serving(lambda _: answer(200, gzip.compress(b"{}"), Content_Encoding="gzip")) as wire:
        assert (await http.send("GET", wire.url, writes=False)).content == b"{}"


async def test_a_compressed_answer_that_grows_over_the_limit_is_refused(http: Http) -> None:
    async with serving(lambda _: answer(200, gzip.compress(b"0" * 100_000), Content_Encoding="gzip")) as wire:
        with pytest.raises(Unavailable, match="ReadError"):
            await http.send("GET", wire.url, writes=False)


@pytest.mark.parametrize("writes", [True, False])
async def test_a_refused_connection_changed_nothing(http: Http, *, writes: bool) -> None:
    with pytest.raises(Unavailable, match="nothing was sent") as caught:
        await http.send("POST", f"http://127.0.0.1:{free_port()}/x", content=b"{}", writes=writes)
    assert type(caught.value) is Unavailable


async def test_a_name_that_does_not_resolve_changed_nothing(http: Http) -> None:
    with pytest.raises(Unavailable, match="nothing was sent") as caught:
        await http.send("POST", "http://no-such-host.invalid/x", content=b"{}", writes=True)
    assert type(caught.value) is Unavailable


async def test_a_server_without_tls_changed_nothing(http: Http) -> None:
    async with serving(lambda _: answer(200)) as wire:
        with pytest.raises(Unavailable, match="nothing was sent"):
            await http.send("POST", wire.url.replace("http:", "https:"), content=b"{}", writes=True)


CUT_OFF = Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{")
NO_HTTP = Cut(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


@pytest.mark.parametrize("said", [None, CUT_OFF, NO_HTTP], ids=["dropped", "cut off", "no http"])
@pytest.mark.parametrize(("writes", "expected"), [(True, Unconfirmed), (False, Unavailable)])
async def test_a_broken_answer_leaves_only_a_write_unconfirmed(
    http: Http, said: bytes | None, *, writes: bool, expected: type[SyncError]
) -> None:
    async with serving(lambda _: said) as wire:
        with pytest.raises(Unavailable) as caught:
            await http.send("POST", f"{wire.url}/x?secret=1", content=b"{}", writes=writes)
    assert type(caught.value) is expected
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("writes", "expected"), [(True, Unconfirmed), (False, Unavailable)])
async def test_a_time_out_leaves_only_a_write_unconfirmed(
    http: Http, *, writes: bool, expected: type[SyncError]
) -> None:
    async def never(_: Asked) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with serving(never) as wire:
        with pytest.raises(Unavailable) as caught:
            await http.send("POST", wire.url, content=b"{}", writes=writes, timeout_seconds=0.1)
    assert type(caught.value) is expected


async def test_a_trickling_answer_is_bounded_as_a_whole() -> None:
    http = Http("s4", timeout_seconds=0.2)
    stop = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        while not stop.is_set():
            writer.write(b"x")
            await asyncio.sleep(0.02)
        writer.close()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    with pytest.raises(Unavailable):
        await http.send("GET", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", writes=False)
    stop.set()
    server.close()
    await server.wait_closed()
    await http.close()


async def test_no_more_calls_are_under_way_than_allowed_and_a_late_one_was_never_sent() -> None:
    http = Http("s4", concurrency=2, timeout_seconds=5)
    release, both = asyncio.Event(), asyncio.Semaphore(0)

    async def wait(_: Asked) -> bytes:
        both.release()
        await release.wait()
        return answer(204)

    async with serving(wait) as wire:
        calls = [asyncio.create_task(http.send("POST", wire.url, writes=True)) for _ in range(2)]
        await both.acquire()
        await both.acquire()
        with pytest.raises(Unavailable, match="no free slot") as caught:
            await http.send("POST", wire.url, writes=True, timeout_seconds=0.05)
        assert type(caught.value) is Unavailable
        assert len(wire.asked) == 2
        release.set()
        assert [reply.status_code for reply in await asyncio.gather(*calls)] == [204, 204]
    await http.close()


async def test_a_cancelled_call_gives_its_slot_back() -> None:
    http = Http("s4", concurrency=1, timeout_seconds=5)
    seen = asyncio.Event()

    async def first_hangs(asked: Asked) -> bytes:
        if asked.path == "/hang":
            seen.set()
            await asyncio.Event().wait()
        return answer(204)

    async with serving(first_hangs) as wire:
        call = asyncio.create_task(http.send("POST", f"{wire.url}/hang", writes=True))
        await seen.wait()
        call.cancel()
        assert (await http.send("POST", f"{wire.url}/next", writes=True)).status_code == 204
    await http.close()


async def test_redirects_are_not_followed(http: Http) -> None:
    async with serving(lambda _: answer(302, Location="/login")) as wire:
        assert (await http.send("GET", wire.url, writes=False)).status_code == 302
    assert len(wire.asked) == 1


@pytest.mark.parametrize(("cookies", "expected"), [(False, None), (True, "SAP_SESSION=1")])
async def test_cookies_are_kept_only_where_wanted(*, cookies: bool, expected: str | None) -> None:
    http = Http("s4", cookies=cookies, timeout_seconds=5)
    async with serving(lambda _: answer(200, Set_Cookie="SAP_SESSION=1; path=/")) as wire:
        await http.send("GET", wire.url, writes=False)
        await http.send("GET", wire.url, writes=False)
    await http.close()
    assert wire.asked[1].headers.get("cookie") == expected


async def test_a_closed_client_opens_again(http: Http) -> None:
    async with serving(lambda _: answer(204)) as wire:
        await http.send("GET", wire.url, writes=False)
        await http.close()
        assert (await http.send("GET", wire.url, writes=False)).status_code == 204


@pytest.mark.parametrize(
    ("status", "writes", "expected"),
    [
        (400, True, Refused),
        (401, False, NotAllowed),
        (403, True, NotAllowed),
        (302, False, NotAllowed),
        (412, True, Stale),
        (428, True, Stale),
        (408, True, Unavailable),
        (429, True, Throttled),
        (500, True, Unconfirmed),
        (500, False, Unavailable),
        (503, True, Unconfirmed),
        (504, False, Unavailable),
        (599, True, Unconfirmed),
    ],
)
def test_a_status_is_an_error_by_table(status: int, *, writes: bool, expected: type[SyncError]) -> None:
    assert type(failure("s4: GET x", httpx.Response(status), writes=writes)) is expected


def test_a_503_that_names_a_wait_is_a_throttle() -> None:
    error = failure("x", PartAnswer(503, httpx.Headers({"Retry-After": "7"}), b""), writes=True)
    assert isinstance(error, Throttled)
    assert error.wait_seconds == 7


def test_a_429_without_a_wait_has_a_default_one() -> None:
    error = failure("x", httpx.Response(429), writes=True)
    assert isinstance(error, Throttled)
    assert error.wait_seconds == THROTTLED_SECONDS


def test_a_refusal_carries_its_complaints_and_the_body_may_overrule_the_status() -> None:
    complaint = Complaint("R1/384", "no")
    error = failure("x", httpx.Response(400), writes=True, message="no", complaints=(complaint,))
    assert isinstance(error, Refused)
    assert error.complaints == (complaint,)
    assert isinstance(failure("x", httpx.Response(400), writes=True, kind=Stale), Stale)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value: str, expected: float | None) -> None:
    assert retry_after_seconds(httpx.Response(429, headers={"retry-after": value}), NOW) == expected


def test_amounts_stay_exact_both_ways() -> None:
    text = b'{"a":10.10,"b":0.1,"c":123456789012345678.123456789,"d":7,"e":null,"f":"x","g":[1E+2]}'
    parsed = loads_exact(text)
    assert str(parsed["a"]) == "10.10"
    assert parsed["c"] == Decimal("123456789012345678.123456789")
    assert type(parsed["d"]) is int
    assert dumps_exact(parsed) == text.replace(b"1E+2", b"100")


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), Decimal("1E+100000"), NOW, object()])
def test_what_has_no_exact_json_form_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        dumps_exact({"a": value})


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"[1]", b"", b'{"a":NaN}', b'{"a":'])
def test_a_good_status_without_a_json_object_is_no_answer(body: bytes) -> None:
    with pytest.raises(Unconfirmed):
        json_object("x", httpx.Response(200, content=body), writes=True)
    with pytest.raises(Unavailable):
        json_object("x", httpx.Response(200, content=body), writes=False)


def test_a_byte_order_mark_is_no_part_of_the_json() -> None:
    assert json_object("x", httpx.Response(200, content=b"\xef\xbb\xbf{}"), writes=False) == {}


async def test_a_certificate_that_nobody_vouches_for_ends_the_call_before_anything_is_sent(tmp_path: Path) -> None:
    folder = make_certificate(tmp_path)
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(folder.file, folder.key)
    seen: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(204))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=server_context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    doubting = Http("s4", timeout_seconds=5)
    trusting = Http("s4", timeout_seconds=5, ssl_context=ssl.create_default_context(cafile=folder.file))
    with pytest.raises(Unavailable, match="nothing was sent"):
        await doubting.send("POST", url, content=b"{}", writes=True)
    assert seen == []
    assert (await trusting.send("POST", url, writes=True)).status_code == 204
    await doubting.close()
    await trusting.close()
    server.close()
    await server.wait_closed()
