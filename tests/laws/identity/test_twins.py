"""Law 4: the mark comes before the match key; one that is linked elsewhere is no twin; two are a question."""

from datetime import timedelta

import pytest

from shared.core.link import Link
from shared.core.messages import born_in_sap
from shared.core.model import Side
from shared.core.plan import Park, Skip, Sync, Twin
from shared.decide import decide
from shared.errors import NotYet, Stale
from tests.laws.facts import S1, account, facts, parked_pair, partner
from tests.laws.flows import PARTNER
from tests.laws.outcomes.test_refusals import complains
from tests.laws.world import D1, D2, World

FRESH = account(sapnumber=None)


def twin(key: str = S1, *, birthmark: bool = False, elsewhere: str = "") -> Twin:
    return Twin(partner(mark=None, members={"key": key}), birthmark, elsewhere)


def test_a_free_candidate_is_linked() -> None:
    plan = decide(facts(FRESH, twins=(twin(),)), PARTNER)
    assert isinstance(plan, Sync)
    assert plan.twin is not None
    assert plan.twin.key == S1
    assert plan.writes["sap"].kind == "update"


def test_two_free_candidates_are_a_question_for_a_person() -> None:
    plan = decide(facts(FRESH, twins=(twin("1"), twin("2"))), PARTNER)
    assert parked_pair(plan) == "duplicate"
    assert isinstance(plan, Park)
    assert "(1, 2)" in plan.reason


def test_a_candidate_that_belongs_elsewhere_is_a_duplicate_and_by_its_mark_a_copy() -> None:
    assert parked_pair(decide(facts(FRESH, twins=(twin(elsewhere=D2),)), PARTNER)) == "duplicate"
    plan = decide(facts(FRESH, twins=(twin(birthmark=True, elsewhere=D2),)), PARTNER)
    assert parked_pair(plan) == "copy"
    assert D2 in plan.reason


async def test_a_record_is_adopted_by_the_mark_it_bears_before_any_match_key() -> None:
    world = World()
    d = world.account(vat="V1")
    marked, _ = world.partner(mark=d), world.partner(tax="V1")
    await world.sync(d)
    assert (await world.link()).sap == marked


async def test_a_record_is_adopted_by_the_number_that_the_row_bears() -> None:
    world = World()
    s, _ = world.partner(), world.partner(tax="V1")
    await world.sync(world.account(vat="V1", sapnumber=s))
    assert (await world.link()).sap == s
    assert world.erp.rows[s].values["mark"] == D1


async def test_a_partner_is_adopted_by_the_guid_that_it_bears() -> None:
    world = World()
    d, _ = world.account(), world.account(D2, vat="V1")
    s = world.partner(mark=d.upper(), tax="V1")
    await world.sync(s, "sap")
    assert (await world.link(d)).sap == s


async def test_a_partner_is_adopted_by_the_row_that_has_the_id_which_ours_would_get() -> None:
    world = World()
    s = world.partner(tax="V1")
    born = world.account(born_in_sap(PARTNER.pair, s))
    world.account(D2, vat="V1")
    await world.sync(s, "sap")
    assert (await world.link(born)).sap == s


async def test_a_partner_is_adopted_by_the_row_that_bears_its_number() -> None:
    world = World()
    s = world.partner(tax="V1")
    world.account(D1, sapnumber=s)
    world.account(D2, vat="V1")
    await world.sync(s, "sap")
    assert (await world.link(D1)).sap == s


async def test_an_order_is_adopted_by_the_number_that_is_its_mark() -> None:
    world = World()
    await world.linked()
    s = world.erp.put("", {"ponumber": "ORD1"})
    await world.pair("s4/order", world.order())
    assert [k for k, r in world.erp.rows.items() if "ponumber" in r.values] == [s]


async def test_an_order_is_created_with_the_number_that_is_its_mark() -> None:
    world = World()
    _, s = await world.linked_order()
    assert world.erp.rows[s].values["ponumber"] == "ORD1"


async def test_without_a_mark_a_twin_is_found_by_the_match_key() -> None:
    world = World()
    s = world.partner(tax="V1")
    await world.sync(world.account(vat="V1"))
    assert (await world.link()).sap == s
    assert len(world.erp.rows) == 1


async def test_a_match_key_is_looked_for_as_its_row_tells_it() -> None:
    world = World()
    s = world.partner(tax="V1")
    await world.sync(world.account(vat=" v1 "))
    assert (await world.link()).sap == s
    assert len(world.erp.rows) == 1


async def test_an_absent_match_key_matches_nothing() -> None:
    world = World()
    world.partner(tax="")
    await world.sync(world.account(vat=""))
    assert len(world.erp.rows) == 2


async def test_two_matches_park_both_ways_and_nothing_is_guessed() -> None:
    world = World()
    world.partner(tax="V1"), world.partner(tax="V1")
    await world.sync(world.account(vat="V1"))
    assert await world.parked(D1) == ("duplicate",)
    assert world.crm.writes == world.erp.writes == 0


@pytest.mark.parametrize("side", ["dynamics", "sap"])
async def test_two_of_one_match_key_park_from_whichever_side_they_are_seen(side: Side) -> None:
    world = World()
    two = world.account if side == "dynamics" else world.partner
    keys = [two(D1, vat="V1"), two(D2, vat="V1")] if side == "dynamics" else [two(tax="V1"), two(tax="V1")]
    _ = world.partner(tax="V1") if side == "dynamics" else world.account(vat="V1")
    for key in keys:
        await world.sync(key, side)
        assert await world.parked(key, side) == ("duplicate",)
    assert world.crm.writes == world.erp.writes == 0
    (world.crm if side == "dynamics" else world.erp).edit(keys[1], **{"vat" if side == "dynamics" else "tax": "V2"})
    await world.sync(keys[0], side)
    assert await world.parked(keys[0], side) == ()


