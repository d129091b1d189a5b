"""What the tests of the state store share: states on tables of their own, an eye on the wire, and full links."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from aiohttp import web
from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import AioHttpTransport

from dev import azurite
from shared.core.link import Base, Intent, JournalEntry, LineLink, Link, Problem
from shared.core.messages import partition
from shared.state.tables import TableState

NOW = datetime(2024, 3, 9, 14, 30, 15, 123456, tzinfo=UTC)
PAIR = "dataverse.account@s4.100.BusinessPartner"


@asynccontextmanager
async def table_state(storage: azurite.Azurite, **options: object) -> AsyncIterator[TableState]:
    """Open a state on tables that no other test uses."""
    chosen: dict[str, Any] = {"prefix": fresh_prefix(), "now": lambda: NOW, **options}
    state = TableState(storage.connection_string, **chosen)
    try:
        yield state
    finally:
        await state.close()


def fresh_prefix() -> str:
    return f"t{uuid4().hex}"


_PREFIX = re.compile("^t[0-9a-f]{32}")


class Wire(AioHttpTransport):
    """The SDK's own transport, which tells what was sent and can lose an answer on its way back."""

    def __init__(self) -> None:
        super().__init__(connection_timeout=5, read_timeout=20)
        self.sent: list[str] = []  # 'GET links', 'POST $batch'
        self.headers: list[dict[str, str]] = []
        self.answers_to_lose = 0

    async def send(self, request: Any, **options: Any) -> Any:
        path = request.url.partition("?")[0].partition("(")[0].rsplit("/", 1)[-1]
        self.sent.append(f"{request.method} {_PREFIX.sub('', path)}")
        self.headers.append(dict(request.headers))
        answer = await super().send(request, **options)
        if self.answers_to_lose:
            self.answers_to_lose -= 1
            raise ServiceResponseError("the connection broke before the answer came")
        return answer


@asynccontextmanager
async def answering(status: int, code: str, **headers: str) -> AsyncIterator[str]:
    """Serve one answer to everything, in the form of the table service; yields a connection string."""

    async def answer(_request: web.Request) -> web.Response:
        error = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": "told to fail"}}}
        return web.json_response(error, status=status, headers={"x-ms-error-code": code, **headers})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield azurite.connection_string(port, port, port)
    finally:
        await runner.cleanup()


def full_link(dynamics: str = "k", sap: str = "1000", lines: int = 2) -> Link:
    """Return a link with something in every member."""
    base = {"legal_name": Base("k1:aaaaaaaaaaaa", "k1:bbbbbbbbbbbb", "f0f0f0"), "größe": Base("", "", "")}
    return Link(
        pair=PAIR,
        dynamics=dynamics,
        sap=sap,
        status="linked",
        base=base,
        lines=tuple(LineLink(f"line {n}", str(n * 10), base, gone=n % 2 == 1) for n in range(lines)),
        parked=(Problem("tax", "sap", "refused s4 R1/384", "Länge 21, höchstens 20", ("d", "s"), NOW),),
        intents=(Intent("sap", "create", NOW, {"line 10.quantity": "k1:cc"}),),
        recent=((NOW, "sap legal_name", "k1:dd"),),
        versions={"dynamics": 2**40, "sap": 7},
        born={"dynamics": NOW - timedelta(days=400), "sap": NOW},
        linked_at=NOW,
        claimed_by="worker 1",
        claimed_until=NOW + timedelta(minutes=15),
    )


def entry(minutes: int = 0, reason: str = "legal_name moved") -> JournalEntry:
    """Return a journal entry with something in every member."""
    return JournalEntry(
        at=NOW + timedelta(minutes=minutes),
        correlation="corr-1",
        cause="event",
        side="dynamics",
        outcome="written",
        reason=reason,
        asked_by="anna@example.com",
        writes=("sap update",),
        fields={"sap legal_name": ("k1:aa", "k1:bb")},
        notes=("R1/019 Straße gekürzt",),
    )


def together(count: int) -> list[str]:
    """Return Dynamics keys of pairs that share a partition."""
    wanted = partition(PAIR, "first")
    candidates = (f"key-{n}" for n in range(count * 400))
    found = [key for key in candidates if partition(PAIR, key) == wanted]
    assert len(found) >= count
    return found[:count]
