"""Laws 3 and 15 together: a record that was deleted before anybody knew what its create had made."""

from collections.abc import Callable

import pytest

from shared.errors import NotYet, Unconfirmed
from tests.laws.script import crash, lose_answer
from tests.laws.world import World
from tests.sim.world import LONGEST_SECONDS, Crash


def retired(world: World) -> list[bool]:
    return [bool(row.values.get("blocked")) for row in world.erp.rows.values()]


@pytest.mark.parametrize("ending", [lose_answer, crash], ids=["lost answer", "dead worker"])
async def test_what_a_lost_create_made_of_a_record_that_is_deleted_meanwhile_is_retired(
    ending: Callable[[], None],
) -> None:
    world = World()
    d = world.account()
    world.script.after("erp.create", ending)
    with pytest.raises(Unconfirmed if ending is lose_answer else Crash):
        await world.sync(d)
    world.crm.delete(d)
    world.clock.move(91)
    await world.sync(d, deleted=True)
    link = await world.link(d)
    assert (retired(world), link.status, link.sap) == ([True], "retired", next(iter(world.erp.rows)))


async def test_a_create_that_commits_after_the_delete_was_told_is_retired_as_well() -> None:
    world = World()
    d = world.account()
    world.script.hold("erp.create")
    with pytest.raises(Unconfirmed):
        await world.sync(d)
    world.crm.delete(d)
    world.clock.move(5)
    with pytest.raises(NotYet):
        await world.sync(d, deleted=True)
    await world.script.late.pop()()
    world.clock.move(30)
    await world.sync(d, deleted=True, attempt=1)
    assert retired(world) == [True]


async def test_a_delete_waits_no_longer_than_the_create_may_take() -> None:
    world = World()
    d = world.account()
    world.script.hold("erp.create")
    with pytest.raises(Unconfirmed):
        await world.sync(d)
    world.crm.delete(d)
    world.clock.move(LONGEST_SECONDS + 1)
    await world.sync(d, deleted=True)
    assert (retired(world), (await world.link(d)).status) == ([], "retired")
