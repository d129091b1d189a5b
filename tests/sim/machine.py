"""The simulated world as a Hypothesis machine: people edit, messages come in any order, calls fail, workers die.

At the end the weather calms, every record is swept, and the oracles look at both systems.
"""

import asyncio
import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from shared.core.digest import Seal, plain
from shared.core.messages import decode, encode
from shared.core.model import OTHER, Change, Reference, Side
from shared.core.plan import Limits
from shared.errors import SyncError
from shared.ops.sweep import visit_waiters
from shared.ports import App
from shared.settlement import settle
from shared.steps.dispatch import dispatch
from tests.sim.flows import flows
from tests.sim.memory_bus import Delivery, MemoryBus
from tests.sim.memory_state import MemoryState
from tests.sim.world import LONGEST_SECONDS, Clock, Crash, SimSystem, Stormy, Weather

FLOWS = flows()
SEAL = Seal("k1", {"k1": b"0123456789abcdef"})
SHARED = ("city", "town"), ("postal", "zip")  # owner both: nobody's edit may be lost
CITIES = ["Lyon", "Oslo", "Bath", "Turku", "Graz"]
WORKERS = 3
SETTLE_ROUNDS_MAX = 400


@dataclass
class Edit:
    """What a person typed, and when."""

    at: int
    side: Side
    value: str


