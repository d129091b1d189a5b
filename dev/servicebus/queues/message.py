"""One message and the locks on it. The content stays opaque bytes: only the wire knows what is inside."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

type Clock = Callable[[], int]  # milliseconds since 1970, UTC
type State = Literal["active", "deferred", "scheduled"]


@dataclass(slots=True, eq=False)
class Message:
    """A message as a queue keeps it; mutable, because a queue changes its state and counts its deliveries.

    `scheduled_ms` asks to stay invisible until then, `ttl_ms` counts from `enqueued_ms`, `amended` holds application
    properties that were added after sending (dead-letter reasons, properties changed on settlement).
    """

    content: bytes
    message_id: str | None = None
    session_id: str | None = None
    ttl_ms: int | None = None
    scheduled_ms: int | None = None
    state: State = "active"
    sequence: int = 0
    enqueued_sequence: int = 0
    enqueued_ms: int = 0
    delivery_count: int = 0
    dead_letter_source: str | None = None
    amended: dict[str, object] = field(default_factory=dict)
    lock: "Lock | None" = None

    @property
    def expires_ms(self) -> int | None:
        """When the message dies of age, None = never (a scheduled one has not begun to live)."""
        return None if self.ttl_ms is None or self.state == "scheduled" else self.enqueued_ms + self.ttl_ms

    @property
    def locked_until_ms(self) -> int | None:
        """Until when its receiver holds it, None = nobody does."""
        return None if self.lock is None else self.lock.until_ms


@dataclass(slots=True, eq=False)
class Lock:
    """A receiver's hold on one message; in a session it lasts as long as the session's own lock."""

    token: UUID
    message: Message
    session: "Session"
    expires_ms: int

    @property
    def until_ms(self) -> int:
        """When the hold ends: the session's end where there is a session."""
        return self.expires_ms if self.session.session_id is None else self.session.until_ms


@dataclass(slots=True, eq=False)
class Session:
    """One session of a queue; with `session_id` None the single lane of a queue without sessions, which nobody holds.

    `waiting` is a heap of the sequence numbers that can be delivered now.
    """

    session_id: str | None
    waiting: list[int] = field(default_factory=list)
    locks: dict[UUID, Lock] = field(default_factory=dict)
    owner: object | None = None
    until_ms: int = 0
    state: bytes | None = None
    state_ms: int = 0
