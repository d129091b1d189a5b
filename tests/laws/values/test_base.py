"""Law 7: the base is what the target holds after the write, not what was sent."""

import itertools

import pytest

from shared.errors import Stale
from tests.laws.world import SEAL, World


async def test_a_value_that_comes_back_different_is_written_once_more_and_then_accepted_as_the_base() -> None:
    world = World()
    d, s = await world.linked(memo="old")
    world.erp.forms = {"memo": str.upper}
    world.crm.edit(d, memo="new")
    writes = world.erp.writes
    await world.sync(d)
    assert world.erp.writes - writes == 2
    base = (await world.link()).base["memo"]
    assert SEAL.matches("new", base.dynamics)
    assert SEAL.matches("NEW", base.sap)
    assert any("sap keeps memo in a form of its own" in note for note in (await world.journal())[0].notes)
    await world.sync(s, "sap")
    assert world.erp.writes - writes == 2
    assert await world.stuck() == {}


async def test_a_form_that_a_create_comes_back_in_is_accepted_too() -> None:
    world = World()
    world.erp.forms = {"memo": str.upper}
    await world.linked(memo="new")
    assert SEAL.matches("NEW", (await world.link()).base["memo"].sap)


async def test_dynamics_may_have_a_form_of_its_own_as_well() -> None:
    world = World()
    _, s = await world.linked()
    world.crm.forms = {"terms": str.lower}
    world.erp.edit(s, payterms="NT30")
    await world.sync(s, "sap")
    base = (await world.link()).base["terms"]
    assert SEAL.matches("nt30", base.dynamics)
    assert SEAL.matches("NT30", base.sap)


@pytest.mark.parametrize("side", ["dynamics", "sap"])
async def test_a_form_that_the_row_declares_is_accepted_of_owner_both(side: str) -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    if side == "sap":
        world.erp.forms = {"town": str.upper}
        world.crm.edit(d, city="Turku")
    else:
        world.crm.forms = {"city": str.upper}
        world.erp.edit(s, town="Turku")
    await world.sync(d)
    base = (await world.link()).base["city"]
    assert SEAL.matches("TURKU" if side == "sap" else "Turku", base.sap)
    assert SEAL.matches("Turku" if side == "sap" else "TURKU", base.dynamics)
    assert await world.stuck() == {}


async def test_a_declared_form_that_a_create_comes_back_in_is_accepted_of_owner_both() -> None:
    world = World()
    world.erp.forms = {"town": str.upper}
    d, _ = await world.linked(city="Turku")
    assert SEAL.matches("TURKU", (await world.link()).base["city"].sap)
    world.crm.edit(d, city="Oslo")
    await world.sync(d)
    assert await world.stuck() == {}


async def test_a_form_that_the_row_does_not_declare_parks_a_field_of_owner_both() -> None:
    world = World()
    d, s = await world.linked(street="Lyon")
    world.erp.forms = {"road": str.upper}
    world.crm.edit(d, street="Turku")
    await world.sync(d)
    assert await world.stuck() == {"street": "form"}
    assert SEAL.matches("Lyon", (await world.link()).base["street"].sap)
    calls = world.script.calls["erp.update"]
    await world.sync(s, "sap")
    assert world.script.calls["erp.update"] == calls
    assert world.crm.rows[d].values["street"] == "Turku"
    assert await world.parked(d) == ("form",)


async def test_another_answer_each_time_is_no_form_and_is_not_accepted() -> None:
    world = World()
    d, _ = await world.linked(memo="old")
    number = itertools.count()
    world.erp.forms = {"memo": lambda text: f"{text} {next(number)}"}
    world.crm.edit(d, memo="new")
    await world.sync(d)
    assert SEAL.matches("old", (await world.link()).base["memo"].sap)


async def test_a_field_that_is_not_in_step_keeps_the_base_it_had() -> None:
    world = World()
    d, s = await world.linked(city="Lyon", memo="a")
    world.crm.edit(d, city="Oslo", memo="b")
    world.erp.edit(s, town="Bath")
    await world.sync(d)
    base = (await world.link()).base
    assert SEAL.matches("b", base["memo"].sap)
    assert SEAL.matches("Lyon", base["city"].dynamics)
    assert SEAL.matches("Lyon", base["city"].sap)


