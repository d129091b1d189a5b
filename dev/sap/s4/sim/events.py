"""Sends business events as CloudEvents: at least once, unordered, with redelivery and a pause after failures.

Events are raised by every committed write, whoever made it. The queue lives in memory and is bounded.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import uuid4

import httpx

from dev.sap.s4.rules.stamps import Event
from dev.sap.s4.settings import Settings
from dev.sap.s4.sim.webhooks import TIMEOUT_SECONDS, Pending, Webhook

RAISED_MAX = 10_000
HANDSHAKES_MAX = 30
HANDSHAKE_WAIT_SECONDS_MAX = 5
PARALLEL_MAX = 4
BATCH_MAX = 10
_STOP, _SLOW, _NO_TOKEN = 410, 429, 401


@dataclass(slots=True)
class EventBus:
    """All webhooks and their sender tasks; `behaviour` tells how events are mistreated right now."""

    settings: Settings
    behaviour: Callable[[], dict[str, Any]]
    rng: Random = field(default_factory=lambda: Random(2))
    webhooks: list[Webhook] = field(default_factory=list)
    raised: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=RAISED_MAX))
    held: list[dict[str, Any]] = field(default_factory=list)
    _tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _client: httpx.AsyncClient | None = None

    def publish(self, events: list[Event]) -> None:
        """Raise events; call from the event loop, after the commit."""
        for each in events:
            event = {
                "type": each.type,
                "specversion": "1.0",
                "source": self.settings.event_source,
                "id": str(uuid4()),
                "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "datacontenttype": "application/json",
                "data": dict(each.data),
            }
            self.raised.append(event)
            self._spread(event)

    def _spread(self, event: dict[str, Any]) -> None:
        behaviour = self.behaviour()
        if behaviour.get("hold"):
            self.held.append(event)
            return
        if self.rng.random() < behaviour.get("drop", 0):
            return
        for webhook in self.webhooks:
            if webhook.wants(event) and webhook.state != "gone":
                for _ in range(1 + int(behaviour.get("duplicate", 0))):
                    webhook.backlog.append(Pending(event))
                self.wake(webhook)

    def release(self) -> int:
        """Let the held events go, shuffled if events are to be reordered; return how many."""
        held, self.held = self.held, []
        if self.behaviour().get("reorder"):
            self.rng.shuffle(held)
        for event in held:
            self._spread(event)
        return len(held)

    def repeat(self, event: dict[str, Any]) -> None:
        """Send any event as it is given: an old one again, an unknown type, a broken one."""
        self._spread(event)

    def wake(self, webhook: Webhook) -> None:
        """Start the webhook's sender unless it is at work."""
        task = self._tasks.get(webhook.id)
        if webhook.backlog and webhook.state in {"new", "ready"} and (task is None or task.done()):
            self._tasks[webhook.id] = asyncio.get_running_loop().create_task(self._drain(webhook))

    async def register(self, webhook: Webhook) -> None:
        """Add a webhook and try its handshake once; an unreachable one is asked again before the first delivery."""
        self.webhooks.append(webhook)
        try:
            await webhook.handshake(self.client())
        except httpx.HTTPError:
            webhook.state = "new"

    def clear(self) -> None:
        """Forget all events and webhooks; what is on its way to one is not repeated."""
        self.raised.clear()
        self.held.clear()
        for webhook in self.webhooks:
            webhook.state = "gone"
            webhook.backlog.clear()
        self.webhooks.clear()

    def client(self) -> httpx.AsyncClient:
        """Return the client that all deliveries share."""
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
        return self._client

    async def close(self) -> None:
        """Stop all senders."""
        tasks = [task for task in self._tasks.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _drain(self, webhook: Webhook) -> None:
        await self._consent(webhook)
        while webhook.backlog and webhook.state == "ready":
            if self.behaviour().get("reorder"):
                self.rng.shuffle(webhook.backlog)
            if webhook.mode == "batched":
                groups = [self._take(webhook, BATCH_MAX)]
            else:
                groups = [self._take(webhook, 1) for _ in range(min(PARALLEL_MAX, len(webhook.backlog)))]
            await asyncio.gather(*(self._deliver(webhook, group) for group in groups))

    async def _consent(self, webhook: Webhook) -> None:
        for attempt in range(HANDSHAKES_MAX):
            if webhook.state != "new":
                return
            try:
                await webhook.handshake(self.client())
            except httpx.HTTPError:
                wait_seconds = self.settings.event_backoff_seconds * 2**attempt
                await asyncio.sleep(min(wait_seconds, HANDSHAKE_WAIT_SECONDS_MAX))
        webhook.state = "paused" if webhook.state == "new" else webhook.state

    def _take(self, webhook: Webhook, count_max: int) -> list[Pending]:
        return [webhook.backlog.popleft() for _ in range(min(count_max, len(webhook.backlog)))]

    async def _deliver(self, webhook: Webhook, group: list[Pending]) -> None:
        try:
            answer = await webhook.send(self.client(), [pending.event for pending in group])
        except httpx.HTTPError:
            await self._again(webhook, group, self._backoff(group))
            return
        if answer.is_success:
            webhook.delivered += len(group)
            webhook.failures = 0
        elif answer.status_code == _STOP:
            webhook.state = "gone"
            webhook.backlog.clear()
        else:
            if answer.status_code == _NO_TOKEN:
                webhook.token = ""
            wait = answer.headers.get("retry-after", "") if answer.status_code == _SLOW else ""
            await self._again(webhook, group, float(wait) if wait.isdigit() else self._backoff(group))

    def _backoff(self, group: list[Pending]) -> float:
        return float(self.settings.event_backoff_seconds * 2 ** min(group[0].attempts, 6))

    async def _again(self, webhook: Webhook, group: list[Pending], wait_seconds: float) -> None:
        if webhook.state == "gone":
            return
        webhook.failures += 1
        if webhook.failures >= self.settings.event_pause_after:
            webhook.state = "paused"
        for pending in group:
            pending.attempts += 1
            if pending.attempts < self.settings.event_attempts or webhook.state == "paused":
                webhook.backlog.append(pending)
            else:
                webhook.dead.append(pending.event)
        if webhook.state != "paused":
            await asyncio.sleep(wait_seconds)

    def resume(self, webhook: Webhook) -> None:
        """Let a paused webhook go on."""
        if webhook.state in {"paused", "refused"}:
            webhook.state, webhook.failures = "new", 0
            self.wake(webhook)