@dataclass
class World:
    """Everything that exists, and what people did."""

    seed: int
    clock: Clock = field(default_factory=Clock)
    edits: dict[tuple[str, str, str], list[Edit]] = field(default_factory=dict)  # (side, key, column)
    counter: int = 0
    copies: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.crm = SimSystem("dynamics", self.clock, etags=True)
        self.erp = SimSystem("sap", self.clock, etags=False, number="Number", forms={"town": self._town})
        self.systems: dict[Side, SimSystem] = {"dynamics": self.crm, "sap": self.erp}
        self.state = MemoryState()
        self.bus = MemoryBus(self.clock)
        self.calm = self._app(Weather(random.Random(self.seed)))
        self.storm = self._app(Weather(self.dice, 0.08, 0.03, self.somebody_edits, self.excuse))

    def _town(self, value: str) -> str:
        return value.upper() if value.startswith("Turku") else value  # SAP keeps one town in a form of its own

    def _app(self, weather: Weather) -> App:
        return App(
            flows=FLOWS,
            systems={"dataverse": Stormy(self.crm, weather), "s4": Stormy(self.erp, weather)},
            state=Stormy(self.state, weather),
            bus=Stormy(self.bus, weather),
            seal=SEAL,
            now=self.clock,
            chance=weather.dice.random,
            limits=Limits(writes_per_hour=200),
        )

    # ------------------------------------------------------------------------------------------------------ people

    def tell(self, flow: str, side: Side, key: str, *, deleted: bool = False) -> None:
        """The system raises an event; it may be lost, or come more than once."""
        self.counter += 1
        change = Change(flow, side, key, f"event {self.counter}", f"correlation {self.counter}", deleted=deleted)
        for _ in range(self.dice.choice((0, 1, 1, 1, 2))):
            asyncio.run(dispatch([change], self.calm))

    def edit(self, side: Side, key: str, column: str, value: str) -> None:
        self.edit_quietly(side, key, column, value)
        self.tell("s4/partner", side, key)

    def somebody_edits(self) -> None:
        """A person types while one of our calls is on the wire."""
        side: Side = self.dice.choice(("dynamics", "sap"))
        keys = [k for k, row in self.systems[side].rows.items() if "category" in row.values or "kind" in row.values]
        if keys:
            column = self.dice.choice(SHARED)[0 if side == "dynamics" else 1]
            self.edit_quietly(side, self.dice.choice(keys), column, self.dice.choice(CITIES))

    def edit_quietly(self, side: Side, key: str, column: str, value: str) -> None:
        """Type a value that was never there before: going back to an old one is no loss that anybody could see."""
        self.counter += 1
        value = f"{value} {self.counter}"
        self.systems[side].edit(key, **{column: value})
        self.edits.setdefault((side, key, column), []).append(Edit(self.counter, side, value))

    def excuse(self) -> None:
        """Forgive what nobody can know: SAP's image of the moment before our write went down with its answer."""
        for key, column in self.erp.overwritten:
            self.edits.pop(("sap", key, column), None)
        self.erp.overwritten.clear()

    # ---------------------------------------------------------------------------------------------------- messages

    def work(self, app: App) -> bool:
        """Let up to three workers take messages at once; return whether there was anything to do."""
        taken = [d for _ in range(WORKERS) if (d := self._take()) is not None]
        if taken:
            asyncio.run(self._at_once(taken, app))
        return bool(taken)

    def _take(self) -> Delivery | None:
        ready = [d for d in self.bus.queue if d.due <= self.clock() and not d.held]
        if not ready:
            return None
        found = self.dice.choice(ready)  # any order, and now and then two of one session: locks get lost
        found.held = True
        return found

    async def _at_once(self, taken: list[Delivery], app: App) -> None:
        await asyncio.gather(*(self._one(d, app) for d in taken))
        self._late_commits(app)

    async def _one(self, delivery: Delivery, app: App) -> None:
        change = decode(encode(delivery.message.change))
        try:
            await settle(change, app)
        except (Crash, SyncError):  # the worker died, or could not even send: the message goes back
            delivery.held = False
            return
        self.bus.complete(delivery)

    def _late_commits(self, app: App) -> None:
        if app is self.calm or self.dice.random() < 0.3:
            self.commit_late()

    def commit_late(self) -> None:
        """Let creates commit whose answers were lost long ago."""
        for system in self.systems.values():
            while system.late:
                system.late.pop(0)()

    def settle_down(self) -> None:
        """Calm weather: everything is delivered, every record swept, until nothing is left to do."""
        self._late_commits(self.calm)
        for round_number in range(2):
            self.clock.move(3600)
            self.sweep(round_number)
            asyncio.run(visit_waiters(self.calm, timedelta(days=1)))
            for _ in range(SETTLE_ROUNDS_MAX):
                if not self.work(self.calm):
                    later = [d.due for d in self.bus.queue]
                    if not later:
                        break
                    self.clock.at = max(min(later), self.clock.at)
            else:
                raise AssertionError(f"no end: {[d.message.change for d in self.bus.queue][:5]}")

    def sweep(self, round_number: int) -> None:
        run = f"sweep {round_number} {self.counter}"
        found = [
            Change(_flow(row.values), side, key, run, run, "sweep")
            for side, system in self.systems.items()
            for key, row in system.rows.items()
        ]
        found += [
            Change("s4/partner", side, key, run, run, "sweep", deleted=True)
            for side, system in self.systems.items()
            for key in system.deleted
        ]
        asyncio.run(dispatch(found, self.calm))

    # ----------------------------------------------------------------------------------------------------- oracles

    def check(self) -> None:
        writes = self.crm.writes + self.erp.writes
        self.settle_down()
        assert self.crm.writes + self.erp.writes == writes, "a settled world writes nothing"
        self._one_partner_each()
        for pair, link in self._links("s4/partner"):
            assert pair == FLOWS["s4/partner"].pair
            self._agree(link)
        self._nobody_is_forgotten()

    def _links(self, flow: str) -> list[tuple[str, Any]]:
        pair = FLOWS[flow].pair
        return [(name, k) for (name, _), k in self.state.rows.items() if name == pair and k.status == "linked"]

    def _one_partner_each(self) -> None:
        for flow in FLOWS.values():
            pairs = [(k.dynamics, k.sap) for (name, _), k in self.state.rows.items() if name == flow.pair and k.sap]
            linked = [p for p in pairs if p[0] in self.crm.rows and p[1] in self.erp.rows]
            assert len({d for d, _ in linked}) == len(linked), f"one Dynamics record, two partners: {linked}"
            assert len({s for _, s in linked}) == len(linked), f"one SAP record, two accounts: {linked}"
        marks = [plain(r.values.get("mark")) for k, r in self.erp.rows.items() if k not in self.copies]
        ours = [m for m in marks if m]
        assert len(set(ours)) == len(ours), "two partners for one account"
        numbers = [plain(r.values.get("ponumber")) for r in self.erp.rows.values() if r.values.get("ponumber")]
        assert len(set(numbers)) == len(numbers), "two orders for one order"

    def _agree(self, link: Any) -> None:
        crm, erp = self.crm.rows.get(link.dynamics), self.erp.rows.get(link.sap)
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
        edits = self.edits.get(("dynamics", link.dynamics, left), []) + self.edits.get(("sap", link.sap, right), [])
        if edits:
            last = max(edits, key=lambda e: e.at)
            held = self.crm.rows[link.dynamics].values.get(left)
            assert self._alike(held, last.value), f"{name}: the edit {last} was lost, {held} stands"

    def _nobody_is_forgotten(self) -> None:
        """Every record in scope is linked, parked, or waits; no message lies in the dead-letter queue."""
        assert not self.bus.dead_letters
        parked = {(p.flow, p.side, p.key) for p in self.state.parked_records.values()}
        waiting = {(c.flow, c.side, c.key) for (r, _), (c, _) in self.state.waits.items() if not self._linked(r)}
        for side, system in self.systems.items():
            for key, row in system.rows.items():
                flow = _flow(row.values)
                if not FLOWS[flow].takes[side](row.values) or OTHER[side] not in FLOWS[flow].create:
                    continue
                linked = any(k.key(side) == key and k.status != "claimed" for _, k in self._all(flow))
                assert linked or (flow, side, key) in parked | waiting, f"{flow} {side} {key} is forgotten: {row}"

    def _linked(self, reference: Reference) -> bool:
        links = [k for _, k in self._links(reference.flow) if k.key(reference.side) == reference.key]
        return any(link.status == "linked" for link in links)

    def _all(self, flow: str) -> list[tuple[str, Any]]:
        return [(name, k) for (name, _), k in self.state.rows.items() if name == FLOWS[flow].pair]


