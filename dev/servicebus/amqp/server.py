"""Sockets and time for the broker: asyncio carries the bytes, Qpid Proton reads and writes AMQP in them.

Everything that arrives in one turn of the event loop is handled together, then committed, and only then does any byte
leave. So an acknowledged message is on file, and many senders share one commit.
"""

import asyncio
import time
from collections.abc import Callable

from proton import Collector, Connection, ProtonException, Transport

from dev.servicebus.amqp.broker import Broker
from dev.servicebus.amqp.peer import Peer
from dev.servicebus.queues.message import Clock

FRAME_BYTES_MAX = 65_536  # as Service Bus announces
PUSH_BYTES = 16_384


class Wire(asyncio.Protocol):
    """One client's TCP connection."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._socket: asyncio.Transport | None = None
        self._amqp = Transport(Transport.SERVER)
        self._amqp.max_frame_size = FRAME_BYTES_MAX
        self._connection = Connection()
        self._connection.peer = Peer(cut=self.cut)
        self._connection.collect(server.collector)
        self._amqp.bind(self._connection)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        if isinstance(transport, asyncio.Transport):
            self._socket = transport
        self._server.wires.add(self)

    def data_received(self, data: bytes) -> None:
        """Hand bytes to Proton, which turns them into events."""
        at = 0
        while at < len(data):
            capacity = self._amqp.capacity()
            if capacity < 0:  # the peer has said that it is finished, or spoke nonsense
                break
            if capacity == 0:  # let what is there be handled first
                self._server.turn()
                if self._amqp.capacity() <= 0:
                    break
                continue
            chunk = data[at : at + min(capacity, PUSH_BYTES)]
            self._amqp.push(chunk)
            at += len(chunk)
        self._server.wake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - what ended it makes no difference
        """Tell Proton that the socket is gone."""
        self._server.wires.discard(self)
        self._socket = None
        for close in (self._amqp.close_tail, self._amqp.close_head):
            try:
                close()
            except ProtonException:  # the stream ended in the middle of a frame
                continue
        self._server.wake()

    def cut(self) -> None:
        """Drop the connection without a word, as a broken network does."""
        if self._socket is not None:
            self._socket.abort()
            self._socket = None

    def flush(self) -> None:
        """Write what Proton has to say."""
        pending = self._amqp.pending()
        while pending > 0 and self._socket is not None:
            self._socket.write(self._amqp.peek(pending) or b"")
            self._amqp.pop(pending)
            pending = self._amqp.pending()
        if pending < 0 and self._socket is not None:
            self._socket.close()

    def tick(self, now: float) -> float:
        """Send a heartbeat if one is due; returns when the next is, 0 = never."""
        return self._amqp.tick(now)

    def close(self) -> None:
        """Take leave of the client."""
        self._connection.close()


class Server:
    """All connections of one broker, on the running event loop."""

    def __init__(self, broker: Broker, clock: Clock, commit: Callable[[], None]) -> None:
        self.collector = Collector()
        self.wires: set[Wire] = set()
        self._broker = broker
        self._clock = clock
        self._commit = commit
        self._loop = asyncio.get_running_loop()
        self._woken = False
        self._timer: asyncio.TimerHandle | None = None
        self._listener: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Open the port (0 = any that is free); returns it."""
        self._listener = await self._loop.create_server(lambda: Wire(self), host, port)
        listening: int = self._listener.sockets[0].getsockname()[1]
        return listening

    def wake(self) -> None:
        """Have a turn as soon as everything that has arrived is read."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self.turn)

    def turn(self) -> None:
        """Handle what has arrived and fallen due, make it durable, then let the answers out."""
        self._woken = False
        self._handle_events()
        self._broker.run()
        self._handle_events()
        self._commit()
        due = self._flush()
        if self.collector.peek() is not None:  # writing it out had consequences
            self.wake()
        self._set_timer(due)

    def cut_all(self) -> None:
        """Drop every connection without a word."""
        for wire in list(self.wires):
            wire.cut()

    async def close(self) -> None:
        """Stop listening and take leave of every client."""
        if self._listener is not None:
            self._listener.close()
        for wire in self.wires:
            wire.close()
        self.turn()
        if self._timer is not None:
            self._timer.cancel()

    def _handle_events(self) -> None:
        event = self.collector.peek()
        while event is not None:
            handle = getattr(self._broker, event.type.method, None)
            if handle is not None:
                handle(event)
            self.collector.pop()
            event = self.collector.peek()

    def _flush(self) -> float:
        """Write to every connection; returns how many seconds remain until the next heartbeat, or infinity."""
        now = time.monotonic()
        soonest = float("inf")
        for wire in list(self.wires):
            due = wire.tick(now)
            soonest = min(soonest, due - now if due else soonest)
            wire.flush()
        return soonest

    def _set_timer(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due_ms = self._broker.next_due_ms
        if due_ms is not None:
            seconds = min(seconds, (due_ms - self._clock()) / 1000)
        self._timer = None if seconds == float("inf") else self._loop.call_later(max(0.0, seconds), self.turn)
