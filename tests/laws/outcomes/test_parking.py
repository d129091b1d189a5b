"""Law 14: parking is per field and side; the rest goes through."""

import pytest

from shared.core.link import Problem
from shared.core.plan import Park, Sync
from shared.decide import decide
from shared.decision.learning import with_problems
from shared.errors import NeedsPerson
from tests.laws.facts import NOW, account, ago, columns, facts, linked, parks, partner, problem
from tests.laws.flows import PARTNER
from tests.laws.world import World

WAS = account(city="Lyon", memo="a", name="Firm"), partner(town="Lyon", memo="a")


def judged(crm: dict, erp: dict):
    one, other = account(**{"city": "Lyon", "memo": "a", **crm}), partner(**{"town": "Lyon", "memo": "a", **erp})
    return decide(facts(one, other, linked(*WAS)), PARTNER)


def test_a_clash_is_dropped_from_the_write_and_the_rest_goes_through_both_ways() -> None:
    plan = judged({"city": "Oslo", "memo": "b"}, {"town": "Bath", "payterms": "NT30"})
    assert parks(plan) == {"city": "clash"}
    assert columns(plan, "sap") == {"memo": "b"}
    assert columns(plan, "dynamics") == {"terms": "NT30"}


def test_a_value_that_fails_its_check_is_parked_with_its_rule_and_the_rest_goes_through() -> None:
    plan = judged({"name": "x" * 21, "memo": "b"}, {})
    assert parks(plan) == {"name": "length"} or set(parks(plan)) == {"name"}
    assert columns(plan, "sap") == {"memo": "b", "search": "XXXXXXXX"}
    assert isinstance(plan, Sync)
    assert plan.problems[0].side == "sap"
    assert "x" * 21 not in plan.problems[0].message


def test_a_word_that_the_code_table_lacks_is_parked_and_the_rest_goes_through() -> None:
    plan = judged({"country": "Atlantis", "memo": "b"}, {})
    assert set(parks(plan)) == {"country"}
    assert columns(plan, "sap") == {"memo": "b"}
    assert "Atlantis" not in plan.reason


def test_a_missing_required_field_parks_the_pair() -> None:
    plan = judged({"name": "", "memo": "b"}, {"payterms": "NT30"})
    assert isinstance(plan, Park)
    assert parks(plan)["name"] == "required"


def test_any_problem_of_a_create_parks_the_pair() -> None:
    plan = decide(facts(account(sapnumber=None, country="Atlantis")), PARTNER)
    assert isinstance(plan, Park)
    assert set(parks(plan)) == {"country"}


def test_a_problem_keeps_the_time_when_it_was_first_seen() -> None:
    old, new = (Problem("city", "sap", "clash", "m", since=at) for at in (ago(60), NOW))
    other = Problem("city", "sap", "refused", "m", since=NOW)
    link = with_problems(linked(*WAS), (old,))
    assert with_problems(link, (new,)).parked == (old,)
    assert with_problems(link, (other,)).parked == (other,)
    assert with_problems(link, ()).parked == ()


def test_the_same_field_may_be_parked_on_both_sides() -> None:
    both = tuple(Problem("city", side, "refused", "m", since=NOW) for side in ("dynamics", "sap"))
    assert with_problems(linked(*WAS), both).parked == both


def test_a_value_that_one_side_refused_may_still_be_written_to_the_other() -> None:
    crm, erp = account(city="Oslo"), partner(town="Bath")
    old = problem("city", "sap", "refused s4", "Oslo", "Bath")
    link = linked(account(city="Oslo"), partner(town="Lyon"), parked=(old,))
    assert columns(decide(facts(crm, erp, link), PARTNER), "dynamics") == {"city": "Bath"}


async def test_a_clash_is_listed_for_an_operator_and_leaves_the_list_when_both_sides_agree() -> None:
    world = World()
    d, s = await world.linked(city="Lyon", memo="a")
    world.crm.edit(d, city="Oslo", memo="b")
    world.erp.edit(s, town="Bath")
    await world.sync(s, "sap")
    assert await world.parked(d) == ("clash",)
    assert world.erp.rows[s].values["memo"] == "b"
    world.erp.edit(s, town="Oslo")
    await world.sync(s, "sap")
    assert await world.parked(d) == ()
    assert await world.stuck() == {}


async def test_a_pair_that_was_out_of_scope_for_a_while_is_listed_again() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    world.erp.edit(s, town="Bath")
    await world.sync(d)
    for kind in (1, 3):
        world.crm.edit(d, kind=kind)
        await world.sync(d)
    assert await world.parked(d) == ("clash",)


async def test_what_a_linked_pair_was_given_up_for_leaves_the_list_with_the_next_success() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")

    def bad() -> None:
        raise NeedsPerson("this answer cannot be read")

    world.script.before("erp.read", bad)
    await world.settle(world.change(d))
    assert await world.parked(d) == ("needsperson",)
    world.crm.edit(d, city="Oslo")
    await world.settle(world.change(d))
    assert world.erp.rows[s].values["town"] == "Oslo"
    assert await world.parked(d) == ()


async def test_a_clash_that_a_person_settles_by_typing_one_side_s_value_is_in_step_with_a_new_base() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    world.erp.edit(s, town="Bath")
    await world.sync(d)
    world.crm.edit(d, city="Bath")
    await world.sync(d)
    world.crm.edit(d, city="Graz")
    await world.sync(d)
    assert world.erp.rows[s].values["town"] == "Graz"


async def test_a_required_field_that_comes_back_releases_the_pair() -> None:
    world = World()
    d, s = await world.linked()
    world.crm.edit(d, name="", city="Oslo")
    await world.sync(d)
    assert await world.parked(d) == ("required",)
    assert not world.erp.rows[s].values.get("town")
    world.crm.edit(d, name="Firm")
    await world.sync(d)
    assert world.erp.rows[s].values["town"] == "Oslo"
    assert await world.parked(d) == ()


@pytest.mark.parametrize("mended", [True, False])
async def test_a_record_that_cannot_be_created_is_parked_under_its_own_key_until_it_is_mended(mended: bool) -> None:
    world = World()
    d = world.account(country="Atlantis")
    await world.sync(d)
    (cause,) = await world.parked(d)
    assert cause.startswith("code")
    assert not world.erp.rows
    if mended:
        world.crm.edit(d, country="Germany")
    await world.sync(d)
    assert len(world.erp.rows) == mended
    assert bool(await world.parked(d)) is not mended
