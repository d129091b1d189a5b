"""What has to happen when: the one place that keeps a queue's time. Calls nobody before it is asked."""

import heapq
from collections.abc import Callable
from itertools import count

type Act = Callable[[int], None]  # takes the time it is, in milliseconds


class Agenda:
    """Acts with the times at which they fall due. An act checks for itself whether it is still called for.

    So nothing is ever taken off the agenda: a renewed lock simply has a second entry, and the first does nothing.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, Act]] = []
        self._tie = count()

    @property
    def next_due_ms(self) -> int | None:
        """When `run` has something to do, None = nothing is pending."""
        return self._entries[0][0] if self._entries else None

    def at(self, due_ms: int, act: Act) -> None:
        """Note an act for that time."""
        heapq.heappush(self._entries, (due_ms, next(self._tie), act))

    def run(self, now_ms: int) -> None:
        """Do everything that has fallen due, in order."""
        while self._entries and self._entries[0][0] <= now_ms:
            heapq.heappop(self._entries)[2](now_ms)
