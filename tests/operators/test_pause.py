"""Paused flows and systems: nothing is lost meanwhile, nothing is counted as a failure, and resuming catches up."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.model import Change
from shared.errors import BadRequest, Unavailable
from shared.ops.review.pause import pause, pauses, resume
from shared.ops.sweep import start_due, sweep_page, visit_waiters
from shared.ops.watch import look
from shared.settlement import GIVE_UP, settle, settled
from tests.laws.world import D2, World

FLOW = "s4/partner"


async def busy(world: World) -> tuple[str, str]:
    """Return a linked pair whose Dynamics record was edited just now."""
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    return d, s


@pytest.mark.parametrize("name", ["s4/partner", "partner", "s4", "dataverse"])
async def test_while_a_flow_or_its_system_is_paused_a_change_is_kept_and_touches_nothing(name: str) -> None:
    world = World()
    d, s = await busy(world)
    await pause(name, "closing", world.rival, "ann")
    calls = dict(world.script.calls)
    outcome = await settle(world.change(d), world.app)
    assert outcome.outcome == "paused"
    assert not {k: v for k, v in world.script.calls.items() if k.startswith(("crm", "erp")) and v != calls.get(k)}
    assert world.erp.rows[s].values["town"] == "Lyon"
    (kept,) = world.bus.queue
    assert kept.message.change.key == d


async def test_another_flow_goes_on() -> None:
    world = World()
    d, s = await busy(world)
    await pause("s4/order", "closing", world.rival, "ann")
    await world.settle(world.change(d))
    assert world.erp.rows[s].values["town"] == "Oslo"


async def test_a_change_outlives_a_pause_of_weeks_without_an_attempt_being_counted() -> None:
    world = World()
    d, s = await busy(world)
    await pause(FLOW, "closing", world.rival, "ann")
    first_seen = world.clock() - GIVE_UP + timedelta(hours=1)  # it was close to being given up
    await settle(replace(world.change(d), attempt=2, first_seen=first_seen), world.app)
    for _ in range(40):
        world.clock.at = world.bus.next_due() or world.clock()
        await world.deliver()
    (kept,) = world.bus.queue
    assert kept.message.change.attempt == 2
    assert kept.message.change.first_seen is None
    assert kept.due - world.clock() <= timedelta(seconds=750)
    world.clock.move(timedelta(days=20).total_seconds())
    await resume(FLOW, world.rival, "ann")
    world.app.pauses.read_at = None
    world.erp.refuses = lambda _: ""
    await world.deliver()
    assert world.erp.rows[s].values["town"] == "Oslo"


async def test_the_bus_does_not_take_the_kept_change_for_a_duplicate() -> None:
    world = World()
    d, _ = await busy(world)
    await pause(FLOW, "closing", world.rival, "ann")
    change = world.change(d)
    for look_number in range(1, 5):
        await settle(change, world.app)
        assert len(world.bus.queue) == look_number  # all of them within the bus's five minutes
        change = world.bus.queue[-1].message.change


async def test_a_crash_right_after_keeping_a_change_keeps_it_once() -> None:
    world = World()
    d, _ = await busy(world)
    await pause(FLOW, "closing", world.rival, "ann")
    change = world.change(d)
    await settle(change, world.app)
    await settle(change, world.app)  # the message came back
    assert len(world.bus.queue) == 1


async def test_a_worker_learns_of_a_pause_within_ten_seconds_and_asks_the_state_no_more_often() -> None:
    world = World()
    d, _ = await busy(world)
    await settle(world.change(d), world.app)
    await pause(FLOW, "closing", world.rival, "ann")
    asked = world.script.calls["state.watermarks"]
    assert (await settle(world.change(d), world.app)).outcome == "sync"
    assert world.script.calls["state.watermarks"] == asked
    world.clock.move(10)
    assert (await settle(world.change(d), world.app)).outcome == "paused"
    assert world.script.calls["state.watermarks"] == asked + 1


async def test_a_state_that_cannot_be_read_re_schedules_the_change() -> None:
    world = World()
    d, _ = await busy(world)

    def sick() -> None:
        raise Unavailable("state")

    world.script.before("state.watermarks", sick)
    outcome = await settle(world.change(d), world.app)
    assert (outcome.outcome, len(world.bus.queue)) == ("unavailable", 1)


async def test_sweeps_do_not_start_and_pages_under_way_are_kept() -> None:
    world = World()
    await busy(world)
    flows = {name: replace(flow, sweep={"every": "15m"}) for name, flow in world.app.flows.items()}
    app = replace(world.app, flows=flows)
    await pause(FLOW, "closing", world.rival, "ann")
    assert await start_due(app) == ["s4/order"]
    page = Change(FLOW, "sap", "", "sweep 1 page 3", "sweep 1", cause="sweep")
    world.bus.queue.clear()

    async def work():
        raise AssertionError("nothing may be read now")

    assert (await settled(work, page, app)).outcome == "paused"
    (kept,) = world.bus.queue
    assert (kept.message.change.key, kept.message.change.side) == ("", "sap")


async def test_a_page_that_was_kept_goes_on_to_the_next_page() -> None:
    world = World()
    await pause(FLOW, "closing", world.rival, "ann")

    async def nothing():
        raise AssertionError("nothing may be read now")

    await settled(nothing, Change(FLOW, "sap", "", "sweep 1 page 3", "sweep 1", cause="sweep"), world.app)
    (kept,) = world.bus.queue
    changes = world.erp.changes

    async def more(selection, watermark):
        return replace(await changes(selection, watermark), more=True)

    world.erp.changes = more
    world.bus.queue.clear()
    await sweep_page(kept.message.change, world.rival)
    assert [one.message.change.origin for one in world.bus.queue if not one.message.change.key] == ["sweep 1 page 4"]


async def test_resuming_sweeps_at_once_so_that_nothing_is_missed() -> None:
    world = World()
    _, s = await busy(world)  # and its event was lost
    await pause("s4", "upgrade", world.rival, "ann")
    done = await resume("s4", world.rival, "bob")
    assert sorted(done["sweeps"]) == ["s4/order", "s4/partner"]
    pages = [one.message.change for one in world.bus.queue]
    assert {(page.flow, page.side, page.cause, page.asked_by) for page in pages} == {
        (flow, side, "sweep", "bob") for flow in ("s4/order", "s4/partner") for side in ("dynamics", "sap")
    }
    world.bus.queue.clear()
    await sweep_page(next(p for p in pages if (p.flow, p.side) == (FLOW, "dynamics")), world.rival)
    await world.deliver()
    assert world.erp.rows[s].values["town"] == "Oslo"


async def test_a_flow_that_is_paused_by_itself_stays_so_when_its_system_resumes() -> None:
    world = World()
    await pause("s4", "upgrade", world.rival, "ann")
    await pause(FLOW, "closing", world.rival, "ann")
    done = await resume("s4", world.rival, "ann")
    assert list(done["sweeps"]) == ["s4/order"]
    assert done["still_paused"] == {FLOW: FLOW}
    assert list(await pauses(world.rival)) == [FLOW]


async def test_status_says_what_is_paused_since_when_by_whom_and_why() -> None:
    world = World()
    await pause("partner", "closing", world.rival, "ann")
    told = (await look.status(world.rival))["paused"]
    assert told == {FLOW: {"by": "ann", "at": world.clock().isoformat(), "reason": "closing"}}
    await resume("partner", world.rival, "ann")
    assert (await look.status(world.rival))["paused"] == {}


@pytest.mark.parametrize("name", ["s5", "s4/nonsense", "pause", ""])
async def test_only_what_there_is_can_be_paused(name: str) -> None:
    world = World()
    with pytest.raises(BadRequest, match="systems are dataverse, s4"):
        await pause(name, "r", world.rival, "ann")


async def test_what_runs_cannot_be_resumed() -> None:
    world = World()
    await pause("dataverse", "r", world.rival, "ann")
    with pytest.raises(BadRequest, match="s4/partner is not paused; paused are: dataverse"):
        await resume(FLOW, world.rival, "ann")


async def test_nobody_waits_too_long_while_nothing_can_be_linked() -> None:
    world = World()
    await world.linked()
    world.account(D2)
    d = world.order(customer=D2)
    await world.sync(d, flow="s4/order")
    world.bus.queue.clear()
    await pause(FLOW, "closing", world.rival, "ann")
    world.clock.move(timedelta(days=2).total_seconds())
    await visit_waiters(world.rival, timedelta(hours=24))
    assert await world.parked(d, flow="s4/order") == ()
    await resume(FLOW, world.rival, "ann")
    await visit_waiters(world.rival, timedelta(hours=24))
    assert await world.parked(d, flow="s4/order") == ("waited too long",)