async def test_a_match_that_takes_no_part_is_neither_written_nor_made_a_second_time() -> None:
    world = World()
    s = world.partner(tax="V1", category="1")
    d = world.account(vat="V1", memo="b")
    await world.sync(d)
    assert await world.parked(d) == ("duplicate",)
    assert world.erp.writes == 0
    world.erp.edit(s, category="2")
    await world.sync(d)
    assert (await world.link(d)).sap == s


async def test_a_marked_record_that_takes_no_part_any_more_is_out_of_scope() -> None:
    world = World()
    d = world.account()
    world.partner(mark=d, category="1")
    assert isinstance(await world.sync(d), Skip)
    assert world.erp.writes == 0
    assert await world.parked(d) == ()


async def test_a_second_account_with_the_vat_number_of_a_linked_partner_parks() -> None:
    world = World()
    _, s = await world.linked(vat="V1")
    await world.sync(world.account(D2, vat="V1"))
    assert await world.parked(D2) == ("duplicate",)
    assert world.erp.rows[s].values["mark"] == D1
    assert len(world.erp.rows) == 1


async def test_a_linked_partner_is_nobody_else_s_even_if_people_have_wiped_the_marks() -> None:
    world = World()
    d, s = await world.linked(vat="V1")
    world.erp.edit(s, mark=None)
    world.crm.edit(d, sapnumber=None)
    await world.sync(world.account(D2, vat="V1"))
    assert await world.parked(D2) == ("duplicate",)
    assert world.erp.rows[s].values["mark"] is None


async def test_a_partner_whose_number_another_account_bears_is_that_account_s() -> None:
    world = World()
    s = world.partner(tax="V1")
    world.account(D2, sapnumber=s)
    await world.sync(world.account(D1, vat="V1"))
    assert await world.parked(D1) == ("duplicate",)
    assert world.erp.writes == 0


async def test_the_entry_of_a_duplicate_goes_when_the_duplicate_is_mended() -> None:
    world = World()
    await world.linked(vat="V1")
    await world.sync(world.account(D2, vat="V1"))
    world.crm.edit(D2, vat="V2")
    await world.sync(D2)
    assert await world.parked(D2) == ()
    assert len(world.erp.rows) == 2


async def test_an_account_that_is_linked_to_another_partner_between_look_and_claim_keeps_its_link() -> None:
    world = World()
    s, d = world.partner(tax="V1"), world.account(vat="V1")

    async def somebody_links_it() -> None:
        world.crm.edit(d, sapnumber=world.partner())
        await world.sync(d, app=world.rival)

    world.script.before("state.link", somebody_links_it, nth=3)  # after the pair's own and the candidate's
    with pytest.raises(Stale):
        await world.sync(s, "sap")
    assert (await world.link()).sap not in ("", s)
    assert (await world.link()).status == "linked"


async def test_an_account_that_another_worker_has_claimed_is_not_linked() -> None:
    world = World()
    s, d = world.partner(tax="V1"), world.account(vat="V1")
    until = world.clock() + timedelta(seconds=50)
    await world.state.save(Link(PARTNER.pair, d, claimed_until=until))
    with pytest.raises(NotYet) as told:
        await world.sync(s, "sap")
    assert told.value.until == until
    assert world.erp.writes == world.crm.writes == 0


@pytest.mark.parametrize("first", ["dynamics", "sap"])
async def test_both_sides_of_a_new_twin_pair_come_to_one_link_whichever_event_comes_first(first) -> None:
    world = World()
    d, s = world.account(vat="V1"), world.partner(tax="V1")
    for side in ("dynamics", "sap") if first == "dynamics" else ("sap", "dynamics"):
        await world.settle(world.change(d if side == "dynamics" else s, side))
    await world.deliver_all()
    assert (await world.link()).sap == s
    assert len(world.crm.rows) == len(world.erp.rows) == 1


async def test_a_flow_creates_only_where_it_may() -> None:
    world = World()
    await world.linked()
    s = world.erp.put("", {"ponumber": "", "soldto": "1"})
    plan = await world.sync(s, "sap", "s4/order")
    assert isinstance(plan, Skip)
    assert len(world.crm.rows) == 1


async def refused_in_dynamics(world: World) -> str:
    """Let SAP tell of a partner that Dynamics refuses; return its number."""
    world.crm.objects_to = complains("city", "Oslo")
    s = world.partner(town="Oslo", tax="V1")
    await world.sync(s, "sap")
    world.crm.objects_to = lambda _values, _lines: ()
    return s


async def test_an_account_made_by_hand_takes_the_partner_whose_account_was_refused() -> None:
    world = World()
    s = await refused_in_dynamics(world)
    d = world.account(vat="V1", city="Oslo")
    await world.settle(world.change(d))
    await world.deliver_all()
    assert (await world.parked(d), await world.parked(s, "sap")) == ((), ())
    assert (await world.link()).sap == s
    assert len(world.crm.rows) == 1


async def test_a_create_that_is_repeated_at_that_moment_wins_or_loses_by_the_link() -> None:
    world = World()
    s = await refused_in_dynamics(world)
    d = world.account(vat="V1", city="Oslo")

    async def somebody() -> None:
        await world.sync(s, "sap", app=world.rival)

    world.script.before("state.unbind", somebody)
    await world.settle(world.change(d))
    await world.deliver_all()
    home = await world.state.home(PARTNER.pair, s)
    assert home in (d, born_in_sap(PARTNER.pair, s))
    assert (await world.link(home)).sap == s
    assert len(world.erp.rows) == 1