async def test_what_sap_holds_as_we_send_it_is_not_put_back() -> None:
    world = World()
    d, s = await world.linked()
    world.crm.edit(d, city="Oslo")
    world.script.before("erp.update", lambda: world.erp.edit(s, town="Oslo"))
    await world.sync(d)
    assert world.script.calls["erp.update"] == 1
    assert (await world.journal())[0].notes == ()


async def test_what_a_person_types_in_sap_in_the_same_breath_is_put_back_and_judged_anew() -> None:
    world = World()
    d, s = await world.linked(city="Lyon", street="A")
    world.crm.edit(d, city="Oslo", street="B")
    world.script.before("erp.update", lambda: world.erp.edit(s, town="Bath"))
    await world.sync(d)
    assert world.erp.rows[s].values["town"] == "Bath"
    assert world.erp.rows[s].values["road"] == "B"
    assert world.crm.rows[d].values["city"] == "Oslo"
    assert await world.stuck() == {"city": "clash"}
    assert "put back city" in " ".join((await world.journal())[0].notes)


async def test_what_a_person_types_elsewhere_in_the_record_in_the_same_breath_is_taken_over() -> None:
    world = World()
    d, s = await world.linked(city="Lyon", street="A")
    world.crm.edit(d, city="Oslo")
    world.script.before("erp.update", lambda: world.erp.edit(s, road="B"))
    await world.sync(d)
    assert world.erp.rows[s].values["town"] == "Oslo"
    assert world.crm.rows[d].values["street"] == "B"
    assert await world.stuck() == {}


async def test_an_owner_keeps_its_say_over_what_is_typed_in_sap_in_the_same_breath() -> None:
    world = World()
    d, s = await world.linked(memo="a")
    world.crm.edit(d, memo="b")
    world.script.before("erp.update", lambda: world.erp.edit(s, memo="x"))
    await world.sync(d)
    assert world.erp.rows[s].values["memo"] == "b"
    assert world.script.calls["erp.update"] == 1


async def test_what_is_to_be_put_right_besides_is_a_change_of_its_own() -> None:
    world = World()
    d, s = await world.linked(city="Lyon", memo="a")
    world.crm.edit(d, city="Oslo")
    world.script.before("erp.update", lambda: world.erp.edit(s, memo="x"))
    await world.sync(d)
    assert world.script.calls["erp.update"] == 1
    assert [m.message.change.cause for m in world.bus.queue] == ["again"]
    await world.deliver()
    assert world.erp.rows[s].values["memo"] == "a"


async def test_the_same_value_typed_in_the_same_breath_is_no_clash() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    world.script.before("erp.update", lambda: world.erp.edit(s, town="Oslo"))
    await world.sync(d)
    assert world.erp.rows[s].values["town"] == "Oslo"
    assert await world.stuck() == {}


@pytest.mark.parametrize("side", ["dynamics", "sap"])
async def test_an_etag_keeps_a_write_from_going_over_what_was_not_read(side: str) -> None:
    world = World(sap_etags=True)
    d, s = await world.linked(city="Lyon")
    if side == "dynamics":
        world.erp.edit(s, town="Oslo")
        world.script.before("crm.update", lambda: world.crm.edit(d, city="Bath"))
    else:
        world.crm.edit(d, city="Oslo")
        world.script.before("erp.update", lambda: world.erp.edit(s, town="Bath"))
    with pytest.raises(Stale):
        await world.sync(d)
    held = {world.crm.rows[d].values["city"], world.erp.rows[s].values["town"]}
    assert held == {"Oslo", "Bath"}
    await world.sync(d)
    assert await world.stuck() == {"city": "clash"}
    assert {world.crm.rows[d].values["city"], world.erp.rows[s].values["town"]} == {"Oslo", "Bath"}
