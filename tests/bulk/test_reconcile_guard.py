"""The guard of reconcile: what a person has to approve; and that pages, crashes and clocks change nothing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import BadRequest
from shared.ops.reconcile import steps
from shared.ops.reconcile.run import last_run, report
from shared.ports import Reconciling
from tests.bulk.reconciling import FREELY, found, linked, reconcile
from tests.bulk.world import FLOWS, PARTNER, World

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
    old = await last_run(PARTNER, world.app)
    assert old is not None
    run = await reconcile(world, "new", repairs=False)
    assert (run.id, run.state, world.writes) == ("new", "reported", 0)
    assert "another run" in await steps.step(old.driver(), world.app)


async def test_a_walk_through_the_links_that_takes_long_goes_on_in_the_next_message() -> None:
    world, keys = await linked(20)
    world.crm.edit(keys[3], city="Turku")
    new = world.account(99)
    links = world.state.links

    async def slow(pair: str, token: str, limit: int) -> Any:
        world.clock.move(30)
        return await links(pair, token, 3)

    world.state.links = slow  # type: ignore[method-assign]
    run = await reconcile(world)
    assert run.counts == {"unchanged": 19, "drifted": 1, "unlinked": 1}
    assert found(run) == {keys[3]: "drifted", new: "unlinked"}


async def test_what_this_flow_does_not_create_is_counted_and_not_read() -> None:
    world = World(FREELY)
    world.erp.put("", {"ponumber": "made in SAP"})
    await steps.start("s4/order", world.app, run_id="r", asked_by="test")
    await world.run()
    run = await last_run("s4/order", world.app)
    assert run is not None
    assert run.counts == {"not for this flow to create": 1}
    assert world.reads == 0


async def test_a_record_that_would_wait_counts_as_a_write() -> None:
    world = World(FREELY)
    customer = world.account(1)
    world.crm.put("00000000-0000-4000-9000-000000000001", {"ordernumber": "O1", "customer": customer, "state": 1})
    await steps.start("s4/order", world.app, run_id="r", asked_by="test", repairs=False)
    await world.run()
    run = await last_run("s4/order", world.app)
    assert run is not None
    assert [(one.what, one.would) for one in run.findings] == [("unlinked", "wait")]
    assert run.writes == 1


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
