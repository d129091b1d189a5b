"""Law 20: one bad row does not fail its neighbours; and three stale answers in a row end in a wait with jitter."""

import asyncio

from shared.core.plan import Sync
from shared.errors import Stale, Unavailable
from tests.laws.world import SEAL, World
from tests.sim.memory_bus import MemoryBus

KEYS = [f"00000000-0000-4000-8000-0000000001{n:02d}" for n in range(20)]


async def test_changes_that_are_worked_on_at_once_end_each_for_itself() -> None:
    world = World()
    for key in KEYS:
        world.account(key, name=f"Firm {key[-2:]}", country="Atlantis" if key == KEYS[7] else None)
    await asyncio.gather(*(world.settle(world.change(key)) for key in KEYS))
    assert len(world.erp.rows) == len(KEYS) - 1
    assert await world.parked(KEYS[7])
    for key in KEYS[:7] + KEYS[8:]:
        assert (await world.link(key)).status == "linked"
        assert await world.parked(key) == ()


async def test_a_stale_link_stops_one_change_and_not_its_neighbours() -> None:
    world = World()
    for key in KEYS[:4]:
        await world.linked(key, city="Lyon")
        world.crm.edit(key, city="Oslo")

    def stale() -> None:
        raise Stale("saved meanwhile")

    world.script.before("state.save", stale, nth=3)
    found = await asyncio.gather(*(world.sync(key) for key in KEYS[:4]), return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["Stale", "Sync", "Sync", "Sync"]
    towns = [row.values["town"] for row in world.erp.rows.values()]
    assert towns.count("Oslo") == 3


async def test_one_record_that_comes_twice_at_once_is_written_once() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    await asyncio.gather(*(world.settle(world.change(d)) for _ in range(5)))
    await world.deliver_all()
    assert world.erp.rows[s].version == 2
    assert SEAL.matches("Oslo", (await world.link()).base["city"].sap)


async def test_one_new_record_that_comes_many_times_at_once_is_created_once() -> None:
    world = World()
    d = world.account()
    await asyncio.gather(*(world.settle(world.change(d)) for _ in range(5)))
    await world.deliver_all()
    assert len(world.erp.rows) == 1
    assert isinstance(await world.sync(d), Sync)


async def test_three_stale_answers_in_a_row_are_scheduled_apart() -> None:
    waits = set()
    for chance in (0.0, 0.5, 0.9):
        world = World()
        d, s = await world.linked(terms=None)
        world.erp.edit(s, payterms="NT30")
        for nth in (1, 2, 3):
            world.script.before("crm.update", lambda world=world, d=d: world.crm.edit(d, city="x"), nth=nth)
        object.__setattr__(world.app, "chance", lambda chance=chance: chance)
        settled = await world.settle(world.change(s, "sap"))
        assert settled.outcome == "stale"
        assert world.script.calls["crm.update"] == 3
        waits.add((settled.again_at - world.clock()).total_seconds())
    assert len(waits) == 3


async def test_a_bus_that_is_away_keeps_no_message_from_coming_back() -> None:
    world = World()
    assert isinstance(world.bus, MemoryBus)
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")

    def away() -> None:
        raise Unavailable("away")

    world.script.before("erp.update", away)
    settled = await world.settle(world.change(d))
    assert settled.again_at is not None
    await world.deliver_all()
    assert world.erp.rows[s].values["town"] == "Oslo"
