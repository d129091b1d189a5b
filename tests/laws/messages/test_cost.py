"""What a sync costs, in calls: a million events a day are paid by the call."""

from collections import Counter

import pytest

from tests.laws.world import D2, World

GATHERED = {"state.link": 1, "crm.read": 1, "erp.read": 1}


async def spent(world: World, key: str, side: str = "dynamics", pair_key: str = "", flow: str = "s4/partner") -> dict:
    """Return the calls of one sync."""
    before = Counter(world.script.calls)
    await world.sync(key, side, flow, pair_key=pair_key)
    return dict(world.script.calls - before)


async def test_an_update_of_a_system_with_etags_is_one_look_two_reads_one_write_and_one_transaction() -> None:
    world = World(sap_etags=True)
    d, _ = await world.linked(city="Lyon", memo="a")
    world.crm.edit(d, city="Oslo", memo="b")
    assert await spent(world, d) == {**GATHERED, "erp.update": 1, "state.save": 1}


async def test_an_update_of_dynamics_from_sap_costs_the_same() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.erp.edit(s, town="Oslo", payterms="NT30")
    assert await spent(world, s, "sap", pair_key=d) == {**GATHERED, "crm.update": 1, "state.save": 1}


async def test_an_update_of_a_system_without_etags_costs_one_claim_more() -> None:
    world = World()
    d, _ = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    assert await spent(world, d) == {**GATHERED, "erp.update": 1, "state.save": 2}


@pytest.mark.parametrize("side", ["dynamics", "sap"])
async def test_an_echo_costs_no_write_and_no_state_write(side: str) -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    await world.sync(d)
    assert await spent(world, d if side == "dynamics" else s, side, pair_key=d) == GATHERED


async def test_an_edit_of_a_column_that_no_row_reads_costs_no_write_either() -> None:
    world = World()
    d, _ = await world.linked(city="Lyon")
    world.crm.edit(d, revenue="1")
    assert await spent(world, d) == GATHERED


async def test_an_echo_of_a_parked_pair_writes_neither_system_nor_the_link() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    world.erp.edit(s, town="Bath")
    await world.sync(d)
    found = await spent(world, d)
    assert {call: count for call, count in found.items() if call != "state.park"} == GATHERED


async def test_a_create_is_looked_for_claimed_made_bound_stamped_and_remembered() -> None:
    world = World()
    d = world.account()
    found = await spent(world, d)
    assert found == {
        "state.link": 1,
        "crm.read": 1,
        "erp.find": 2,  # the birthmark, and once more under the claim
        "state.save": 2,
        "erp.create": 1,
        "state.bind": 1,
        "crm.update": 1,
        "state.waiters": 1,
        "state.unpark": 2,
    }


async def test_an_event_of_a_record_outside_the_scope_costs_one_read() -> None:
    world = World()
    d = world.account(kind=1)
    found = await spent(world, d)
    assert found == {"state.link": 1, "crm.read": 1, "state.unpark": 1}


async def test_both_records_are_read_at_once_and_an_unlinked_side_not_at_all() -> None:
    world = World()
    d = world.account(D2, kind=1)
    found = await spent(world, d)
    assert "erp.read" not in found
    assert "erp.find" not in found


async def test_a_document_costs_what_its_header_costs() -> None:
    world = World(sap_etags=True)
    lines = [{"key": f"l{n}", "number": str(n), "product": "TG1", "quantity": n} for n in range(1, 40)]
    o, _ = await world.linked_order(*lines)
    world.crm.rows[o].lines["l7"]["quantity"] = 99
    world.crm.rows[o].version += 1
    assert await spent(world, o, flow="s4/order") == {**GATHERED, "erp.update": 1, "state.save": 1}
