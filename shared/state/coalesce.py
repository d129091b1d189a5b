"""Gathers calls that arrive together into one, and answers each caller for itself. Knows nothing of what is called."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence

WINDOW_SECONDS = 0.002


class Coalescer[K: Hashable, I, O]:
    """Calls `run(key, items)` with what arrived for `key` within the window, and meanwhile gathers the next group.

    `run` answers an outcome for each item, in order; an exception among them is raised to that item's caller alone,
    one that `run` raises goes to all. At most `most` items go together; groups of one key never overlap.
    """

    def __init__(
        self,
        run: Callable[[K, Sequence[I]], Awaitable[Sequence[O | Exception]]],
        *,
        most: int,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        self._run = run
        self._most = most
        self._window_seconds = window_seconds
        self._waiting: dict[K, list[tuple[I, asyncio.Future[O]]]] = {}
        self._draining: dict[K, asyncio.Task[None]] = {}

    async def __call__(self, key: K, item: I) -> O:
        """Hand in one item and wait for its own outcome."""
        answer: asyncio.Future[O] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append((item, answer))
        if key not in self._draining:
            self._draining[key] = asyncio.create_task(self._drain(key))
        return await answer

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._draining.values())

    async def _drain(self, key: K) -> None:
        await asyncio.sleep(0)
        if len(self._waiting[key]) > 1:  # who is alone is served at once
            await asyncio.sleep(self._window_seconds)
        while waiting := self._waiting.pop(key, None):
            group, later = waiting[: self._most], waiting[self._most :]
            if later:
                self._waiting[key] = later
            # gather hands an exception over as a value: whatever it is, every caller must get an answer
            [outcomes] = await asyncio.gather(self._run(key, [item for item, _ in group]), return_exceptions=True)
            for n, (_, answer) in enumerate(group):
                _settle(answer, outcomes if isinstance(outcomes, BaseException) else outcomes[n])
        del self._draining[key]  # no await since the last look: nobody can have come in between


def _settle[O](answer: asyncio.Future[O], outcome: O | BaseException) -> None:
    if answer.done():  # its caller was cancelled and does not wait any more
        return
    if isinstance(outcome, BaseException):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
