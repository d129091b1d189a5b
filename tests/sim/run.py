"""Everything that exists in one simulated run: both systems, the app's workers, and what people and operators did.

`machine.py` says what may happen in which order, `oracles.py` what must be true in the end.
"""

import asyncio
import copy
import random
from dataclasses import dataclass, field
from datetime import timedelta

from shared.core.digest import Seal
from shared.core.messages import encode_all
from shared.core.model import Change, Side, Values
from shared.core.plan import Limits
from shared.errors import SyncError
from shared.ops.review.pause import pauses, resume
from shared.ops.sweep import visit_waiters
from shared.ports import App
from shared.steps.dispatch import dispatch
from shared.triggers.process import take
from tests.sim.flows import flows
from tests.sim.memory_bus import Delivery, MemoryBus
from tests.sim.memory_state import MemoryState
from tests.sim.world import Clock, Crash, SimSystem, Stormy, Weather

FLOWS = flows()
SEAL = Seal("k1", {"k1": b"0123456789abcdef"})
SHARED = ("city", "town"), ("postal", "zip")  # owner both: nobody's edit may be lost
CITIES = ["Lyon", "Oslo", "Bath", "Turku", "Graz"]
SKEWS_SECONDS = (-40, 0, 40)  # one worker each; two clocks may not be further apart than a claim outlives its change
SAP_AHEAD_SECONDS = 90  # its stamps, within the tolerance
SETTLE_ROUNDS_MAX = 600
STALE_RECORDS = 4
LOCK_LOSS_ODDS = 0.05
LATE_COMMIT_ODDS = 0.3


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
    unsure: set[tuple[Side, str]] = field(default_factory=set)  # restored: what was typed there may be gone
    graves: dict[str, Values] = field(default_factory=dict)  # deleted Dynamics rows

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.crm = SimSystem("dynamics", self.clock, etags=True)
        self.erp = SimSystem(
            "sap", self.clock, etags=False, number="Number", forms={"town": self._town}, ahead_seconds=SAP_AHEAD_SECONDS
        )
        self.systems: dict[Side, SimSystem] = {"dynamics": self.crm, "sap": self.erp}
        self.state = MemoryState()
        self.bus = MemoryBus(self.clock)
        self.calm = self._app(Weather(random.Random(self.seed)), 0)
        weather = Weather(self.dice, 0.08, 0.03, self.somebody_edits, self.excuse)
        self.storm = [self._app(weather, skew) for skew in SKEWS_SECONDS]
        self.backups = {side: copy.deepcopy(system.all_there_is) for side, system in self.systems.items()}

    def _town(self, value: str) -> str:
        return value.upper() if value.startswith("Turku") else value  # SAP keeps one town in a form of its own

    def _app(self, weather: Weather, skew_seconds: int) -> App:
        return App(
            flows=FLOWS,
            systems={"dataverse": Stormy(self.crm, weather), "s4": Stormy(self.erp, weather)},
            state=Stormy(self.state, weather),
            bus=Stormy(self.bus, weather),
            seal=SEAL,
            now=lambda: self.clock() + timedelta(seconds=skew_seconds),
            chance=weather.dice.random,
            limits=Limits(writes_per_hour=200, stale_records=STALE_RECORDS),
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

    def back_up(self, side: Side) -> None:
        """Keep all there is on a side."""
        self.backups[side] = copy.deepcopy(self.systems[side].all_there_is)

    def restore(self, side: Side) -> None:
        """A system comes back as it was when it was last backed up: everybody there loses what they did since."""
        system, kept = self.systems[side], copy.deepcopy(self.backups[side])
        rows, _, _ = kept
        for key in rows.keys() | system.rows.keys():
            if rows.get(key) != system.rows.get(key):
                self.unsure.add((side, key))
        system.all_there_is = kept

    # ---------------------------------------------------------------------------------------------------- messages

    def work(self, workers: list[App]) -> bool:
        """Let each worker take a message at once; return whether there was anything to do."""
        taken = [(d, app) for app in workers if (d := self._take()) is not None]
        if taken:
            asyncio.run(self._at_once(taken))
        return bool(taken)

    def _take(self) -> Delivery | None:
        lock_lost = self.dice.random() < LOCK_LOSS_ODDS
        ready = [d for d in self.bus.queue if d.due <= self.clock() and (lock_lost or not d.held)]
        if not ready:
            return None
        found = self.dice.choice(ready)  # any order, and now and then two of one session, or one message twice
        found.held = True
        return found

    async def _at_once(self, taken: list[tuple[Delivery, App]]) -> None:
        await asyncio.gather(*(self._one(delivery, app) for delivery, app in taken))
        self._late_commits(calm=taken[0][1] is self.calm)

    async def _one(self, delivery: Delivery, app: App) -> None:
        message = delivery.message
        try:
            await take(encode_all((message.change, *message.also)), app)
        except (Crash, SyncError):  # the worker died, or could not even send: the message goes back
            delivery.held = False
            return
        self.bus.complete(delivery)

    def _late_commits(self, *, calm: bool) -> None:
        if calm or self.dice.random() < LATE_COMMIT_ODDS:
            self.commit_late()

    def commit_late(self) -> None:
        """Let creates commit whose answers were lost long ago."""
        for system in self.systems.values():
            while system.late:
                system.late.pop(0)()

    def settle_down(self) -> None:
        """Calm weather: everything is delivered, every record swept, until nothing is left to do."""
        self._late_commits(calm=True)
        for round_number in range(2):
            self.clock.move(3600)
            asyncio.run(self.resume_all())
            self.sweep(round_number)
            asyncio.run(visit_waiters(self.calm, timedelta(days=1)))
            self.finish()

    def finish(self) -> None:
        """Let everything that is under way, or scheduled, come to its end."""
        for _ in range(SETTLE_ROUNDS_MAX):
            if not self.work([self.calm] * len(SKEWS_SECONDS)):
                later = [d.due for d in self.bus.queue]
                if not later:
                    return
                asyncio.run(self.resume_all())  # the app itself may have paused a flow
                self.clock.at = max(min(later), self.clock.at)
        raise AssertionError(f"no end: {[d.message.change for d in self.bus.queue][:5]}")

    async def resume_all(self) -> None:
        for name in await pauses(self.calm):
            await resume(name, self.calm, "operator")

    def sweep(self, round_number: int) -> None:
        run = f"sweep {round_number} {self.counter}"
        found = [
            Change(flow_of(row.values), side, key, run, run, "sweep")
            for side, system in self.systems.items()
            for key, row in system.rows.items()
        ]
        found += [
            Change("s4/partner", side, key, run, run, "sweep", deleted=True)
            for side, system in self.systems.items()
            for key in system.deleted
        ]
        asyncio.run(dispatch(found, self.calm))


def flow_of(values: Values) -> str:
    """Return the flow that a row's columns belong to."""
    return "s4/order" if {"ordernumber", "ponumber"} & values.keys() else "s4/partner"
