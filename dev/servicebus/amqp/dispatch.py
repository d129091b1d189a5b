"""Delivers a queue's messages to the links that have credit, in turn, and finds sessions for who waits for one."""

from collections import deque
from uuid import UUID, uuid4

from proton import Delivery, Described, Sender, symbol

from dev.servicebus.amqp.codec import owned, render
from dev.servicebus.amqp.peer import Outlet
from dev.servicebus.amqp.refuse import close_link, condition_of
from dev.servicebus.queues.message import Clock, Message, Session
from dev.servicebus.queues.queue import Queue
from dev.servicebus.queues.refusals import NoSessionAvailable, NotAllowed, Refused, SessionLockLost

SESSION_FILTER = symbol("com.microsoft:session-filter")
TICKS_OF_1970 = 621_355_968_000_000_000  # .NET counts 100 ns from the year 1
NO_SESSIONS = "A sessionful message receiver cannot be created on an entity that does not require sessions."
SESSIONS_ONLY = "It is not possible for an entity that requires sessions to create a non-sessionful message receiver."
WAIT_MS_DEFAULT = 60_000  # when the client does not say how long it waits for a session


class Dispatch:
    """The receiving links of one queue."""

    def __init__(self, queue: Queue, clock: Clock) -> None:
        self.queue = queue
        self._clock = clock
        self._outlets: deque[Outlet] = deque()
        self._waiting: list[Outlet] = []

    @property
    def next_due_ms(self) -> int | None:
        """When `run` has something to do although nobody sends or asks."""
        dues = [outlet.wait_until_ms for outlet in self._waiting]
        if self.queue.agenda.next_due_ms is not None:
            dues.append(self.queue.agenda.next_due_ms)
        return min(dues, default=None)

    def attach(self, link: Sender) -> None:
        """Take a new receiving link; raises Refused."""
        filters = _filters(link)
        wants_session = SESSION_FILTER in filters
        if self.queue.definition.requires_session != wants_session:
            raise NotAllowed(NO_SESSIONS if wants_session else SESSIONS_ONLY)
        outlet = Outlet(self.queue, link, deletes=link.remote_snd_settle_mode == Sender.SND_SETTLED)
        if not wants_session:
            self._open(outlet, self.queue.sessions.lane)
            return
        asked = filters[SESSION_FILTER]
        session_id = asked.value if isinstance(asked, Described) else asked
        if session_id is not None:
            self._open(outlet, self.queue.accept(str(session_id), outlet))
            return
        wait_ms = (link.remote_properties or {}).get(symbol("com.microsoft:timeout"), WAIT_MS_DEFAULT)
        outlet.wait_until_ms = self._clock() + int(wait_ms)
        link.role = outlet
        self._waiting.append(outlet)

    def detach(self, outlet: Outlet, *, orderly: bool) -> None:
        """Forget a link. In order, it gives its session back; lost, the session stays locked until its lock expires."""
        if outlet in self._waiting:
            self._waiting.remove(outlet)
        if outlet in self._outlets:
            self._outlets.remove(outlet)
            if orderly and outlet.session is not None:
                self.queue.release(outlet.session, outlet)

    def run(self) -> None:
        """Do what has fallen due, serve who waits for a session, and deliver while there are messages and credit."""
        now = self.queue.advance()
        for outlet in list(self._waiting):
            session = self.queue.accept_next(outlet)
            if session is not None:
                self._waiting.remove(outlet)
                self._open(outlet, session)
            elif outlet.wait_until_ms <= now:
                self._waiting.remove(outlet)
                close_link(outlet.link, NoSessionAvailable("No session was available within the allotted time."))
        idle = 0
        while idle < len(self._outlets):  # until nobody in a whole round had credit and a message
            outlet = self._outlets[0]
            self._outlets.rotate(-1)
            idle = 0 if self._deliver(outlet) else idle + 1
        for outlet in self._outlets:
            if outlet.link.drain_mode and outlet.link.credit:
                outlet.link.drained()
        self._end_lost()

    def settled(self, delivery: Delivery, outlet: Outlet) -> None:
        """Carry out what the client decided on a delivery, and confirm it (or say why not)."""
        token: UUID | None = getattr(delivery, "lock_token", None)
        decided = delivery.remote_state not in (0, Delivery.RECEIVED)
        if token is None or outlet.session is None or not (decided or delivery.settled):
            return
        try:
            if not outlet.holds_session:
                raise SessionLockLost("The session lock has expired on the MessageSession.")
            self.queue.settle(token, *_outcome(delivery))
            delivery.update(delivery.remote_state)
        except Refused as refusal:
            delivery.local.condition = condition_of(refusal)
            delivery.update(Delivery.REJECTED)
        delivery.lock_token = None
        delivery.settle()

    def _end_lost(self) -> None:
        lost, self.queue.lost_owners = self.queue.lost_owners, []
        for outlet in [outlet for outlet in self._outlets if outlet in lost]:
            self._outlets.remove(outlet)
            close_link(outlet.link, SessionLockLost("The session lock has expired on the MessageSession."))

    def _open(self, outlet: Outlet, session: Session) -> None:
        link = outlet.link
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        if session.session_id is not None:
            chosen = link.source.filter
            chosen.clear()
            chosen.put_object({SESSION_FILTER: session.session_id})
            ticks = TICKS_OF_1970 + session.until_ms * 10_000
            link.properties = {symbol("com.microsoft:locked-until-utc"): ticks}
        outlet.session = session
        link.role = outlet
        link.open()
        self._outlets.append(outlet)

    def _deliver(self, outlet: Outlet) -> bool:
        link = outlet.link
        # a session can expire in this very turn, before its outlet is told: it may be another's already
        if outlet.session is None or not outlet.holds_session or link.credit <= 0:
            return False
        message = self.queue.receive(outlet.session, delete=outlet.deletes)
        if message is None:
            return False
        _transfer(link, message, deletes=outlet.deletes)
        return True


def _transfer(link: Sender, message: Message, *, deletes: bool) -> None:
    """Send a message; its delivery tag is the lock token in .NET's byte order."""
    token = uuid4() if message.lock is None else message.lock.token
    delivery = link.delivery(token.bytes_le)  # type: ignore[arg-type]  # annotated as str, takes bytes
    link.stream(render(message, locked=not deletes))
    link.advance()
    if deletes:
        delivery.settle()
    else:
        delivery.lock_token = token


def _filters(link: Sender) -> dict[object, object]:
    filters = link.remote_source.filter
    filters.rewind()
    found = filters.get_object() if filters.next() else None
    return found if isinstance(found, dict) else {}


def _plain(properties: object) -> dict[str, object]:
    """Turn a map with symbols for keys into application properties."""
    items = properties.items() if isinstance(properties, dict) else []
    return {str(key): owned(value) for key, value in items if value is not None}


def _outcome(delivery: Delivery) -> tuple[str, dict[str, object]]:
    """Read a client's decision: what becomes of the message, and the application properties to add."""
    match delivery.remote_state:
        case Delivery.ACCEPTED:
            return "completed", {}
        case Delivery.MODIFIED:
            outcome = "defered" if delivery.remote.undeliverable else "abandoned"
            return outcome, _plain(delivery.remote.annotations)
        case Delivery.REJECTED:
            condition = delivery.remote.condition
            return "suspended", _plain(condition.info if condition is not None else None)
    return "released", {}
