"""What must be true once the weather is calm and everything is swept: the laws, seen from outside."""

import asyncio
from dataclasses import dataclass
from typing import Any

from shared.core.digest import plain
from shared.core.messages import born_in_sap
from shared.core.model import OTHER, Reference, Side
from shared.ops.reconcile import steps
from shared.ops.reconcile.run import Run, last_run
from tests.sim.run import FLOWS, SHARED, World, flow_of


@dataclass
class Oracles:
    """Looks at a settled world."""

    world: World

    def check(self) -> None:
        writes = self.world.crm.writes + self.world.erp.writes
        self.world.settle_down()
        assert self.world.crm.writes + self.world.erp.writes == writes, "a settled world writes nothing"
        self._one_partner_each()
        self._the_deleted_stay_away()
        for pair, link in self._links("s4/partner"):
            assert pair == FLOWS["s4/partner"].pair
            self._agree(link)
        self._nobody_is_forgotten()
        self._reconcile_agrees()

    def _links(self, flow: str) -> list[tuple[str, Any]]:
        pair = FLOWS[flow].pair
        return [(name, k) for (name, _), k in self.world.state.rows.items() if name == pair and k.status == "linked"]

    def _one_partner_each(self) -> None:
        told = {(flow, key) for flow, _, key in self._parked()}
        for flow in FLOWS.values():
            links = [k for (name, _), k in self.world.state.rows.items() if name == flow.pair and k.sap]
            # a claim for a record that turned out to be another's is for a person, and touches nothing
            pairs = [(k.dynamics, k.sap) for k in links if k.status != "claimed" or (flow.name, k.dynamics) not in told]
            linked = [p for p in pairs if p[0] in self.world.crm.rows and p[1] in self.world.erp.rows]
            assert len({d for d, _ in linked}) == len(linked), f"one Dynamics record, two partners: {linked}"
            assert len({s for _, s in linked}) == len(linked), f"one SAP record, two accounts: {linked}"
        marks = [plain(r.values.get("mark")) for k, r in self.world.erp.rows.items() if k not in self.world.copies]
        ours = [m for m in marks if m]
        assert len(set(ours)) == len(ours), "two partners for one account"
        numbers = [plain(r.values.get("ponumber")) for r in self.world.erp.rows.values() if r.values.get("ponumber")]
        assert len(set(numbers)) == len(numbers), "two orders for one order"

    def _the_deleted_stay_away(self) -> None:
        """Nobody's deleted account comes back as a new one, made from the partner that was made for it."""
        for key, row in self.world.erp.rows.items():
            mark = plain(row.values.get("mark"))
            if mark in self.world.graves and mark not in self.world.crm.rows and key not in self.world.copies:
                again = born_in_sap(FLOWS["s4/partner"].pair, key)
                assert again not in self.world.crm.rows, f"{mark} was deleted, and is there again as {again}"

    def _agree(self, link: Any) -> None:
        crm, erp = self.world.crm.rows.get(link.dynamics), self.world.erp.rows.get(link.sap)
        if crm is None or erp is None:
            return
        parked = {p.field for p in link.parked}
        if "" in parked:
            return
        owned = {"name": ("name", "name1"), "vat": ("vat", "tax"), "terms": ("terms", "payterms")}
        for name, (left, right) in owned.items():
            if name not in parked and name in link.base:  # law 10 leaves a field without a base alone
                assert plain(crm.values.get(left)) == plain(erp.values.get(right)), f"{name} differs: {crm} {erp}"
        for name, (left, right) in {"city": SHARED[0], "postal": SHARED[1]}.items():
            if name in parked:
                continue
            assert self._alike(crm.values.get(left), erp.values.get(right)), f"{name} differs: {crm} {erp}"
            self._last_word(link, name, left, right)

    def _alike(self, one: Any, other: Any) -> bool:
        return plain(one).upper() == plain(other).upper()

    def _last_word(self, link: Any, name: str, left: str, right: str) -> None:
        edits = self.world.edits.get(("dynamics", link.dynamics, left), []) + self.world.edits.get(
            ("sap", link.sap, right), []
        )
        sure = not {("dynamics", link.dynamics), ("sap", link.sap)} & self.world.unsure
        if edits and sure:
            last = max(edits, key=lambda e: e.at)
            held = self.world.crm.rows[link.dynamics].values.get(left)
            assert self._alike(held, last.value), f"{name}: the edit {last} was lost, {held} stands"

    def _nobody_is_forgotten(self) -> None:
        """Every record in scope is linked, parked, or waits; no message lies in the dead-letter queue."""
        assert not self.world.bus.dead_letters
        parked = self._parked()
        waiting = {(c.flow, c.side, c.key) for (r, _), (c, _) in self.world.state.waits.items() if not self._linked(r)}
        for side, system in self.world.systems.items():
            for key, row in system.rows.items():
                flow = flow_of(row.values)
                if not FLOWS[flow].takes[side](row.values) or OTHER[side] not in FLOWS[flow].create:
                    continue
                links = [k for _, k in self._all(flow) if k.key(side) == key]
                told = any((flow, OTHER[side], k.key(OTHER[side])) in parked for k in links)
                linked = told or any(k.status != "claimed" for k in links)
                assert linked or (flow, side, key) in parked | waiting, f"{flow} {side} {key} is forgotten: {row}"

    def _parked(self) -> set[tuple[str, Side, str]]:
        return {(p.flow, p.side, p.key) for p in self.world.state.parked_records.values()}

    def _linked(self, reference: Reference) -> bool:
        links = [k for _, k in self._links(reference.flow) if k.key(reference.side) == reference.key]
        return any(link.status == "linked" for link in links)

    def _all(self, flow: str) -> list[tuple[str, Any]]:
        return [(name, k) for (name, _), k in self.world.state.rows.items() if name == FLOWS[flow].pair]

    def _reconcile_agrees(self) -> None:
        """What is left to a reconcile (records that are gone without a word) it mends, and then it finds nothing."""
        for flow in FLOWS:
            run = self._reconciled(flow, "mends")
            if run.state == "waiting for approval":
                asyncio.run(steps.approve(flow, run.id, self.world.calm, "oracle"))
                self.world.finish()
            run = self._reconciled(flow, "looks")
            news = [
                one for one in run.findings if one.would != "wait" and (flow, one.side, one.key) not in self._parked()
            ]
            assert not news, f"reconcile: {news}"

    def _reconciled(self, flow: str, what: str) -> Run:
        name = f"reconcile {what} {self.world.counter} {flow}"
        asyncio.run(steps.start(flow, self.world.calm, run_id=name, asked_by="oracle", repairs=what == "mends"))
        self.world.finish()
        run = asyncio.run(last_run(flow, self.world.calm))
        assert run is not None
        assert run.state in ("finished", "reported", "waiting for approval"), run
        return run
