"""Clash review: a person sees both live values and says which counts; the pipeline does it."""

from typing import Any

import pytest

from shared.core.model import Side
from shared.ops.review.asked import Pick
from shared.ops.review.resolve import choose, clashes
from tests.laws.world import World
from tests.operators.clash import FLOW, cities, clashed, pick, shown


async def test_both_live_values_are_shown_with_what_may_be_chosen() -> None:
    world, d, s = await clashed()
    world.erp.edit(s, town="Turku")  # after it was parked, and without an event
    found = await clashes(FLOW, s, world.rival)
    (one,) = found["fields"]
    assert (found["dynamics"], found["sap"]) == (d, s)
    assert (one["field"], one["cause"], one["dynamics"], one["sap"]) == ("city", "clash", "Oslo", "Turku")
    assert one["take"] == ["dynamics", "sap"]
    assert one["value_as"] == ["dynamics", "sap"]
    assert one["columns"] == {"dynamics": ["city"], "sap": ["town"]}


@pytest.mark.parametrize(("take", "holds"), [("dynamics", "Oslo"), ("sap", "Bath")])
async def test_the_chosen_side_wins_and_the_field_leaves_the_list(take: Side, holds: str) -> None:
    world, d, s = await clashed()
    assert await world.parked(d) == ("clash",)
    await pick(world, take)
    await world.deliver_all()
    assert cities(world, d, s) == (holds, holds)
    assert await world.stuck() == {}
    assert await world.parked(d) == ()


@pytest.mark.parametrize("side", ["dynamics", "sap"])
async def test_a_typed_value_is_written_to_both_sides(side: Side) -> None:
    world, d, s = await clashed()
    await pick(world, side, ("Turku",))
    await world.deliver_all()
    assert cities(world, d, s) == ("Turku", "Turku")
    assert await world.stuck() == {}


async def test_a_typed_value_goes_through_the_verbs_of_the_mapping() -> None:
    world = World()
    d, s = await world.linked(country="Germany")
    world.crm.edit(d, country="Norway")
    world.erp.edit(s, land="XX")
    await world.sync(d)
    await pick(world, "dynamics", ("Deutschland",), "country")
    await world.deliver_all()
    assert world.erp.rows[s].values["land"] == "DE"
    assert world.crm.rows[d].values["country"] == "Deutschland"


async def test_a_typed_value_in_the_form_of_sap_reaches_dynamics_in_its_own() -> None:
    world = World()
    d, s = await world.linked(country="Germany")
    world.crm.edit(d, country="Norway")
    world.erp.edit(s, land="XX")
    await world.sync(d)
    await pick(world, "sap", ("DE",), "country")
    await world.deliver_all()
    assert (world.crm.rows[d].values["country"], world.erp.rows[s].values["land"]) == ("Germany", "DE")


async def test_the_journal_says_who_chose_what_and_holds_no_value() -> None:
    world, d, _ = await clashed()
    await pick(world, "dynamics", ("Turku",))
    await world.deliver_all()
    entry = next(one for one in await world.journal() if one.cause == "resolve")
    assert entry.asked_by == "ann"
    assert entry.correlation == "run 1"
    assert "city: chosen a typed value" in entry.notes
    assert set(entry.writes) == {"sap update", "dynamics update"}
    stored = repr((world.state.rows, world.state.entries, world.state.parked_records, world.state.correlations))
    assert "Turku" not in stored
    assert (await world.state.steps("run 1", 10))[0].what == "received (resolve)"
    assert d in stored


async def test_a_choice_for_a_refused_field_is_sent_again() -> None:
    world = World()
    d, s = await world.linked(street="A")

    def picky(values: Any) -> str:
        return "no" if values.get("road") == "bad" else ""

    world.erp.refuses = picky
    world.crm.edit(d, street="bad")
    await world.sync(d)
    assert await world.stuck() == {"street": "refused s4"}
    await pick(world, "dynamics", ("good",), "street")
    await world.deliver_all()
    assert (world.crm.rows[d].values["street"], world.erp.rows[s].values["road"]) == ("good", "good")
    assert await world.stuck() == {}


async def test_other_parked_fields_stay_as_they_are() -> None:
    world, d, s = await clashed()
    world.crm.edit(d, street="A")
    world.erp.edit(s, road="B")
    await world.sync(d)
    await pick(world, "sap")
    await world.deliver_all()
    assert await world.stuck() == {"street": "clash"}


async def test_several_fields_are_chosen_at_once() -> None:
    world, d, s = await clashed()
    world.crm.edit(d, street="A")
    world.erp.edit(s, road="B")
    await world.sync(d)
    picks = (
        Pick("city", "sap", tuple((await shown(world))["seen"])),
        Pick("street", "dynamics", tuple((await shown(world, "street"))["seen"])),
    )
    await choose(FLOW, s, picks, world.rival, run="r", asked_by="ann")
    await world.deliver_all()
    assert cities(world, d, s) == ("Bath", "Bath")
    assert (world.crm.rows[d].values["street"], world.erp.rows[s].values["road"]) == ("A", "A")
    assert await world.stuck() == {}


@pytest.mark.parametrize(("take", "typed"), [("sap", None), ("dynamics", ("deep",)), ("dynamics", None)])
async def test_a_field_of_a_line_is_chosen_like_one_of_the_header(take: Side, typed: tuple[str] | None) -> None:
    world = World()
    line = {"key": "00000000-0000-4000-8000-0000000000a1", "number": "1", "product": "TG1", "quantity": 1}
    d, s = await world.linked_order({**line, "note": "old"})
    (item,) = world.erp.rows[s].lines
    world.crm.rows[d].lines[line["key"]]["note"] = "mine"
    world.crm.edit(d)
    world.erp.rows[s].lines[item]["note"] = "theirs"
    world.erp.edit(s)
    await world.sync(d, flow="s4/order")
    name = f"line {line['key']}.note"
    assert await world.stuck(d, "s4/order") == {name: "clash"}
    one = await shown(world, name, "s4/order", d)
    assert (one["dynamics"], one["sap"]) == ("mine", "theirs")
    await choose("s4/order", d, (Pick(name, take, tuple(one["seen"]), typed),), world.rival, run="r", asked_by="ann")
    await world.deliver_all()
    wanted = (typed or ({"sap": "theirs", "dynamics": "mine"}[take],))[0]
    notes = world.crm.rows[d].lines[line["key"]]["note"], world.erp.rows[s].lines[item]["note"]
    assert notes == (wanted, wanted)
    assert await world.stuck(d, "s4/order") == {}
