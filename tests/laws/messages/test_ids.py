"""Law 19: deliberate repeats are never duplicates; repeats by accident are."""

from dataclasses import replace

import pytest

from shared.core.messages import born_in_sap, message_id, partition, retried
from shared.errors import Elsewhere
from shared.ops.intake import sync_now
from shared.steps.dispatch import addressed, dispatch
from tests.laws.flows import PARTNER
from tests.laws.world import D1, World

FLOW = "s4/partner"


def on_the_bus(world: World) -> list[tuple[str, str, int]]:
    return [(d.message.change.key, d.message.change.cause, d.message.change.attempt) for d in world.bus.queue]


async def test_one_event_that_arrives_twice_is_one_message() -> None:
    world = World()
    change = world.change()
    await dispatch([change, change], world.app)
    await dispatch([change], world.app)
    assert len(world.bus.queue) == 1


async def test_two_events_of_one_record_are_two_messages() -> None:
    world = World()
    await dispatch([world.change(), world.change()], world.app)
    assert len(world.bus.queue) == 2


@pytest.mark.parametrize("cause", ["sync", "replay"])
async def test_asking_twice_by_hand_is_two_messages(cause: str) -> None:
    world = World()
    for run in ("run 1", "run 2"):
        await sync_now(FLOW, "dynamics", [D1], world.app, run=run, asked_by="ann", cause=cause)
    assert on_the_bus(world) == [(D1, cause, 0)] * 2


async def test_a_scheduled_retry_is_no_duplicate_of_its_original_but_of_itself() -> None:
    world = World()
    change = world.change()
    again = retried(change, world.clock())
    await dispatch([change], world.app)
    await dispatch([again], world.app)
    await dispatch([again], world.app)  # the worker died after the copy and did it all once more
    assert on_the_bus(world) == [(D1, "event", 0), (D1, "event", 1)]


async def test_a_dropped_duplicate_is_a_message_that_is_on_the_bus_already_and_never_the_only_one() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    change = world.change(d)
    await dispatch([change, change], world.app)
    await world.deliver()
    assert world.erp.rows[s].values["town"] == "Oslo"


async def test_a_message_goes_to_the_session_of_its_pair_whichever_side_spoke() -> None:
    world = World()
    d, s = await world.linked()
    sides = [await addressed(world.change(key, side), world.app) for key, side in ((d, "dynamics"), (s, "sap"))]
    await dispatch(sides, world.app)
    assert {m.message.session for m in world.bus.queue} == {partition(PARTNER.pair, d)}


async def test_a_record_that_is_new_in_sap_goes_where_its_row_will_be() -> None:
    world = World()
    s = world.partner()
    change = await addressed(world.change(s, "sap"), world.app)
    assert change.pair_key == born_in_sap(PARTNER.pair, s)
    assert await addressed(change, world.app) == change


async def test_a_change_that_was_sent_to_the_wrong_partition_is_sent_home() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    assert partition(PARTNER.pair, d) != partition(PARTNER.pair, born_in_sap(PARTNER.pair, s))
    world.erp.edit(s, town="Oslo")
    stray = replace(world.change(s, "sap"), pair_key=born_in_sap(PARTNER.pair, s))
    with pytest.raises(Elsewhere) as told:
        await world.sync(s, "sap", pair_key=stray.pair_key)
    assert told.value.pair_key == d
    await dispatch([stray], world.app)
    settled = await world.settle(stray)
    assert settled.outcome == "rerouted"
    home = world.bus.queue[-1].message
    assert (home.change.pair_key, home.session) == (d, partition(PARTNER.pair, d))
    assert home.id != message_id(PARTNER.pair, stray)
    await world.deliver()
    assert world.crm.rows[d].values["city"] == "Oslo"


async def test_a_change_that_is_sent_home_is_still_what_it_was() -> None:
    world = World()
    _, s = await world.linked()
    asked = replace(world.change(s, "sap", deleted=True), cause="reference")
    await dispatch([asked], world.app)
    await world.settle(world.bus.queue.pop().message.change)
    home = world.bus.queue.pop().message.change
    assert (home.cause, home.deleted, home.origin) == ("reference", True, asked.origin)


async def test_what_dynamics_made_of_our_write_goes_to_sap_with_a_message_of_its_own() -> None:
    world = World()
    d, s = await world.linked(memo="a")

    def automation() -> None:
        if world.crm.rows[d].values.get("terms") == "NT30":
            world.crm.rows[d].values["memo"] = "net 30"

    world.erp.edit(s, payterms="NT30")
    touch = world.crm._touch  # a plug-in of Dynamics runs within the write
    world.crm._touch = lambda *what: (touch(*what), automation())  # type: ignore[method-assign]
    await world.settle(world.change(s, "sap"))
    assert on_the_bus(world) == [(s, "again", 0)]
    await world.deliver()
    assert world.erp.rows[s].values["memo"] == "net 30"
    assert not world.bus.queue


@pytest.mark.parametrize("linked", [False, True])
async def test_a_key_with_zeros_before_it_leads_to_the_one_pair_of_the_record(linked: bool) -> None:
    world = World()
    world.erp.takes_zeros = True
    s = (await world.linked())[1] if linked else world.partner()
    world.erp.edit(s, town="Bath")
    settled = await world.settle(world.change(f"000{s}", "sap"))
    assert settled.outcome == "rerouted"
    await world.deliver()
    (d,) = world.crm.rows
    assert world.crm.rows[d].values["city"] == "Bath"
    assert (await world.link(d)).sap == s
    assert await world.state.home(PARTNER.pair, f"000{s}") == ""
