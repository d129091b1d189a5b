"""The one wide event of a change, and what the timer tells."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared import telemetry
from shared.core.link import Problem
from shared.core.messages import encode
from shared.core.model import Change
from shared.errors import Unavailable
from shared.ops.watch import gauges
from shared.ports import Parked
from shared.triggers.process import take
from shared.triggers.told import Defect, key_hash, veiled
from tests.bulk.world import PARTNER, World
from tests.contract.telemetry.ingestion import Ingestion, ingesting

CORRELATION = "b374239d-4233-41a9-8b17-a86cb4f737b5"


def events(caplog: pytest.LogCaptureFixture, name: str = "change") -> list[dict[str, str]]:
    found: list[Any] = [getattr(record, "custom_dimensions", {}) for record in caplog.records]
    return [one for one in found if one.get("event") == name]


def change(key: str, **more: Any) -> bytes:
    return encode(Change(PARTNER, "dynamics", key, "o", CORRELATION, **more))


async def test_a_create_tells_plan_fields_writes_steps_and_lag(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    key = world.account(1, name="Erika Mustermann")
    received = world.app.now() - timedelta(seconds=2)
    with caplog.at_level(logging.INFO):
        await take(change(key), world.app, received)
    (told,) = events(caplog)
    assert {k: told[k] for k in ("flow", "side", "cause", "correlation", "attempt", "plan", "outcome", "bulk")} == {
        "flow": PARTNER, "side": "dynamics", "cause": "event", "correlation": CORRELATION, "attempt": "0",
        "plan": "sync", "outcome": "sync", "bulk": "false",
    }  # fmt: skip
    assert "sap create" in told["writes"]
    assert told["key_hash"] == key_hash(key, world.app)
    assert {"gather_ms", "decide_ms", "apply_ms", "remember_ms", "duration_ms"} <= told.keys()
    assert 2000 <= int(told["lag_ms"]) < 60_000
    assert not [value for value in told.values() if key in value or "Erika" in value]


async def test_a_change_that_comes_again_has_no_lag_yet_and_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    world = World()

    async def down(*_: object) -> None:
        raise Unavailable("s4: GET X('Erika'): no answer (TimeoutError)")

    world.crm.read = down  # type: ignore[assignment, method-assign]  # the fake system is out
    with caplog.at_level(logging.INFO):
        await take(change(world.account(1)), world.app, world.app.now())
    (told,) = events(caplog)
    assert (told["outcome"], told["reason"]) == ("unavailable", "Unavailable TimeoutError")
    assert "lag_ms" not in told
    assert told["again_at"]


async def test_a_sweeps_page_is_told_in_our_words_without_a_key(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    with caplog.at_level(logging.INFO):
        await take(encode(Change(PARTNER, "dynamics", "", "run", "run", "sweep")), world.app)
    (told,) = events(caplog)
    assert (told["outcome"], "key_hash" in told, "lag_ms" in told) == ("swept", False, False)
    assert told["reason"].endswith("enqueued")


async def test_a_defect_is_reported_and_its_words_do_not_reach_the_host(caplog: pytest.LogCaptureFixture) -> None:
    world = World()

    async def defective(*_: object) -> None:
        raise LookupError("Erika Mustermann")

    world.crm.read = defective  # type: ignore[assignment, method-assign]  # the fake system has a bug
    with caplog.at_level(logging.INFO), pytest.raises(Defect) as caught, veiled():
        await take(change(world.account(1)), world.app)
    assert str(caught.value).startswith("LookupError at ")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "Erika" not in caplog.text + str(caught.value)
    assert "exception LookupError" in caplog.text


def test_an_expected_error_keeps_its_words() -> None:
    with pytest.raises(Unavailable, match="queue changes"), veiled():
        raise Unavailable("queue changes is full")


# --------------------------------------------------------------------------------------------------------- the timer


@pytest.fixture
def ingestion() -> Iterator[Ingestion]:
    with ingesting() as found:
        telemetry.start(telemetry.Exporting("opencensus", found.connection, flush_seconds=60))
        yield found
        telemetry.stop(10)


def told_gauges(ingestion: Ingestion, name: str) -> dict[tuple[str, ...], float]:
    telemetry.flush(10)
    return {tuple(by[k] for k in sorted(by)): point["value"] for by, point in ingestion.metrics(name)}


def test_gauges_are_due_every_five_minutes_and_only_where_telemetry_leaves(ingestion: Ingestion) -> None:
    noon = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
    assert [gauges.due(noon + timedelta(minutes=n)) for n in range(6)] == [True, *[False] * 4, True]
    telemetry.stop(10)
    assert not gauges.due(noon)


async def test_the_timer_tells_what_is_parked_and_once_that_it_is_not_any_more(ingestion: Ingestion) -> None:
    world = World()
    problems = tuple(Problem("city", "sap", why, "Erika", since=world.app.now()) for why in ("clash", "clash", "form"))
    await world.state.park(Parked(PARTNER, "dynamics", "1", problems, "c"))
    await world.state.park(Parked(PARTNER, "dynamics", "2", problems[:1], "c"))
    await gauges.measure(world.app)
    found = told_gauges(ingestion, "sync.parked")
    assert (found["clash", PARTNER], found["form", PARTNER]) == (2, 1)
    for key in "12":
        await world.state.unpark(PARTNER, "dynamics", key)
    await gauges.measure(world.app)
    found = told_gauges(ingestion, "sync.parked")
    assert (found["clash", PARTNER], found["form", PARTNER]) == (0, 0)
    assert told_gauges(ingestion, "sync.waiting")[PARTNER,] == 0


async def test_the_timer_tells_how_old_the_last_event_and_the_last_sweep_are(ingestion: Ingestion) -> None:
    world = World()
    await gauges.heard("of this test", world.app)
    await take(encode(Change(PARTNER, "sap", "", "run", "run", "sweep")), world.app)
    world.clock.at += timedelta(seconds=600)
    await gauges.measure(world.app)
    assert told_gauges(ingestion, "sync.last_event_age_seconds")["of this test",] == pytest.approx(600, abs=60)
    assert told_gauges(ingestion, "sync.delta_token_age_seconds")[PARTNER, "sap"] == pytest.approx(600, abs=60)


async def test_that_a_system_was_heard_is_kept_once_a_minute(ingestion: Ingestion) -> None:
    world = World()
    await gauges.heard("often heard", world.app)
    first = world.state.marks["heard/often heard"]
    await gauges.heard("often heard", world.app)
    assert world.state.marks["heard/often heard"] == first
    world.clock.at += timedelta(seconds=120)
    await gauges.heard("often heard", world.app)
    assert world.state.marks["heard/often heard"] > first
    assert ingestion.faults == []


async def test_nothing_is_kept_where_telemetry_does_not_leave() -> None:
    world = World()
    await gauges.heard("never heard", world.app)
    await take(encode(Change(PARTNER, "sap", "", "run", "run", "sweep")), world.app)
    assert not [name for name in world.state.marks if name.startswith(("heard/", "swept/"))]


def test_the_longest_wait_of_a_minute_is_told(ingestion: Ingestion) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    queue = "of this very test"
    for second, waited in ((0, 5), (10, 90), (20, 3), (61, 4)):
        now = noon + timedelta(seconds=second)
        gauges.waited(queue, now, now - timedelta(seconds=waited))
    assert told_gauges(ingestion, "sync.backlog_age_seconds")[queue,] == 90
