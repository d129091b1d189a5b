"""How often and how much may be asked, who stands in journals, what another site cannot do."""

from typing import Any

import azure.functions as func
import pytest

from dev.identity import token
from shared.errors import BadMapping
from shared.settings import read_settings
from shared.triggers.access.limit import CALLERS_MAX, Limiter
from shared.triggers.access.routes import OTHERS
from shared.wiring import WORKER, settings
from tests.laws.world import D1
from tests.operators.clash import FLOW
from tests.security.door import DEV, FUNCTIONS, KEYS, call, furnished, principal

STATUS = ("GET", "ops/status")
DISCARD = ("POST", "ops/discard")


ROBOT = [{"typ": "roles", "val": "Sync.Operator"}, {"typ": "azp", "val": "app-1"}]


def key(role: str = "reader") -> dict[str, str]:
    return {"x-functions-key": KEYS[role]}


def set_to(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()


# ------------------------------------------------------------------------------------------------------------ how often


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_holds_a_minutes_worth_and_fills_evenly() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    assert [limiter.wait_seconds("ann", 6) for _ in range(7)] == [0] * 6 + [10]
    clock.now += 9
    assert limiter.wait_seconds("ann", 6) == 1
    clock.now += 1
    assert [limiter.wait_seconds("ann", 6) for _ in range(2)] == [0, 10]
    clock.now += 3_600
    assert [limiter.wait_seconds("ann", 6) for _ in range(7)] == [0] * 6 + [10]


def test_one_caller_takes_nothing_from_another() -> None:
    limiter = Limiter(Clock())
    assert [limiter.wait_seconds(who, 1) for who in ("ann", "bob", "ann", "bob")] == [0, 0, 60, 60]


def test_who_is_told_to_wait_for_so_long_may_ask_then() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    for per_minute in (1, 7, 59, 600, 100_000):
        who = f"caller {per_minute}"
        while not (wait := limiter.wait_seconds(who, per_minute)):
            pass
        clock.now += wait
        assert limiter.wait_seconds(who, per_minute) == 0


def test_the_memory_of_callers_is_bounded_and_the_latest_stay() -> None:
    limiter = Limiter(Clock())
    for number in range(CALLERS_MAX * 2):
        limiter.wait_seconds(f"caller {number}", 1)
    assert len(limiter._buckets) == CALLERS_MAX
    assert limiter.wait_seconds(f"caller {CALLERS_MAX * 2 - 1}", 1) == 60


async def test_who_asks_too_often_is_told_when_to_come_again_and_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_to(monkeypatch, REQUESTS_PER_MINUTE="2")
    app, _ = await furnished()
    found = [(await call(STATUS, key(), app)).status_code for _ in range(3)]
    assert found == [200, 200, 429]
    refused = await call(STATUS, key())
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert (await call(STATUS, key("admin"), app)).status_code == 200


async def test_who_tries_keys_is_slowed_down_and_locks_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to(monkeypatch, REQUESTS_PER_MINUTE="3")
    tries = [(await call(STATUS, {"x-functions-key": f"a-guess-{n}-of-a-key"})).status_code for n in range(5)]
    assert tries == [401, 401, 401, 429, 429]
    app, _ = await furnished()
    assert (await call(STATUS, key(), app)).status_code == 200


async def test_events_are_never_limited_in_their_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to(monkeypatch, REQUESTS_PER_MINUTE="1")
    WORKER._app, _ = await furnished()
    for route in (("POST", "dataverse/events"), ("POST", "sap/events")):
        found = {(await event(route, b"{}")).status_code for _ in range(5)}
        assert found == {400}, "refused for what it says, not for how often it comes"


async def event(route: tuple[str, str], body: bytes, secret: str = "a secret") -> func.HttpResponse:  # noqa: S107 -- made up
    headers = {"x-webhook-secret": secret}
    found: func.HttpResponse = await FUNCTIONS[route][1](func.HttpRequest("POST", "/api", headers=headers, body=body))
    return found


# ------------------------------------------------------------------------------------------------------------- how much


@pytest.mark.parametrize("over", [0, 1])
async def test_a_body_above_the_limit_is_413_on_every_way_in(monkeypatch: pytest.MonkeyPatch, over: int) -> None:
    set_to(monkeypatch, REQUEST_BYTES_MAX="262144")
    WORKER._app, _ = await furnished()
    body = b" " * (262_144 + over)
    events = [(await event(route, body)).status_code for route in OTHERS if route[0] == "POST"]
    assert events == [413 if over else 400] * 2
    asked = await call(DISCARD, key("operator"), WORKER._app, body=body)
    assert asked.status_code == (413 if over else 400)


async def test_size_is_told_only_to_those_who_may_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to(monkeypatch, REQUEST_BYTES_MAX="262144")
    body = b" " * 262_145
    assert (await event(("POST", "dataverse/events"), body, "wrong")).status_code == 401
    assert (await call(DISCARD, {}, body=body)).status_code == 401
    assert (await call(DISCARD, key(), body=body)).status_code == 403


def test_no_setting_can_make_a_usual_event_too_large() -> None:
    for size in ("262143", "1048577"):  # nor can it promise more than the readers of events take
        with pytest.raises(BadMapping, match="REQUEST_BYTES_MAX"):
            read_settings({"REQUEST_BYTES_MAX": size})


# -------------------------------------------------------------------------------------------------------- who it was


@pytest.mark.parametrize(
    ("headers", "environment", "name"),
    [
        (key("operator"), {}, "operator-robot"),
        ({"x-ms-client-principal": principal("Sync.Operator")}, {"WEBSITE_AUTH_ENABLED": "True"}, "ann@contoso.com"),
        (
            {"x-ms-client-principal": principal(claims=ROBOT)},
            {"WEBSITE_AUTH_ENABLED": "True"},
            "app-1",
        ),
        (
            {"x-ms-client-principal": principal("Sync.Operator", name="eve\r\nX: 1\x00\u202e")},
            {"WEBSITE_AUTH_ENABLED": "True"},
            "eveX: 1",
        ),
        ({"authorization": f"bearer {token('dev', ['Sync.Operator'], DEV)}"}, {"DEV_IDENTITY": DEV}, "dev"),
    ],
)  # fmt: skip
async def test_the_journal_says_who_it_was(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], environment: dict[str, str], name: str
) -> None:
    set_to(monkeypatch, **environment)
    app, _ = await furnished()
    forged = {"X-MS-CLIENT-PRINCIPAL-NAME": "the boss"}
    assert (await call(DISCARD, {**forged, **headers}, app)).status_code == 200
    newest = (await app.state.journal(app.flows[FLOW].pair, D1, 1))[0]
    assert newest.asked_by == name


async def test_answers_are_kept_by_nobody_on_the_way() -> None:
    app, _ = await furnished()
    for found in (await call(STATUS, key(), app), await call(STATUS, {})):
        assert found.headers["Cache-Control"] == "no-store"


async def test_a_refusal_repeats_nothing_that_was_sent() -> None:
    found = await call(STATUS, {"x-functions-key": "hunter2-hunter2"})
    assert b"hunter2" not in found.get_body()
    assert found.headers["WWW-Authenticate"] == "Bearer"


# ----------------------------------------------------------------------------------------------------- another site


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200), (None, 200)]
)
async def test_a_page_of_another_site_cannot_make_a_signed_in_browser_write(
    monkeypatch: pytest.MonkeyPatch, site: str | None, status: int
) -> None:
    set_to(monkeypatch, WEBSITE_AUTH_ENABLED="True")
    headers = {"X-MS-CLIENT-PRINCIPAL": principal("Sync.Admin"), **({"Sec-Fetch-Site": site} if site else {})}
    app: Any = True if status == 200 else None
    assert (await call(("POST", "ops/pause"), headers, app)).status_code == status
    assert (await call(STATUS, headers, True)).status_code == 200  # reading is a link, which the page cannot read
