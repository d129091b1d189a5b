"""The simulated world as a Hypothesis machine: people edit, messages come in any order, calls fail, workers die.

At the end the weather calms, every record is swept, and the oracles look at both systems.
"""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from shared.core.model import Side
from shared.errors import SyncError
from shared.ops.backfill.job import Job, start
from shared.ops.review.asked import Pick, Selected
from shared.ops.review.mending import Asked, discard, replay
from shared.ops.review.pause import pause
from shared.ops.review.resolve import choose, clashes
from tests.sim.oracles import Oracles
from tests.sim.run import CITIES, FLOWS, SHARED, World, flow_of
from tests.sim.world import LONGEST_SECONDS

LOG = logging.getLogger("sync")
RESTORE_AFTER = 8  # so much has happened: before, there is nothing to lose


class TwoSystems(RuleBasedStateMachine):
    """People, messages and faults in any order."""

    @initialize(seed=st.integers(0, 2**32))
    def start(self, seed: int) -> None:
        LOG.setLevel(logging.CRITICAL)  # a wide event a change would be most of the work
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
        keys = [k for k, r in self.world.systems[side].rows.items() if flow_of(r.values) == "s4/partner"]
        if keys:
            key = data.draw(st.sampled_from(sorted(keys)))
            self.world.edit(side, key, row[0 if side == "dynamics" else 1], city)

    @rule(data=st.data(), name=st.sampled_from(["Nord", "Süd"]))
    def person_renames_in_dynamics(self, data: Any, name: str) -> None:
        keys = [k for k, r in self.world.crm.rows.items() if flow_of(r.values) == "s4/partner"]
        if keys:
            key = data.draw(st.sampled_from(sorted(keys)))
            self.world.crm.edit(key, name=name)
            self.world.tell("s4/partner", "dynamics", key)

    @rule(data=st.data(), side=st.sampled_from(["dynamics", "sap"]))
    def person_deletes(self, data: Any, side: Side) -> None:
        keys = [k for k, r in self.world.systems[side].rows.items() if flow_of(r.values) == "s4/partner"]
        if len(keys) > 2:
            self._delete(side, data.draw(st.sampled_from(sorted(keys))))

    @rule(data=st.data())
    def person_deletes_an_account_that_is_being_made_in_sap(self, data: Any) -> None:
        pair, rows = FLOWS["s4/partner"].pair, self.world.crm.rows
        claims = [k for k in self.world.state.rows.values() if k.pair == pair and k.status == "claimed" and k.intents]
        keys = sorted(k.dynamics for k in claims if k.dynamics in rows and not k.sap)
        if keys:
            self._delete("dynamics", data.draw(st.sampled_from(keys)))

    def _delete(self, side: Side, key: str) -> None:
        if side == "dynamics":
            self.world.graves[key] = dict(self.world.crm.rows[key].values)
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
        customers = sorted(k for k, r in world.crm.rows.items() if flow_of(r.values) == "s4/partner")
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

    @rule(data=st.data())
    def person_undeletes_an_account(self, data: Any) -> None:
        """The recycle bin brings a row back under its old id."""
        world = self.world
        if world.graves:
            key = data.draw(st.sampled_from(sorted(world.graves)))
            world.crm.put(key, world.graves.pop(key))
            world.unsure.add(("dynamics", key))
            world.tell("s4/partner", "dynamics", key)

    @rule(data=st.data())
    def person_merges_two_accounts(self, data: Any) -> None:
        world = self.world
        keys = sorted(k for k, r in world.crm.rows.items() if flow_of(r.values) == "s4/partner" and not r.merged_into)
        if len(keys) > 2:
            loser, winner = data.draw(st.permutations(keys))[:2]
            world.crm.rows[loser].merged_into = winner
            world.crm.edit(loser, state=1)
            world.unsure.add(("dynamics", loser))
            world.tell("s4/partner", "dynamics", loser)

    @rule(side=st.sampled_from(["dynamics", "sap"]))
    def database_is_backed_up(self, side: Side) -> None:
        self.world.back_up(side)

    @precondition(lambda self: self.world.counter > RESTORE_AFTER)
    @rule(side=st.sampled_from(["dynamics", "sap"]))
    def database_is_restored(self, side: Side) -> None:
        self.world.restore(side)

    @rule(data=st.data(), what=st.sampled_from(["lost", "doubled", "late"]))
    def message_goes_astray(self, data: Any, what: str) -> None:
        queue = self.world.bus.queue
        if not queue:
            return
        at = data.draw(st.integers(0, len(queue) - 1))
        match what:
            case "lost":
                del queue[at]
            case "doubled":
                queue.append(replace(queue[at], held=False))
            case _:
                queue[at].due += timedelta(hours=2)

    @rule(name=st.sampled_from(["s4/partner", "s4/order", "s4", "dataverse"]), again=st.booleans())
    def operator_pauses_or_resumes(self, name: str, again: bool) -> None:
        if again:
            asyncio.run(self.world.resume_all())
        else:
            asyncio.run(pause(name, "holiday", self.world.calm, "operator"))

    @rule(side=st.sampled_from(["dynamics", "sap"]))
    def operator_loads_everything(self, side: Side) -> None:
        world = self.world
        world.counter += 1
        job = Job(f"load-{world.counter}", "s4/partner", side, world.clock(), "operator")
        asyncio.run(start(job, world.calm))

    @rule(data=st.data(), deed=st.sampled_from([replay, discard]))
    def operator_mends(self, data: Any, deed: Any) -> None:
        world = self.world
        listed = [one for one in world.state.parked_records.values() if one.open]
        if not listed:
            return
        one = data.draw(st.sampled_from(sorted(listed, key=lambda one: (one.flow, one.side, one.key))))
        world.counter += 1
        world.unsure.add((one.side, one.key))  # a replay takes a restored record as it is
        which = Selected(one.flow, (one.key,), side=one.side, reason="a test")
        asyncio.run(deed(which, Asked(f"mend {world.counter}", "operator"), world.calm))

    @rule(data=st.data(), take=st.sampled_from(["dynamics", "sap"]))
    def operator_chooses(self, data: Any, take: Side) -> None:
        world = self.world
        links = [k for k in world.state.rows.values() if k.status == "linked" and any(p.seen for p in k.parked)]
        if not links:
            return
        link = data.draw(st.sampled_from(sorted(links, key=lambda k: k.dynamics)))
        try:
            seen = asyncio.run(clashes("s4/partner", link.dynamics, world.calm))["fields"]
            picks = tuple(Pick(one["field"], take, tuple(one["seen"])) for one in seen if "seen" in one)
            world.counter += 1
            world.unsure.add(("dynamics", link.dynamics))  # one of two edits goes, by a person's word
            run = f"choice {world.counter}"
            asyncio.run(choose("s4/partner", link.dynamics, picks, world.calm, run=run, asked_by="operator"))
        except SyncError:
            return  # it moved meanwhile, or is no clash

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
        try:
            if hasattr(self, "world"):
                self.world.settle_down()
                Oracles(self.world).check()
        finally:
            LOG.setLevel(logging.NOTSET)
