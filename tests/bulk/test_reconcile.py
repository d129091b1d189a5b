"""The nightly reconcile: what keys and versions show, what bodies show, what it mends, and when it asks first."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import BadRequest
from shared.ops.reconcile import steps
from shared.ops.reconcile.run import Run, last_run, report
from shared.ports import Reconciling
from tests.bulk.world import FLOWS, PARTNER, World, changes_of

FREELY = Reconciling(writes_max=1_000, writes_percent_max=100, nights=0)


async def linked(count: int, reconciling: Reconciling = FREELY) -> tuple[World, list[str]]:
    """A world of linked pairs that all are in step."""
    world = World(reconciling)
    keys = world.accounts(count)
    for key in keys:
        await steps.dispatch([changed(key)], world.app)
    await world.run()
    world.forget()
    return world, keys


def changed(key: str) -> Any:
    return steps.Change(PARTNER, "dynamics", key, f"o {key}", "c")


async def reconcile(world: World, run_id: str = "reconcile-1", **asked: Any) -> Run:
    await steps.start(PARTNER, world.app, run_id=run_id, asked_by="test", **asked)
    await world.run()
    run = await last_run(PARTNER, world.app)
    assert run is not None
    return run


def found(run: Run) -> dict[str, str]:
    return {one.key: one.what for one in run.findings}


async def test_what_did_not_change_is_neither_read_nor_written() -> None:
    world, _ = await linked(30)
    run = await reconcile(world)
    assert (world.reads, world.writes) == (0, 0)
    assert run.state == "finished"
    assert run.counts == {"unchanged": 30}
    assert (run.links, dict(run.records)) == (30, {"dynamics": 30, "sap": 30})


async def test_an_edit_that_nobody_told_of_is_found_by_its_version_and_mended_by_the_pipeline() -> None:
    world, keys = await linked(10)
    world.crm.edit(keys[2], city="Turku")
    run = await reconcile(world)
    assert found(run) == {keys[2]: "drifted"}
    assert run.fields == {"sap city": 1}
    assert world.erp.rows[world.link(keys[2]).sap].values["town"] == "Turku"
    assert world.reads <= 2 * 3, "one pair, previewed and then synced"
    (entry,) = (await world.state.journal(FLOWS[PARTNER].pair, keys[2], 1))[:1]
    assert (entry.cause, entry.correlation) == ("sweep", "reconcile-1")


async def test_repairs_travel_on_the_backfill_queue() -> None:
    world, _ = await linked(3)
    world.account(20)
    await steps.start(PARTNER, world.app, run_id="r", asked_by="test")
    messages = await world.run()
    assert {m.queue for m in messages} == {"backfill"}
    assert [c.key for c in changes_of(messages) if c.cause == "sweep"] == ["00000000-0000-4000-8000-000000000020"]


async def test_records_that_no_link_knows_are_created_or_coupled() -> None:
    world, _ = await linked(5)
    new = world.account(10)
    number = world.partner(tax="V9")
    twin = world.account(11, vat="V9")
    stranger = world.partner(name1="Neu")
    run = await reconcile(world)
    assert run.counts == {"unchanged": 5, "unlinked": 4}
    assert world.link(new).status == "linked"
    assert world.link(twin).sap == number
    assert await world.state.link(FLOWS[PARTNER].pair, "sap", stranger) is not None
    again = await reconcile(world, "reconcile-2")
    assert again.counts == {"unchanged": 8}


async def test_a_record_that_is_gone_is_read_once_more_and_then_retires_the_other() -> None:
    world, keys = await linked(5)
    number = world.link(keys[0]).sap
    world.crm.delete(keys[0])
    run = await reconcile(world)
    assert found(run) == {keys[0]: "missing"}
    assert world.erp.rows[number].values["blocked"] is True
    assert world.link(keys[0]).status == "retired"
    again = await reconcile(world, "reconcile-2")
    assert again.counts == {"unchanged": 4, "retired": 1}


async def test_a_record_outside_the_scope_is_not_gone() -> None:
    world, keys = await linked(5)
    number = world.link(keys[0]).sap
    world.crm.edit(keys[0], kind=1)  # no customer any more: the scan, which asks for customers, does not see it
    run = await reconcile(world)
    assert run.counts == {"unchanged": 4, "out of scope": 1}
    assert "blocked" not in world.erp.rows[number].values
    assert world.link(keys[0]).status == "linked"


async def test_a_survivor_that_came_alive_is_told_of() -> None:
    world, keys = await linked(3, replace(FREELY, nights=1))
    number = world.link(keys[0]).sap
    world.crm.delete(keys[0])
    await reconcile(world)
    world.erp.edit(number, blocked=False)
    run = await reconcile(world, "reconcile-2")
    assert found(run) == {number: "retired on one side"}
    assert run.enqueued == 0, "a person decides: the pipeline leaves tombstones alone"


async def test_an_unrelated_edit_costs_one_look_and_no_second() -> None:
    world, keys = await linked(5)
    world.crm.edit(keys[0], state=0)  # moves the version; nothing that is mapped
    run = await reconcile(world)
    assert run.counts == {"unchanged": 4, "in step after all": 1}
    assert world.reads == 2
    world.forget()
    again = await reconcile(world, "reconcile-2")
    assert again.counts == {"unchanged": 5}
    assert world.reads == 0


async def test_what_no_version_shows_is_found_by_body_within_its_nights() -> None:
    world, keys = await linked(24, replace(FREELY, nights=4))
    world.erp.silent = True
    number = world.link(keys[5]).sap
    world.erp.edit_quietly(number, zip="99999")
    runs = []
    for night in range(4):
        world.forget()
        runs.append(await reconcile(world, f"reconcile-{night}"))
        looked = runs[-1].judged
        assert world.reads >= 2 * looked
    assert sum(run.judged for run in runs) == 24, "each pair once in four nights"
    assert [found(run) for run in runs if run.findings] == [{keys[5]: "drifted"}]
    assert world.crm.rows[keys[5]].values["postal"] == "99999"


async def test_a_record_without_a_version_is_compared_with_the_run_before() -> None:
    world, keys = await linked(6)
    for (pair, key), link in list(world.state.rows.items()):  # a system whose records carry no version
        world.state.rows[pair, key] = replace(link, versions={"dynamics": link.versions["dynamics"]})
    first = await reconcile(world)
    assert (first.counts, world.reads) == ({"unchanged": 6}, 0), "nothing to compare with yet"
    number = world.link(keys[1]).sap
    world.erp.edit(number, zip="10115")
    run = await reconcile(world, "reconcile-2")
    assert found(run) == {keys[1]: "drifted"}
    assert world.crm.rows[keys[1]].values["postal"] == "10115"


async def test_a_clash_is_parked_once_and_not_found_again_each_night() -> None:
    world, keys = await linked(4)
    world.crm.edit(keys[0], city="Turku")
    world.erp.edit(world.link(keys[0]).sap, town="Graz")
    run = await reconcile(world)
    assert found(run) == {keys[0]: "drifted"}
    assert [p.cause for p in world.link(keys[0]).parked] == ["clash"]
    again = await reconcile(world, "reconcile-2")
    assert again.counts.get("drifted", 0) == 0
    assert again.enqueued == 0


async def test_a_claim_that_a_dead_worker_left_is_finished() -> None:
    world, keys = await linked(2)
    pair = FLOWS[PARTNER].pair
    link = world.state.rows[pair, keys[0]]
    world.state.rows[pair, keys[0]] = replace(link, status="claimed", linked_at=None)
    run = await reconcile(world)
    assert found(run) == {keys[0]: "unfinished"}
    assert world.link(keys[0]).status == "linked"


# --------------------------------------------------------------------------------------------------------- the guard


async def drifted(limits: Reconciling, count: int = 4) -> tuple[World, list[str]]:
    world, keys = await linked(10, limits)
    for key in keys[:count]:
        world.crm.edit(key, city="Turku")
    return world, keys


@pytest.mark.parametrize(
    ("limits", "setting"),
    [
        (replace(FREELY, writes_max=3), "RECONCILE_WRITES_MAX"),
        (replace(FREELY, writes_percent_max=39), "RECONCILE_WRITES_PERCENT_MAX"),
    ],
)
async def test_a_run_that_would_write_too_much_stops_before_the_first_write(limits: Reconciling, setting: str) -> None:
    world, keys = await drifted(limits)
    run = await reconcile(world)
    assert run.state == "waiting for approval"
    assert setting in run.why[0]
    assert world.writes == 0
    assert (run.writes, run.to_enqueue, run.enqueued) == (4, 4, 0)
    await steps.approve(PARTNER, run.id, world.app, "the boss")
    await world.run()
    done = await last_run(PARTNER, world.app)
    assert done is not None
    assert (done.state, done.enqueued, done.approved_by) == ("finished", 4, "the boss")
    assert world.erp.rows[world.link(keys[3]).sap].values["town"] == "Turku"


async def test_just_as_much_as_is_allowed_needs_nobody() -> None:
    world, _ = await drifted(replace(FREELY, writes_max=4, writes_percent_max=40))
    assert (await reconcile(world)).state == "finished"
    assert world.writes == 4


async def test_money_is_never_written_unasked() -> None:
    flow = FLOWS[PARTNER]
    rows = replace(flow.rows, fields=tuple(replace(f, money=f.name == "terms") for f in flow.rows.fields))
    world, keys = await linked(3)
    world.app = replace(world.app, flows={**FLOWS, PARTNER: replace(flow, rows=rows)})
    world.erp.edit(world.link(keys[0]).sap, payterms="NT60")
    run = await reconcile(world)
    assert run.state == "waiting for approval"
    assert "money" in run.why[0]
    assert world.writes == 0


async def test_by_setting_or_on_demand_a_run_only_reports_and_can_still_be_approved() -> None:
    world, _ = await drifted(replace(FREELY, repairs=False))
    run = await reconcile(world)
    assert (run.state, world.writes, len(run.findings)) == ("reported", 0, 4)
    await steps.approve(PARTNER, run.id, world.app, "me")
    await world.run()
    assert world.writes == 4
    told = report(run)
    assert told["findings"][0]["fields"] == ["sap city"]
    assert "Turku" not in str(told)


async def test_enough_is_enough_what_is_not_looked_at_is_counted_and_mended_after_approval() -> None:
    world, _ = await linked(10, replace(FREELY, writes_max=100))
    world.accounts(450)
    run = await reconcile(world)
    assert run.state == "waiting for approval"
    assert (run.judged, run.unjudged, run.to_enqueue) == (200, 250, 450)
    await steps.approve(PARTNER, run.id, world.app, "me")
    await world.run()
    assert len(world.erp.rows) == 460


async def test_only_the_last_run_can_be_approved_and_only_while_it_waits() -> None:
    world, _ = await drifted(replace(FREELY, writes_max=1))
    with pytest.raises(BadRequest, match="none"):
        await steps.approve(PARTNER, "reconcile-1", world.app, "me")
    run = await reconcile(world)
    with pytest.raises(BadRequest, match=run.id):
        await steps.approve(PARTNER, "another", world.app, "me")
    await steps.approve(PARTNER, run.id, world.app, "me")
    await world.run()
    with pytest.raises(BadRequest, match="finished"):
        await steps.approve(PARTNER, run.id, world.app, "me")


# -------------------------------------------------------------------------------------------- many pages, crashes, time


async def test_pages_and_crashes_change_nothing() -> None:
    world, keys = await linked(25)
    world.crm.page_rows, world.erp.page_rows = 4, 3
    world.crm.edit(keys[20], city="Turku")
    new = world.account(50)
    await steps.start(PARTNER, world.app, run_id="r", asked_by="test")
    for turn in range(200):
        delivery = world.bus.receive("backfill")
        if delivery is None:
            break
        if delivery.message.change.key or turn % 3:
            world.bus.abandon(delivery)
            await world.run()
            break
        await steps.step(delivery.message.change, world.app)
        world.bus.abandon(delivery)  # died after the work was done: the message comes again
    run = await last_run(PARTNER, world.app)
    assert run is not None
    assert run.state == "finished"
    assert run.counts == {"unchanged": 24, "drifted": 1, "unlinked": 1}
    assert world.link(new).status == "linked"


async def test_a_run_that_was_replaced_does_nothing_more() -> None:
    world, _ = await drifted(FREELY)
    await steps.start(PARTNER, world.app, run_id="old", asked_by="test")
    run = await reconcile(world, "new", repairs=False)
    assert (run.id, run.state, world.writes) == ("new", "reported", 0)


async def test_each_flow_is_reconciled_once_when_its_time_comes_and_a_new_one_waits_for_it() -> None:
    world, _ = await linked(2, replace(FREELY, schedule={"cron": "0 2 * * *", "zone": "Europe/Berlin"}))
    assert await steps.start_due(world.app, "r") == [], "first sight: its time has not come"
    world.clock.at = world.clock.at.replace(hour=0, minute=59) + timedelta(days=1)  # 01:59 in Berlin
    assert await steps.start_due(world.app, "r") == []
    world.clock.move(60)
    assert await steps.start_due(world.app, "r") == list(FLOWS)
    assert await steps.start_due(world.app, "r") == []
    await world.run()
    run = await last_run(PARTNER, world.app)
    assert run is not None
    assert run.state == "finished"


async def test_a_run_that_is_still_under_way_is_not_started_over_by_the_clock() -> None:
    world, _ = await linked(2, replace(FREELY, schedule={"every": "1h"}))
    await steps.start_due(world.app, "r0")
    world.clock.move(3600)
    assert PARTNER in await steps.start_due(world.app, "r1")
    world.clock.move(3600)
    assert await steps.start_due(world.app, "r2") == []
    world.clock.move(11 * 3600)
    assert PARTNER in await steps.start_due(world.app, "r3"), "half a day without an end: it is stuck"
