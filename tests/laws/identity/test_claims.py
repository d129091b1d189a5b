"""Law 2: a link is claimed before the first effect, insert-only; the loser has touched no system."""

import pytest

from shared.core.link import Link
from shared.core.messages import born_in_sap
from shared.errors import Complaint, NotYet, Stale, Unavailable
from tests.laws.flows import PARTNER
from tests.laws.script import crash
from tests.laws.world import D1, D2, World
from tests.sim.world import Crash


async def test_a_create_is_written_down_with_its_digests_before_it_leaves_and_struck_out_after_its_answer() -> None:
    world = World()
    d = world.account(city="Lyon")
    seen = []

    async def look() -> None:
        seen.append(await world.link())

    world.script.before("erp.create", look)
    await world.sync(d)
    (link,) = seen
    (intent,) = link.intents
    assert (link.status, link.sap, intent.side, intent.kind) == ("claimed", "", "sap", "create")
    assert intent.since == world.clock() or intent.since < world.clock()
    assert intent.sent["city"] == world.app.seal.digest("Lyon")
    assert link.claimed_until is not None
    after = await world.link()
    assert (after.status, after.intents, after.claimed_until) == ("linked", (), None)


async def test_an_update_that_no_etag_guards_is_written_down_before_it_leaves_and_struck_out_after() -> None:
    world = World()
    d, _ = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    seen = []

    async def look() -> None:
        seen.append(await world.link())

    world.script.before("erp.update", look)
    await world.sync(d)
    (link,) = seen
    (intent,) = link.intents
    assert (intent.side, intent.kind, intent.sent) == ("sap", "update", {"city": world.app.seal.digest("Oslo")})
    assert link.claimed_until is not None
    after = await world.link()
    assert (after.intents, after.claimed_until) == ((), None)


async def test_the_loser_of_two_creates_is_stale_and_has_touched_no_system() -> None:
    world = World()
    d = world.account()
    world.script.before("state.save", lambda: world.sync(d, app=world.rival))
    with pytest.raises(Stale):
        await world.sync(d)
    assert world.script.calls["erp.create"] == world.script.calls["crm.update"] == 0
    assert len(world.erp.rows) == 1


async def test_while_a_claim_lasts_another_worker_waits_and_writes_nothing() -> None:
    world = World()
    d = world.account()
    world.script.after("state.save", crash)
    with pytest.raises(Crash):
        await world.sync(d)
    world.clock.move(80)
    with pytest.raises(NotYet) as told:
        await world.sync(d)
    assert 0 < (told.value.until - world.clock()).total_seconds() <= 10
    assert not world.erp.rows


@pytest.mark.parametrize("step", ["erp.create", "state.bind", "crm.update", "state.save"])
async def test_a_worker_that_dies_after_any_step_of_a_create_leaves_one_partner_and_one_link(step: str) -> None:
    world = World()
    d = world.account(city="Lyon")
    world.script.after(step, crash, nth=2 if step == "state.save" else 1)
    with pytest.raises(Crash):
        await world.sync(d)
    world.clock.move(91)  # the claim has run out, the intent is still open
    await world.sync(d, app=world.rival)
    link = await world.link()
    assert list(world.erp.rows) == [link.sap]
    assert link.status == "linked"
    assert world.crm.rows[d].values["sapnumber"] == link.sap
    assert (await world.state.link(PARTNER.pair, "sap", link.sap)) == link


async def test_linking_a_twin_binds_the_way_back_first_then_the_link_and_stamps_last() -> None:
    world = World()
    s, d = world.partner(tax="V1"), world.account(vat="V1")
    seen: list[str] = []
    for call in ("state.bind", "state.save", "erp.update", "crm.update"):
        world.script.before(call, lambda call=call: seen.append(call))
    await world.sync(d)
    assert seen == ["state.bind", "state.save", "erp.update", "crm.update"]
    assert world.erp.rows[s].values["mark"] == d
    assert world.crm.rows[d].values["sapnumber"] == s


async def test_of_two_accounts_that_have_found_one_partner_one_is_linked_and_the_other_touches_nothing() -> None:
    world = World()
    s = world.partner(tax="V1")
    world.account(D1, vat="V1", name="One")

    async def the_vat_number_moves_to_another_account() -> None:
        world.crm.edit(D1, vat="V2")
        await world.sync(world.account(D2, vat="V1", name="Two"), app=world.rival)

    world.script.before("state.bind", the_vat_number_moves_to_another_account)
    with pytest.raises(Stale):
        await world.sync(D1)
    assert world.script.calls["erp.update"] == world.script.calls["crm.update"] == 0
    assert (await world.link(D2)).sap == s
    assert world.erp.rows[s].values["name1"] == "Two"


