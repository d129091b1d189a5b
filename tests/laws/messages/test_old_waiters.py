"""Law 18: the sweep visits old waiters: what should have woken them may have died before it could."""

from datetime import timedelta

import pytest

from shared.errors import Unavailable
from shared.ops.sweep import visit_waiters
from tests.laws.script import crash
from tests.laws.world import D1, D3, World
from tests.sim.world import Crash

FLOW = "s4/order"
DAY = timedelta(hours=24)


async def visited(world: World, after: timedelta = timedelta(hours=1)) -> None:
    """Let time pass and the sweep look at waiters, and work on all that follows."""
    world.clock.at += after
    await visit_waiters(world.app, DAY)
    await world.deliver_all()


async def waiting_order() -> World:
    """Return a world where an order waits for account `D1`, which is not linked yet."""
    world = World()
    world.account()
    await world.settle(world.change(world.order(), flow=FLOW))
    world.bus.queue.clear()
    return world


@pytest.mark.parametrize("lost", ["the worker died", "the bus was away"])
async def test_an_order_is_woken_although_the_wake_of_its_customer_was_lost(lost: str) -> None:
    world = await waiting_order()
    if lost == "the worker died":
        world.script.after("state.save", crash, nth=2)
        with pytest.raises(Crash):
            await world.sync(D1)
    else:

        def away() -> None:
            raise Unavailable("the bus is away")

        world.script.before("bus.send", away)
        with pytest.raises(Unavailable):
            await world.sync(D1)
    await visited(world)
    assert (await world.link(D3, FLOW)).status == "linked"
    assert await world.state.waiting(10) == ()


async def test_a_note_that_was_too_late_parks_nobody() -> None:
    world = World()
    world.account()
    world.order()
    world.script.before("state.wait", lambda: world.sync(D1, app=world.rival))
    await world.settle(world.change(D3, flow=FLOW))
    assert (await world.link(D3, FLOW)).status == "linked"
    await visited(world, DAY * 2)
    assert await world.parked(D3, flow=FLOW) == ()
    assert await world.state.waiting(10) == ()


async def test_an_order_that_waited_too_long_is_parked_and_still_wakes_when_its_customer_comes() -> None:
    world = await waiting_order()
    await visited(world, DAY)
    assert await world.parked(D3, flow=FLOW) == ()
    await visited(world, timedelta(seconds=1))
    assert await world.parked(D3, flow=FLOW) == ("waited too long",)
    await world.settle(world.change(D1))
    await world.deliver_all()
    assert (await world.link(D3, FLOW)).status == "linked"
    assert await world.parked(D3, flow=FLOW) == ()


async def test_an_order_wakes_when_its_retired_customer_is_linked_again() -> None:
    world = World()
    d, _ = await world.linked()
    row = world.crm.rows[d]
    world.crm.delete(d)
    await world.sync(d, deleted=True)
    world.crm.rows[d] = row
    await world.settle(world.change(world.order(), flow=FLOW))
    await world.deliver()
    await world.settle(world.change(d, cause="replay"))
    await world.deliver()
    await visited(world)
    assert (await world.link(D3, FLOW)).status == "linked"
