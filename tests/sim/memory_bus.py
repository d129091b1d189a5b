"""A `Bus` in memory: sessions, schedules, duplicate detection and dead letters, as far as a simulation needs them.

Time is the clock it is given. Who receives is the simulation: one call, one message. Session locks are never lost here
unless the simulation abandons a message that is still being worked on.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.ports import Message

DUPLICATE_WINDOW = {"changes": timedelta(minutes=5)}  # off on backfill
DELIVERIES_MAX = 5


@dataclass(slots=True, eq=False)
class Delivery:
    """A message on a queue. `due` is when it may be received, `held` says that somebody works on it."""

    message: Message
    due: datetime
    number: int
    deliveries: int = 0
    held: bool = False


class MemoryBus:
    """Lists, open to a test's eyes."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._numbers = itertools.count(1)
        self._seen: dict[tuple[str, str], datetime] = {}
        self.queue: list[Delivery] = []
        self.dead_letters: list[Message] = []

    async def send(self, messages: Sequence[Message]) -> None:
        now = self._now()
        for message in messages:
            window = DUPLICATE_WINDOW.get(message.queue)
            if window is not None:
                if self._seen.get((message.queue, message.id), now) > now:
                    continue  # dropped without a word, as on the real one, whatever its session or schedule
                self._seen[message.queue, message.id] = now + window
            due = max(message.not_before or now, now)
            self.queue.append(Delivery(message, due, next(self._numbers)))

    def receive(self, queue: str = "changes") -> Delivery | None:
        """Hand out the next message that is due and whose session nobody holds; None when there is none."""
        held = {(found.message.queue, found.message.session) for found in self.queue if found.held}
        ready = [
            found
            for found in self.queue
            if found.message.queue == queue
            and found.due <= self._now()
            and (found.message.queue, found.message.session) not in held
        ]
        if not ready:
            return None
        first = min(ready, key=lambda found: (found.due, found.number))
        first.held = True
        first.deliveries += 1
        return first

    def complete(self, delivery: Delivery) -> None:
        """Take a message off its queue; one that is off already is no matter."""
        self.queue = [found for found in self.queue if found is not delivery]

    def abandon(self, delivery: Delivery) -> None:
        """Give a message back, to be received again; after its last delivery it is a dead letter."""
        delivery.held = False
        if delivery.deliveries >= DELIVERIES_MAX and delivery in self.queue:
            self.complete(delivery)
            self.dead_letters.append(delivery.message)

    def next_due(self) -> datetime | None:
        """Tell when the next message can be received, in the past if now; None when there is nothing left."""
        return min((found.due for found in self.queue if not found.held), default=None)

    async def close(self) -> None:
        pass
