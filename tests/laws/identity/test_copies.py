"""Law 4: a mark that points to a record linked elsewhere is a copy: people copy customers, and the mark with them."""

from dataclasses import replace

from shared.core.messages import born_in_sap
from shared.core.plan import Sync, Twin
from shared.decide import decide
from tests.laws.facts import account, facts, partner
from tests.laws.flows import FLOWS, PARTNER
from tests.laws.world import D2, World

ANEW = {**FLOWS, "s4/partner": replace(PARTNER, copies="new")}


def test_with_copies_new_a_copy_is_created_afresh() -> None:
    plan = decide(
        facts(account(sapnumber=None), twins=(Twin(partner(mark=None), birthmark=True, elsewhere=D2),)),
        ANEW["s4/partner"],
    )
    assert isinstance(plan, Sync)
    assert plan.twin is None
    assert plan.writes["sap"].kind == "create"


async def test_a_copy_of_a_partner_with_its_mark_parks_and_the_pair_stays_as_it_is() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    copy = world.erp.put("", {**world.erp.rows[s].values, "town": "Oslo"})
    await world.sync(copy, "sap")
    assert await world.parked(copy, "sap") == ("copy",)
    assert (await world.link()).sap == s
    assert world.crm.rows[d].values["city"] == "Lyon"
    assert len(world.crm.rows) == 1


async def test_a_copy_of_an_account_with_its_number_parks() -> None:
    world = World()
    d, s = await world.linked()
    world.crm.put(D2, {**world.crm.rows[d].values, "accountid": D2})
    await world.sync(D2)
    assert await world.parked(D2) == ("copy",)
    assert world.erp.rows[s].values["mark"] == d


async def test_a_copy_that_is_seen_before_its_original_parks_too_because_two_bear_the_mark() -> None:
    world = World()
    d = world.account()
    original = world.partner(mark=d, town="Oslo")
    copy = world.erp.put("", {**world.erp.rows[original].values})
    await world.sync(copy, "sap")
    assert await world.parked(copy, "sap") == ("copy",)
    assert not world.crm.writes


async def test_with_copies_new_the_copy_becomes_a_pair_of_its_own_and_its_mark_is_overwritten() -> None:
    world = World(flows=ANEW)
    d, s = await world.linked()
    copy = world.erp.put("", dict(world.erp.rows[s].values))
    await world.sync(copy, "sap")
    await world.deliver_all()
    born = born_in_sap(PARTNER.pair, copy)
    assert world.erp.rows[copy].values["mark"] == born
    assert world.crm.rows[born].values["sapnumber"] == copy
    assert world.erp.rows[s].values["mark"] == d
