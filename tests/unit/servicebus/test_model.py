"""Random lives of a queue: whatever happens, however often the bus restarts, no message is lost, doubled or stuck."""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from dev.servicebus.queues.definition import QueueDefinition
from dev.servicebus.queues.message import Message
from dev.servicebus.queues.namespace import Namespace
from dev.servicebus.queues.queue import Queue
from dev.servicebus.queues.refusals import MessageLockLost
from dev.servicebus.store import Store
from tests.unit.servicebus.queues import Clock

DEFINITION = QueueDefinition(max_delivery_count=3, lock_duration_seconds=10, dead_letter_on_expiry=True)


class QueueLife(RuleBasedStateMachine):
    """The model is only this: which messages were sent, and which were completed."""

    tokens: Bundle[UUID] = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.sent: set[str] = set()
        self.completed: set[str] = set()
        self.folder = TemporaryDirectory()
        self.open()

    def open(self) -> None:
        self.store = Store(Path(self.folder.name) / "bus.sqlite3")
        self.namespace = Namespace({"q": DEFINITION}, self.clock, self.store)
        self.store.load(self.namespace)

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @property
    def queue(self) -> Queue:
        return self.namespace.find("q")

    @rule(delay=st.sampled_from([None, 5, 20]), ttl=st.sampled_from([None, 5, 30]))
    def send(self, delay: int | None, ttl: int | None) -> None:
        name = f"m{len(self.sent)}"
        self.sent.add(name)
        message = Message(name.encode(), message_id=name)
        message.scheduled_ms = None if delay is None else self.clock() + delay * 1000
        message.ttl_ms = None if ttl is None else ttl * 1000
        self.queue.send([message])

    @rule(target=tokens)
    def receive(self) -> UUID:
        self.queue.advance()
        ready = [m.sequence for m in self.queue.messages.values() if m.state == "active" and m.lock is None]
        message = self.queue.receive(self.queue.sessions.lane)
        if message is None:
            assert not ready, "there was something to receive"
            return UUID(int=0)
        assert message.sequence == min(ready), "not the oldest"
        assert message.lock is not None
        return message.lock.token

    @rule(target=tokens)
    def receive_deferred(self) -> UUID:
        deferred = [m.sequence for m in self.queue.messages.values() if m.state == "deferred" and m.lock is None]
        for message in self.queue.receive_deferred(deferred[:1]):
            assert message.lock is not None
            return message.lock.token
        return UUID(int=0)

    @rule(token=consumes(tokens), outcome=st.sampled_from(sorted(Queue.SETTLEMENTS)))
    def settle(self, token: UUID, outcome: str) -> None:
        lock = self.queue.locks.get(token)
        try:
            self.queue.settle(token, outcome)
        except MessageLockLost:
            assert token not in self.queue.locks
            return
        assert lock is not None
        if outcome == "completed":
            self.completed.add(lock.message.content.decode())

    @rule(seconds=st.sampled_from([1, 5, 10, 30]))
    def turn_the_clock(self, seconds: int) -> None:
        self.clock.turn(seconds)
        self.queue.advance()

    @rule()
    def restart(self) -> None:
        before = self.inventory()
        overdue = {m.content for m in self.queue.messages.values() if m.lock is not None and self.is_overdue(m)}
        with closing(self.store):
            pass
        self.open()  # no lock outlives the process, and what only a lock kept from expiring expires now
        after = self.inventory()
        assert [one for one in after if one[2] not in overdue] == [one for one in before if one[2] not in overdue]

    def is_overdue(self, message: Message) -> bool:
        return message.expires_ms is not None and message.expires_ms <= self.clock()

    def inventory(self) -> list[tuple[str, int, bytes, str, int]]:
        """Everything that must survive: where each message is, in which state, and how often it was delivered."""
        self.queue.advance()
        return [
            (queue.name, m.sequence, m.content, m.state, m.delivery_count)
            for queue in self.namespace
            for m in queue.messages.values()
        ]

    @invariant()
    def every_message_is_in_exactly_one_place(self) -> None:
        kept = [content.decode() for _, _, content, _, _ in self.inventory()]
        assert sorted([*kept, *self.completed]) == sorted(self.sent)

    @invariant()
    def no_number_is_given_twice_and_the_order_is_theirs(self) -> None:
        for queue in self.namespace:
            assert list(queue.messages) == sorted(queue.messages)
            assert all(sequence <= queue.last_sequence for sequence in queue.messages)

    @invariant()
    def locks_agree_with_messages(self) -> None:
        locked = {m.lock.token for m in self.queue.messages.values() if m.lock is not None}
        assert locked == set(self.queue.locks) == set(self.queue.sessions.lane.locks)


QueueLife.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestQueueLife = QueueLife.TestCase
