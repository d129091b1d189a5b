"""The session with SAP Gateway against a scripted server: tokens, logons, refusals."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from shared.errors import NotAllowed, SyncError, Throttled, Unavailable, Unconfirmed
from shared.systems.batch import Part
from shared.systems.http import Http
from shared.systems.s4.auth import Auth, Basic, ClientCredentials
from shared.systems.s4.gateway.session import Gateway
from tests.wire import Asked, Wire, answer, serving

SERVICE = "API_SALES_ORDER_SRV"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2025, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Sap:
    """A gateway that knows one valid token at a time; what it says to changes can be replaced."""

    def __init__(self) -> None:
        self.tokens = 0
        self.valid = ""
        self.say: Callable[[Asked], bytes] = lambda _: answer(201, "{}")

    def __call__(self, asked: Asked) -> bytes:
        if asked.headers.get("x-csrf-token") == "Fetch":
            self.tokens += 1
            self.valid = f"t{self.tokens}"
            return answer(200, "", x_csrf_token=self.valid, Set_Cookie=f"SAP_SESSIONID=s{self.tokens}; path=/")
        if asked.method != "GET" and asked.headers.get("x-csrf-token") != self.valid:
            return answer(403, "CSRF token validation failed", x_csrf_token="Required")
        return self.say(asked)


@asynccontextmanager
async def session(
    script: Callable[[Asked], bytes], auth: Auth | None = None, clock: Clock | None = None
) -> AsyncIterator[tuple[Gateway, Wire]]:
    async with serving(script) as wire:
        http = Http("s4", concurrency=8, timeout_seconds=5, cookies=True)
        gateway = Gateway(
            http,
            auth or Basic("SYNC", "pw"),
            wire.url,
            paths={},
            parameters={"sap-client": "100", "saml2": "disabled"},
            clock=clock or Clock(),
        )
        try:
            yield gateway, wire
        finally:
            await gateway.close()


async def test_a_change_fetches_the_token_at_the_root_with_a_slash_and_sends_it_with_the_cookies() -> None:
    async with session(Sap()) as (gateway, wire):
        for _ in range(2):
            assert (await gateway.change("POST", SERVICE, "A_SalesOrder", b"{}")).status_code == 201
    asked = [(each.method, each.path) for each in wire.asked]
    root = f"/sap/opu/odata/sap/{SERVICE}/"
    assert asked == [
        ("HEAD", f"{root}?sap-client=100&saml2=disabled"),
        ("POST", f"{root}A_SalesOrder?sap-client=100&saml2=disabled"),
        ("POST", f"{root}A_SalesOrder?sap-client=100&saml2=disabled"),
    ]
    assert wire.asked[2].headers["x-csrf-token"] == "t1"
    assert wire.asked[2].headers["cookie"] == "SAP_SESSIONID=s1"
    assert wire.asked[2].headers["authorization"].startswith("Basic ")


async def test_a_server_without_head_gives_the_token_to_get() -> None:
    sap = Sap()
    async with session(lambda asked: answer(405) if asked.method == "HEAD" else sap(asked)) as (gateway, wire):
        assert (await gateway.change("POST", SERVICE, "A_SalesOrder", b"{}")).status_code == 201
    assert [each.method for each in wire.asked] == ["HEAD", "GET", "POST"]


async def test_a_service_that_gives_no_token_is_written_to_without_one() -> None:
    async with session(lambda asked: answer(200, "" if asked.method == "HEAD" else "{}")) as (gateway, wire):
        await gateway.change("POST", SERVICE, "A_SalesOrder", b"{}")
    assert "x-csrf-token" not in wire.asked[-1].headers


async def test_an_expired_token_is_fetched_again_once() -> None:
    sap = Sap()
    async with session(sap) as (gateway, wire):
        await gateway.change("POST", SERVICE, "A_SalesOrder", b"{}")
        sap.valid = "gone"
        assert (await gateway.change("POST", SERVICE, "A_SalesOrder", b"{}")).status_code == 201
    assert [each.method for each in wire.asked] == ["HEAD", "POST", "POST", "HEAD", "POST"]


async def test_many_refused_callers_fetch_one_new_token() -> None:
    sap = Sap()
    async with session(sap) as (gateway, _):
        await gateway.change("POST", SERVICE, "A_SalesOrder", b"{}")
        sap.valid = "gone"
        replies = await asyncio.gather(*(gateway.change("POST", SERVICE, "A_SalesOrder", b"{}") for _ in range(8)))
    assert [reply.status_code for reply in replies] == [201] * 8
    assert sap.tokens == 2


async def test_a_late_refusal_of_an_old_token_does_not_drop_the_new_one() -> None:
    sap, arrived, renewed = Sap(), asyncio.Event(), asyncio.Event()

    async def slow(asked: Asked) -> bytes:
        said = sap(asked)
        if asked.headers.get("x-csrf-token") == "t1" and asked.body == b"slow":
            arrived.set()
            await renewed.wait()
        return said

    async with serving(slow) as wire:
        http = Http("s4", timeout_seconds=5, cookies=True)
        gateway = Gateway(http, Basic("u", "p"), wire.url, paths={}, parameters={}, clock=Clock())
        await gateway.change("POST", SERVICE, "A_SalesOrder", b"{}")
        sap.valid = "gone"
        late = asyncio.create_task(gateway.change("POST", SERVICE, "A_SalesOrder", b"slow"))
        await asyncio.wait_for(arrived.wait(), 5)
        await gateway.change("POST", SERVICE, "A_SalesOrder", b"{}")
        renewed.set()
        assert (await late).status_code == 201
        assert sap.tokens == 2
        await gateway.close()


async def test_a_token_that_is_never_good_is_given_up_after_one_renewal() -> None:
    sap = Sap()
    refuse = answer(403, "CSRF token required", x_csrf_token="Required")
    async with session(lambda asked: sap(asked) if asked.method == "HEAD" else refuse) as (gateway, wire):
        with pytest.raises(Unavailable, match="CSRF"):
            await gateway.change("POST", SERVICE, "A_SalesOrder", b"{}")
    assert [each.method for each in wire.asked] == ["HEAD", "POST", "HEAD", "POST"]


async def test_a_403_that_asks_for_no_token_is_the_answer_itself() -> None:
    sap = Sap()
    sap.say = lambda _: answer(403, "{}")
    async with session(sap) as (gateway, wire):
        assert (await gateway.change("POST", SERVICE, "A_SalesOrder", b"{}")).status_code == 403
    assert len(wire.asked) == 2


async def test_a_token_is_dropped_after_20_idle_minutes_but_not_while_it_is_used() -> None:
    sap, clock = Sap(), Clock()
    async with session(sap, clock=clock) as (gateway, _):
        for minutes, tokens in ((0, 1), (15, 1), (15, 1), (20, 2)):
            clock.now += timedelta(minutes=minutes)
            await gateway.change("POST", SERVICE, "A_SalesOrder", b"{}")
            assert sap.tokens == tokens


async def test_each_service_has_its_own_token() -> None:
    sap = Sap()
    async with session(sap) as (gateway, _):
        await gateway.change("POST", "API_BUSINESS_PARTNER", "A_BusinessPartner", b"{}")
        sap.valid = ""
        await gateway.change("POST", SERVICE, "A_SalesOrder", b"{}")
        assert sap.tokens == 2


async def test_a_read_needs_no_token() -> None:
    async with session(Sap()) as (gateway, wire):
        await gateway.get(SERVICE, "A_SalesOrder('1')?$select=SalesOrder")
    assert [each.path.partition("?")[2] for each in wire.asked] == ["$select=SalesOrder&sap-client=100&saml2=disabled"]


async def test_a_refused_password_is_sent_once() -> None:
    async with session(lambda _: answer(401, "", Content_Type="text/html")) as (gateway, wire):
        with pytest.raises(NotAllowed, match="logon"):
            await gateway.get(SERVICE, "A_SalesOrder")
        assert len(wire.asked) == 1
        with pytest.raises(NotAllowed, match="logon"):
            await gateway.change("POST", SERVICE, "A_SalesOrder", b"{}")
        assert len(wire.asked) == 2


async def test_a_session_that_ended_is_begun_anew_with_the_same_password() -> None:
    sap = Sap()
    ended: set[str] = set()

    def script(asked: Asked) -> bytes:
        cookie = asked.headers.get("cookie", "")
        if asked.method == "POST" and not cookie:
            return answer(403, "CSRF token validation failed", x_csrf_token="Required")
        return answer(401, "") if cookie in ended else sap(asked)

    async with session(script) as (gateway, wire):
        for _ in range(2):
            assert (await gateway.change("POST", SERVICE, "A_SalesOrder", b"{}")).status_code == 201
            ended.add("SAP_SESSIONID=s1")
        told = [(each.method, each.headers.get("cookie", "")) for each in wire.asked]
    refused, without_token, fetch, again = told[2:]
    assert (refused, without_token) == (("POST", "SAP_SESSIONID=s1"), ("POST", ""))
    assert (fetch, again) == (("HEAD", ""), ("POST", "SAP_SESSIONID=s2"))


async def test_many_calls_of_a_session_that_ended_do_not_open_the_breaker() -> None:
    over = False

    def script(asked: Asked) -> bytes:
        if over and "s1" in asked.headers.get("cookie", ""):
            return answer(401, "")
        return answer(200, "{}", Set_Cookie=f"SAP_SESSIONID=s{1 + over}; path=/")

    async with session(script) as (gateway, _):
        await gateway.get(SERVICE, "A_SalesOrder('0')")
        over = True
        replies = await asyncio.gather(*(gateway.get(SERVICE, f"A_SalesOrder('{number}')") for number in range(6)))
    assert [each.status_code for each in replies] == [200] * 6


async def test_a_password_refused_within_a_session_is_sent_once_more_and_then_rests() -> None:
    good = True

    def script(_: Asked) -> bytes:
        return answer(200 if good else 401, "{}", Set_Cookie="sap-usercontext=sap-client=100; path=/")

    async with session(script) as (gateway, wire):
        await gateway.get(SERVICE, "A_SalesOrder")
        good = False
        with pytest.raises(NotAllowed, match="logon"):
            await gateway.get(SERVICE, "A_SalesOrder")
        with pytest.raises(Throttled, match="rests after a refused logon"):
            await gateway.get(SERVICE, "A_SalesOrder")
        assert len(wire.asked) == 3


@pytest.mark.parametrize(
    "page",
    [
        answer(200, "<html>Log on</html>", Content_Type="text/html; charset=utf-8"),
        answer(302, "", Location="https://idp.example/saml"),
    ],
    ids=["logon page", "redirect"],
)
async def test_a_sign_in_instead_of_an_answer_is_a_refused_logon(page: bytes) -> None:
    async with session(lambda _: page) as (gateway, wire):
        with pytest.raises(NotAllowed):
            await gateway.get(SERVICE, "A_SalesOrder")
    assert len(wire.asked) == 1


class Idp:
    """A token endpoint and a gateway in one server; `good` is the bearer that the gateway takes."""

    def __init__(self) -> None:
        self.issued = 0
        self.good = "b1"
        self.seconds: object = 3600
        self.takes_all = False
        self.refused = b""

    def __call__(self, asked: Asked) -> bytes:
        if asked.path == "/token":
            self.issued += 1
            body = {"access_token": f"b{self.issued}", "expires_in": self.seconds}
            return self.refused or answer(200, json.dumps(body), Content_Type="application/json")
        good = self.takes_all or asked.headers["authorization"] == f"Bearer {self.good}"
        return answer(200 if good else 401, "{}")


@asynccontextmanager
async def oauth(idp: Idp, clock: Clock) -> AsyncIterator[tuple[Gateway, Wire]]:
    async with serving(idp) as wire:
        auth = ClientCredentials(f"{wire.url}/token", "id", "secret", clock=clock)
        gateway = Gateway(Http("s4", cookies=True), auth, wire.url, paths={}, parameters={}, clock=clock)
        try:
            yield gateway, wire
        finally:
            await gateway.close()


async def test_a_bearer_is_fetched_once_for_all_and_again_before_it_ends() -> None:
    idp, clock = Idp(), Clock()
    async with oauth(idp, clock) as (gateway, wire):
        await asyncio.gather(*(gateway.get(SERVICE, "A_SalesOrder") for _ in range(4)))
        assert idp.issued == 1
        assert next(each.body for each in wire.asked if each.path == "/token") == b"grant_type=client_credentials"
        idp.takes_all = True
        for seconds, issued in ((3539, 1), (1, 2)):
            clock.now += timedelta(seconds=seconds)
            assert (await gateway.get(SERVICE, "A_SalesOrder")).status_code == 200
            assert idp.issued == issued


async def test_a_refused_bearer_is_renewed_once_and_then_given_up() -> None:
    idp, clock = Idp(), Clock()
    async with oauth(idp, clock) as (gateway, _):
        idp.good = "b2"
        assert (await gateway.get(SERVICE, "A_SalesOrder")).status_code == 200
        idp.good = "none"
        with pytest.raises(NotAllowed):
            await gateway.get(SERVICE, "A_SalesOrder")
        assert idp.issued == 3


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (answer(400, '{"error":"invalid_client"}'), NotAllowed),
        (answer(401, ""), NotAllowed),
        (answer(503, ""), Unavailable),
        (answer(200, "{}"), Unavailable),
        (answer(200, "<html>"), Unavailable),
    ],
)
async def test_a_token_endpoint_that_gives_none_says_why(said: bytes, expected: type[SyncError]) -> None:
    idp = Idp()
    idp.refused = said
    async with oauth(idp, Clock()) as (gateway, wire):
        with pytest.raises(expected):
            await gateway.get(SERVICE, "A_SalesOrder")
    assert len(wire.asked) == 1


async def test_a_batch_answer_that_is_no_batch_is_an_unknown_outcome_of_a_write() -> None:
    sap = Sap()
    sap.say = lambda _: answer(202, "nothing", Content_Type="text/plain")
    async with session(sap) as (gateway, _):
        with pytest.raises(Unconfirmed):
            await gateway.batch(SERVICE, [Part("GET", "A_SalesOrder")], writes=True)
        with pytest.raises(Unavailable):
            await gateway.batch(SERVICE, [Part("GET", "A_SalesOrder")], writes=False)


async def test_a_service_path_is_configuration() -> None:
    async with serving(lambda _: answer(200, "{}")) as wire:
        paths = {SERVICE: "/proxy/orders/"}
        gateway = Gateway(Http("s4"), Basic("u", "p"), f"{wire.url}/", paths=paths, parameters={})
        await gateway.get(SERVICE, "A_SalesOrder")
        await gateway.close()
    assert wire.asked[0].path == "/proxy/orders/A_SalesOrder"


def test_secrets_do_not_show_in_a_representation() -> None:
    assert "pw" not in repr(Basic("SYNC", "pw"))
