"""Laws 2 and 3: a claim and an open create count from the moment in which the write leaves, and only if it left."""

from datetime import timedelta

from shared.errors import Throttled
from tests.laws.world import World


async def test_a_last_look_that_is_throttled_leaves_no_open_create() -> None:
    world = World()
    d = world.account()

    def throttled() -> None:
        raise Throttled("s4 asked for a pause", wait_seconds=5)

    world.script.before("erp.find", throttled, 2)  # the first one looks for twins
    assert (await world.settle(world.change(d))).outcome == "throttled"
    assert not (await world.link(d)).intents
    world.clock.move(10)
    assert (await world.settle(world.change(d))).outcome == "sync"
    assert len(world.erp.rows) == 1


async def test_a_claim_lasts_from_when_the_write_leaves_and_not_from_when_the_sync_began() -> None:
    world = World()
    d = world.account()
    seen: list[tuple[timedelta, timedelta]] = []

    async def look() -> None:
        link, now = await world.link(d), world.app.now()
        assert link.claimed_until is not None
        seen.append((link.claimed_until - now, now - link.intents[0].since))

    world.script.before("erp.find", lambda: world.clock.move(100))  # a slow system: two calls of 50 s
    world.script.before("erp.create", look)
    await world.sync(d)
    ((left, ago),) = seen
    assert left > timedelta(seconds=60)
    assert ago < timedelta(seconds=10)
