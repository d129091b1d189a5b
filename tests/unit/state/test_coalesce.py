"""Calls that arrive together go together, and each caller gets its own answer, whatever becomes of the others."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.state.coalesce import Coalescer


class Doubler:
    """Answers twice the number; 13 is refused, and a gate can hold answers back."""

    def __init__(self) -> None:
        self.groups: list[tuple[str, list[int]]] = []
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, key: str, items: Sequence[int]) -> Sequence[int | Exception]:
        self.groups.append((key, list(items)))
        self.started.set()
        await self.gate.wait()
        if -1 in items:
            raise RuntimeError("all is lost")
        return [ValueError(f"{item} is unlucky") if item == 13 else item * 2 for item in items]


async def test_calls_that_arrive_together_are_one_and_each_gets_its_own_answer() -> None:
    doubler = Doubler()
    double = Coalescer(doubler, most=100)
    assert await asyncio.gather(*(double("a", n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert doubler.groups == [("a", [0, 1, 2, 3, 4])]


async def test_keys_do_not_mix() -> None:
    doubler = Doubler()
    double = Coalescer(doubler, most=100)
    await asyncio.gather(double("a", 1), double("b", 2), double("a", 3))
    assert sorted(doubler.groups) == [("a", [1, 3]), ("b", [2])]


async def test_an_answer_that_is_an_exception_is_raised_to_its_caller_alone() -> None:
    double = Coalescer(Doubler(), most=100)
    outcomes = await asyncio.gather(*(double("a", n) for n in (12, 13, 14)), return_exceptions=True)
    assert [outcomes[0], outcomes[2]] == [24, 28]
    assert isinstance(outcomes[1], ValueError)


async def test_a_failure_of_the_whole_is_everybody_s_and_the_next_call_works() -> None:
    double = Coalescer(Doubler(), most=100)
    outcomes = await asyncio.gather(double("a", -1), double("a", 2), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [RuntimeError, RuntimeError]
    assert await double("a", 2) == 4


async def test_groups_are_no_larger_than_told() -> None:
    doubler = Doubler()
    double = Coalescer(doubler, most=3)
    assert await asyncio.gather(*(double("a", n) for n in range(8))) == [n * 2 for n in range(8)]
    assert [len(items) for _, items in doubler.groups] == [3, 3, 2]


async def test_what_arrives_while_a_group_is_under_way_is_the_next_group() -> None:
    doubler = Doubler()
    doubler.gate.clear()
    double = Coalescer(doubler, most=100)
    first = asyncio.create_task(double("a", 1))
    await doubler.started.wait()
    others = [asyncio.create_task(double("a", n)) for n in (2, 3)]
    await asyncio.sleep(0)
    assert doubler.groups == [("a", [1])]
    doubler.gate.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6]
    assert doubler.groups == [("a", [1]), ("a", [2, 3])]


async def test_a_caller_who_gives_up_takes_nobody_with_it() -> None:
    doubler = Doubler()
    doubler.gate.clear()
    double = Coalescer(doubler, most=100)
    calls = [asyncio.create_task(double("a", n)) for n in (1, 2)]
    await doubler.started.wait()
    calls[0].cancel()
    doubler.gate.set()
    assert await calls[1] == 4
    with pytest.raises(asyncio.CancelledError):
        await calls[0]


async def test_close_waits_for_what_is_under_way() -> None:
    doubler = Doubler()
    double = Coalescer(doubler, most=100)
    call = asyncio.create_task(double("a", 1))
    await asyncio.sleep(0)
    await double.close()
    assert doubler.groups == [("a", [1])]
    assert await call == 2
    await double.close()


async def test_nothing_is_kept_once_all_is_answered() -> None:
    double = Coalescer(Doubler(), most=2)
    await asyncio.gather(*(double(key, n) for key in "abc" for n in range(5)))
    await double.close()
    assert not double._waiting
    assert not double._draining
