"""Choices that cannot be are refused at once, with the reason."""

from typing import Any

import pytest

from shared.core.model import Side
from shared.errors import BadRequest
from shared.ops.review.asked import Pick
from shared.ops.review.resolve import choose, clashes
from tests.laws.world import D1, World
from tests.operators.clash import FLOW, clashed, pick, shown

WRONG: dict[str, tuple[str, Side, tuple[Any, ...] | None, str]] = {
    "not parked": ("street", "sap", None, "no parked field"),
    "not there": ("nonsense", "sap", None, "no parked field"),
    "too many values": ("city", "dynamics", ("a", "b"), "give 1 values"),
    "too long": ("city", "dynamics", ("x" * 81,), "at most 80"),
}


@pytest.mark.parametrize(("name", "take", "typed", "says"), WRONG.values(), ids=WRONG.keys())
async def test_a_choice_that_cannot_be_is_refused_at_once(
    name: str, take: Side, typed: tuple[Any, ...] | None, says: str
) -> None:
    world, *_ = await clashed()
    seen = tuple((await shown(world))["seen"])
    with pytest.raises(BadRequest, match=says):
        await choose(FLOW, D1, (Pick(name, take, seen, typed),), world.rival, run="r", asked_by="ann")
    assert not world.bus.queue


async def test_a_word_that_the_mapping_cannot_carry_is_refused_at_once() -> None:
    world = World()
    d, s = await world.linked(country="Germany")
    world.crm.edit(d, country="Norway")
    world.erp.edit(s, land="XX")
    await world.sync(d)
    seen = tuple((await shown(world, "country"))["seen"])
    with pytest.raises(BadRequest, match="country"):
        await choose(FLOW, d, (Pick("country", "dynamics", seen, ("Atlantis",)),), world.rival, run="r", asked_by="a")
    with pytest.raises(BadRequest, match="country: the mapping cannot take sap's value"):
        await choose(FLOW, d, (Pick("country", "sap", seen),), world.rival, run="r", asked_by="ann")


async def test_a_field_with_one_owner_can_only_be_sent_from_there() -> None:
    world = World()
    d, _ = await world.linked(memo="a")
    world.erp.refuses = lambda values: "no" if values.get("memo") == "b" else ""
    world.crm.edit(d, memo="b")
    await world.sync(d)
    one = await shown(world, "memo")
    assert (one["take"], one["value_as"]) == (["dynamics"], [])
    seen = tuple(one["seen"])
    for wrong in (Pick("memo", "sap", seen), Pick("memo", "dynamics", seen, ("c",))):
        with pytest.raises(BadRequest, match="memo: the mapping"):
            await choose(FLOW, d, (wrong,), world.rival, run="r", asked_by="ann")
    world.erp.refuses = lambda _: ""
    await pick(world, "dynamics", name="memo")
    await world.deliver_all()
    assert await world.stuck() == {}


async def test_without_two_records_there_is_nothing_to_choose() -> None:
    world, d, s = await clashed()
    world.account("00000000-0000-4000-8000-00000000000f")
    with pytest.raises(BadRequest, match="not linked"):
        await clashes(FLOW, "00000000-0000-4000-8000-00000000000f", world.rival)
    world.erp.delete(s)
    with pytest.raises(BadRequest, match="sap record cannot be found"):
        await clashes(FLOW, d, world.rival)
