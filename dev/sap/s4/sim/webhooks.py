"""One registered webhook: its handshake, its queue, and the delivery of one request to it.

Rules of the CloudEvents web hook specification: an OPTIONS handshake with the origin before anything is sent.
"""

import base64
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

import httpx

TIMEOUT_SECONDS = 10
BACKLOG_MAX = 10_000
type State = Literal["new", "ready", "refused", "paused", "gone"]


@dataclass(slots=True)
class Pending:
    """An event on its way to a webhook."""

    event: dict[str, Any]
    attempts: int = 0


@dataclass(slots=True)
class Webhook:
    """Where events go and how: `mode` structured, binary or batched; `oauth` {token_url, client_id, client_secret}."""

    id: int
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    origin: str = "eventmesh.example"
    rate: int = 120
    mode: str = "structured"
    exempt: bool = False
    types: tuple[str, ...] = ()
    oauth: dict[str, str] | None = None
    state: State = "new"
    failures: int = 0
    delivered: int = 0
    dead: list[dict[str, Any]] = field(default_factory=list)
    backlog: deque[Pending] = field(default_factory=lambda: deque(maxlen=BACKLOG_MAX))
    token: str = ""

    def wants(self, event: dict[str, Any]) -> bool:
        """Tell whether the webhook subscribes to this type; no types means all, a trailing * is a wildcard."""
        kind = str(event["type"])
        return not self.types or any(
            kind.startswith(each[:-1]) if each.endswith("*") else kind == each for each in self.types
        )

    async def handshake(self, client: httpx.AsyncClient) -> None:
        """Ask for consent; without a fitting WebHook-Allowed-Origin the webhook stays refused."""
        if self.exempt:
            self.state = "ready"
            return
        asked = {"WebHook-Request-Origin": self.origin, "WebHook-Request-Rate": str(self.rate)}
        answer = await client.options(self.url, headers={**await self._headers(client), **asked})
        allowed = answer.headers.get("WebHook-Allowed-Origin", "").strip().lower()
        self.state = "ready" if answer.is_success and allowed in {"*", self.origin.lower()} else "refused"

    async def send(self, client: httpx.AsyncClient, events: list[dict[str, Any]]) -> httpx.Response:
        """Send one event, or several in batched mode."""
        headers = await self._headers(client)
        if self.mode == "binary":
            event = events[0]
            names = ("id", "source", "specversion", "type", "time")
            headers |= {f"ce-{name}": quote(str(event[name]), safe=" !#$&'()*+,-./:;<=>?@[]^_`{|}~") for name in names}
            headers["content-type"] = str(event["datacontenttype"])
            body: object = event["data"]
        elif self.mode == "batched":
            headers["content-type"] = "application/cloudevents-batch+json; charset=utf-8"
            body = events
        else:
            headers["content-type"] = "application/cloudevents+json; charset=utf-8"
            body = events[0]
        return await client.post(self.url, content=json.dumps(body).encode(), headers=headers)

    async def _headers(self, client: httpx.AsyncClient) -> dict[str, str]:
        if self.oauth is None:
            return dict(self.headers)
        if not self.token:
            given = f"{self.oauth['client_id']}:{self.oauth['client_secret']}".encode()
            basic = {"authorization": "Basic " + base64.b64encode(given).decode()}
            form = {"grant_type": "client_credentials", "scope": self.oauth.get("scope", "")}
            answer = await client.post(self.oauth["token_url"], data=form, headers=basic)
            answer.raise_for_status()
            self.token = str(answer.json()["access_token"])
        return {**self.headers, "authorization": f"Bearer {self.token}"}

    def describe(self) -> dict[str, Any]:
        """Return the webhook's standing for the control interface."""
        return {
            "id": self.id,
            "url": self.url,
            "mode": self.mode,
            "state": self.state,
            "failures": self.failures,
            "delivered": self.delivered,
            "backlog": len(self.backlog),
            "dead": [event["id"] for event in self.dead],
        }
