from dataclasses import replace
from datetime import timedelta

from shared.core.digest import Seal
from shared.core.link import Link
from shared.core.model import Change, Reference
from shared.ops.sweep import visit_waiters
from shared.ports import App
from tests.sim.flows import flows
from tests.sim.memory_bus import MemoryBus
from tests.sim.memory_state import MemoryState
from tests.sim.world import Clock

FLOWS = flows()
ACCOUNT = Reference("s4/partner", "dynamics", "a")
ORDER = Change("s4/order", "dynamics", "o", "event", "correlation")
DAY = timedelta(days=1)


async def waiting(age: timedelta) -> App:
    clock, state = Clock(), MemoryState()
    app = App(FLOWS, {}, state, MemoryBus(clock), Seal("k", {"k": b"0123456789abcdef"}), clock, lambda: 0.5)
    await state.wait(ACCOUNT, ORDER, clock())
    clock.move(age.total_seconds())
    return app


async def linked(app: App) -> None:
    link = Link(FLOWS["s4/partner"].pair, "a", "1000001")
    await app.state.bind(link)
    await app.state.save(replace(link, status="linked"))


async def test_a_waiter_whose_maker_died_before_waking_it_is_woken_by_the_visit() -> None:
    app = await waiting(timedelta(minutes=11))
    await linked(app)
    assert await visit_waiters(app, DAY) == 0
    assert [(d.message.change.key, d.message.change.cause) for d in app.bus.queue] == [("o", "wake")]
    assert await app.state.waiting(10) == ()


async def test_a_young_waiter_is_left_to_the_one_who_makes_the_link() -> None:
    app = await waiting(timedelta(minutes=9))
    await linked(app)
    assert await visit_waiters(app, DAY) == 0
    assert app.bus.queue == []
    assert len(await app.state.waiting(10)) == 1


async def test_who_waits_too_long_is_parked_with_the_missing_record_named_and_still_wakes_one_day() -> None:
    app = await waiting(timedelta(hours=25))
    assert await visit_waiters(app, DAY) == 1
    (parked,) = await app.state.parked("s4/order", 10)
    assert "s4/partner a" in parked.problems[0].message
    assert len(await app.state.waiting(10)) == 1
    await linked(app)
    assert await visit_waiters(app, DAY) == 0
    assert len(app.bus.queue) == 1
