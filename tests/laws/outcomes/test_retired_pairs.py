"""Law 15 in the world: retired links are tombstones."""

from dataclasses import replace

import pytest

from shared.core.plan import Skip
from shared.errors import Unavailable
from tests.laws.flows import FLOWS, PARTNER
from tests.laws.outcomes.test_refusals import complains
from tests.laws.script import lose_answer
from tests.laws.world import D1, D2, World


async def retired() -> tuple[World, str, str]:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.delete(d)
    await world.sync(d, deleted=True)
    return world, d, s


async def test_a_delete_in_dynamics_blocks_in_sap_and_nothing_else() -> None:
    world, _, s = await retired()
    assert world.erp.rows[s].values["blocked"] is True
    assert world.erp.rows[s].values["town"] == "Lyon"
    assert (await world.link()).status == "retired"


async def test_a_delete_in_sap_deactivates_in_dynamics() -> None:
    world = World()
    d, s = await world.linked()
    world.erp.delete(s)
    await world.sync(s, "sap", deleted=True)
    assert world.crm.rows[d].values["state"] == 1
    assert (await world.link()).status == "retired"


async def test_the_echo_of_a_retirement_and_later_edits_of_the_survivor_write_nothing() -> None:
    world, d, s = await retired()
    writes = world.erp.writes
    assert isinstance(await world.sync(s, "sap"), Skip)
    world.erp.edit(s, town="Oslo")
    assert isinstance(await world.sync(s, "sap"), Skip)
    assert isinstance(await world.sync(d, deleted=True), Skip)
    assert world.erp.writes == writes
    assert not world.crm.rows


async def test_a_delete_message_that_comes_late_retires_nothing_if_the_record_was_restored() -> None:
    world = World()
    d, s = await world.linked()
    await world.sync(d, deleted=True)
    assert "blocked" not in world.erp.rows[s].values
    assert (await world.link()).status == "linked"


async def test_a_record_that_is_not_readable_for_a_while_is_parked_and_goes_on_afterwards() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    row = world.crm.rows.pop(d)
    await world.sync(s, "sap")
    assert await world.parked(d) == ("gone",)
    assert "blocked" not in world.erp.rows[s].values
    world.crm.rows[d] = row
    await world.sync(s, "sap")
    assert await world.parked(d) == ()


async def test_the_same_id_reappearing_parks_and_a_replay_links_it_again() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    row = world.crm.rows[d]
    world.crm.delete(d)
    await world.sync(d, deleted=True)
    world.crm.rows[d] = row
    world.crm.edit(d, sapnumber=None)
    await world.sync(d)
    assert await world.parked(d) == ("came back",)
    assert world.crm.rows[d].values["sapnumber"] is None
    await world.sync(d, cause="replay")
    assert (await world.link()).status == "linked"
    assert world.crm.rows[d].values["sapnumber"] == s
    assert await world.parked(d) == ()


async def test_with_unretire_the_same_id_reappearing_is_linked_again() -> None:
    world = World(flows={**FLOWS, "s4/partner": replace(PARTNER, unretire=True)})
    d, s = await world.linked()
    row = world.crm.rows[d]
    world.crm.delete(d)
    await world.sync(d, deleted=True)
    world.crm.rows[d] = row
    world.crm.edit(d, city="Oslo")
    await world.sync(d)
    assert (await world.link()).status == "linked"
    assert world.erp.rows[s].values["town"] == "Oslo"


async def test_a_retirement_that_sap_refuses_is_parked_and_the_link_stays() -> None:
    world = World()
    d, s = await world.linked()
    world.erp.objects_to = complains("blocked", value=True)
    world.crm.delete(d)
    await world.sync(d, deleted=True)
    assert (await world.link()).status == "linked"
    assert await world.parked(d) == ("refused s4 R1/384",)
    assert "blocked" not in world.erp.rows[s].values


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_retirement_whose_answer_is_lost_is_done_in_the_end(lost: str) -> None:
    world = World()
    d, s = await world.linked()
    world.crm.delete(d)

    def away() -> None:
        raise Unavailable("away")

    if lost == "before":
        world.script.before("erp.update", away)
    else:
        world.script.after("erp.update", lose_answer)
    settled = await world.settle(world.change(d, deleted=True))
    assert settled.again_at is not None
    assert (await world.link()).status == "linked"
    await world.deliver_all()
    assert (await world.link()).status == "retired"
    assert world.erp.rows[s].values["blocked"] is True


async def test_a_merge_marks_the_link_and_parks_and_changes_neither_record() -> None:
    world = World()
    d, s = await world.linked()
    world.account(D2)
    world.crm.merged[d] = D2
    world.crm.edit(d, state=1, city="Oslo")
    await world.sync(d)
    assert (await world.link()).status == "merged"
    assert await world.parked(d) == ("merged",)
    assert "town" not in world.erp.rows[s].values
    world.erp.edit(s, town="Bath")
    await world.sync(s, "sap")
    assert world.crm.rows[D1].values["city"] == "Oslo"
