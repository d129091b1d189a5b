"""What the tests of the local Service Bus share: a running bus with queues of every kind, and the SDK's links to it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceivedMessage,
    ServiceBusReceiver,
    ServiceBusSender,
)
from azure.servicebus.amqp import AmqpAnnotatedMessage

from dev.servicebus import Bus, start

KINDS: dict[str, dict[str, object]] = {
    "plain": {"max_delivery_count": 3},
    "sessions": {"requires_session": True, "max_delivery_count": 3},
    "duplicates": {"duplicate_detection_window_seconds": 300},
    "session-duplicates": {"requires_session": True, "duplicate_detection_window_seconds": 300},
    "ageing": {"default_ttl_seconds": 0.3, "dead_letter_on_expiry": True},
}
COPIES = 20  # of each kind, so that every test of a module has a queue of its own
WAIT_SECONDS = 30  # the longest that a message may take; tests do not wait so long unless they fail


class RunningBus:
    """A bus with queues of every kind, handed out one to a test."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.connection_string = bus.connection_string
        self._numbers = {kind: iter(range(COPIES)) for kind in KINDS}

    def fresh(self, kind: str) -> str:
        """Name a queue that no test has used."""
        return f"{kind}-{next(self._numbers[kind])}"

    def counts(self, queue: str) -> dict[str, int]:
        counted: dict[str, int] = httpx.get(f"{self.bus.admin_url}/queues").raise_for_status().json()[queue]
        return counted

    def fault(self, **switches: int | bool) -> None:
        httpx.post(f"{self.bus.admin_url}/faults", json=switches).raise_for_status()


class Links:
    """Links of the SDK that stay open until the tests of a module end: closing one takes it half a second.

    `client` is for links that a test must close itself.
    """

    def __init__(self, client: ServiceBusClient) -> None:
        self.client = client
        self._open: list[ServiceBusSender | ServiceBusReceiver] = []
        self._senders: dict[str, ServiceBusSender] = {}

    def sender(self, queue: str) -> ServiceBusSender:
        """Give the one sender to a queue."""
        if queue not in self._senders:
            self._senders[queue] = self.client.get_queue_sender(queue)
            self._open.append(self._senders[queue])
        return self._senders[queue]

    def receiver(self, queue: str, **options: object) -> ServiceBusReceiver:
        receiver = self.client.get_queue_receiver(queue, **options)  # type: ignore[arg-type]  # the SDK's own options
        self._open.append(receiver)
        return receiver.__enter__()  # attaches the link; a session is held from now on

    def close(self) -> None:
        with ThreadPoolExecutor(max_workers=len(self._open) + 1) as pool:
            list(pool.map(lambda link: link.close(), self._open))


@contextmanager
def running_bus(data: Path) -> Iterator[RunningBus]:
    queues = {f"{kind}-{number}": options for kind, options in KINDS.items() for number in range(COPIES)}
    with start(data, queues) as bus:
        yield RunningBus(bus)


@contextmanager
def open_links(bus: Bus | RunningBus) -> Iterator[Links]:
    """Connect the SDK; it tries everything once."""
    with ServiceBusClient.from_connection_string(bus.connection_string, retry_total=0) as client:
        links = Links(client)
        try:
            yield links
        finally:
            links.close()


def send(links: Links, queue: str, *messages: ServiceBusMessage | AmqpAnnotatedMessage) -> None:
    sender = links.sender(queue)
    for message in messages:
        sender.send_messages(message)


def receive_exactly(receiver: ServiceBusReceiver, limit: int = 1) -> list[ServiceBusReceivedMessage]:
    """Receive exactly so many messages."""
    found: list[ServiceBusReceivedMessage] = []
    while len(found) < limit:
        more = receiver.receive_messages(limit - len(found), max_wait_time=WAIT_SECONDS)
        assert more, f"{len(found)} of {limit} messages came"
        found += more
    return found
