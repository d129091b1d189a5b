"""Law 3: a create whose answer was lost is repeated only after the system's longest transaction and another look."""

from datetime import timedelta

import pytest

from shared.core.link import Link
from shared.core.plan import Later, Sync
from shared.decide import decide
from shared.errors import NotYet, Unconfirmed
from tests.laws.facts import LONGEST_SECONDS, NOW, S1, account, facts, intent, partner
from tests.laws.flows import PARTNER
from tests.laws.script import lose_answer
from tests.laws.world import AN_HOUR_SECONDS, D1, World

ALONE = account(sapnumber=None)


def claim(seconds_ago: float) -> Link:
    return Link(PARTNER.pair, D1, intents=(intent("sap", seconds_ago=seconds_ago),), etag="e")


@pytest.mark.parametrize("seconds_ago", [0, 10, LONGEST_SECONDS - 1])
def test_an_open_create_is_not_repeated_while_it_may_still_commit(seconds_ago: float) -> None:
    plan = decide(facts(ALONE, None, claim(seconds_ago)), PARTNER)
    assert isinstance(plan, Later)
    assert NOW < plan.until <= NOW + timedelta(seconds=LONGEST_SECONDS - seconds_ago)
    assert plan.until <= NOW + timedelta(seconds=30)  # it is looked for meanwhile


def test_an_open_create_is_repeated_once_it_can_no_longer_commit() -> None:
    plan = decide(facts(ALONE, None, claim(LONGEST_SECONDS)), PARTNER)
    assert isinstance(plan, Sync)
    assert plan.writes["sap"].kind == "create"


def test_an_open_update_keeps_nobody_from_going_on() -> None:
    link = Link(PARTNER.pair, D1, intents=(intent("sap", "update"),), etag="e")
    assert isinstance(decide(facts(ALONE, None, link), PARTNER), Sync)


def test_a_create_that_has_shown_up_is_waited_for_no_longer() -> None:
    link = Link(PARTNER.pair, D1, S1, intents=(intent("sap"),), etag="e")
    assert isinstance(decide(facts(account(), partner(), link), PARTNER), Sync)


async def test_a_create_that_commits_late_is_adopted_by_its_birthmark_and_not_made_twice() -> None:
    world = World()
    d = world.account()
    world.script.hold("erp.create")
    with pytest.raises(Unconfirmed):
        await world.sync(d)
    world.clock.move(5)
    with pytest.raises(NotYet):
        await world.sync(d)
    await world.script.late.pop()()
    world.clock.move(30)
    await world.sync(d)
    assert (await world.link()).sap == next(iter(world.erp.rows))
    assert len(world.erp.rows) == 1


async def test_the_record_of_a_create_with_a_lost_answer_is_found_at_once_when_it_is_there() -> None:
    world = World()
    d = world.account()
    world.script.after("erp.create", lose_answer)
    with pytest.raises(Unconfirmed):
        await world.sync(d)
    world.clock.move(5)
    await world.sync(d)
    assert len(world.erp.rows) == 1
    assert (await world.link()).status == "linked"


async def test_a_create_that_never_commits_is_made_once_more_after_the_longest_transaction() -> None:
    world = World()
    d = world.account()
    world.script.hold("erp.create")
    settled = await world.settle(world.change(d))
    assert settled.outcome == "unconfirmed"
    start = world.clock()
    while not world.erp.rows:
        due = world.bus.next_due()
        assert due is not None, "the change is forgotten"
        world.clock.at = max(world.clock.at, due)
        await world.deliver()
    assert LONGEST_SECONDS <= (world.clock() - start).total_seconds() < LONGEST_SECONDS + 60
    assert world.script.calls["erp.create"] == 2
    assert len(world.erp.rows) == 1


async def test_the_event_of_a_late_record_finds_the_pair_by_the_mark() -> None:
    world = World()
    d = world.account()
    world.script.hold("erp.create")
    with pytest.raises(Unconfirmed):
        await world.sync(d)
    await world.script.late.pop()()
    world.clock.move(91)
    (s,) = world.erp.rows
    await world.settle(world.change(s, "sap"))
    assert (await world.link()).sap == s
    assert list(world.crm.rows) == [d]


async def test_while_an_answer_is_lost_a_record_with_the_match_key_is_not_taken_for_the_one_on_its_way() -> None:
    world = World()
    d = world.account(vat="V1")
    world.script.hold("erp.create")
    with pytest.raises(Unconfirmed):
        await world.sync(d)
    world.partner(tax="V1")  # somebody enters the customer by hand
    world.clock.move(60)
    with pytest.raises(NotYet):
        await world.sync(d)
    await world.script.late.pop()()
    world.clock.move(30)
    await world.settle(world.change(d))
    made = (await world.link()).sap
    assert world.erp.rows[made].values["mark"] == d


async def test_a_row_in_dynamics_whose_answer_was_lost_is_the_same_row_on_the_next_attempt() -> None:
    world = World()
    s = world.partner()
    world.script.after("crm.create", lose_answer)
    with pytest.raises(Unconfirmed):
        await world.sync(s, "sap")
    world.clock.move(LONGEST_SECONDS)
    await world.sync(s, "sap")
    assert len(world.crm.rows) == 1
    (d,) = world.crm.rows
    assert (await world.link(d)).status == "linked"


async def test_a_record_of_a_lost_create_waits_for_word_of_its_account_and_makes_no_new_one() -> None:
    world = World()
    d = world.account()
    world.script.hold("erp.create")
    with pytest.raises(Unconfirmed):
        await world.sync(d)
    world.crm.rows.pop(d)  # and the event of the delete is still on its way
    await world.script.late.pop()()
    world.clock.move(AN_HOUR_SECONDS)
    (s,) = world.erp.rows
    await world.settle(world.change(s, "sap", cause="sweep"))
    assert not world.crm.rows
    assert await world.parked(s, "sap") == ("gone",)
    await world.settle(world.change(d, deleted=True))
    assert not world.crm.rows
    assert world.erp.rows[s].values["blocked"] is True
    assert await world.parked(s, "sap") == await world.parked(d) == ()
    await world.settle(world.change(s, "sap", cause="sweep"))
    assert not world.crm.rows


async def test_a_copy_of_a_partner_whose_account_was_deleted_gets_an_account_of_its_own() -> None:
    world = World()
    d, s = await world.linked()
    world.crm.rows.pop(d)
    await world.settle(world.change(d, deleted=True))
    copy = world.partner(mark=world.erp.rows[s].values["mark"])
    await world.sync(copy, "sap")
    (made,) = world.crm.rows
    assert (await world.link(made)).sap == copy
