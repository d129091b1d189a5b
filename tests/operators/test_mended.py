"""Records leave the list by themselves when a person mends them in either system."""

from dataclasses import replace
from datetime import timedelta

from shared.errors import Unavailable
from shared.settlement import GIVE_UP, settle
from tests.laws.world import D1, D2, World
from tests.operators.refusal import causes, no_bad_roads, refused


async def test_a_person_s_fix_in_dynamics_takes_the_record_off_the_list_by_its_own_event() -> None:
    world = World()
    s = await refused(world)
    world.erp.refuses = no_bad_roads
    world.crm.edit(D1, street="Good road")
    await world.sync(D1)
    assert await causes(world) == []
    assert world.erp.rows[s].values["road"] == "Good road"


async def test_a_person_s_fix_in_sap_takes_the_record_off_the_list_by_its_own_event() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    world.erp.edit(s, town="Bath")
    await world.sync(d)
    assert await causes(world) == [("clash: city", 1)]
    world.erp.edit(s, town="Oslo")
    await world.sync(s, "sap")
    assert await causes(world) == []


async def test_a_record_that_was_never_created_leaves_the_list_when_it_is_mended() -> None:
    world = World()
    d = world.account(name="")
    await world.sync(d)
    world.crm.edit(d, name="Firm")
    await world.sync(d)
    assert await causes(world) == []
    assert (await world.link()).status == "linked"


async def test_a_linked_order_that_waited_too_long_leaves_the_list_when_it_refers_to_another() -> None:
    world = World()
    d, _ = await world.linked_order({"key": "00000000-0000-4000-8000-0000000000a1", "number": "1", "product": "TG1"})
    stranger = world.account(D2, kind=9)  # takes no part
    world.crm.edit(d, customer=stranger)
    await world.sync(d, flow="s4/order")
    await world.deliver_all()
    assert await world.parked(d, flow="s4/order") == ("reference",)
    world.crm.edit(d, customer=D1)
    await world.sync(d, flow="s4/order")
    assert await world.parked(d, flow="s4/order") == ()


async def test_a_change_that_was_given_up_is_on_the_list_until_the_pair_is_in_step() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")

    def sick() -> None:
        raise Unavailable("s4 is down")

    world.script.before("erp.read", sick)
    long_ago = world.clock() - GIVE_UP - timedelta(hours=1)
    assert (await settle(replace(world.change(d), first_seen=long_ago), world.app)).outcome == "parked"
    assert await causes(world) == [("unavailable", 1)]
    world.crm.edit(d, city="Lyon")  # nothing is left to write
    await world.sync(s, "sap")
    assert await causes(world) == []