def _flow(values: Any) -> str:
    return "s4/order" if {"ordernumber", "ponumber"} & values.keys() else "s4/partner"


class TwoSystems(RuleBasedStateMachine):
    """People, messages and faults in any order."""

    @initialize(seed=st.integers(0, 2**32))
    def start(self, seed: int) -> None:
        self.world = World(seed)

    @rule(city=st.sampled_from(CITIES), vat=st.sampled_from(["", "", "V1", "V2"]))
    def new_account(self, city: str, vat: str) -> None:
        world = self.world
        world.counter += 1
        key = f"00000000-0000-4000-8000-{world.counter:012d}"
        values = {"accountid": key, "name": f"Firm {world.counter}", "city": city, "kind": 3, "vat": vat or None}
        world.crm.put(key, values)
        world.tell("s4/partner", "dynamics", key)

    @rule(city=st.sampled_from(CITIES), vat=st.sampled_from(["", "V1", "V2", "V3"]))
    def new_partner(self, city: str, vat: str) -> None:
        world = self.world
        world.counter += 1
        values = {
            "category": "2",
            "name1": f"Firma {world.counter}",
            "town": city,
            "tax": vat or None,
            "payterms": "NT30",
        }
        world.tell("s4/partner", "sap", world.erp.put("", values))

    @rule(
        data=st.data(),
        side=st.sampled_from(["dynamics", "sap"]),
        row=st.sampled_from(SHARED),
        city=st.sampled_from(CITIES),
    )
    def person_edits(self, data: Any, side: Side, row: tuple[str, str], city: str) -> None:
        keys = [k for k, r in self.world.systems[side].rows.items() if _flow(r.values) == "s4/partner"]
        if keys:
            key = data.draw(st.sampled_from(sorted(keys)))
            self.world.edit(side, key, row[0 if side == "dynamics" else 1], city)

    @rule(data=st.data(), name=st.sampled_from(["Nord", "Süd"]))
    def person_renames_in_dynamics(self, data: Any, name: str) -> None:
        keys = [k for k, r in self.world.crm.rows.items() if _flow(r.values) == "s4/partner"]
        if keys:
            key = data.draw(st.sampled_from(sorted(keys)))
            self.world.crm.edit(key, name=name)
            self.world.tell("s4/partner", "dynamics", key)

    @rule(data=st.data(), side=st.sampled_from(["dynamics", "sap"]))
    def person_deletes(self, data: Any, side: Side) -> None:
        keys = [k for k, r in self.world.systems[side].rows.items() if _flow(r.values) == "s4/partner"]
        if len(keys) > 2:
            key = data.draw(st.sampled_from(sorted(keys)))
            self.world.systems[side].delete(key)
            for column in ("city", "postal", "town", "zip"):  # who deletes a record gives up what was typed there
                self.world.edits.pop((side, key, column), None)
            self.world.tell("s4/partner", side, key, deleted=True)

    @rule(data=st.data())
    def person_copies_a_partner(self, data: Any) -> None:
        keys = [k for k, r in self.world.erp.rows.items() if r.values.get("mark")]
        if keys:
            row = self.world.erp.rows[data.draw(st.sampled_from(sorted(keys)))]
            copy = self.world.erp.put("", dict(row.values))
            self.world.copies.add(copy)
            self.world.tell("s4/partner", "sap", copy)

    @rule(data=st.data(), lines=st.integers(1, 3))
    def new_order(self, data: Any, lines: int) -> None:
        world = self.world
        customers = sorted(k for k, r in world.crm.rows.items() if _flow(r.values) == "s4/partner")
        if not customers:
            return
        world.counter += 1
        key = f"00000000-0000-4000-9000-{world.counter:012d}"
        values = {"ordernumber": f"ORD{world.counter}", "customer": data.draw(st.sampled_from(customers)), "state": 1}
        details = [
            {"key": f"{key[:-4]}{n:04d}", "number": str(n), "product": f"TG{n}", "quantity": n}
            for n in range(1, lines + 1)
        ]
        world.crm.put(key, values, details)
        world.tell("s4/order", "dynamics", key)

    @rule(data=st.data())
    def line_is_changed_removed_or_added(self, data: Any) -> None:
        world = self.world
        orders = sorted(k for k, r in world.crm.rows.items() if r.lines)
        if not orders:
            return
        key = data.draw(st.sampled_from(orders))
        row = world.crm.rows[key]
        line = data.draw(st.sampled_from(sorted(row.lines)))
        match data.draw(st.sampled_from(["change", "remove", "add"])):
            case "change":
                row.lines[line]["quantity"] = data.draw(st.integers(1, 9))
            case "remove":
                del row.lines[line]
            case _:
                world.counter += 1
                new = f"{key[:-6]}{world.counter:06d}"
                row.lines[new] = {"number": str(world.counter), "product": "TG9", "quantity": 1}
        row.version += 1
        world.tell("s4/order", "dynamics", key)

    @rule(turns=st.integers(1, 4))
    def messages_are_worked_on(self, turns: int) -> None:
        for _ in range(turns):
            self.world.work(self.world.storm)

    @rule(seconds=st.sampled_from([6, 60, 700, 4000]))
    def time_passes(self, seconds: int) -> None:
        if seconds >= LONGEST_SECONDS:  # what SAP has not committed by then it never will
            self.world.commit_late()
        self.world.clock.move(seconds)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle_down()
            self.world.check()


__all__ = ["TwoSystems", "World", "replace"]
