"""The messages of a queue and how they come, wait, age and leave. Knows nothing of receivers and their locks."""

import heapq
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice

from dev.servicebus.queues.agenda import Agenda
from dev.servicebus.queues.definition import QueueDefinition
from dev.servicebus.queues.duplicates import DuplicateHistory
from dev.servicebus.queues.journal import Journal
from dev.servicebus.queues.message import Clock, Message, Session
from dev.servicebus.queues.refusals import InvalidArgument, MessageNotFound, NotAllowed
from dev.servicebus.queues.sessions import Sessions

ID_LENGTH_MAX = 128  # message and session ids: Service Bus quotas
REASON, DESCRIPTION = "DeadLetterReason", "DeadLetterErrorDescription"

type Amendments = dict[str, object]  # application properties to add, e.g. {"DeadLetterReason": "BadSchema"}


class Backlog:
    """Messages in the order of their sequence numbers; with `dead_letters` None those of a dead-letter queue.

    Times are milliseconds since 1970. Every public method first does what has fallen due.
    """

    def __init__(
        self,
        name: str,
        definition: QueueDefinition,
        clock: Clock,
        journal: Journal,
        dead_letters: "Backlog | None" = None,
    ) -> None:
        self.name = name
        self.definition = definition
        self.dead_letters = dead_letters
        self.messages: dict[int, Message] = {}
        self.sessions = Sessions()
        self.last_sequence = 0
        self.duplicates = DuplicateHistory(definition.duplicate_window_ms)
        self.agenda = Agenda()
        self._clock = clock
        self._journal = journal

    def advance(self) -> int:
        """Do everything that has fallen due; returns the time it is."""
        now = self._clock()
        self.agenda.run(now)
        if self.duplicates.forget(now):
            self._journal.forget(self.name, now)
        return now

    def send(self, messages: Sequence[Message]) -> list[int]:
        """Take in messages, all or none; returns their sequence numbers (a duplicate gets one too, and vanishes)."""
        now = self.advance()
        for message in messages:
            self._check(message)
        return [self._enqueue(message, now) for message in messages]

    def peek(self, first_sequence: int, limit: int, session_id: str | None = None) -> list[Message]:
        """Show up to `limit` messages from a number on, in every state, without locking them."""
        self.advance()
        matches = (
            message
            for sequence, message in self.messages.items()
            if sequence >= first_sequence and session_id in (None, message.session_id)
        )
        return list(islice(matches, limit))

    def cancel(self, sequences: Iterable[int]) -> None:
        """Remove scheduled messages by their numbers, all or none."""
        self.advance()
        found = [self.messages.get(sequence) for sequence in sequences]
        scheduled = [message for message in found if message is not None and message.state == "scheduled"]
        if len(scheduled) != len(found):
            raise MessageNotFound("A scheduled message with that sequence number does not exist.")
        for message in scheduled:
            self._remove(message)

    def restore(self, message: Message) -> None:
        """Put a message that has its number already, and is in the journal, where it belongs."""
        self.messages[message.sequence] = message
        for due_ms in (message.scheduled_ms if message.state == "scheduled" else None, message.expires_ms):
            if due_ms is not None:
                self.agenda.at(due_ms, partial(self._message_due, message.sequence))
        if message.state == "active":
            self._make_ready(message)

    def adopt(self, message: Message) -> None:
        """Take over a message from the queue whose dead-letter queue this is."""
        message.state, message.ttl_ms = "active", None  # dead letters do not age: Service Bus, dead-letter queues
        self._place(message)

    def _check(self, message: Message) -> None:
        if self.definition.requires_session and not message.session_id:
            raise NotAllowed(
                "The SessionId was not set on a message, and it cannot be sent to the entity. Entities that have "
                "session support enabled can only receive messages that have the SessionId set to a valid value."
            )
        for name, value in (("MessageId", message.message_id), ("SessionId", message.session_id)):
            if value is not None and len(value) > ID_LENGTH_MAX:
                raise InvalidArgument(f"{name} has {len(value)} characters; {ID_LENGTH_MAX} are allowed.")

    def _enqueue(self, message: Message, now: int) -> int:
        if message.message_id is not None and self.duplicates.window_ms:
            if self.duplicates.seen(message.message_id, now):
                return self._next_sequence()
            until_ms = now + self.duplicates.window_ms
            self.duplicates.remember(message.message_id, until_ms)
            self._journal.remember(self.name, message.message_id, until_ms)
        message.enqueued_ms = now
        message.state = "scheduled" if message.scheduled_ms is not None and message.scheduled_ms > now else "active"
        lifetimes = [ttl for ttl in (message.ttl_ms, self.definition.default_ttl_ms) if ttl is not None]
        message.ttl_ms = min(lifetimes, default=None)
        return self._place(message)

    def _next_sequence(self) -> int:
        self.last_sequence += 1
        self._journal.save_sequence(self.name, self.last_sequence)
        return self.last_sequence

    def _place(self, message: Message) -> int:
        message.sequence = self._next_sequence()
        if message.dead_letter_source is None:  # a dead letter keeps the number that it had in its queue
            message.enqueued_sequence = message.sequence
        self._journal.save(self.name, message)
        self.restore(message)
        return message.sequence

    def _lane(self, message: Message) -> Session:
        return self.sessions.get(message.session_id if self.definition.requires_session else None)

    def _make_ready(self, message: Message) -> None:
        if message.expires_ms is not None and message.expires_ms <= self._clock():
            self._expire(message)
            return
        lane = self._lane(message)
        heapq.heappush(lane.waiting, message.sequence)
        self.sessions.offer(lane)

    def _message_due(self, sequence: int, now: int) -> None:
        message = self.messages.get(sequence)
        if message is None:
            return
        if message.state == "scheduled":
            # it joins the queue now and gets a new number: Service Bus documentation, message sequencing
            self._remove(message)
            message.state, message.enqueued_ms = "active", now
            self._place(message)
        elif message.state == "active" and message.lock is None:
            waiting = self._lane(message).waiting
            waiting.remove(sequence)
            heapq.heapify(waiting)
            self._expire(message)

    def _expire(self, message: Message) -> None:
        if self.definition.dead_letter_on_expiry:
            self._dead_letter(
                message, {REASON: "TTLExpiredException", DESCRIPTION: "The message expired and was dead lettered."}
            )
        else:
            self._remove(message)

    def _dead_letter(self, message: Message, amendments: Amendments) -> None:
        self._remove(message)
        if self.dead_letters is not None:
            message.amended |= amendments
            message.dead_letter_source = self.name
            self.dead_letters.adopt(message)

    def _remove(self, message: Message) -> None:
        del self.messages[message.sequence]
        self._journal.delete(self.name, message.sequence)
