"""Law 3: a create that was taken as a draft is never repeated by itself, and its record is linked once it appears."""

from shared.errors import AwaitsApproval
from tests.laws.world import D1, World

A_MONTH_SECONDS = 30 * 24 * 3600


def into_approval() -> None:
    raise AwaitsApproval("went into an approval procedure")


async def in_approval() -> World:
    """An account whose partner was put up for approval in SAP."""
    world = World()
    world.script.before("erp.create", into_approval)
    d = world.account(vat="V1", city="Lyon")
    await world.settle(world.change(d))
    await world.deliver_all()
    return world


async def test_a_draft_is_on_the_list_with_what_it_waits_for_and_no_second_one_is_made() -> None:
    world = await in_approval()
    assert await world.parked(D1) == ("awaits approval",)
    world.clock.move(A_MONTH_SECONDS)
    world.crm.edit(D1, city="Oslo")
    await world.settle(world.change(D1))
    await world.deliver_all()
    assert (world.script.calls["erp.create"], world.erp.rows) == (1, {})
    assert await world.parked(D1) == ("awaits approval",)


async def test_an_approved_draft_is_linked_by_its_mark_and_leaves_the_list() -> None:
    world = await in_approval()
    world.clock.move(A_MONTH_SECONDS)
    s = world.partner(tax="V1", town="Lyon", mark=D1)
    await world.settle(world.change(s, "sap"))
    await world.deliver_all()
    assert ((await world.link()).sap, await world.parked(D1)) == (s, ())
    assert (await world.link()).intents == ()
    assert len(world.erp.rows) == len(world.crm.rows) == 1


async def test_a_rejected_draft_is_made_again_on_a_replay() -> None:
    world = await in_approval()
    await world.settle(world.change(D1, cause="replay"))
    await world.deliver_all()
    assert len(world.erp.rows) == 1
    assert (await world.link()).status == "linked"
    assert await world.parked(D1) == ()


async def test_an_account_deleted_while_its_draft_waits_leaves_the_draft_to_people() -> None:
    world = await in_approval()
    world.crm.delete(D1)
    await world.settle(world.change(D1, deleted=True))
    await world.deliver_all()
    assert (world.script.calls["erp.create"], world.erp.rows) == (1, {})
