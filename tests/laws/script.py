"""A test's say over the calls of an app: counted, and something may happen before or after the n-th call of a kind."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from shared.errors import Unconfirmed
from tests.sim.world import Crash

type Happening = Callable[[], Awaitable[Any] | Any]


class Script:
    """What was called ('erp.update'), and what is to happen around which call."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.late: list[Happening] = []
        self._planned: dict[tuple[str, str, int], Happening] = {}

    def before(self, call: str, happening: Happening, nth: int = 1) -> None:
        """Let something happen before the nth call from now on; if it raises, the call never leaves."""
        self._planned["before", call, self.calls[call] + nth] = happening

    def after(self, call: str, happening: Happening, nth: int = 1) -> None:
        """Let something happen after the nth call from now on; if it raises, the answer is lost."""
        self._planned["after", call, self.calls[call] + nth] = happening

    def hold(self, call: str, nth: int = 1) -> None:
        """Lose the answer of the nth call from now on before the call takes effect: `late` does it later."""
        self._planned["hold", call, self.calls[call] + nth] = lambda: None

    async def run(self, call: str, work: Callable[[], Awaitable[Any]]) -> Any:  # any port's answer
        self.calls[call] += 1
        number = self.calls[call]
        await self._happen("before", call, number)
        if self._planned.pop(("hold", call, number), None):
            self.late.append(work)
            raise Unconfirmed(f"no answer from {call}")
        answer = await work()
        await self._happen("after", call, number)
        return answer

    async def _happen(self, when: str, call: str, number: int) -> None:
        happening = self._planned.pop((when, call, number), None)
        if happening is not None and isawaitable(found := happening()):
            await found


@dataclass
class Scripted:
    """A port whose calls follow the script."""

    name: str
    inner: Any
    script: Script

    def __getattr__(self, attribute: str) -> Any:  # whatever the port has
        found = getattr(self.inner, attribute)
        if attribute == "traits":
            return found

        async def call(*args: Any, **named: Any) -> Any:  # as the port has it
            return await self.script.run(f"{self.name}.{attribute}", lambda: found(*args, **named))

        return call


def crash() -> None:
    raise Crash


def lose_answer() -> None:
    raise Unconfirmed("no answer")
