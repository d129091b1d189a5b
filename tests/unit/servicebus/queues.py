"""What the tests of the local bus's queues share: a clock to turn, a journal that forgets, and short forms."""

from dev.servicebus.queues.definition import QueueDefinition
from dev.servicebus.queues.message import Lock, Message
from dev.servicebus.queues.queue import Queue


class Clock:
    """A clock that stands still until a test turns it."""

    def __init__(self) -> None:
        self.now_ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now_ms

    def turn(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


class ForgetfulJournal:
    """A journal for queues that need not survive their test."""

    def save(self, queue: str, message: Message) -> None: ...

    def delete(self, queue: str, sequence: int) -> None: ...

    def save_sequence(self, queue: str, sequence: int) -> None: ...

    def save_session(self, queue: str, session_id: str, state: bytes | None, state_ms: int) -> None: ...

    def remember(self, queue: str, message_id: str, until_ms: int) -> None: ...

    def forget(self, queue: str, until_ms: int) -> None: ...


def make_queue(clock: Clock, **definition: object) -> Queue:
    """Make a queue with its dead-letter queue, e.g. `make_queue(clock, requires_session=True)`."""
    journal = ForgetfulJournal()
    dead_letters = Queue("q/$DeadLetterQueue", QueueDefinition(), clock, journal)
    return Queue("q", QueueDefinition.model_validate(definition), clock, journal, dead_letters)


def text(content: str, session: str | None = None, **fields: object) -> Message:
    """Make a message whose content is its name, e.g. `text("a", session="s1", message_id="1")`."""
    message = Message(content.encode(), session_id=session)
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def texts(messages: list[Message]) -> list[str]:
    return [message.content.decode() for message in messages]


def receive(queue: Queue) -> Message | None:
    return queue.receive(queue.sessions.lane)


def lock(queue: Queue) -> Lock:
    message = receive(queue)
    assert message is not None
    assert message.lock is not None
    return message.lock


def drain(queue: Queue) -> list[str]:
    found = []
    while (message := queue.receive(queue.sessions.lane, delete=True)) is not None:
        found.append(message.content.decode())
    return found


def dead_letters(queue: Queue) -> list[Message]:
    assert queue.dead_letters is not None
    return list(queue.dead_letters.messages.values())
