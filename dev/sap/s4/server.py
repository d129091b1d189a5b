"""Runs a system: in a thread of this process for tests, or for good from the command line."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from dev.sap.s4.gateway.app import App
from dev.sap.s4.gateway.system import System
from dev.sap.s4.settings import Settings
from dev.sap.s4.sim.control import application
from dev.sap.s4.sim.webhooks import Webhook

START_SECONDS_MAX = 20
CLIENT_SECONDS_MAX = 30


@dataclass(frozen=True, slots=True)
class Running:
    """A system that answers at `url`, e.g. 'http://127.0.0.1:40123', for this user and password."""

    url: str
    user: str
    password: str
    clients: list[httpx.Client] = field(default_factory=list)

    def service(self, name: str) -> str:
        """Return a service's root with its slash."""
        return f"{self.url}/sap/opu/odata/sap/{name}/"

    def client(self, service: str) -> httpx.Client:
        """Return a client of one service that is logged on, asks for JSON and has fetched its CSRF token."""
        client = self.anonymous(self.service(service))
        client.auth = (self.user, self.password)
        client.headers["x-csrf-token"] = client.head("", headers={"x-csrf-token": "Fetch"}).headers["x-csrf-token"]
        return client

    def anonymous(self, base: str = "") -> httpx.Client:
        """Return a client without a logon that asks for JSON; all clients are closed with the system."""
        headers = {"accept": "application/json"}
        self.clients.append(httpx.Client(base_url=base or self.url, headers=headers, timeout=CLIENT_SECONDS_MAX))
        return self.clients[-1]

    def sim(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  # any JSON
        """Call the control interface, e.g. `sim("POST", "faults", {"lose_answer": True})`, and return its JSON."""
        answer = httpx.request(method, f"{self.url}/sim/{path}", json=body, timeout=CLIENT_SECONDS_MAX)
        answer.raise_for_status()
        return answer.json() if answer.content else None


class _Announcing(uvicorn.Server):
    """A server that tells when its socket answers."""

    ready: Callable[[], Awaitable[None]]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        await self.ready()


@dataclass(slots=True)
class Server:
    """A bound socket and the application on it."""

    settings: Settings
    port: int = 0
    host: str = "127.0.0.1"
    seed_data: bool = True
    webhook: Webhook | None = None
    listening: socket.socket = field(init=False)
    serving: _Announcing = field(init=False)
    app: App = field(init=False)

    def __post_init__(self) -> None:
        system = System(self.settings, self.seed_data)
        self.app = App(system, application(system))
        # With an explicit protocol asyncio sets TCP_NODELAY; without it every answer waits 40 ms for a delayed ACK.
        self.listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listening.bind((self.host, self.port))
        config = uvicorn.Config(
            self.app, lifespan="off", ws="none", log_level="warning", access_log=False, timeout_graceful_shutdown=2
        )
        self.serving = _Announcing(config)

    @property
    def url(self) -> str:
        """Return the address it listens at."""
        host, port = self.listening.getsockname()[:2]
        return f"http://{host}:{port}"

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `serving.should_exit`; `ready` is called once requests are answered."""

        async def announce() -> None:
            if self.webhook is not None:
                await self.app.system.bus.register(self.webhook)
            ready()

        self.serving.ready = announce
        try:
            await self.serving.serve(sockets=[self.listening])
        finally:
            await self.app.close()
            self.listening.close()


@contextlib.contextmanager
def start(
    port: int = 0,
    *,
    seed_data: bool = True,
    settings: Path | None = None,
    events: str | None = None,
    events_headers: dict[str, str] | None = None,
    **switches: Any,  # noqa: ANN401  # any field of Settings
) -> Iterator[Running]:
    """Run a system in a thread while the block lasts; `switches` are fields of `Settings`, e.g. `page_size=5`."""
    webhook = Webhook(1, events, headers=events_headers or {}) if events else None
    server = Server(Settings.load(settings, **switches), port=port, seed_data=seed_data, webhook=webhook)
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(server.run(ready.set)), name="s4", daemon=True)
    thread.start()
    running = Running(server.url, server.settings.user, server.settings.password)
    try:
        if not ready.wait(START_SECONDS_MAX):
            raise TimeoutError(f"the S/4 simulator did not start within {START_SECONDS_MAX} s")
        yield running
    finally:
        for client in running.clients:
            client.close()
        server.serving.should_exit = True
        thread.join(START_SECONDS_MAX)
