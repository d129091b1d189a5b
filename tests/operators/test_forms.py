"""What a system makes of a value: a declared form is in step, another is parked as what it is."""

import pytest

from tests.laws.world import World
from tests.operators.clash import cities, clashed, pick


async def test_a_value_that_sap_keeps_in_a_declared_form_is_no_new_clash() -> None:
    world, d, s = await clashed()
    world.erp.forms = {"town": str.upper}
    await pick(world, "dynamics")
    await world.deliver_all()
    assert cities(world, d, s) == ("Oslo", "OSLO")
    assert await world.stuck() == {}


@pytest.mark.parametrize("born", ["edited", "created"])
async def test_a_declared_form_of_a_field_that_both_own_is_no_clash(born: str) -> None:
    world = World()
    if born == "created":
        world.erp.forms = {"town": str.upper}
        d = world.account(city="Oslo")
    else:
        d, _ = await world.linked(city="Lyon")
        world.erp.forms = {"town": str.upper}
        world.crm.edit(d, city="Oslo")
    await world.sync(d)
    assert await world.stuck() == {}
    world.crm.edit(d, city="Bath")
    await world.sync(d)
    assert await world.stuck() == {}
    assert "sap keeps city in a form of its own" in (await world.journal())[0].notes


@pytest.mark.parametrize("born", ["edited", "created"])
async def test_a_form_that_is_not_declared_is_parked_as_one(born: str) -> None:
    world = World()
    if born == "created":
        world.erp.forms = {"road": str.upper}
        d = world.account(street="Hill")
    else:
        d, _ = await world.linked(street="Dale")
        world.erp.forms = {"road": str.upper}
        world.crm.edit(d, street="Hill")
    await world.sync(d)
    assert await world.stuck() == {"street": "form"}
    writes = world.erp.writes
    await world.sync(d)
    assert await world.stuck() == {"street": "form"}
    assert world.erp.writes == writes


async def test_a_typed_value_that_sap_keeps_in_a_form_of_its_own_is_parked_as_that_and_stays() -> None:
    world = World()
    d, s = await world.linked(street="Dale")
    world.crm.edit(d, street="Hill")
    world.erp.edit(s, road="Hall")
    await world.sync(d)
    world.erp.forms = {"road": str.upper}
    await pick(world, "dynamics", ("Graz",), "street")
    await world.deliver()
    assert (world.crm.rows[d].values["street"], world.erp.rows[s].values["road"]) == ("Graz", "GRAZ")
    assert "form" in {problem.cause for problem in (await world.link()).parked}
