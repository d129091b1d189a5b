"""Choices while values move, workers die, answers get lost and systems refuse: nothing unread is overwritten."""

from dataclasses import replace
from typing import Any

import pytest

from shared.core.digest import Seal
from shared.core.messages import decode, encode
from shared.core.model import Change, Choice
from shared.errors import Stale, Unconfirmed
from shared.ops.review.asked import Pick
from shared.ops.review.resolve import choose
from shared.settlement import settle
from tests.laws.world import D1, World
from tests.operators.clash import FLOW, cities, clashed, pick, shown
from tests.sim.world import Crash


def crash() -> None:
    raise Crash


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


async def test_a_lost_answer_ends_in_the_choice() -> None:
    world, d, s = await clashed()
    await pick(world, "dynamics", ("Graz",))

    def lose() -> None:
        raise Unconfirmed("no answer")

    world.script.after("erp.update", lose)
    await world.deliver_all()
    assert cities(world, d, s) == ("Graz", "Graz")
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


async def test_a_choice_waits_for_a_reference_without_putting_its_value_into_the_table_of_waiters() -> None:
    world = World()
    d, _ = await world.linked_order({"key": "00000000-0000-4000-8000-0000000000a1", "number": "1", "product": "TG1"})
    other = world.account("00000000-0000-4000-8000-0000000000b2")
    world.crm.edit(d, customer=other)
    choice = Choice("wanted", "sap", ("", ""), ("secret",))
    change = Change("s4/order", "dynamics", d, "o", "c", cause="resolve", choices=(choice,))
    settled = await settle(decode(encode(change)), world.app)
    assert settled.outcome == "notyet"
    assert settled.again_at is not None
    assert world.state.waits
    assert "secret" not in repr([encode(waiter) for waiter, _ in world.state.waits.values()])
    kept = [found.message.change for found in world.bus.queue if found.message.change.choices]
    assert [one.attempt for one in kept] == [1]


async def test_the_digests_of_a_rotated_key_still_hold() -> None:
    world, d, s = await clashed()
    seen = tuple((await shown(world))["seen"])
    keys = {"k2": b"fedcba9876543210", "k1": b"0123456789abcdef"}
    world.app = replace(world.app, seal=Seal("k2", keys))
    await choose(FLOW, d, (Pick("city", "sap", seen),), world.app, run="r", asked_by="ann")
    await world.deliver_all()
    assert cities(world, d, s) == ("Bath", "Bath")


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
