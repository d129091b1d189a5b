"""A small world in memory where a test says what happens between which two calls.

Two systems, a table and a bus without a wire. Every call of the app follows `script.py`: a person edits in between,
another worker runs, this one dies, an answer is lost.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shared.core.digest import Seal
from shared.core.link import JournalEntry, Link
from shared.core.model import Answer, Cause, Change, LineWrite, Record, Scalar, Selection, Side, Values
from shared.core.plan import Limits, Plan
from shared.errors import Complaint, Refused
from shared.mapping.flow import Flow
from shared.pipeline import sync
from shared.ports import App
from shared.settlement import Settled, settle
from tests.laws.flows import FLOWS
from tests.laws.script import Script, Scripted
from tests.sim.memory_bus import MemoryBus
from tests.sim.memory_state import MemoryState
from tests.sim.world import Clock, Row, SimSystem

SEAL = Seal("k1", {"k1": b"0123456789abcdef"})
D1, D2, D3 = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
NEXT_MAX = 60
AN_HOUR_SECONDS = 3_601


@dataclass
class LawSystem(SimSystem):
    """Adds complaints that name columns and lines, merges, and line keys that are never used twice."""

    objects_to: Callable[[Values, Sequence[LineWrite]], tuple[Complaint, ...]] = lambda _values, _lines: ()
    merged: dict[str, str] = field(default_factory=dict)
    line_number: int = 0
    takes_zeros: bool = False  # SAP's ALPHA conversion: '0001000001' is 1000001

    async def read(self, selection: Selection, key: str) -> Record | None:
        return await super().read(selection, key.lstrip("0") if self.takes_zeros else key)

    async def create(self, selection: Selection, values: Values, lines: Sequence[LineWrite], key: str = "") -> Answer:
        self._object(values, lines)
        return await super().create(selection, values, lines, key)

    async def update(self, selection: Selection, before: Record, values: Values, lines: Sequence[LineWrite]) -> Answer:
        self._object(values, lines)
        return await super().update(selection, before, values, lines)

    def _object(self, values: Values, lines: Sequence[LineWrite]) -> None:
        if complaints := self.objects_to(values, lines):
            raise Refused("no", complaints)

    def _add_line(self, row: Row, values: dict[str, Scalar]) -> None:
        self.line_number += 10
        key = str(values.pop("key", self.line_number))
        row.lines[key] = {**self._formed(values), **({"item": key} if self.side == "sap" else {})}

    def _record(self, key: str) -> Record:
        return replace(super()._record(key), merged_into=self.merged.get(key, ""))


class World:
    """Two systems, a worker that follows the script (`app`), and one that does not (`rival`)."""

    def __init__(
        self, *, sap_etags: bool = False, flows: Mapping[str, Flow] = FLOWS, limits: Limits | None = None
    ) -> None:
        self.clock = Clock()
        self.crm = LawSystem("dynamics", self.clock, etags=True)
        self.erp = LawSystem("sap", self.clock, etags=sap_etags, number="Number")
        self.state, self.bus, self.script = MemoryState(), MemoryBus(self.clock), Script()
        ports = {"crm": self.crm, "erp": self.erp, "state": self.state, "bus": self.bus}
        self.app = self._app(flows, {name: Scripted(name, one, self.script) for name, one in ports.items()}, limits)
        self.rival = self._app(flows, ports, limits)
        self._number = 0

    def _app(self, flows: Mapping[str, Flow], ports: Mapping[str, Any], limits: Limits | None) -> App:
        return App(
            flows=flows,
            systems={"dataverse": ports["crm"], "s4": ports["erp"]},
            state=ports["state"],
            bus=ports["bus"],
            seal=SEAL,
            now=self.clock,
            chance=lambda: 0.5,
            limits=limits or Limits(),
        )

    # ------------------------------------------------------------------------------------------------ what there is

    def account(self, key: str = D1, **values: Scalar) -> str:
        """A person enters an account that takes part."""
        return self.crm.put(key, {"accountid": key, "name": "Firm", "kind": 3, **values})

    def partner(self, **values: Scalar) -> str:
        """A person enters a partner that takes part; returns its number."""
        return self.erp.put("", {"category": "2", "name1": "Firm", "search": "FIRM", **values})

    def order(self, *lines: Mapping[str, Scalar], key: str = D3, **values: Scalar) -> str:
        """A person submits an order of account `D1`."""
        return self.crm.put(key, {"ordernumber": "ORD1", "customer": D1, "state": 1, **values}, lines)

    async def linked(self, key: str = D1, **values: Scalar) -> tuple[str, str]:
        """Return both keys of an account and its partner, in step."""
        return await self.pair("s4/partner", self.account(key, **values))

    async def linked_order(self, *lines: Mapping[str, Scalar], **values: Scalar) -> tuple[str, str]:
        """Return both keys of an order and its SAP order, in step; account `D1` is linked as well."""
        if D1 not in self.crm.rows:
            await self.linked()
        return await self.pair("s4/order", self.order(*lines, **values))

    async def pair(self, flow: str, key: str) -> tuple[str, str]:
        """Sync a Dynamics record until it is linked, and let an hour pass; return both keys."""
        await self.sync(key, flow=flow, app=self.rival)
        self.clock.move(AN_HOUR_SECONDS)
        link = await self.link(key, flow)
        assert link.status == "linked", link
        return key, link.sap

    async def link(self, key: str = D1, flow: str = "s4/partner") -> Link:
        found = await self.state.link(FLOWS[flow].pair, "dynamics", key)
        assert found is not None, f"no link row for {key}"
        return found

    async def journal(self, key: str = D1, flow: str = "s4/partner") -> tuple[JournalEntry, ...]:
        return await self.state.journal(FLOWS[flow].pair, key, 100)

    async def parked(self, key: str, side: Side = "dynamics", flow: str = "s4/partner") -> tuple[str, ...]:
        """Return the causes that the list shows an operator for a record."""
        found = await self.state.parked(flow, 1_000)
        return tuple(p.cause for one in found if (one.side, one.key) == (side, key) for p in one.problems)

    async def stuck(self, key: str = D1, flow: str = "s4/partner") -> dict[str, str]:
        """Return the parked fields of a pair with their causes."""
        return {p.field: p.cause for p in (await self.link(key, flow)).parked}

    # ----------------------------------------------------------------------------------------------- what happens

    def change(self, key: str = D1, side: Side = "dynamics", flow: str = "s4/partner", **more: Any) -> Change:
        """Return a hint of its own: no two have the same origin."""
        self._number += 1
        return Change(flow, side, key, f"event {self._number}", f"correlation {self._number}", **more)

    async def sync(  # noqa: PLR0913  # what a hint may say
        self,
        key: str = D1,
        side: Side = "dynamics",
        flow: str = "s4/partner",
        *,
        app: App | None = None,
        cause: Cause = "event",
        deleted: bool = False,
        attempt: int = 0,
        pair_key: str = "",
    ) -> Plan:
        """Work on one change; raises what the pipeline raises."""
        more = {"cause": cause, "deleted": deleted, "attempt": attempt, "pair_key": pair_key}
        return await sync(self.change(key, side, flow, **more), app or self.app)

    async def settle(self, change: Change) -> Settled:
        return await settle(change, self.app)

    async def deliver(self) -> list[str]:
        """Work on everything that is due now, and on what follows from it; return how the messages ended."""
        ended = []
        for _ in range(NEXT_MAX):
            delivery = self.bus.receive()
            if delivery is None:
                return ended
            ended.append((await settle(delivery.message.change, self.app)).outcome)
            self.bus.complete(delivery)
        raise AssertionError(f"no end: {ended}")

    async def deliver_all(self) -> None:
        """Work on everything on the bus, also on what is scheduled for later."""
        for _ in range(NEXT_MAX):
            await self.deliver()
            due = self.bus.next_due()
            if due is None:
                return
            self.clock.at = max(self.clock.at, due)
        raise AssertionError("no end")
