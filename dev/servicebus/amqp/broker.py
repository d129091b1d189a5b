"""The events of AMQP connections, turned into calls on the queues. Touches no socket and no file."""

from proton import Connection, Delivery, Endpoint, Receiver, Sender, symbol, uint

from dev.servicebus.amqp.codec import unpack
from dev.servicebus.amqp.dispatch import Dispatch
from dev.servicebus.amqp.peer import (
    CBS,
    MANAGEMENT,
    Answers,
    Happening,
    Intake,
    Link,
    Outlet,
    Peer,
    Requests,
    node,
    role_of,
)
from dev.servicebus.amqp.refuse import close_link, condition_of
from dev.servicebus.amqp.requests import serve
from dev.servicebus.amqp.sending import MESSAGE_BYTES_MAX, send
from dev.servicebus.faults import Faults
from dev.servicebus.queues.message import Clock
from dev.servicebus.queues.namespace import Namespace
from dev.servicebus.queues.queue import Queue
from dev.servicebus.queues.refusals import Refused

CREDIT = 300  # sends that a client may have under way on one link


class Broker:
    """Handles Proton's events (`on_...`); `run` does what has fallen due and delivers."""

    def __init__(self, namespace: Namespace, clock: Clock, faults: Faults) -> None:
        self.namespace = namespace
        self.faults = faults
        self._dispatches = {queue.name: Dispatch(queue, clock) for queue in namespace}

    @property
    def next_due_ms(self) -> int | None:
        """When `run` has something to do although no client says anything."""
        dues = [dispatch.next_due_ms for dispatch in self._dispatches.values()]
        return min((due for due in dues if due is not None), default=None)

    def run(self) -> None:
        """Let every queue do what it can."""
        for dispatch in self._dispatches.values():
            dispatch.run()

    # ------------------------------------------------------------------ connections and sessions

    def on_connection_remote_open(self, event: Happening) -> None:
        """Answer the opening of a connection."""
        event.connection.container = "local-service-bus"
        event.connection.open()

    def on_session_remote_open(self, event: Happening) -> None:
        """Answer the opening of an AMQP session."""
        event.session.open()

    def on_session_remote_close(self, event: Happening) -> None:
        """Give back what the session's links hold, and answer."""
        for link in _links(event.connection):
            if link.session == event.session:
                self._leave(link, orderly=True)
        event.session.close()
        event.session.free()

    def on_connection_remote_close(self, event: Happening) -> None:
        """Give back what the connection's links hold, and answer."""
        for link in _links(event.connection):
            self._leave(link, orderly=True)
        event.connection.close()

    def on_transport_closed(self, event: Happening) -> None:
        """Forget the links of a connection that is gone; sessions stay locked if nobody said good-bye."""
        for link in _links(event.connection):
            self._leave(link, orderly=False)
        event.connection.peer = None  # it knows the wire, which knows the connection: the circle would never be freed

    # ------------------------------------------------------------------ links

    def on_link_remote_open(self, event: Happening) -> None:
        """Attach a link to what its address names, or refuse it."""
        link = event.link
        if not link.state & Endpoint.LOCAL_UNINIT:
            return
        link.snd_settle_mode = link.remote_snd_settle_mode
        link.rcv_settle_mode = link.remote_rcv_settle_mode
        try:
            self._attach(link, node((link.remote_target if link.is_receiver else link.remote_source).address))
        except Refused as refusal:
            close_link(link, refusal)

    def on_link_remote_close(self, event: Happening) -> None:
        """Give back what the link holds, and answer."""
        self._leave(event.link, orderly=True)
        event.link.close()
        event.link.free()

    def on_link_remote_detach(self, event: Happening) -> None:
        """Treat a detached link as a closed one: nothing here outlives its link."""
        self.on_link_remote_close(event)

    def _attach(self, link: Link, address: str) -> None:
        lowered = address.lower()
        if lowered == CBS or lowered.endswith(MANAGEMENT):
            link.role = Requests(lowered) if isinstance(link, Receiver) else Answers(lowered)
            if isinstance(link, Sender):
                link.connection.peer.answers.append(link)
        elif isinstance(link, Sender):
            queue = self.namespace.find(address)
            self._dispatches[queue.name].attach(link)
            return
        else:
            link.role = Intake(self.namespace.find(address))
            link.max_message_size = MESSAGE_BYTES_MAX
            link.properties = {symbol("com.microsoft:max-message-batch-size"): uint(MESSAGE_BYTES_MAX)}
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        link.open()
        if isinstance(link, Receiver):
            link.flow(CREDIT)

    def _leave(self, link: Link, *, orderly: bool) -> None:
        role = role_of(link)
        link.role = None
        if isinstance(role, Outlet):
            self._dispatches[role.queue.name].detach(role, orderly=orderly)
        elif isinstance(role, Answers):
            link.connection.peer.answers.remove(link)

    # ------------------------------------------------------------------ deliveries

    def on_delivery(self, event: Happening) -> None:
        """Take in what a client sends or asks, or carry out what it decided on a message."""
        link, delivery, role = event.link, event.delivery, role_of(event.link)
        if isinstance(role, Outlet):
            if delivery.updated:
                self._dispatches[role.queue.name].settled(delivery, role)
            return
        if not isinstance(link, Receiver) or delivery.partial or not delivery.readable:
            return
        raw = bytes(link.recv(delivery.pending) or b"")
        link.advance()
        if link.credit < CREDIT // 2:
            link.flow(CREDIT - link.credit)
        match role:
            case Intake():
                self._take_in(link.connection.peer, delivery, role.queue, raw)
            case Requests():
                delivery.update(Delivery.ACCEPTED)
                delivery.settle()
                serve(link, role.address, raw, self.namespace, self.faults)

    def _take_in(self, peer: Peer, delivery: Delivery, queue: Queue, raw: bytes) -> None:
        try:
            send(queue, unpack(raw), self.faults)
            delivery.update(Delivery.ACCEPTED)
        except Refused as refusal:
            delivery.local.condition = condition_of(refusal)
            delivery.update(Delivery.REJECTED)
        delivery.settle()
        if self.faults.strikes("lose_next_answers"):
            peer.cut()


def _links(connection: Connection) -> list[Link]:
    found = []
    link = connection.link_head(0)
    while link is not None:
        found.append(link)
        link = link.next(0)
    return found
