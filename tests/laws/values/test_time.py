"""Law 13: time does not run backwards."""

from dataclasses import replace

import pytest

from shared.core.plan import Later, Limits, Sync
from shared.decide import STALE_READS_MAX, decide
from shared.errors import NotYet
from shared.steps.pausing import paused as keeps_paused
from tests.laws.facts import NOW, account, facts, linked, parked_pair, partner
from tests.laws.flows import PARTNER
from tests.laws.world import D1, D2, D3, World


def both(crm_version: int | None, erp_version: int | None, stale_reads: int = 0):
    crm, erp = account(members={"version": crm_version}), partner(members={"version": erp_version})
    link = linked(crm, erp, versions={"dynamics": 5, "sap": 5})
    return decide(facts(crm, erp, link, said={"stale_reads": stale_reads}), PARTNER)


@pytest.mark.parametrize(("crm_version", "erp_version"), [(4, 5), (5, 4)])
def test_a_version_older_than_the_link_has_seen_is_read_again_later(crm_version: int, erp_version: int) -> None:
    plan = both(crm_version, erp_version)
    assert isinstance(plan, Later)
    assert plan.until > NOW


@pytest.mark.parametrize(("crm_version", "erp_version"), [(5, 5), (6, 9), (None, None)])
def test_the_same_version_a_younger_one_or_none_is_no_stale_read(crm_version, erp_version) -> None:
    assert isinstance(both(crm_version, erp_version), Sync)


def test_a_system_that_keeps_answering_with_old_states_is_for_a_person() -> None:
    assert isinstance(both(4, 5, STALE_READS_MAX - 1), Later)
    assert parked_pair(both(4, 5, STALE_READS_MAX)) == "stale read"


async def test_a_lagging_answer_writes_no_old_value_and_the_change_comes_back() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    old = world.crm.rows[d].version
    world.crm.edit(d, city="Oslo")
    await world.sync(d)
    world.crm.rows[d].version, world.crm.rows[d].values["city"] = old - 1, "Lyon"
    with pytest.raises(NotYet):
        await world.sync(d)
    assert world.erp.rows[s].values["town"] == "Oslo"
    settled = await world.settle(world.change(d))
    assert settled.again_at is not None


async def test_a_restored_database_parks_its_pairs_and_types_no_old_values_into_the_other_system() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    await world.sync(d)
    world.crm.rows[d].version, world.crm.rows[d].values["city"] = 1, "Lyon"
    await world.settle(world.change(d))
    await world.deliver_all()
    assert await world.parked(d) == ("stale read",)
    assert world.erp.rows[s].values["town"] == "Oslo"


async def test_other_waits_before_it_do_not_park_a_first_stale_read() -> None:
    world = World()
    d, _ = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    await world.sync(d)
    world.crm.rows[d].version = 1
    with pytest.raises(NotYet):
        await world.sync(d, attempt=STALE_READS_MAX + 1)


async def test_a_replay_takes_a_restored_record_as_it_is_and_the_next_sync_is_quiet() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    await world.sync(d)
    world.crm.rows[d].version, world.crm.rows[d].values["city"] = 1, "Lyon"
    await world.settle(world.change(d))
    await world.deliver_all()
    await world.sync(d, cause="replay")
    assert (await world.parked(d), world.erp.rows[s].values["town"]) == ((), "Lyon")
    assert (await world.link()).versions["dynamics"] == 1
    await world.sync(d)
    assert await world.parked(d) == ()


async def test_a_replay_of_an_older_state_that_is_in_step_is_remembered() -> None:
    world = World()
    d, _ = await world.linked(city="Lyon")
    world.crm.rows[d].version = 0
    await world.sync(d, cause="replay")
    assert (await world.link()).versions["dynamics"] == 0


@pytest.mark.parametrize(("restored", "paused"), [(2, ""), (3, "s4/partner")])
async def test_many_restored_records_pause_their_flow_and_a_few_do_not(restored: int, paused: str) -> None:
    world = World(limits=Limits(stale_records=3))
    for key in (D1, D2, D3):
        await world.linked(key, name=f"Firm {key[-1]}")
    for key in (D1, D2, D3)[:restored]:
        world.crm.rows[key].version = -1
        await world.settle(world.change(key))
    for _ in range(2):
        world.clock.move(10)
        await world.deliver()
    assert await keeps_paused("s4/partner", world.app) == paused
    if paused:
        assert "restored" in await world.state.watermark("pause/s4/partner")


async def test_records_restored_over_a_day_do_not_pause_their_flow() -> None:
    world = World(limits=Limits(stale_records=2))
    for key in (D1, D2):
        await world.linked(key, name=f"Firm {key[-1]}")
    for key in (D1, D2):
        world.crm.rows[key].version = -1
        await world.settle(world.change(key))
        await world.deliver_all()
        world.clock.move(3_600)
    assert await keeps_paused("s4/partner", world.app) == ""


async def test_one_record_that_is_told_of_many_times_is_one_restored_record() -> None:
    world = World(limits=Limits(stale_records=2))
    d, _ = await world.linked()
    world.crm.rows[d].version = -1
    for number in range(4):
        await world.settle(replace(world.change(d), origin=f"event {number}"))
    await world.deliver_all()
    assert await keeps_paused("s4/partner", world.app) == ""