@pytest.mark.parametrize("step", ["state.bind", "state.save", "erp.update", "crm.update"])
async def test_a_worker_that_dies_while_it_links_a_twin_leaves_a_claim_that_the_next_one_finishes(step: str) -> None:
    world = World()
    s, d = world.partner(tax="V1"), world.account(vat="V1")
    world.script.after(step, crash)
    with pytest.raises(Crash):
        await world.sync(d)
    world.clock.move(91)
    await world.sync(s, "sap", app=world.rival)
    link = await world.link()
    assert (link.sap, link.status) == (s, "linked")
    assert (world.erp.rows[s].values["mark"], world.crm.rows[d].values["sapnumber"]) == (d, s)
    assert len(world.erp.rows) == len(world.crm.rows) == 1


async def test_a_record_born_in_sap_is_bound_before_its_row_is_created_and_the_row_id_derives_from_its_number() -> None:
    world = World()
    s = world.partner(town="Oslo")
    born = born_in_sap(PARTNER.pair, s)
    seen = []

    async def look() -> None:
        seen.append(await world.state.link(PARTNER.pair, "sap", s))

    world.script.before("crm.create", look)
    await world.sync(s, "sap")
    assert (seen[0].dynamics, seen[0].status) == (born, "claimed")
    assert list(world.crm.rows) == [born]
    assert world.crm.rows[born].values["city"] == "Oslo"
    assert world.crm.rows[born].values["sapnumber"] == s


async def test_two_records_born_in_sap_get_two_rows() -> None:
    world = World()
    one, two = world.partner(), world.partner()
    for s in (one, two):
        await world.sync(s, "sap")
    assert {row.values["sapnumber"] for row in world.crm.rows.values()} == {one, two}


async def test_a_create_in_dynamics_whose_partner_was_linked_meanwhile_touches_no_system() -> None:
    world = World()
    s = world.partner(tax="V1")

    async def somebody_links_it() -> None:
        world.account(D1, vat="V1")
        await world.sync(D1, app=world.rival)

    world.script.before("state.bind", somebody_links_it)
    with pytest.raises(Stale):
        await world.sync(s, "sap")
    assert world.script.calls["crm.create"] == 0
    assert list(world.crm.rows) == [D1]


async def test_a_record_that_appears_between_look_and_claim_is_found_by_its_mark_and_not_made_twice() -> None:
    world = World()
    d = world.account()
    world.script.after("state.save", lambda: world.partner(mark=d))
    with pytest.raises(Stale):
        await world.sync(d)
    assert world.script.calls["erp.create"] == 0
    await world.settle(world.change(d))
    assert (await world.link()).sap == next(iter(world.erp.rows))
    assert len(world.erp.rows) == 1


async def test_a_write_to_a_system_without_etags_is_claimed_so_that_of_two_workers_one_writes() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    world.script.before("state.save", lambda: world.sync(d, app=world.rival))
    with pytest.raises(Stale):
        await world.sync(d)
    assert world.script.calls["erp.update"] == 0
    assert world.erp.rows[s].version == 2


async def test_a_claim_without_a_way_back_is_finished_before_a_duplicate_can_take_the_partner() -> None:
    world = World()
    d = world.account(D1, vat="V1")
    world.script.after("erp.create", crash)
    with pytest.raises(Crash):
        await world.sync(d)
    world.account(D2, vat="V1")
    world.clock.move(91)
    await world.settle(world.change(D2))
    await world.settle(world.change(D1))
    assert (await world.link(D1)).sap == next(iter(world.erp.rows))
    assert len(world.erp.rows) == 1
    assert await world.parked(D2) == ("duplicate",)


async def test_a_create_whose_way_back_could_not_be_written_is_no_link_until_it_is() -> None:
    world = World()
    d = world.account()

    def away() -> None:
        raise Unavailable("state is away")

    world.script.before("state.bind", away)
    with pytest.raises(Unavailable):
        await world.sync(d)
    (s,) = world.erp.rows
    assert ((await world.link()).status, (await world.link()).sap) == ("claimed", s)
    assert await world.state.link(PARTNER.pair, "sap", s) is None
    await world.sync(d)
    assert (await world.link()).status == "linked"
    assert await world.state.link(PARTNER.pair, "sap", s) == await world.link()


async def test_a_claim_whose_partner_went_to_another_account_meanwhile_is_for_a_person() -> None:
    world = World()
    d = world.account()
    world.script.after("erp.create", lambda: world.state.bind(Link(PARTNER.pair, D2, "1000001")))
    assert list(world.erp.rows) == []
    await world.settle(world.change(d))
    await world.settle(world.change(d))
    (cause,) = await world.parked(d)
    assert cause == "needsperson"
    assert (await world.link()).status == "claimed"


async def test_an_account_made_by_hand_in_place_of_a_refused_one_is_linked() -> None:
    world = World()
    world.crm.objects_to = lambda _values, _lines: (Complaint("", "name is missing"),)
    s = world.partner(tax="V1")
    await world.sync(s, "sap")
    assert await world.parked(s, "sap")
    world.crm.objects_to = lambda _values, _lines: ()
    d = world.account(vat="V1")
    await world.sync(s, "sap")
    assert ((await world.link(d)).sap, (await world.link(d)).status) == (s, "linked")
    assert list(world.crm.rows) == [d]
    assert await world.parked(s, "sap") == ()
