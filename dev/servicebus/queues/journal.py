"""The port through which a queue says what must survive a restart. Locks are not among it."""

from typing import Protocol

from dev.servicebus.queues.message import Message


class Journal(Protocol):
    """Where a queue writes every durable change; nothing is promised before the owner of the journal commits."""

    def save(self, queue: str, message: Message) -> None:
        """Insert or replace a message under its sequence number."""

    def delete(self, queue: str, sequence: int) -> None:
        """Forget a message."""

    def save_sequence(self, queue: str, sequence: int) -> None:
        """Note the last sequence number that was given out."""

    def save_session(self, queue: str, session_id: str, state: bytes | None, state_ms: int) -> None:
        """Insert, replace or (state None) remove a session's state."""

    def remember(self, queue: str, message_id: str, until_ms: int) -> None:
        """Keep a message id for duplicate detection."""

    def forget(self, queue: str, until_ms: int) -> None:
        """Drop the message ids whose window ended at or before this time."""
