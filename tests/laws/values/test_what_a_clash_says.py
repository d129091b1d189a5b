"""Law 10 for readers: two records that never were in step have not both been changed since."""

from shared.decide import decide
from tests.laws.facts import account, facts, linked, partner
from tests.laws.flows import PARTNER


def said(crm, erp, link) -> str:
    (problem,) = decide(facts(crm, erp, link), PARTNER).problems
    assert (problem.field, problem.cause) == ("city", "clash")
    return problem.message


def test_a_clash_of_two_edits_says_that_both_sides_were_changed() -> None:
    link = linked(account(city="Lyon"), partner(town="Lyon"))
    assert "was changed on both sides since it was last in step" in said(
        account(city="Oslo"), partner(town="Bath"), link
    )


def test_a_clash_at_first_link_says_that_the_two_were_never_in_step() -> None:
    crm, erp = account(city="Oslo"), partner(town="Bath")
    link = linked(account(), partner(), base={})
    assert "city differs, and was never in step; make both sides equal" in said(crm, erp, link)
