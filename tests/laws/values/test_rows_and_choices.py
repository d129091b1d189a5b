"""Single rows at their edges: what has nothing to say, what may not be told, and which choice still holds."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.link import Base, Problem
from shared.core.model import Choice, Line, Reference, Side, Value
from shared.core.plan import Limits, Park, Sync
from shared.decide import decide
from shared.decision.choices import holds, told
from shared.decision.draft import Draft, told_seen
from shared.decision.merging import all_judged, birthmarks, pair_mark
from shared.decision.rows import is_base, judge, newest
from shared.mapping.flow import SILENT, Carried, Failure, Field, Missing, Rows
from tests.laws.facts import NOW, S1, SEAL, account, ago, columns, facts, line, linked, order, parks, partner, sap_order
from tests.laws.flows import ORDER, PARTNER
from tests.laws.world import D1, D2

CITY = next(field for field in PARTNER.rows.fields if field.name == "city")
NOTHING: Mapping[Side, tuple[str, ...]] = {"dynamics": (), "sap": ()}


def with_row(name: str, carried: Carried | None = None, **members: Any) -> Rows:
    """Return the partner's rows, of which one has other members and, if that is given, says this in both directions."""
    rows = PARTNER.rows
    at = [field.name for field in rows.fields].index(name)
    fields = (*rows.fields[:at], replace(rows.fields[at], **members), *rows.fields[at + 1 :])
    if carried is None:
        return replace(rows, fields=fields)

    def saying(side: Side) -> Any:
        def carry(values: Any, linked: Any) -> tuple[Carried, ...]:
            said = rows.carry[side](values, linked)
            return (*said[:at], carried, *said[at + 1 :])

        return carry

    return replace(rows, fields=fields, carry={side: saying(side) for side in ("dynamics", "sap")})


# ------------------------------------------------------------------------------------------------------- what is told


def test_a_new_record_is_told_what_its_own_side_owns_only_from_then_on() -> None:
    erp = partner(tax="DE1")
    assert Draft(facts(None, erp, side="sap")).told(PARTNER.rows, erp.values, "dynamics")["vat"] == "DE1"


@pytest.mark.parametrize("owner", ["sap", "both"])
def test_a_row_that_never_writes_a_side_keeps_nothing_from_being_created_there(owner: str) -> None:
    def never_right(_side: Side, _value: Value) -> tuple[Failure, ...]:
        return (Failure("check", "no"),)

    rows = with_row("memo", "x", owner=owner, writes=NOTHING, problems=never_right)
    draft = Draft(facts(account(), None))
    assert "memo" not in draft.told(rows, account().values, "sap")
    assert draft.problems == []


@pytest.mark.parametrize("emptied", ["", ("", "")])
def test_a_new_record_is_not_told_what_a_verb_has_emptied(emptied: Value) -> None:
    given = facts(account(memo="  "), None)
    assert "memo" not in Draft(given).told(with_row("memo", emptied), account().values, "sap")


def test_a_reference_that_is_missing_on_one_line_keeps_no_other_line_from_being_written() -> None:
    held = [line(key, item=key, poitem=n, quantity=1) for key, n in (("10", "1"), ("20", "2"))]
    was = [line(key, number=n, quantity=1) for key, n in (("a", "1"), ("b", "2"))]
    now = (line("a", number="1", quantity=1, shipto=D2), line("b", number="2", quantity=5))
    plan = decide(facts(order(*now), sap_order(*held), linked(order(*was), sap_order(*held), ORDER), flow=ORDER), ORDER)
    assert isinstance(plan, Sync), plan
    assert plan.missing == (Reference("s4/partner", "dynamics", D2),)
    assert [(one.key, dict(one.values)) for one in plan.writes["sap"].lines] == [("20", {"quantity": 5})]


def test_a_value_of_exactly_an_hour_ago_is_no_longer_part_of_a_fight() -> None:
    was = account(memo="Lyon"), partner(memo="Lyon")
    trail = ((3_600, "Oslo"), (2_000, "Bath"), (1_000, "Oslo"), (500, "Bath"))
    for earlier_seconds, fights in ((0, False), (1, True)):
        recent = tuple((ago(s - earlier_seconds), "sap memo", SEAL.digest(value)) for s, value in trail)
        plan = decide(facts(account(memo="Oslo"), partner(memo="Lyon"), linked(*was, recent=recent)), PARTNER)
        assert parks(plan) == ({"memo": "fight"} if fights else {})


# --------------------------------------------------------------------------------------------------- what a row shows


@pytest.mark.parametrize(("carried", "members"), [(SILENT, {}), ("x", {"writes": NOTHING})])
def test_a_row_that_can_say_nothing_to_a_side_is_kept_and_not_written(
    carried: Carried, members: dict[str, Any]
) -> None:
    crm, erp = account(memo="Oslo"), partner(memo="Lyon")
    values = {"dynamics": crm.values, "sap": erp.values}
    judged = {one.name: one.verdict for one in judge(with_row("memo", carried, **members), values, {}, facts(crm, erp))}
    assert judged["memo"] == "keep"


@pytest.mark.parametrize("forgotten", ["dynamics", "sap"])
def test_a_base_of_which_one_digest_can_be_compared_no_more_is_none(forgotten: str) -> None:
    base = Base(SEAL.digest("a"), SEAL.digest("a"), CITY.fingerprint)
    assert is_base(base, CITY, facts())
    assert not is_base(replace(base, **{forgotten: "gone:00"}), CITY, facts())


