"""Law 13: time does not run backwards."""

import pytest

from shared.core.plan import Later, Sync
from shared.decide import STALE_READS_MAX, decide
from shared.errors import NotYet
from tests.laws.facts import NOW, account, facts, linked, parked_pair, partner
from tests.laws.flows import PARTNER
from tests.laws.world import World


def both(crm_version: int | None, erp_version: int | None, attempt: int = 0):
    crm, erp = account(members={"version": crm_version}), partner(members={"version": erp_version})
    link = linked(crm, erp, versions={"dynamics": 5, "sap": 5})
    return decide(facts(crm, erp, link, said={"attempt": attempt}), PARTNER)


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
