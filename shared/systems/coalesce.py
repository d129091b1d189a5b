"""Calls that arrive together become one (the DataLoader pattern): bulk speed without a second code path.

A caller who is alone is served at once. It does not repeat anything, and keeps no answers.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

WINDOW_SECONDS = 0.002


class Coalescer[Question, Reply]:
    """Collects questions of concurrent callers and answers each caller for itself.

    `answer` takes 1 to `size_max` questions and returns as many replies in their order; a reply that is an exception
    is raised to its own caller only. If `answer` itself raises, every caller of that batch gets the exception.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Question]], Coroutine[None, None, Sequence[Reply | Exception]]],
        *,
        size_max: int,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        self._answer = answer
        self._size_max = size_max
        self._window_seconds = window_seconds
        self._waiting: list[tuple[Question, asyncio.Future[Reply]]] = []
        self._timer: asyncio.Handle | None = None
        self._running: set[asyncio.Task[Sequence[Reply | Exception]]] = set()

    async def call(self, question: Question) -> Reply:
        """Return the reply to one question, asked alone or with whatever others ask at this moment."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply] = loop.create_future()
        self._waiting.append((question, future))
        if len(self._waiting) >= self._size_max:
            self._flush()
        elif self._timer is None:
            self._timer = loop.call_soon(self._next_turn)
        return await future

    async def close(self) -> None:
        """Let what has left come home; nobody may call afterwards."""
        self._flush()
        if self._running:
            await asyncio.wait(self._running)

    def _next_turn(self) -> None:
        # Tasks that became ready together run in one turn of the loop; those they start, in the next.
        self._timer = asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        if len(self._waiting) > 1:
            self._timer = asyncio.get_running_loop().call_later(self._window_seconds, self._flush)
        else:
            self._flush()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch = [(question, future) for question, future in self._waiting if not future.done()]  # done: cancelled
        self._waiting = []
        if batch:
            task = asyncio.get_running_loop().create_task(self._answer([question for question, _ in batch]))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            task.add_done_callback(lambda done: _deliver(done, [future for _, future in batch]))


def _deliver[Reply](done: asyncio.Task[Sequence[Reply | Exception]], futures: list[asyncio.Future[Reply]]) -> None:
    if done.cancelled():
        for future in futures:
            future.cancel()
        return
    failed = done.exception()
    replies: Sequence[Reply | BaseException] = [failed] * len(futures) if failed else done.result()
    if len(replies) != len(futures):
        replies = [RuntimeError(f"{len(replies)} replies to {len(futures)} questions")] * len(futures)
    for future, reply in zip(futures, replies, strict=True):
        if future.done():  # its caller was cancelled meanwhile
            continue
        if isinstance(reply, BaseException):
            future.set_exception(reply)
        else:
            future.set_result(reply)
