"""Clash review: a person sees both live values and says which counts; the pipeline does it, or says why not."""

from dataclasses import replace
from typing import Any

import pytest

from shared.core.digest import Seal
from shared.core.messages import decode, encode
from shared.core.model import Change, Side
from shared.errors import BadRequest, Stale, Unconfirmed
from shared.ops.asked import Pick
from shared.ops.resolve import choose, clashes
from shared.settlement import settle
from tests.laws.world import D1, World, crash
from tests.sim.world import Crash

FLOW = "s4/partner"


async def clashed(dynamics: str = "Oslo", sap: str = "Bath", **more: Any) -> tuple[World, str, str]:
    """Return a world where a city was changed on both sides."""
    world = World(**more)
    d, s = await world.linked(city="Lyon", memo="a")
    world.crm.edit(d, city=dynamics)
    world.erp.edit(s, town=sap)
    await world.sync(d)
    assert await world.stuck() == {"city": "clash"}
    return world, d, s


async def shown(world: World, name: str = "city", flow: str = FLOW, key: str = D1) -> dict[str, Any]:
    found = await clashes(flow, key, world.rival)
    return next(one for one in found["fields"] if one["field"] == name)


async def pick(world: World, take: Side, typed: tuple[Any, ...] | None = None, name: str = "city") -> None:
    """Choose, as a person who has just looked."""
    one = Pick(name, take, tuple((await shown(world, name))["seen"]), typed)
    await choose(FLOW, D1, (one,), world.rival, run="run 1", asked_by="ann")


def cities(world: World, d: str, s: str) -> tuple[Any, Any]:
    return world.crm.rows[d].values["city"], world.erp.rows[s].values["town"]


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


async def test_a_choice_about_values_that_moved_since_they_were_shown_is_refused() -> None:
    world, _, s = await clashed()
    seen = tuple((await shown(world))["seen"])
    world.erp.edit(s, town="Turku")
    with pytest.raises(Stale, match="city moved"):
        await choose(FLOW, D1, (Pick("city", "dynamics", seen),), world.rival, run="r", asked_by="ann")
    assert not world.bus.queue


@pytest.mark.parametrize("typed", [None, ("Graz",)])
async def test_a_choice_is_refused_when_a_value_moves_while_it_is_under_way(typed: tuple[str] | None) -> None:
    world, d, s = await clashed()
    await pick(world, "dynamics", typed)
    world.erp.edit(s, town="Turku")
    await world.deliver_all()
    assert cities(world, d, s) == ("Oslo", "Turku")
    assert await world.stuck() == {"city": "clash"}
    (problem,) = (await world.link()).parked
    assert "a value moved after it was shown" in problem.message


@pytest.mark.parametrize("typed", [None, ("Graz",)])
async def test_what_a_person_types_between_our_read_and_our_write_is_not_overwritten(typed: tuple[str] | None) -> None:
    world, _, s = await clashed()
    await pick(world, "dynamics", typed)
    world.script.before("erp.update", lambda: world.erp.edit(s, town="Turku"))
    await world.deliver_all()
    assert world.erp.rows[s].values["town"] == "Turku"
    assert await world.stuck() == {"city": "clash"}


async def test_a_typed_value_does_not_go_over_what_is_typed_in_dynamics_while_sap_is_written() -> None:
    world, d, s = await clashed()
    await pick(world, "dynamics", ("Graz",))
    world.script.after("erp.update", lambda: world.crm.edit(d, city="Turku"))
    await world.deliver_all()
    assert cities(world, d, s) == ("Turku", "Graz")
    assert await world.stuck() == {"city": "clash"}


@pytest.mark.parametrize("typed", [None, ("Graz",)])
@pytest.mark.parametrize("form", [str, str.upper])
@pytest.mark.parametrize("call", ["erp.update", "crm.update", "state.save"])
async def test_a_crash_around_a_call_ends_in_the_choice_all_the_same(
    call: str, form: type[str], typed: tuple[str] | None
) -> None:
    world, d, s = await clashed(sap_etags=True)
    world.erp.forms = {"town": form}
    await pick(world, "dynamics", typed)
    world.script.after(call, crash)
    (delivery,) = world.bus.queue
    change = decode(encode(delivery.message.change))
    if typed is not None or call != "crm.update":
        with pytest.raises(Crash):
            await settle(change, world.app)
    await settle(change, world.app)
    world.bus.complete(delivery)
    await world.deliver_all()
    await world.sync(d)
    chosen = (typed or ("Oslo",))[0]
    assert cities(world, d, s) == (chosen, form(chosen))
    assert await world.stuck() == {}


