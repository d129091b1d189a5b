"""Discarded records: off the list until their values move, with who did it and why in the journal."""

from datetime import timedelta

from shared.ops.review.asked import Selected
from shared.ops.review.mending import discard
from shared.ops.review.parked import listing
from shared.ops.sweep import visit_waiters
from shared.ops.watch import look
from tests.laws.world import D1, D2, World
from tests.operators.refusal import ANN, FLOW, causes, no_bad_roads, refused, selected


async def test_what_is_discarded_leaves_the_list_and_the_journal_says_who_and_why() -> None:
    world = World()
    await refused(world)
    done = await discard(selected(D1, reason="test data"), ANN, world.rival)
    assert done == {"discarded": 1, "correlation": "run 1", "not_parked": []}
    assert await causes(world) == []
    assert (await look.status(world.rival))["flows"][FLOW]["parked"] == 0
    entry = (await world.journal())[0]
    assert (entry.cause, entry.outcome, entry.reason, entry.asked_by) == ("discard", "discarded", "test data", "ann")
    assert (await world.state.steps("run 1", 10))[0].what == "discarded by ann: test data"
    assert (await look.pair(FLOW, D1, world.rival))["parked"][0]["discarded"] == "ann: test data"


async def test_what_is_discarded_stays_off_the_list_until_its_values_move() -> None:
    world = World()
    await refused(world)
    await discard(selected(D1, reason="test data"), ANN, world.rival)
    world.erp.refuses = no_bad_roads
    for memo in ("a", "b"):  # other fields live on
        world.crm.edit(D1, memo=memo)
        await world.sync(D1)
    assert await causes(world) == []
    world.crm.edit(D1, street="Bad 8")
    await world.sync(D1)
    assert [count for _, count in await causes(world)] == [1]


async def test_a_discarded_problem_is_shown_again_when_it_is_there_after_a_replay() -> None:
    world = World()
    await refused(world)
    await discard(selected(D1, reason="test data"), ANN, world.rival)
    world.erp.refuses = no_bad_roads
    await world.sync(D1, cause="replay")
    assert [count for _, count in await causes(world)] == [1]


async def test_only_the_named_cause_of_a_record_is_discarded() -> None:
    world = World()
    s = await refused(world)
    world.crm.edit(D1, city="Oslo")
    world.erp.edit(s, town="Bath")
    await world.sync(D1)
    await discard(selected(D1, cause="clash", reason="r"), ANN, world.rival)
    assert [name.partition(" ")[0] for name, _ in await causes(world)] == ["refused"]
    await world.sync(D1)
    assert [name.partition(" ")[0] for name, _ in await causes(world)] == ["refused"]


async def test_a_record_without_a_link_is_discarded_and_comes_back_when_its_values_move() -> None:
    world = World()
    d = world.account(name="")
    await world.sync(d)
    assert await causes(world) == [("required: name", 1)]
    await discard(selected(d, reason="a draft"), ANN, world.rival)
    await world.sync(d)
    await world.sync(d)
    assert await causes(world) == []
    world.crm.edit(d, name="x" * 21)
    await world.sync(d)
    assert [count for _, count in await causes(world)] == [1]


async def test_a_record_that_waited_too_long_stays_discarded_at_the_next_visit() -> None:
    world = World()
    await world.linked()
    stranger = world.account(D2)
    d = world.order(customer=stranger)
    await world.sync(d, flow="s4/order")
    world.bus.queue.clear()
    world.clock.move(timedelta(days=2).total_seconds())
    for _ in range(2):
        await visit_waiters(world.rival, timedelta(hours=24))
    await discard(Selected("s4/order", (d,), reason="known"), ANN, world.rival)
    await visit_waiters(world.rival, timedelta(hours=24))
    assert (await listing("s4/order", "", world.rival))["count"] == 0
