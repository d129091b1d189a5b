"""Law 8: a target that holds what our open intent was about to send was not moved by a person."""

import pytest

from shared.decide import decide
from shared.decision.learning import without_old_intents
from shared.errors import Unavailable, Unconfirmed
from tests.laws.facts import LONGEST_SECONDS, account, columns, facts, intent, linked, parks, partner
from tests.laws.flows import PARTNER
from tests.laws.script import lose_answer
from tests.laws.world import SEAL, World

WAS = account(city="Lyon"), partner(town="Lyon")


def test_a_late_write_of_ours_is_no_edit_and_the_newer_value_goes_over_it() -> None:
    link = linked(*WAS, intents=(intent("sap", "update", city="Oslo"),))
    plan = decide(facts(account(city="Bath"), partner(town="Oslo"), link), PARTNER)
    assert columns(plan, "sap") == {"town": "Bath"}
    assert columns(plan, "dynamics") is None


def test_a_late_write_that_undid_a_newer_value_is_written_over_again() -> None:
    link = linked(account(city="Bath"), partner(town="Bath"), intents=(intent("sap", "update", city="Oslo"),))
    plan = decide(facts(account(city="Bath"), partner(town="Oslo"), link), PARTNER)
    assert columns(plan, "sap") == {"town": "Bath"}


def test_any_of_the_last_few_sent_values_may_arrive_late() -> None:
    intents = intent("sap", "update", 100, city="Oslo"), intent("sap", "update", 50, city="Graz")
    plan = decide(facts(account(city="Bath"), partner(town="Oslo"), linked(*WAS, intents=intents)), PARTNER)
    assert columns(plan, "sap") == {"town": "Bath"}


@pytest.mark.parametrize(
    "other",
    [
        intent("dynamics", "update", city="Oslo"),
        intent("sap", "update", street="Oslo"),
        intent("sap", "update", city="Graz"),
    ],
    ids=["another side", "another field", "another value"],
)
def test_an_intent_excuses_nothing_else(other) -> None:
    plan = decide(facts(account(city="Bath"), partner(town="Oslo"), linked(*WAS, intents=(other,))), PARTNER)
    assert parks(plan) == {"city": "clash"}


def test_an_intent_is_kept_as_long_as_it_may_commit_and_no_longer() -> None:
    old, young = intent("sap", "update", LONGEST_SECONDS), intent("sap", "update", LONGEST_SECONDS - 1)
    left = without_old_intents(linked(*WAS, intents=(old, young)), facts(*WAS))
    assert left.intents == (young,)


async def test_an_update_with_a_lost_answer_that_arrived_is_no_edit_of_sap() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    world.script.after("erp.update", lose_answer)
    with pytest.raises(Unconfirmed):
        await world.sync(d)
    world.crm.edit(d, city="Bath")
    world.clock.move(5)
    await world.sync(d)
    assert world.erp.rows[s].values["town"] == "Bath"
    assert world.crm.rows[d].values["city"] == "Bath"
    assert await world.stuck() == {}


async def test_an_update_that_commits_after_a_newer_one_is_written_over_and_not_taken_for_an_edit() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    world.script.hold("erp.update")
    with pytest.raises(Unconfirmed):
        await world.sync(d)
    world.crm.edit(d, city="Bath")
    world.clock.move(5)
    await world.sync(d)
    await world.script.late.pop()()
    assert world.erp.rows[s].values["town"] == "Oslo"
    await world.sync(s, "sap")
    assert world.erp.rows[s].values["town"] == world.crm.rows[d].values["city"] == "Bath"


async def test_an_answered_write_leaves_no_intent_so_that_its_value_may_be_typed_by_a_person_later() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    for city in ("Oslo", "Bath"):
        world.crm.edit(d, city=city)
        await world.sync(d)
    assert (await world.link()).intents == ()
    world.erp.edit(s, town="Oslo")
    await world.sync(s, "sap")
    assert world.crm.rows[d].values["city"] == "Oslo"


@pytest.mark.parametrize("said", ["refused", "stale"])
async def test_a_write_that_certainly_did_not_happen_leaves_no_intent(said: str) -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    if said == "refused":
        world.erp.refuses = lambda values: "no" if values.get("town") == "Oslo" else ""
        await world.sync(d)
    else:
        world.script.before("erp.update", lambda: world.erp.rows.pop(s))
        await world.settle(world.change(d))
    link = await world.link()
    assert (link.intents, link.claimed_until) == ((), None)


async def test_an_intent_is_forgotten_with_the_next_save_after_the_longest_transaction() -> None:
    world = World()
    d, _ = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    world.script.hold("erp.update")
    with pytest.raises(Unconfirmed):
        await world.sync(d)
    assert [SEAL.matches("Oslo", i.sent["city"]) for i in (await world.link()).intents] == [True]
    world.clock.move(LONGEST_SECONDS)
    await world.sync(d)
    assert (await world.link()).intents == ()


async def test_what_could_not_be_put_back_is_shown_until_its_values_move() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.erp.forms = {"town": str.upper}
    world.crm.edit(d, city="Oslo")

    def away() -> None:
        raise Unavailable("away")

    world.script.before("erp.update", lambda: world.erp.edit(s, town="Bath"))
    for nth in (2, 3, 4):
        world.script.before("erp.update", away, nth=nth)
    await world.sync(d)
    (problem,) = (await world.link()).parked
    assert (problem.field, problem.side, problem.cause) == ("city", "sap", "overwritten")
    assert problem.seen == (SEAL.digest("Oslo"), SEAL.digest("OSLO"))
    assert "city was changed in sap" in problem.message
    await world.sync(d)
    assert await world.stuck() == {"city": "overwritten"}  # nothing else would ever show it
    world.crm.edit(d, city="Bath")
    await world.sync(d)
    assert (world.erp.rows[s].values["town"], await world.stuck()) == ("BATH", {})
