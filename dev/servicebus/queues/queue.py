"""A queue as receivers see it: locks on messages and sessions, settlement, delivery counts, session state.

A state machine with a clock of its own: it neither waits nor calls anybody. Whoever owns it calls `advance` when
`agenda.next_due_ms` has come, and tells the `lost_owners` that their session is gone.
"""

import heapq
from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar
from uuid import UUID, uuid4

from dev.servicebus.queues.backlog import DESCRIPTION, REASON, Amendments, Backlog
from dev.servicebus.queues.definition import QueueDefinition
from dev.servicebus.queues.journal import Journal
from dev.servicebus.queues.message import Clock, Lock, Message, Session
from dev.servicebus.queues.refusals import InvalidArgument, MessageLockLost, MessageNotFound, NotAllowed


class Queue(Backlog):
    """One queue, or (with `dead_letters` None) the dead-letter queue of one."""

    def __init__(
        self,
        name: str,
        definition: QueueDefinition,
        clock: Clock,
        journal: Journal,
        dead_letters: Backlog | None = None,
    ) -> None:
        super().__init__(name, definition, clock, journal, dead_letters)
        self.locks: dict[UUID, Lock] = {}
        self.lost_owners: list[object] = []

    # ------------------------------------------------------------------ receiving

    def receive(self, session: Session, *, delete: bool = False) -> Message | None:
        """Lock (or with `delete` remove) the next message of a session; None if it has none."""
        self.advance()
        if not session.waiting:
            return None
        message = self.messages[heapq.heappop(session.waiting)]
        self._hand_over(message, session, delete=delete)
        return message

    def receive_deferred(self, sequences: Iterable[int], *, delete: bool = False) -> list[Message]:
        """Lock (or remove) deferred messages by their numbers, all or none."""
        self.advance()
        found = [self.messages.get(sequence) for sequence in sequences]
        deferred = [m for m in found if m is not None and m.state == "deferred" and m.lock is None]
        if len(deferred) != len(found):
            raise MessageNotFound("A deferred message with that sequence number does not exist, or is locked.")
        for message in deferred:
            self._hand_over(message, self._lane(message), delete=delete)
        return deferred

    def _hand_over(self, message: Message, session: Session, *, delete: bool) -> None:
        if delete:
            self._remove(message)
            return
        lock = Lock(uuid4(), message, session, self._clock() + self.definition.lock_ms)
        message.lock = self.locks[lock.token] = session.locks[lock.token] = lock
        if session.session_id is None:  # in a session the messages' locks end with the session's
            self.agenda.at(lock.expires_ms, partial(self._lock_due, lock.token))

    # ------------------------------------------------------------------ settling

    def settle(self, token: UUID, outcome: str, amendments: Amendments | None = None) -> None:
        """End a lock: `completed`, `abandoned`, `released`, `defered` (the wire spells it so) or `suspended`.

        `released` gives the message back without counting a delivery, `suspended` dead-letters it.
        """
        lock = self._locked(token)
        act = self.SETTLEMENTS.get(outcome)
        if act is None:
            raise InvalidArgument(f"Unknown disposition '{outcome}'; known: {', '.join(self.SETTLEMENTS)}.")
        if outcome == "suspended" and self.dead_letters is None:
            raise NotAllowed("A message of a dead-letter queue cannot be dead-lettered.")
        lock.message.amended |= amendments or {}
        act(self, lock)

    def renew(self, token: UUID) -> int:
        """Hold a message for another lock duration; returns until when."""
        lock = self._locked(token)
        if lock.session.session_id is not None:
            raise NotAllowed("A message of a session cannot be renewed by itself: renew the session's lock.")
        lock.expires_ms = self._clock() + self.definition.lock_ms
        self.agenda.at(lock.expires_ms, partial(self._lock_due, token))
        return lock.expires_ms

    def expire_locks(self) -> None:
        """Let every lock run out now, as if its time had come."""
        for lock in [lock for lock in self.locks.values() if lock.session.session_id is None]:
            self._unlock(lock, counted=True)
        for session in self.sessions:
            self._expire_session(session)

    def _locked(self, token: UUID) -> Lock:
        self.advance()
        lock = self.locks.get(token)
        if lock is None:
            raise MessageLockLost(
                "The lock supplied is invalid. Either the lock expired, or the message has already been removed."
            )
        return lock

    def _lock_due(self, token: UUID, now: int) -> None:
        lock = self.locks.get(token)
        if lock is not None and lock.expires_ms <= now:  # else it was settled or renewed
            self._unlock(lock, counted=True)

    def _free(self, lock: Lock) -> Message:
        del self.locks[lock.token]
        del lock.session.locks[lock.token]
        lock.message.lock = None
        return lock.message

    def _unlock(self, lock: Lock, *, counted: bool) -> None:
        message = self._free(lock)
        message.delivery_count += counted
        limit = self.definition.max_delivery_count
        if counted and self.dead_letters is not None and message.delivery_count >= limit:
            text = f"Message could not be consumed after {limit} delivery attempts."
            self._dead_letter(message, {REASON: "MaxDeliveryCountExceeded", DESCRIPTION: text})
            return
        if counted:
            self._journal.save(self.name, message)
        if message.state == "active":  # a deferred message that is abandoned stays deferred
            self._make_ready(message)

    def _complete(self, lock: Lock) -> None:
        self._remove(self._free(lock))

    def _abandon(self, lock: Lock) -> None:
        self._unlock(lock, counted=True)

    def _release(self, lock: Lock) -> None:
        self._unlock(lock, counted=False)

    def _defer(self, lock: Lock) -> None:
        message = self._free(lock)
        message.state = "deferred"
        message.delivery_count += 1
        self._journal.save(self.name, message)

    def _suspend(self, lock: Lock) -> None:
        self._dead_letter(self._free(lock), {})

    SETTLEMENTS: ClassVar[dict[str, Callable[["Queue", Lock], None]]] = {
        "completed": _complete,
        "abandoned": _abandon,
        "released": _release,
        "defered": _defer,
        "suspended": _suspend,
    }

    # ------------------------------------------------------------------ sessions

    def accept(self, session_id: str, owner: object) -> Session:
        """Lock this session for `owner`; raises SessionTaken."""
        now = self.advance()
        return self._hold(self.sessions.take(session_id, owner), now)

    def accept_next(self, owner: object) -> Session | None:
        """Lock the session for `owner` that has been free with messages the longest; None if there is none."""
        now = self.advance()
        session = self.sessions.take_next(owner)
        return None if session is None else self._hold(session, now)

    def release(self, session: Session, owner: object) -> None:
        """Give a session back; its locked messages are free again and no delivery is counted."""
        if session.owner is owner:
            self._end_session(session, counted=False)

    def renew_session(self, session_id: str) -> int:
        """Hold a session for another lock duration; returns until when."""
        now = self.advance()
        return self._hold(self.sessions.held(session_id), now).until_ms

    def set_session_state(self, session_id: str, state: bytes | None) -> None:
        """Keep (or with None drop) what the holder of a session wants to find again."""
        now = self.advance()
        session = self.sessions.held(session_id)
        session.state, session.state_ms = state, now
        self._journal.save_session(self.name, session_id, state, now)

    def session_ids(self, updated_after_ms: int | None = None) -> list[str]:
        """List the sessions with active messages or a state; or those whose state was set after a time."""
        self.advance()
        with_state = {s.session_id: s.state_ms for s in self.sessions if s.session_id and s.state is not None}
        if updated_after_ms is not None:
            return sorted(name for name, state_ms in with_state.items() if state_ms > updated_after_ms)
        active = {m.session_id for m in self.messages.values() if m.session_id and m.state == "active"}
        return sorted(active | set(with_state))

    def _hold(self, session: Session, now: int) -> Session:
        session.until_ms = now + self.definition.lock_ms
        if session.session_id is not None:
            self.agenda.at(session.until_ms, partial(self._session_due, session.session_id))
        return session

    def _session_due(self, session_id: str, now: int) -> None:
        session = self.sessions.find(session_id)
        if session is not None and session.until_ms <= now:  # else it was released or renewed
            self._expire_session(session)

    def _expire_session(self, session: Session) -> None:
        if session.owner is not None:
            self.lost_owners.append(session.owner)
            self._end_session(session, counted=True)

    def _end_session(self, session: Session, *, counted: bool) -> None:
        for lock in list(session.locks.values()):
            self._unlock(lock, counted=counted)
        self.sessions.end(session)
