"""The app of Service Bus triggers on a local host and a local bus: what the tests of both need."""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from azure.servicebus import ServiceBusMessage

from dev.host import Host
from dev.servicebus import Bus
from tests.contract.host.journal import noted
from tests.contract.servicebus.running import Links
from tests.waiting import until

APP = Path(__file__).parent / "apps" / "bus"
LOCK_SECONDS = 5
DELIVERIES_MAX = 3
OPTIONS = {"lock_duration_seconds": LOCK_SECONDS, "max_delivery_count": DELIVERIES_MAX}
QUEUES = {"ordered": {**OPTIONS, "requires_session": True}, **dict.fromkeys(("plain", "raw", "batch", "in"), OPTIONS)}


def message(body: object = "x", **options: object) -> ServiceBusMessage:
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return ServiceBusMessage(text, **{"message_id": uuid.uuid4().hex, **options})


def settings(bus: Bus, folder: Path) -> dict[str, str]:
    """What the app needs; its journal is in `folder`."""
    journal = folder / "journal"
    journal.touch()
    return {"SESSIONS_QUEUE": "ordered", "Bus": bus.connection_string, "JOURNAL": str(journal)}


@dataclass(frozen=True, slots=True)
class Scene:
    """A host, its bus with the test's own links to it, and the folder with the journal of what its functions saw."""

    host: Host
    bus: Bus
    folder: Path
    links: Links

    def send(self, queue: str, *messages: ServiceBusMessage) -> None:
        for each in messages:
            self.links.sender(queue).send_messages(each)

    def lines(self, event: str, messages: Sequence[ServiceBusMessage] = ()) -> list[dict]:
        ids = {each.message_id for each in messages}
        return [
            line
            for line in noted(self.folder / "journal")
            if line["event"] == event and (not ids or line.get("message_id") in ids)
        ]

    def began(self, messages: Sequence[ServiceBusMessage] = ()) -> list[dict]:
        return self.lines("began", messages)

    def ended(self, messages: Sequence[ServiceBusMessage]) -> list[dict]:
        """Wait until all have been worked off."""
        self.until(lambda: len(self.lines("ended", messages)) >= len(messages), f"the end of {len(messages)}")
        return self.lines("ended", messages)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        until(holds, what, words=lambda: self.host.log()[-3000:])

    def counts(self, queue: str) -> dict[str, int]:
        """What is in a queue, e.g. {"active": 1, "locked": 0, "dead_letter": 0, ...}."""
        counted: dict[str, int] = httpx.get(f"{self.bus.admin_url}/queues").raise_for_status().json()[queue]
        return counted
