"""Between a write and its fields: what will arrive, which fields a refusal is about, what is left, what is put back."""

from typing import Any

from shared.core.model import LineWrite, Write
from shared.decision.draft import told_seen
from shared.decision.wording import expected, put_back, refusals, without
from shared.errors import Complaint, Refused
from tests.laws.facts import ORDER, PARTNER, SEAL, account, facts, line, linked, order, partner, sap_order

CRM_LINES = (line("a", number="1", quantity=1), line("b", number="2", quantity=2))
SAP_LINES = (line("10", item="10", quantity=1), line("20", item="20", quantity=7, note="by hand"))
CRM, ERP = order(*CRM_LINES, wanted="Monday"), sap_order(*SAP_LINES, wanted="Friday")
FACTS = facts(CRM, ERP, linked(CRM, ERP, ORDER), flow=ORDER)


def change(key: str, peer: str, **values: Any) -> LineWrite:
    return LineWrite("change", key, values, peer)


def update(*lines: LineWrite, fields: tuple[str, ...] = (), **values: Any) -> Write:
    return Write("sap", "update", values, lines, frozenset(fields))


def parked(write: Write, *complaints: Complaint, given: Any = FACTS, flow: Any = ORDER) -> dict[str, tuple[str, str]]:
    """Return the fields that a refusal parks, with the digests that they are remembered by."""
    found = refusals(Refused("no", complaints), write, given, flow, "s4")
    return {problem.field: problem.seen for problem in found}


def seen(dynamics: Any, sap: Any) -> tuple[str, str]:
    return SEAL.digest(dynamics), SEAL.digest(sap)


# ------------------------------------------------------------------------------------------------------ what arrives


def test_of_a_new_record_the_fields_arrive_that_it_is_told() -> None:
    told = Write("sap", "create", {"name1": "Firm", "mark": "x"})
    assert expected(told, facts(account(), None), PARTNER) == {"name": "Firm"}


def test_what_a_write_leaves_alone_of_its_own_line_arrives_as_it_is_held() -> None:
    write = update(change("20", "b", quantity=3), fields=("line b.quantity", "line b.note"))
    assert expected(write, FACTS, ORDER) == {"line b.quantity": 3, "line b.note": "by hand"}


# ------------------------------------------------------------------------------------------- what a refusal is about


def test_a_refused_update_of_no_field_is_about_the_record() -> None:
    assert list(parked(update(poitem="1"))) == [""]


def test_a_refused_column_of_a_new_record_is_its_field_although_a_create_names_none() -> None:
    told = Write("sap", "create", {"name1": "Firm", "town": "Oslo"})
    given = facts(account(city="Oslo"), None)
    assert parked(told, Complaint("R1", "no", "town"), given=given, flow=PARTNER) == {
        "city": told_seen(told.values, given)
    }


def test_a_refused_column_is_no_field_that_this_write_does_not_tell() -> None:
    """Two fields may write one column; only one of them does so here."""
    write = update(fields=("memo",), memo="b")
    given = facts(account(memo="b"), partner(town="Oslo"), linked(account(), partner()))
    assert list(parked(write, Complaint("R1", "no", "town"), given=given, flow=PARTNER)) == ["memo"]


def test_a_refused_field_of_an_order_s_header_is_remembered_by_both_values() -> None:
    write = update(fields=("wanted",), wanted="Monday")
    assert parked(write, Complaint("V1", "no", "wanted")) == {"wanted": seen("Monday", "Friday")}


def test_a_refused_column_of_a_line_is_remembered_by_the_values_of_that_line() -> None:
    write = update(change("20", "b", quantity=2), fields=("line b.quantity",))
    assert parked(write, Complaint("V1", "no", "quantity", "20")) == {"line b.quantity": seen(2, 7)}


def test_beside_a_new_line_a_refused_one_is_remembered_by_its_own_values() -> None:
    new = LineWrite("add", "", {"material": "TG1"}, "c")
    write = update(new, change("20", "b", quantity=2), fields=("line c", "line b.quantity"))
    assert parked(write, Complaint("V1", "no", "quantity", "20")) == {"line b.quantity": seen(2, 7)}


def test_of_two_new_lines_the_refused_one_is_remembered_by_what_it_was_told() -> None:
    added = [LineWrite("add", "", {"material": name}, key) for key, name in (("c", "TG1"), ("d", "TG2"))]
    write = update(*added, fields=("line c", "line d"))
    assert parked(write, Complaint("V1", "no", "", "d")) == {"line d": told_seen(added[1].values, FACTS)}


# --------------------------------------------------------------------------------------------------- what is left of it


def test_a_line_of_which_all_was_refused_is_not_written_and_a_removal_is() -> None:
    removal = LineWrite("remove", "20", {}, "b")
    write = update(change("10", "a", quantity=9), removal, fields=("line a.quantity", "line b"))
    problems = refusals(Refused("no", (Complaint("V1", "no", "quantity", "10"),)), write, FACTS, ORDER, "s4")
    left = without(write, problems, ORDER)
    assert left is not None
    assert left.lines == (removal,)
    assert left.fields == {"line b"}


# ----------------------------------------------------------------------------------------------------- what is put back


def test_only_the_columns_of_the_named_fields_are_put_back() -> None:
    held = partner(town="Oslo", memo="by hand")
    write = update(fields=("city", "memo"), town="Bath", memo="b")
    assert put_back(frozenset({"city"}), write, held, PARTNER) == ({"town": "Oslo"}, ())


def test_only_the_named_fields_of_a_line_are_put_back() -> None:
    write = update(change("20", "b", quantity=2, note="x"), fields=("line b.quantity", "line b.note"))
    assert put_back(frozenset({"line b.note"}), write, ERP, ORDER) == ({}, (change("20", "b", note="by hand"),))
