"""Law 5: a key that comes back is not the same record."""

from datetime import timedelta

import pytest

from shared.core.link import Link
from shared.core.messages import born_in_sap
from shared.core.plan import Sync
from shared.decide import decide
from shared.errors import Unconfirmed
from tests.laws.facts import NOW, account, ago, facts, linked, parked_pair, partner
from tests.laws.flows import PARTNER
from tests.laws.script import lose_answer
from tests.laws.world import AN_HOUR_SECONDS, D2, D3, World

BORN = ago(100_000)


def both(crm_born=BORN, erp_born=BORN, **more):
    crm, erp = account(members={"created_at": crm_born}), partner(members={"created_at": erp_born})
    return facts(crm, erp, linked(crm, erp, born={"dynamics": BORN, "sap": BORN}), **more)


def test_a_record_that_was_created_later_than_its_link_says_parks() -> None:
    assert parked_pair(decide(both(erp_born=NOW), PARTNER)) == "key reused"
    assert parked_pair(decide(both(crm_born=BORN + timedelta(seconds=1)), PARTNER)) == "key reused"


def test_the_record_that_was_linked_goes_on() -> None:
    assert isinstance(decide(both(), PARTNER), Sync)
    assert isinstance(decide(both(erp_born=None), PARTNER), Sync)  # the system does not tell


def test_a_person_who_asks_again_has_said_that_it_is_the_right_one() -> None:
    assert isinstance(decide(both(erp_born=NOW, said={"cause": "replay"}), PARTNER), Sync)


async def test_a_number_that_came_back_overwrites_nothing() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.erp.delete(s)
    world.clock.move(60)
    world.erp.put(s, {"category": "2", "name1": "Another", "town": "Oslo"})
    await world.sync(s, "sap")
    assert await world.parked(d) == ("key reused",)
    assert world.crm.rows[d].values["city"] == "Lyon"
    assert world.erp.rows[s].values["name1"] == "Another"


async def test_a_taken_row_id_is_success_if_the_row_carries_our_mark() -> None:
    world = World()
    s = world.partner()
    born = born_in_sap(PARTNER.pair, s)
    world.script.before("crm.create", lambda: world.account(born, sapnumber=s))
    await world.sync(s, "sap")
    assert (await world.link(born)).status == "linked"


@pytest.mark.parametrize("mark", [None, "4711"])
async def test_a_taken_row_id_without_our_mark_parks_and_the_row_is_left_alone(mark) -> None:
    world = World()
    s = world.partner(town="Oslo")
    born = born_in_sap(PARTNER.pair, s)
    world.script.before("crm.create", lambda: world.account(born, sapnumber=mark, city="Lyon"))
    await world.sync(s, "sap")
    (cause,) = await world.parked(s, "sap")
    assert cause.startswith("refused dataverse")
    assert world.crm.rows[born].values["city"] == "Lyon"
    assert world.crm.writes == 0


async def test_a_number_that_a_restored_sap_gives_again_is_taken_from_the_pair_that_left_it() -> None:
    world = World()
    d, s = await world.linked()
    left = "4711"
    await world.state.bind(Link(PARTNER.pair, d, left))  # a create whose record went with the restored database
    world.erp.put(left, {"category": "2", "name1": "Firm", "search": "FIRM", "tax": "V9"})
    other = world.account(D2, vat="V9")
    await world.sync(other)
    assert (await world.link(other)).sap == left
    assert (await world.link(d)).sap == s
    assert await world.state.home(PARTNER.pair, left) == other


async def test_a_number_is_not_taken_from_a_pair_that_is_just_coming_into_being() -> None:
    world = World()
    s = world.partner(tax="V9")
    await world.state.bind(Link(PARTNER.pair, D3, s))
    await world.state.save(Link(PARTNER.pair, D3))
    world.account(D2, vat="V9")
    await world.settle(world.change(D2))
    assert await world.state.home(PARTNER.pair, s) == D3


async def test_a_number_of_a_retired_pair_that_a_restored_sap_gives_again_is_a_new_partner() -> None:
    world = World()
    d, s = await world.linked()
    world.crm.rows.pop(d)
    await world.settle(world.change(d, deleted=True))
    world.erp.delete(s)
    world.clock.move(60)
    world.erp.put(s, {"category": "2", "name1": "Another", "town": "Oslo"})
    await world.sync(s, "sap")
    (made,) = world.crm.rows
    assert (await world.link(made)).status == "linked"
    assert world.crm.rows[made].values["city"] == "Oslo"
    world.erp.edit(s, town="Bath")
    await world.sync(s, "sap")
    assert world.crm.rows[made].values["city"] == "Bath"


async def test_a_number_of_a_pair_that_was_over_before_it_was_seen_together_is_told_by_its_mark() -> None:
    world = World()
    d = world.account()
    world.script.after("erp.create", lose_answer)
    with pytest.raises(Unconfirmed):
        await world.sync(d)
    (s,) = world.erp.rows
    await world.state.bind(Link(PARTNER.pair, d, s))  # and here the worker that had found it died
    world.crm.rows.pop(d)
    world.erp.delete(s)
    world.clock.move(AN_HOUR_SECONDS)
    await world.settle(world.change(d, deleted=True))
    world.erp.put(s, {"category": "2", "name1": "Another"})
    await world.sync(s, "sap")
    (made,) = world.crm.rows
    assert (await world.link(made)).status == "linked"


async def test_a_number_of_a_pair_that_was_retired_before_it_was_linked_is_a_new_partner_when_it_comes_again() -> None:
    world = World()
    d = world.account()
    world.script.after("erp.create", lose_answer)
    with pytest.raises(Unconfirmed):
        await world.sync(d)
    world.crm.rows.pop(d)
    await world.settle(world.change(d, deleted=True))
    (s,) = world.erp.rows
    world.erp.delete(s)
    world.clock.move(60)
    world.erp.put(s, {"category": "2", "name1": "Another"})
    await world.sync(s, "sap")
    (made,) = world.crm.rows
    assert (await world.link(made)).status == "linked"


async def test_the_survivor_of_a_retired_pair_is_no_new_partner() -> None:
    world = World()
    d, s = await world.linked()
    world.crm.rows.pop(d)
    await world.settle(world.change(d, deleted=True))
    await world.sync(s, "sap")
    assert not world.crm.rows
