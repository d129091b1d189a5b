"""The one App of a worker: built once, checked before it works, and never held up by a system that is silent."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from shared.core.digest import Seal
from shared.errors import Unavailable, WrongEnvironment
from shared.ports import App
from shared.wiring.worker import LOOK_AGAIN_SECONDS, Worker
from tests.sim.memory_state import MemoryState


class Named:
    """A system that says its name, or fails, or hangs."""

    def __init__(self, *answers: Callable[[], Any]) -> None:
        self.answers = list(answers)

    async def identity(self) -> str:
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        found = said()
        return str(await found) if asyncio.iscoroutine(found) else str(found)


def down() -> str:
    raise Unavailable("down")


def app(state: object, **systems: Named) -> App:
    return App(
        flows={},
        systems=cast("Any", systems),
        state=cast("Any", state),
        bus=cast("Any", None),
        seal=Seal("k1", {"k1": b"0123456789abcdef"}),
        now=lambda: datetime.now(UTC),
        chance=lambda: 0.5,
    )


async def test_a_state_that_does_not_answer_is_no_reason_to_build_another_app() -> None:
    class Sick(MemoryState):
        async def watermark(self, name: str) -> str:
            raise Unavailable(name)

    found: list[App] = []

    def make() -> App:
        found.append(app(Sick(), dataverse=Named(lambda: "org")))
        return found[-1]

    one = Worker(make)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await one.app()
    assert len(found) == 1


async def test_a_second_look_at_a_silent_system_holds_nobody_up() -> None:
    now, answer = [0.0], asyncio.Event()
    silent = app(MemoryState(), s4=Named(down, answer.wait))
    one = Worker(lambda: silent, clock=lambda: now[0])
    await one.app()
    now[0] = LOOK_AGAIN_SECONDS
    looking = asyncio.create_task(one.app())
    await asyncio.sleep(0)
    await asyncio.wait_for(one.app(), 1)
    answer.set()
    assert (await looking).identities == {"s4": "True"}


async def test_nobody_works_for_an_environment_that_turned_out_to_be_another_one() -> None:
    now, state = [0.0], MemoryState()
    await state.set_watermark("identity/s4", "S4H/100")
    another = app(state, s4=Named(down, lambda: "S4H/200"))
    one = Worker(lambda: another, clock=lambda: now[0])
    await one.app()
    now[0] = LOOK_AGAIN_SECONDS
    for _ in range(2):
        with pytest.raises(WrongEnvironment):
            await one.app()
