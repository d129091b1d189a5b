"""What happens after a sync, by the class of its error: nothing is lost, nothing loops, all waits have bounds."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.model import Change
from shared.errors import (
    BadMapping,
    NotAllowed,
    NotYet,
    Refused,
    Stale,
    SyncError,
    Throttled,
    Unavailable,
    Unconfirmed,
)
from shared.ports import App
from shared.settlement import CONTENDED, FORBIDDEN, GIVE_UP, SICK, STALE_MAX, Settled, settle, settled
from tests.laws.world import D1, World

OTHER_WAITS = 3  # whose end was told: they make no later wait longer


def failing(error: Exception, times: int = 99):
    """Return work that fails so often, and the list of its runs."""
    runs: list[int] = []

    async def work() -> Settled:
        runs.append(1)
        if len(runs) <= times:
            raise error
        return Settled("sync", "done")

    return work, runs


async def after(error: Exception, world: World | None = None, *, chance: float = 0.5, **change):
    """Settle work that fails with an error; return how it ended, what is on the bus, and how often it ran."""
    world = world or World()
    app: App = replace(world.app, chance=lambda: chance)
    work, runs = failing(error)
    ended = await settled(work, replace(world.change(), **change), app)
    return ended, [d.message for d in world.bus.queue], len(runs), world


@pytest.mark.parametrize("error", [Unavailable("x"), Unconfirmed("x")], ids=["unavailable", "unconfirmed"])
@pytest.mark.parametrize(("failures", "wait_seconds"), [(0, 5), (1, 10), (3, 40), (8, 900), (50, 900)])
async def test_a_sick_system_is_asked_again_with_growing_waits_up_to_15_minutes(error, failures, wait_seconds) -> None:
    for chance in (0.0, 0.999):
        ended, (message,), runs, world = await after(
            error, attempt=OTHER_WAITS + failures, failures=failures, chance=chance
        )
        waited = (message.not_before - world.clock()).total_seconds()
        assert wait_seconds <= waited <= wait_seconds * 1.25
        assert (message.change.attempt, message.change.failures) == (OTHER_WAITS + failures + 1, failures + 1)
        assert (ended.again_at, runs) == (message.not_before, 1)


@pytest.mark.parametrize("asked_seconds", [1.0, 37.0, 4_000.0])
async def test_a_system_that_names_a_wait_is_asked_no_sooner(asked_seconds: float) -> None:
    for chance in (0.0, 0.999):
        _, (message,), _, world = await after(Throttled("x", wait_seconds=asked_seconds), chance=chance, attempt=7)
        waited = (message.not_before - world.clock()).total_seconds()
        assert asked_seconds <= waited <= asked_seconds * 1.25


async def test_a_refused_logon_is_never_a_loop() -> None:
    for failures in range(12):
        _, (message,), runs, world = await after(NotAllowed("x"), failures=failures, chance=0.0)
        waited = (message.not_before - world.clock()).total_seconds()
        assert min(300 * 2**failures, 3600) == waited
        assert runs == 1


async def test_what_we_know_the_end_of_is_looked_at_then() -> None:
    world = World()
    until = world.clock() + timedelta(seconds=40)
    for chance in (0.0, 0.999):
        _, messages, _, _ = await after(NotYet("x", until=until), world, chance=chance)
        waited = (messages[-1].not_before - world.clock()).total_seconds()
        assert 40 <= waited <= 50


async def test_an_end_that_has_passed_is_now() -> None:
    world = World()
    _, (message,), _, _ = await after(NotYet("x", until=world.clock() - timedelta(seconds=40)), world)
    assert message.not_before == world.clock()


async def test_what_moved_is_gathered_again_at_once_and_after_three_times_in_a_row_scheduled() -> None:
    ended, (message,), runs, world = await after(Stale("x"))
    assert runs == STALE_MAX == 3
    waited = (message.not_before - world.clock()).total_seconds()
    assert 1 <= waited <= 1.25
    assert ended.outcome == "stale"


async def test_what_moved_once_is_done_in_the_same_breath() -> None:
    world = World()
    work, runs = failing(Stale("x"), times=2)
    assert await settled(work, world.change(), world.app) == Settled("sync", "done")
    assert len(runs) == 3
    assert not world.bus.queue


@pytest.mark.parametrize("error", [Refused("no"), BadMapping("does not fit")], ids=["refused", "bad mapping"])
async def test_what_no_repetition_helps_is_for_a_person(error: SyncError) -> None:
    ended, messages, runs, world = await after(error)
    assert (ended.outcome, ended.again_at, messages, runs) == ("parked", None, [], 1)
    (cause,) = await world.parked(D1)
    assert cause == type(error).__name__.lower()


async def test_a_bug_goes_back_to_the_bus() -> None:
    world = World()
    work, _ = failing(KeyError("x"))
    with pytest.raises(KeyError):
        await settled(work, world.change(), world.app)
    assert not world.bus.queue
    assert await world.parked(D1) == ()


async def test_after_seven_days_a_change_is_for_a_person() -> None:
    world = World()
    seen = world.clock() - GIVE_UP
    assert timedelta(days=7) == GIVE_UP
    ended, messages, _, _ = await after(Unavailable("x"), world, first_seen=seen)
    assert (ended.outcome, len(messages)) == ("unavailable", 1)
    ended, messages, _, _ = await after(Unavailable("away"), world, first_seen=seen - timedelta(seconds=1), attempt=9)
    assert (ended.outcome, len(messages)) == ("parked", 1)
    assert await world.parked(D1) == ("unavailable",)


async def test_a_change_that_cannot_even_be_parked_comes_back() -> None:
    world = World()

    def away() -> None:
        raise Unavailable("state is away")

    world.script.before("state.park", away)
    ended, (message,), _, _ = await after(Refused("no"), world)
    assert ended.again_at == world.clock() + timedelta(seconds=5)
    assert message.change.attempt == 1


async def test_looks_at_a_paused_flow_are_half_a_minute_apart_and_then_further_up_to_ten() -> None:
    world = World()
    await world.state.set_watermark("pause/s4/partner", "{}")
    origin, waits = "event 1", []
    for _ in range(7):
        ended, messages, runs, _ = await after(Unavailable("x"), world, chance=0.0, origin=origin)
        assert (ended.outcome, runs) == ("paused", 0)
        waits.append((messages[-1].not_before - world.clock()).total_seconds())
        origin = messages[-1].change.origin
    assert waits == [30, 60, 120, 240, 480, 600, 600]


async def test_the_first_sight_travels_with_every_retry() -> None:
    world = World()
    start = world.clock()
    work, _ = failing(Unavailable("x"))
    change: Change = world.change()
    for _ in range(5):
        await settled(work, change, world.app)
        message = world.bus.queue.pop().message
        world.clock.at, change = message.not_before, message.change
    assert change.first_seen == start
    assert change.attempt == 5


async def test_a_retry_is_on_the_bus_before_the_message_is_completed() -> None:
    world = World()
    d = world.account()

    def away() -> None:
        raise Unavailable("away")

    world.script.before("erp.find", away)
    world.script.before("bus.send", away)
    with pytest.raises(Unavailable):  # the message goes back: nothing may be completed now
        await settle(world.change(d), world.app)
    assert not world.bus.queue


@pytest.mark.parametrize("backoff", [SICK, FORBIDDEN, CONTENDED])
def test_waits_grow_never_shrink_and_have_an_end(backoff) -> None:
    waits = [backoff.wait_seconds(attempt, 0.0) for attempt in range(100)]
    assert waits[0] == backoff.first_seconds
    assert waits == sorted(waits)
    assert waits[-1] == backoff.longest_seconds
    assert backoff.wait_seconds(10_000, 1.0) == backoff.longest_seconds * 1.25


async def test_a_wait_without_end_is_cut_to_a_day() -> None:
    _, (message,), _, world = await after(Throttled("x", wait_seconds=99_999_999_999_999.0))
    assert message.not_before is not None
    assert message.not_before - world.app.now() <= timedelta(days=1)