def test_half_a_second_tells_who_was_last_where_clocks_are_trusted_so_far() -> None:
    crm = account(members={"changed_at": NOW, "changed_by": "ann"})
    for apart_seconds, last in ((0.5, "dynamics"), (-0.5, "sap"), (0, None)):
        erp = partner(members={"changed_at": NOW - timedelta(seconds=apart_seconds), "changed_by": "bob"})
        assert newest(facts(crm, erp, limits=Limits(skew_seconds=0))) == last


def test_lines_that_only_the_link_knows_to_be_one_are_judged_by_what_it_remembers() -> None:
    erp = sap_order(Line("10", {"item": "10", "note": "a"}))
    link = linked(order(line("a", number="1", note="a")), erp, ORDER)
    given = facts(order(line("a", number="1", note="b")), erp, link, flow=ORDER)
    assert {one.name: one.verdict for one in all_judged(given, ORDER)}["line a.note"] == "sap"


# --------------------------------------------------------------------------------------------- birthmarks and creates


def test_the_mark_of_a_record_that_is_not_in_dynamics_yet_is_the_key_that_it_will_have_there() -> None:
    assert pair_mark(None, facts(None, partner(), side="sap"), PARTNER) == D1
    link = replace(linked(account(), partner()), dynamics=D2)
    assert birthmarks(facts(None, partner(mark="x"), link), PARTNER)["sap"] == {"mark": D2}


def test_a_refused_birthmark_stays_on_the_list_and_is_not_written() -> None:
    crm, erp = account(memo="b"), partner(mark="", memo="a")
    old = Problem("birthmark", "sap", "refused s4 R1", "no", since=ago(60))
    plan = decide(facts(crm, erp, linked(account(memo="a"), erp, parked=(old,))), PARTNER)
    assert columns(plan, "sap") == {"memo": "b"}
    assert isinstance(plan, Sync)
    assert plan.problems == (old,)


@pytest.mark.parametrize(("context", "refused"), [("k1:then", True), ("k1:now", False)])
def test_a_refused_record_is_created_once_the_mapping_reads_otherwise(context: str, refused: bool) -> None:
    crm = account(sapnumber=None)
    given = facts(crm, None, None)
    plan = decide(given, PARTNER)
    assert isinstance(plan, Sync)
    old = Problem("", "sap", "refused s4 R1", "no", told_seen(plan.writes["sap"].values, given), context="k1:then")
    link = replace(linked(crm, partner()), status="claimed", sap="", base={}, parked=(old,))
    assert isinstance(decide(facts(crm, None, link, context={"sap": context}), PARTNER), Park) is refused


# --------------------------------------------------------------------------------------------------------- choices


def typed(*values: Any) -> Choice:
    return Choice("city", "dynamics", (SEAL.digest("Oslo"), SEAL.digest("Bath")), values)


def says(choice: Choice, rows: Rows = PARTNER.rows) -> Mapping[Side, Carried] | None:
    at = [field.name for field in rows.fields].index(choice.field)
    values = {"dynamics": account(city="Oslo").values, "sap": partner(town="Bath").values}
    return told(choice, at, rows, values, {})


def test_a_typed_value_is_what_each_side_says_to_the_other() -> None:
    assert says(typed("Graz")) == {"dynamics": "Graz", "sap": "Graz"}


def test_typed_values_of_two_columns_stay_two() -> None:
    two: Mapping[Side, tuple[str, ...]] = {"dynamics": ("city", "street"), "sap": ("town",)}
    rows = with_row("city", "Graz, Ring", columns=two, writes=two)
    assert says(typed("Graz", "Ring"), rows) == {"dynamics": "Graz, Ring", "sap": ("Graz", "Ring")}


@pytest.mark.parametrize(
    ("values", "members"),
    [
        (("Graz", "Ring"), {}),
        ((), {}),
        (("Graz",), {"writes": NOTHING}),
        (("Graz",), {"reference": "s4/partner"}),
    ],
    ids=["too many", "none", "not written there", "a reference"],
)
def test_a_typed_value_that_does_not_fit_the_row_says_nothing(values: tuple[str, ...], members: dict[str, Any]) -> None:
    assert says(typed(*values), with_row("city", **members)) is None


def kept(field: Field = CITY, *, sap: Value = "Bath", carried: Carried = "Graz") -> bool:
    raw: dict[Side, Value] = {"dynamics": "Oslo", "sap": sap}
    return holds(typed("Graz"), field, raw, {"dynamics": carried, "sap": "Graz"}, SEAL)


def test_a_choice_holds_while_both_sides_are_as_they_were_seen_or_as_it_makes_them() -> None:
    assert kept()
    assert kept(sap="GRAZ")  # in a form that the row declares
    assert not kept(sap="Turku")


def test_a_choice_that_a_side_cannot_be_told_does_not_hold() -> None:
    assert not kept(carried=SILENT)
    assert not kept(replace(CITY, writes=NOTHING))


@pytest.mark.parametrize("carried", [Failure("code", "no"), Missing(Reference("s4/partner", "sap", S1))])
def test_a_choice_that_cannot_be_carried_over_is_on_no_side_yet(carried: Carried) -> None:
    assert not kept(sap="Turku", carried=carried)
