import asyncio
from collections.abc import Sequence

import pytest

from shared.errors import Stale, Unavailable
from shared.systems.coalesce import Coalescer


class Asked:
    """Answers n with -n, and writes down what was asked together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.left = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, questions: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(list(questions))
        self.left.set()
        await self.gate.wait()
        return [Stale(f"{each}") if each == 13 else -each for each in questions]


async def test_a_lone_caller_is_served_at_once() -> None:
    asked = Asked()
    coalescer = Coalescer(asked, size_max=10, window_seconds=60)  # waiting for the window would never end
    async with asyncio.timeout(5):
        assert await coalescer.call(1) == -1
        assert await coalescer.call(2) == -2
    assert asked.batches == [[1], [2]]


async def test_callers_who_come_together_are_asked_together_and_answered_each() -> None:
    asked = Asked()
    coalescer = Coalescer(asked, size_max=10)
    assert await asyncio.gather(*(coalescer.call(each) for each in range(5))) == [0, -1, -2, -3, -4]
    assert asked.batches == [[0, 1, 2, 3, 4]]


async def test_callers_who_come_within_the_window_join() -> None:
    asked = Asked()
    coalescer = Coalescer(asked, size_max=3, window_seconds=60)
    first = [asyncio.create_task(coalescer.call(each)) for each in (1, 2)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert asked.batches == []
    assert await coalescer.call(3) == -3
    assert await asyncio.gather(*first) == [-1, -2]
    assert asked.batches == [[1, 2, 3]]


async def test_a_batch_is_never_larger_than_allowed() -> None:
    asked = Asked()
    coalescer = Coalescer(asked, size_max=3)
    assert await asyncio.gather(*(coalescer.call(each) for each in range(8))) == [-each for each in range(8)]
    assert asked.batches == [[0, 1, 2], [3, 4, 5], [6, 7]]


async def test_one_failing_call_leaves_its_neighbours_alone() -> None:
    coalescer = Coalescer(Asked(), size_max=10)
    replies = await asyncio.gather(*(coalescer.call(each) for each in (1, 13, 2)), return_exceptions=True)
    assert replies[0::2] == [-1, -2]
    assert isinstance(replies[1], Stale)


async def test_a_failure_of_the_whole_reaches_every_caller() -> None:
    async def fail(_: Sequence[int]) -> Sequence[int]:
        raise Unavailable("down")

    coalescer = Coalescer(fail, size_max=10)
    replies = await asyncio.gather(*(coalescer.call(each) for each in range(3)), return_exceptions=True)
    assert [type(reply) for reply in replies] == [Unavailable] * 3


async def test_too_few_answers_are_an_error_and_never_somebody_elses() -> None:
    async def one(_: Sequence[int]) -> Sequence[int]:
        return [1]

    coalescer = Coalescer(one, size_max=10)
    replies = await asyncio.gather(*(coalescer.call(each) for each in range(2)), return_exceptions=True)
    assert [type(reply) for reply in replies] == [RuntimeError] * 2


async def test_a_caller_cancelled_before_the_batch_left_is_not_asked_for() -> None:
    asked = Asked()
    coalescer = Coalescer(asked, size_max=10)
    calls = [asyncio.create_task(coalescer.call(each)) for each in (1, 2, 3)]
    await asyncio.sleep(0)
    calls[1].cancel()
    replies = await asyncio.gather(*calls, return_exceptions=True)
    assert (replies[0], replies[2]) == (-1, -3)
    assert isinstance(replies[1], asyncio.CancelledError)
    assert asked.batches == [[1, 3]]


async def test_a_caller_cancelled_on_the_way_does_not_harm_the_others() -> None:
    asked = Asked()
    asked.gate.clear()
    coalescer = Coalescer(asked, size_max=2)
    calls = [asyncio.create_task(coalescer.call(each)) for each in (1, 2)]
    await asked.left.wait()
    calls[0].cancel()
    await asyncio.sleep(0)
    asked.gate.set()
    assert await calls[1] == -2
    with pytest.raises(asyncio.CancelledError):
        await calls[0]


async def test_closing_waits_for_what_is_under_way() -> None:
    asked = Asked()
    coalescer = Coalescer(asked, size_max=10)
    call = asyncio.create_task(coalescer.call(1))
    await asyncio.sleep(0)
    await coalescer.close()
    assert call.done() or await call == -1
    assert asked.batches == [[1]]
