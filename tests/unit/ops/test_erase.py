"""Erasure of one record: everything that names it goes, its neighbours stay, and the answer says what cannot go."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.link import JournalEntry, Link
from shared.core.messages import born_in_sap, encode
from shared.core.model import Change, Reference
from shared.errors import BadRequest, Stale
from shared.ops.backfill import job
from shared.ops.backfill.progress import progress
from shared.ops.privacy.erase import erase
from shared.ops.reconcile.run import Candidate, Finding, Pages, Run, candidates, keep, keep_candidates, last_run
from shared.ops.review.letters import Letter, record_changes
from tests.bulk.world import PARTNER, World
from tests.sim.memory_state import MemoryState
from tests.unit.ops.traces import NOW, PAIR, enqueue, everything, furnished, told


@pytest.mark.parametrize("by", ["dynamics", "sap", "upper case"])
async def test_nothing_that_names_the_record_is_left_and_its_neighbour_keeps_everything(by: str) -> None:
    world, mine, sap, neighbour = await furnished()
    before = json.dumps([repr(world.state.rows[PAIR, neighbour]), repr(world.state.entries[PAIR, neighbour])])
    side, table, key = {
        "dynamics": ("dynamics", "account", mine),
        "sap": ("sap", "Partner", sap),
        "upper case": ("dynamics", "ACCOUNT", mine.upper()),
    }[by]
    answer = await erase(side, table, key, world.app, asked_by="ann@contoso.com")
    assert answer["complete"] is True
    assert told(answer).keys() == {
        "links", "ways back", "journal entries", "parked", "dead letters", "waits", "findings", "correlation steps"
    }  # fmt: skip
    assert (told(answer)["links"], told(answer)["ways back"], told(answer)["parked"]) == (1, 1, 2)
    assert mine not in everything(world)
    assert not {quoted for quoted in (f"'{sap}'", f'"{sap}"') if quoted in everything(world)}
    left = everything(world)
    assert left.count(neighbour) > 5
    assert before == json.dumps([repr(world.state.rows[PAIR, neighbour]), repr(world.state.entries[PAIR, neighbour])])
    assert world.crm.rows.keys() == {mine, neighbour}, "the systems are not touched"


async def test_a_repeat_finds_nothing_and_says_so() -> None:
    world, mine, _, _ = await furnished()
    await erase("dynamics", "account", mine, world.app, asked_by="ann")
    answer = await erase("dynamics", "account", mine, world.app, asked_by="ann")
    assert (answer["erased"], answer["complete"]) == ({}, True)
    assert any("Dynamics and SAP themselves" in sentence for sentence in answer["remains"])


async def test_the_proof_says_who_and_when_and_how_much_and_holds_no_key() -> None:
    world, mine, sap, _ = await furnished()
    await erase("sap", "Partner", sap, world.app, asked_by="ann@contoso.com")
    ((_, proof),) = (await world.state.watermarks("erasures")).items()
    said = json.loads(proof)
    assert (said["by"], said["side"], said["erased"]["links"]) == ("ann@contoso.com", "sap", 1)
    assert mine not in proof
    assert world.app.seal.matches(sap, said["subject"])


async def test_a_pair_under_a_live_claim_is_let_finish_first_and_loses_nothing() -> None:
    world, mine, _, _ = await furnished()
    link = world.link(mine)
    claimed = replace(link, claimed_by="worker 1", claimed_until=world.clock() + timedelta(minutes=5))
    await world.state.save(claimed)
    before = everything(world)
    with pytest.raises(Stale, match="under way"):
        await erase("dynamics", "account", mine, world.app, asked_by="ann")
    assert everything(world) == before
    world.clock.at += timedelta(minutes=6)  # the worker has died
    assert told(await erase("dynamics", "account", mine, world.app, asked_by="ann"))["links"] == 1


async def test_a_claim_of_which_only_the_way_back_is_left_goes_as_well() -> None:
    world = World()
    await world.state.bind(Link(PAIR, "00000000-0000-4000-8000-0000000000aa", "4711"))
    answer = await erase("sap", "Partner", "4711", world.app, asked_by="ann")
    assert told(answer) == {"ways back": 1}
    assert world.state.ways_back == {}


@pytest.mark.parametrize("by", ["dynamics", "sap"])
async def test_a_crash_between_the_two_rows_is_mended_by_asking_again(by: str) -> None:
    world, mine, sap, _ = await furnished()
    asked = ("dynamics", "account", mine) if by == "dynamics" else ("sap", "Partner", sap)

    class Dying(MemoryState):
        async def erase(self, link: Link) -> None:
            await super().erase(link)
            raise ConnectionError("the worker died")

        async def unbind(self, link: Link) -> None:
            await super().unbind(link)
            raise ConnectionError("the worker died")

    dying = Dying()
    dying.__dict__.update(world.state.__dict__)
    with pytest.raises(ConnectionError):
        await erase(*asked, replace(world.app, state=dying), asked_by="ann")
    await erase(*asked, world.app, asked_by="ann")
    assert mine not in everything(world)
    assert not [key for key in world.state.ways_back if key[1] == sap]


async def test_a_worker_that_writes_meanwhile_is_noticed_and_what_it_wrote_goes_too() -> None:
    world, mine, _, _ = await furnished()

    class Busy(MemoryState):
        late = 1

        async def unbind(self, link: Link) -> None:
            await super().unbind(link)
            if self.late:
                self.late -= 1
                entry = JournalEntry(NOW, "late", "event", "dynamics", "written", "moved meanwhile")
                await self.save(self.rows[PAIR, mine], entry)

    busy = Busy()
    busy.__dict__.update(world.state.__dict__)
    answer = await erase("dynamics", "account", mine, replace(world.app, state=busy), asked_by="ann")
    assert answer["complete"] is True
    assert mine not in everything(world)


async def test_a_record_that_is_linked_anew_all_the_time_is_told_to_be() -> None:
    world, mine, sap, _ = await furnished()

    class Stubborn(MemoryState):
        async def erase(self, link: Link) -> None:
            await super().erase(link)
            await self.save(Link(PAIR, mine, sap))

    stubborn = Stubborn()
    stubborn.__dict__.update(world.state.__dict__)
    answer = await erase("dynamics", "account", mine, replace(world.app, state=stubborn), asked_by="ann")
    assert answer["complete"] is False
    assert "linked the record anew" in answer["remains"][0]


async def test_the_next_sync_of_a_record_that_lives_on_links_the_same_two_and_makes_none() -> None:
    world, mine, sap, _ = await furnished()
    await erase("dynamics", "account", mine, world.app, asked_by="ann")
    world.forget()
    await enqueue(world, mine, "afterwards")
    await world.run()
    assert (world.link(mine).sap, world.link(mine).status) == (sap, "linked")
    assert len(world.erp.rows) == 2


async def test_a_journal_under_the_derived_key_of_an_sap_record_is_found_without_its_link() -> None:
    world = World()
    link = await world.state.save(Link(PAIR, born_in_sap(PAIR, "4711"), "4711"))
    await world.state.save(link, JournalEntry(NOW, "c", "event", "sap", "written", "created"))
    await world.state.erase(replace(link, etag=""))
    assert told(await erase("sap", "Partner", "4711", world.app, asked_by="ann")) == {"journal entries": 1}


async def test_findings_of_an_ended_reconcile_go_and_those_of_a_running_one_are_left_to_it() -> None:
    world, mine, _, neighbour = await furnished()
    findings = tuple(Finding("drifted", "dynamics", key, "update", "moved") for key in (mine, neighbour))
    run = Run("r", PARTNER, NOW, 1, Pages("a"), state="reported", chunks=1, findings=findings)
    await keep(run, world.app)
    await keep_candidates(run, [Candidate("moved", "dynamics", k) for k in (mine, neighbour)], 0, world.app)
    await keep(replace(run, state="running"), world.app)
    assert told(await erase("dynamics", "account", mine, world.app, asked_by="ann"))["findings"] == 2  # the job's only
    await keep(run, world.app)
    assert told(await erase("dynamics", "account", mine, world.app, asked_by="ann"))["findings"] == 2
    left = await last_run(PARTNER, world.app)
    assert left is not None
    assert [one.key for one in left.findings] == [neighbour]
    assert [one.key for one in await candidates(run, 0, world.app)] == [neighbour]


async def test_when_time_runs_out_what_the_journal_led_to_is_gone_and_the_answer_says_repeat() -> None:
    world, mine, sap, _ = await furnished()

    class Large(MemoryState):
        async def erase_steps(self, records: Any, token: str = "", correlation: str = "") -> tuple[int, str]:
            if correlation:
                return await super().erase_steps(records, correlation=correlation)
            world.clock.at += timedelta(seconds=60)
            return 0, "a page later"

    large = Large()
    large.__dict__.update(world.state.__dict__)
    answer = await erase("dynamics", "account", mine, replace(world.app, state=large), asked_by="ann")
    assert answer["complete"] is False
    assert "repeat this" in answer["remains"][0]
    left = {step.key for steps in world.state.correlations.values() for step in steps}
    assert mine not in left
    assert sap in left, "of the sweep, which no journal names"


async def test_a_job_without_the_record_is_still_shown() -> None:
    world, mine, sap, _ = await furnished()
    await erase("dynamics", "account", mine, world.app, asked_by="ann")
    shown = await progress(await job.load(f"b{sap}", world.app), world.app)
    assert (shown["plan"]["sample"], shown["keys"]) == ([], 0)


async def test_who_waits_for_the_record_goes_on_waiting_and_is_counted() -> None:
    world, mine, _, _ = await furnished()
    waiter = Change("s4/order", "dynamics", "order-1", "o", "c")
    await world.state.wait(Reference(PARTNER, "dynamics", mine), waiter, NOW)
    answer = await erase("dynamics", "account", mine, world.app, asked_by="ann")
    assert answer["remains"][0].startswith("1 other records wait for this one; that is forgotten within 24 h")


async def test_a_letter_that_only_begins_like_the_key_is_another_ones() -> None:
    world = World()
    for number in ("100", "1000"):
        dead = Change("s4/gone", "sap", number, "o", "c")
        await record_changes(Letter("changes", f"x{number}", encode(dead), "poison"), world.app)
    assert told(await erase("sap", "Partner", "100", world.app, asked_by="ann")) == {"dead letters": 1}
    assert "x1000" in everything(world)


@pytest.mark.parametrize(
    ("side", "table", "key", "hint"),
    [
        ("crm", "account", "k", "ops/subjects/dynamics"),
        ("dynamics", "invoice", "k", "account"),
        ("sap", "account", "k", "Partner"),
        ("sap", "Partner", " ", "ops/subjects/sap"),
        ("", "", "", "ops/subjects"),
    ],
)
async def test_what_nobody_can_mean_is_refused_with_what_there_is(side: str, table: str, key: str, hint: str) -> None:
    with pytest.raises(BadRequest, match=hint):
        await erase(side, table, key, World().app, asked_by="ann")
