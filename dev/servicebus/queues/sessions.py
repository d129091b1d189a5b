"""Which sessions a queue has, which of them are free, and whose turn is next. Does not touch messages."""

from collections.abc import Iterator

from dev.servicebus.queues.message import Session
from dev.servicebus.queues.refusals import SessionLockLost, SessionTaken


class Sessions:
    """The sessions of one queue. A queue without sessions has a single one, its `lane`, with the id None."""

    def __init__(self) -> None:
        self.lane = Session(None)
        self._all: dict[str, Session] = {}
        self._free: dict[str, Session] = {}  # waiting messages and no owner; the first has been free the longest

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._all.values()))

    def get(self, session_id: str | None) -> Session:
        """Find a session, or begin it."""
        if session_id is None:
            return self.lane
        return self._all.setdefault(session_id, Session(session_id))

    def find(self, session_id: str) -> Session | None:
        """Find a session that has something: messages, a state or an owner."""
        return self._all.get(session_id)

    def held(self, session_id: str) -> Session:
        """Find a session that somebody holds; raises SessionLockLost if nobody does."""
        session = self.find(session_id)
        if session is None or session.owner is None:
            raise SessionLockLost(f"The lock on session '{session_id}' is not held. Accept the session again.")
        return session

    def offer(self, session: Session) -> None:
        """Put a session in line for receivers that take any, if it has something for them."""
        if session.session_id is not None and session.owner is None and session.waiting:
            self._free.setdefault(session.session_id, session)

    def take(self, session_id: str, owner: object) -> Session:
        """Give this session to `owner`; raises SessionTaken while another holds it."""
        session = self.get(session_id)
        if session.owner is not None:
            raise SessionTaken(
                f"The requested session '{session_id}' cannot be accepted. It may be locked by another receiver."
            )
        self._free.pop(session_id, None)
        session.owner = owner
        return session

    def take_next(self, owner: object) -> Session | None:
        """Give the session that has been free the longest to `owner`; None if no session has messages."""
        while self._free:
            session_id = next(iter(self._free))
            session = self._free.pop(session_id)
            if session.waiting:  # its messages may have expired while it stood in line
                session.owner = owner
                return session
        return None

    def end(self, session: Session) -> None:
        """Take the session from its owner; forget it if nothing is left in it."""
        session.owner = None
        session.until_ms = 0
        if session.waiting:
            self.offer(session)
        elif session.state is None and not session.locks and session.session_id is not None:
            self._all.pop(session.session_id, None)
