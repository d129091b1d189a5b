"""The whole app with its real functions and its real state code, between two systems, a table and a bus in memory."""

import asyncio
import inspect
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import azure.functions as func
from azure.functions.servicebus import ServiceBusMessage

from dev.dynamics.dataverse.core.settings import ORGANIZATION_ID
from shared.core.messages import decode_all, encode_all
from shared.core.model import Change, Selection
from shared.errors import BadRequest
from shared.ports import App, Entrance, Message, Scan, Term
from shared.state.links import Links
from shared.state.tables import TableState
from shared.triggers.process import take
from shared.wiring import WORKER
from tests.functions import FUNCTIONS as LISTED
from tests.fuzz.spoiled import CALL_SECONDS
from tests.fuzz.table import StrictTable
from tests.laws.flows import FLOWS
from tests.laws.world import D1, D2, SEAL, LawSystem
from tests.sim.memory_bus import MemoryBus
from tests.sim.world import Clock

FLOW, SECRET, OPS_KEY = "s4/partner", "a secret", "a-key-of-operators"
MESSAGE_BYTES_MAX = 256 * 1024  # Service Bus, standard tier; session and message ids have 128 characters
ID_CHARACTERS_MAX = 128
CALLS_MAX = 400
FUNCTIONS: Mapping[str, Callable[..., Any]] = {f.get_function_name(): f for f in LISTED}
ENTRANCES = {
    "dataverse account": (Entrance("s4/partner"),),
    "dataverse order": (Entrance("s4/order"),),
    "dataverse orderline": (Entrance("s4/order", "orderid"),),
    "s4 Partner": (Entrance("s4/partner"),),
    "s4 Order": (Entrance("s4/order"),),
}


FURNITURE: list[Any] = []  # what `furnished` has put in, once a process


class StrictBus(MemoryBus):
    """Refuses what Service Bus would not carry, and hands every change over as it is read from the wire."""

    async def send(self, messages: Sequence[Message]) -> None:
        for one in messages:
            body = encode_all((one.change, *one.also))
            assert len(body) + len(one.change.correlation) < MESSAGE_BYTES_MAX, "the message is too large"
            assert all(0 < len(each) <= ID_CHARACTERS_MAX for each in (one.session, one.id))
            assert _read(body) == (one.change, *one.also), f"read as {_read(body)}, written as {one}"
        await super().send(messages)


def _read(body: bytes) -> tuple[Change, ...]:
    return decode_all(body)


class AskedSystem(LawSystem):
    """Refuses a term that it cannot be asked, as both connectors do."""

    async def scan(self, selection: Selection, where: Sequence[Term], token: str) -> Scan:
        unknown = [one.column for one in where if one.column and one.column not in selection.columns]
        if unknown:
            raise BadRequest(f"{unknown[0]} is no column to choose by")
        try:
            return await super().scan(selection, where, token)
        except TypeError as error:
            raise BadRequest("found a value of another type") from error


@dataclass(frozen=True)
class Answer:
    """What a caller gets."""

    status: int
    headers: Mapping[str, str]
    body: Any


class House:
    """One app, set as this process's worker; `spent` checks each call's time."""

    def __init__(self) -> None:
        clock = Clock()
        self.table, self.bus = StrictTable(), StrictBus(clock)
        self.crm, self.erp = AskedSystem("dynamics", clock, etags=True), AskedSystem("sap", clock, etags=False)
        self.erp.number = "Number"
        state = TableState("none", now=clock)
        table: Any = self.table
        state._opened = table, Links(table)
        self.app = App(
            flows=FLOWS,
            systems={"dataverse": self.crm, "s4": self.erp},
            state=state,
            bus=self.bus,
            seal=SEAL,
            now=clock,
            chance=lambda: 0.5,
            entrances=ENTRANCES,
            identities={"dataverse": ORGANIZATION_ID, "s4": "S4H/100"},
        )
        WORKER._app = self.app

    def furnished(self) -> "House":
        """Put in a linked pair whose city clashes and one whose street SAP refuses, as they were the first time."""
        if not FURNITURE:
            self._furnish()
            FURNITURE.extend((dict(self.table.rows), deepcopy(self.crm.rows), deepcopy(self.erp.rows)))
        rows, crm, erp = FURNITURE
        self.table.rows, self.crm.rows, self.erp.rows = dict(rows), deepcopy(crm), deepcopy(erp)
        self.bus.queue.clear()
        return self

    def _furnish(self) -> None:
        for key, street in ((D1, "Good"), (D2, "Bad 7")):
            self.crm.put(key, {"accountid": key, "name": "Firm", "kind": 3, "street": street, "city": "Oslo"})
        self.erp.refuses = lambda values: "not valid" if str(values.get("road")).startswith("Bad") else ""
        for key in (D1, D2):
            asyncio.run(self._take(Change(FLOW, "dynamics", key, f"o {key}", f"c-{key}")))
        self.crm.edit(D1, city="Rome")
        self.erp.edit(next(iter(self.erp.rows)), town="Bath")
        asyncio.run(self._take(Change(FLOW, "dynamics", D1, "o 2", "c-2")))

    async def _take(self, change: Change) -> None:
        await take(encode_all((change,)), self.app)

    def ask(self, name: str, **said: Any) -> Answer:
        """Call an HTTP function; `said` are body, headers, params and route_params."""
        headers = {"x-functions-key": OPS_KEY, **said.get("headers", {})}
        request = func.HttpRequest("POST", "/api", **{"body": b"", **said, "headers": headers})
        found = self._run(name, request)
        assert isinstance(found, func.HttpResponse), found
        raw = found.get_body()
        headers = {str(k).lower(): str(v) for k, v in found.headers.items()}
        return Answer(found.status_code, headers, json.loads(raw) if raw else None)

    def deliver(self, name: str, body: bytes, **properties: Any) -> None:
        """Hand a message to a queue's function; raises what that raises."""
        told = {"message_id": "id-1", "application_properties": {}, "user_properties": {}, **properties}
        self._run(name, ServiceBusMessage(body=bytes(body), enqueued_time_utc=self.app.now(), **told))

    def _run(self, name: str, argument: Any) -> Any:
        started = time.process_time()
        found = FUNCTIONS[name].get_user_function()(argument)
        if inspect.isawaitable(found):
            found = asyncio.run(_awaited(found))
        spent = time.process_time() - started
        assert spent < CALL_SECONDS, f"{name} took {spent:.1f} s"
        return found

    def changes(self) -> list[Change]:
        """Return what is on the bus."""
        return [one for d in self.bus.queue for one in (d.message.change, *d.message.also)]

    def work_off(self) -> None:
        """Work on what is due on the bus; a bug raises."""
        for _ in range(CALLS_MAX):
            taken = self.bus.receive("changes") or self.bus.receive("backfill")
            if taken is None:
                return
            asyncio.run(take(encode_all((taken.message.change, *taken.message.also)), self.app))
            self.bus.complete(taken)
        raise AssertionError("no end")


async def _awaited(work: Any) -> Any:
    return await work


def routes() -> Iterator[tuple[str, str]]:
    """Yield every HTTP function of the app with its route."""
    for name, function in FUNCTIONS.items():
        trigger: Any = function.get_trigger()  # type: ignore[attr-defined]
        if trigger.type == "httpTrigger":
            yield name, str(trigger.route)


@contextmanager
def at_home() -> Iterator[None]:
    """Give the process's worker back as it was."""
    before = WORKER._app
    try:
        yield
    finally:
        WORKER._app = before