async def test_a_value_that_sap_keeps_in_a_declared_form_is_no_new_clash() -> None:
    world, d, s = await clashed()
    world.erp.forms = {"town": str.upper}
    await pick(world, "dynamics")
    await world.deliver_all()
    assert cities(world, d, s) == ("Oslo", "OSLO")
    assert await world.stuck() == {}


async def test_a_lost_answer_ends_in_the_choice() -> None:
    world, d, s = await clashed()
    await pick(world, "dynamics", ("Graz",))

    def lose() -> None:
        raise Unconfirmed("no answer")

    world.script.after("erp.update", lose)
    await world.deliver_all()
    assert cities(world, d, s) == ("Graz", "Graz")
    assert await world.stuck() == {}


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


async def test_a_typed_value_that_sap_refuses_stays_parked_and_is_not_sent_in_a_loop() -> None:
    world, d, s = await clashed()

    def no(values: Any) -> str:
        return "no" if values.get("town") == "Graz" else ""

    world.erp.refuses = no
    await pick(world, "dynamics", ("Graz",))
    await world.deliver_all()
    assert cities(world, d, s) == ("Oslo", "Bath")
    assert "refused s4" in {problem.cause for problem in (await world.link()).parked}
    calls = world.script.calls["erp.update"]
    await world.sync(d)
    assert world.script.calls["erp.update"] == calls


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


async def test_a_choice_waits_for_a_reference_without_putting_its_value_into_the_table_of_waiters() -> None:
    world = World()
    d, s = await world.linked_order({"key": "00000000-0000-4000-8000-0000000000a1", "number": "1", "product": "TG1"})
    other = world.account("00000000-0000-4000-8000-0000000000b2")
    world.crm.edit(d, customer=other)
    change = Change("s4/order", "dynamics", d, "o", "c", cause="resolve")
    body = encode(change).replace(
        b'"origin"', b'"choices":[{"field":"x","take":"sap","seen":["",""],"typed":["secret"]}],"origin"'
    )
    settled = await settle(decode(body), world.app)
    assert settled.outcome == "notyet"
    assert settled.again_at is not None
    assert world.state.waits
    assert "secret" not in repr([encode(waiter) for waiter, _ in world.state.waits.values()])
    kept = [found.message.change for found in world.bus.queue if found.message.change.choices]
    assert [one.attempt for one in kept] == [1]
    assert s


async def test_the_digests_of_a_rotated_key_still_hold() -> None:
    world, d, s = await clashed()
    seen = tuple((await shown(world))["seen"])
    keys = {"k2": b"fedcba9876543210", "k1": b"0123456789abcdef"}
    world.app = replace(world.app, seal=Seal("k2", keys))
    await choose(FLOW, d, (Pick("city", "sap", seen),), world.app, run="r", asked_by="ann")
    await world.deliver_all()
    assert cities(world, d, s) == ("Bath", "Bath")


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


@pytest.mark.parametrize("typed", [None, ("Graz",)])
async def test_a_message_that_comes_twice_writes_once_and_the_first_knows_the_base(typed: tuple[str] | None) -> None:
    world, _, s = await clashed()
    await pick(world, "dynamics", typed)
    (delivery,) = world.bus.queue
    await settle(delivery.message.change, world.app)
    base = (await world.link()).base["city"]
    assert world.app.seal.matches(world.erp.rows[s].values["town"], base.sap)
    writes = world.crm.writes + world.erp.writes
    await settle(delivery.message.change, world.app)
    assert world.crm.writes + world.erp.writes == writes


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


async def test_a_typed_value_that_one_side_cannot_be_told_is_written_to_neither() -> None:
    world = World()
    d, s = await world.linked(country="Germany")
    world.crm.edit(d, country="Norway")
    world.erp.edit(s, land="XX")
    await world.sync(d)
    seen = tuple((await shown(world, "country"))["seen"])
    choice = Choice("country", "dynamics", seen, ("Atlantis",))  # as if the code table had changed on the way
    await settle(world.change(d, cause="resolve", choices=(choice,)), world.app)
    assert (world.crm.rows[d].values["country"], world.erp.rows[s].values["land"]) == ("Norway", "XX")
    assert await world.stuck() == {"country": "code countries"}
