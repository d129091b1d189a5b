"""All queues of one bus with their dead-letter queues, found by address. Opens no socket and no file."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from dev.servicebus.queues.definition import Definitions
from dev.servicebus.queues.journal import Journal
from dev.servicebus.queues.message import Clock
from dev.servicebus.queues.queue import Queue
from dev.servicebus.queues.refusals import EntityNotFound

DEAD_LETTER_SUFFIX = "/$deadletterqueue"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many messages of a queue are in which state; as in Azure, `active` includes the `locked` ones."""

    active: int
    scheduled: int
    deferred: int
    dead_letter: int
    locked: int


class Namespace:
    """The queues of `definitions`; names are compared without regard to case, as Service Bus does."""

    def __init__(self, definitions: Definitions, clock: Clock, journal: Journal) -> None:
        self._queues: dict[str, Queue] = {}
        self._names = list(definitions)
        for name, definition in definitions.items():
            plain = {"requires_session": False, "duplicate_detection_window_seconds": 0, "default_ttl_seconds": None}
            dead_letters = Queue(f"{name}/$DeadLetterQueue", definition.model_copy(update=plain), clock, journal)
            self._queues[name.lower()] = Queue(name, definition, clock, journal, dead_letters)
            self._queues[name.lower() + DEAD_LETTER_SUFFIX] = dead_letters

    def __iter__(self) -> Iterator[Queue]:
        """Every queue, the dead-letter queues too."""
        return iter(self._queues.values())

    def find(self, address: str) -> Queue:
        """Find a queue by its address, e.g. `changes` or `changes/$DeadLetterQueue`; raises EntityNotFound."""
        queue = self._queues.get(address.lower())
        if queue is None:
            raise EntityNotFound(f"The messaging entity '{address}' could not be found.")
        return queue

    def counts(self) -> dict[str, dict[str, int]]:
        """Count the messages of each queue by state, e.g. `{"changes": {"active": 2, "scheduled": 0, ...}}`."""
        return {name: asdict(self._count(self.find(name))) for name in self._names}

    def _count(self, queue: Queue) -> Counts:
        queue.advance()
        states = [message.state for message in queue.messages.values()]
        return Counts(
            active=states.count("active"),
            scheduled=states.count("scheduled"),
            deferred=states.count("deferred"),
            dead_letter=len(self.find(queue.name + DEAD_LETTER_SUFFIX).messages),
            locked=len(queue.locks),
        )
