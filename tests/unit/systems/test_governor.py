import asyncio
from dataclasses import dataclass

import pytest

from shared.errors import Throttled, Unavailable
from shared.systems.governor import FAILURES_MAX, GROW_AFTER, REFUSED_LOGON_WAIT_SECONDS, Governor


@dataclass
class Clock:
    at: float = 0.0

    def __call__(self) -> float:
        return self.at


async def call(
    governor: Governor, status: int = 200, retry_after: float | None = None, hint: int | None = None
) -> None:
    async with governor.slot("s4: GET x", 1):
        governor.answered(status, retry_after, hint)


def governor(limit: int = 8) -> tuple[Governor, Clock]:
    clock = Clock()
    return Governor("s4", limit, clock), clock


async def test_no_more_calls_are_under_way_than_the_limit() -> None:
    one, _ = governor(2)
    seen: list[int] = []

    async def work() -> None:
        async with one.slot("x", 5):
            seen.append(one.under_way)
            await asyncio.sleep(0)

    await asyncio.gather(*(work() for _ in range(10)))
    assert max(seen) == 2
    assert one.under_way == 0


async def test_a_throttle_holds_every_caller_until_the_named_time_and_halves_the_limit() -> None:
    one, clock = governor(8)
    await call(one, 429, 7)
    assert one.limit == 4
    with pytest.raises(Throttled) as caught:
        await call(one)
    assert caught.value.wait_seconds == 7
    clock.at = 7
    await call(one)


async def test_a_503_that_names_no_time_is_a_failure_and_one_that_does_is_a_throttle() -> None:
    one, _ = governor()
    await call(one, 503)
    assert one.limit == 8
    await call(one, 503, 2)
    assert one.limit == 4


async def test_quiet_success_lets_the_limit_grow_again_one_by_one() -> None:
    one, clock = governor(8)
    await call(one, 429, 1)
    clock.at = 1
    for _ in range(GROW_AFTER):
        await call(one)
    assert one.limit == 5


async def test_the_hint_of_dataverse_is_a_ceiling() -> None:
    one, _ = governor(16)
    await call(one, hint=4)
    assert (one.limit, one.limit_max) == (4, 4)


async def test_a_row_of_failures_opens_the_breaker_and_nobody_calls_any_more() -> None:
    one, clock = governor()
    for _ in range(FAILURES_MAX):
        await call(one, 500)
    assert one.state == "open"
    with pytest.raises(Throttled, match="nothing was sent") as caught:
        await call(one)
    assert caught.value.wait_seconds == pytest.approx(5)
    clock.at = 4.9
    with pytest.raises(Throttled):
        await call(one)


async def test_one_probe_comes_through_and_its_success_closes_the_breaker() -> None:
    one, clock = governor()
    for _ in range(FAILURES_MAX):
        one.failed()
    clock.at = 5
    async with one.slot("probe", 1):
        assert one.state == "probing"
        with pytest.raises(Throttled):  # a second caller waits for the probe's result
            await call(one)
        one.answered(200, None)
    assert one.state == "closed"
    await call(one)


async def test_a_failed_probe_doubles_the_wait_up_to_a_bound() -> None:
    one, clock = governor()
    for _ in range(FAILURES_MAX):
        one.failed()
    waits = []
    for _ in range(10):
        clock.at += 10_000
        async with one.slot("probe", 1):
            one.failed()
        with pytest.raises(Throttled) as caught:
            await call(one)
        waits.append(caught.value.wait_seconds)
    assert waits[:3] == [10, 20, 40]
    assert waits[-1] == 300


async def test_a_probe_that_was_cancelled_leaves_the_turn_to_the_next() -> None:
    one, clock = governor()
    for _ in range(FAILURES_MAX):
        one.failed()
    clock.at = 5
    with pytest.raises(asyncio.CancelledError):
        async with one.slot("probe", 1):
            raise asyncio.CancelledError
    await call(one)
    assert one.state == "closed"


async def test_one_expired_token_is_renewed_without_any_pause() -> None:
    one, _ = governor()
    await call(one, 401)
    await call(one, 200)
    await call(one, 401)
    assert one.state == "closed"


async def test_single_failures_among_successes_do_not_open_it() -> None:
    one, _ = governor()
    for _ in range(3 * FAILURES_MAX):
        await call(one, 500)
        await call(one, 200)
    assert one.state == "closed"


async def test_a_logon_refused_twice_opens_it_for_long_because_sap_locks_users() -> None:
    one, clock = governor()
    await call(one, 401)
    await call(one, 401)
    with pytest.raises(Throttled) as caught:
        await call(one)
    assert caught.value.wait_seconds == REFUSED_LOGON_WAIT_SECONDS
    clock.at = REFUSED_LOGON_WAIT_SECONDS
    await call(one, 401)
    with pytest.raises(Throttled) as caught:
        await call(one)
    assert caught.value.wait_seconds == 2 * REFUSED_LOGON_WAIT_SECONDS


async def test_business_refusals_are_no_failures() -> None:
    one, _ = governor()
    for _ in range(3 * FAILURES_MAX):
        await call(one, 400)
        await call(one, 412)
    assert one.state == "closed"


async def test_who_finds_no_slot_in_time_has_sent_nothing_and_gives_the_next_its_turn() -> None:
    one, _ = governor(1)
    async with one.slot("long", 1):
        with pytest.raises(Unavailable, match="no free slot"):
            async with one.slot("short", 0.01):
                raise AssertionError
    await call(one)


async def test_a_caller_who_is_cancelled_gives_its_slot_back() -> None:
    one, _ = governor(1)
    entered = asyncio.Event()

    async def work() -> None:
        async with one.slot("x", 5):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await call(one)
