"""Law 17: which line is which: by link, then by birthmark, then by match key with an equal product."""

from dataclasses import replace

from shared.core.link import LineLink
from shared.decision.lines import line_links, mark, pair_lines
from tests.laws.facts import facts, intent, line, linked, order, sap_order
from tests.laws.flows import ORDER

assert ORDER.lines is not None
LINES = ORDER.lines


def paired(crm, erp, links=(), lines=LINES):
    """Return the pairs as (Dynamics key, SAP key), '-' where a side has none."""
    records = {"dynamics": order(*crm), "sap": sap_order(*erp)}
    found = pair_lines(records, links, lines, {})
    return sorted((p.dynamics.key if p.dynamics else "-", p.sap.key if p.sap else "-") for p in found)


def crm(key: str, number: str = "", product: str = "TG1", **more):
    return line(key, number=number, product=product, **more)


def erp(key: str, poitem: str = "", material: str = "TG1", **more):
    return line(key, item=key, poitem=poitem, material=material, **more)


def test_linked_lines_stay_together_whatever_their_marks_and_numbers_say() -> None:
    links = LineLink("a", "10"), LineLink("b", "20")
    lines = (crm("a", "1"), crm("b", "2")), (erp("10", "2"), erp("20", "1"))
    assert paired(*lines, links) == [("a", "10"), ("b", "20")]


def test_a_new_line_is_known_by_the_birthmark_it_was_added_with() -> None:
    assert paired((crm("a", "1"), crm("b", "2")), (erp("20", "2"), erp("10", "1"))) == [("a", "10"), ("b", "20")]


def test_without_a_birthmark_a_line_is_known_by_its_number_if_the_product_is_the_same() -> None:
    assert paired((crm("a", sapitem="10"),), (erp("10"),)) == [("a", "10")]
    assert paired((crm("a", sapitem="10"),), (erp("10", material="TG9"),)) == [("-", "10"), ("a", "-")]


def test_only_the_fields_that_make_a_line_the_same_are_compared_and_all_of_them() -> None:
    lines = (crm("a", sapitem="10", quantity=1),), (erp("10", quantity=2),)
    assert paired(*lines) == [("a", "10")]
    assert paired(*lines, lines=replace(LINES, same=("product", "quantity"))) == [("-", "10"), ("a", "-")]


def test_the_birthmark_comes_before_the_number() -> None:
    assert paired((crm("a", "1", sapitem="20"),), (erp("10", "1"), erp("20"))) == [("-", "20"), ("a", "10")]


def test_a_mark_that_two_free_lines_share_pairs_nothing() -> None:
    assert paired((crm("a", "1"),), (erp("10", "1", "X"), erp("20", "1", "X"))) == [
        ("-", "10"),
        ("-", "20"),
        ("a", "-"),
    ]
    assert paired((crm("a", "1"), crm("b", "1")), (erp("10", "1"),)) == [("-", "10"), ("a", "-"), ("b", "-")]


def test_an_empty_mark_or_number_pairs_nothing() -> None:
    assert paired((crm("a", ""),), (erp("10", ""),)) == [("-", "10"), ("a", "-")]


def test_a_line_that_is_linked_is_no_candidate_for_another() -> None:
    links = (LineLink("a", "10"),)
    assert paired((crm("b", "1"),), (erp("10", "1"),), links) == [("-", "10"), ("b", "-")]


def test_a_line_that_is_missing_on_both_sides_is_still_in_its_link() -> None:
    (pair,) = pair_lines({"dynamics": order(), "sap": sap_order()}, (LineLink("a", "10"),), LINES, {})
    assert (pair.dynamics, pair.sap, pair.name) == (None, None, "line a")


def test_a_line_without_a_column_for_its_mark_is_known_by_a_short_code_of_its_key() -> None:
    coded = replace(LINES, holds="")
    code = mark(crm("a"), coded, ())
    assert len(code) == 6
    assert code != mark(crm("b"), coded, ())
    assert paired((crm("a"), crm("b")), (erp("10", code),), lines=coded) == [("a", "10"), ("b", "-")]


def test_a_line_whose_number_is_missing_or_shared_is_marked_by_a_short_code_of_its_key_and_known_by_it() -> None:
    """Dataverse neither demands a line's number nor keeps it single."""
    lines = (crm("a", "1"), crm("b", "1"), crm("c", ""), crm("d", "2"))
    marks = [mark(line, LINES, lines) for line in lines]
    assert marks[3] == "2"
    assert len(set(marks)) == len(lines)
    sap = tuple(erp(str(10 * n), held) for n, held in enumerate(marks, 1))
    assert paired(lines, sap) == [("a", "10"), ("b", "20"), ("c", "30"), ("d", "40")]


def test_a_record_that_is_not_there_has_no_lines() -> None:
    (pair,) = pair_lines({"dynamics": order(crm("a")), "sap": None}, (), LINES, {})
    assert pair.sap is None


# ------------------------------------------------------------- lines that went before their create was known


def links(crm_lines, erp_lines, sent, known=()):
    """Return what is known of lines whose write is open: `sent` are the marks that it told, by name."""
    link = replace(linked(order(), sap_order(), ORDER), lines=known, intents=(intent("sap", "create", 10, **sent),))
    return line_links(facts(order(*crm_lines), sap_order(*erp_lines), link, flow=ORDER), LINES)


def test_a_line_that_went_before_its_create_was_known_is_known_by_the_mark_that_was_sent() -> None:
    assert links((), (erp("10", "1"),), {"line a": "1"}) == (LineLink("a", "10"),)
    assert links((), (erp("10", "2"), erp("20")), {"line a": "1"}) == ()


def test_a_line_that_is_still_there_is_not_taken_for_gone() -> None:
    assert links((crm("a", "1"),), (erp("10", "1"),), {"line a": "1"}) == ()


def test_a_line_whose_link_is_known_is_not_linked_twice() -> None:
    known = (LineLink("a", "10"),)
    assert links((), (erp("10", "1"), erp("20", "1")), {"line a": "1"}, known) == known
    assert links((), (erp("10", "1"),), {"line b": "1"}, known) == known


def test_only_what_was_sent_of_a_line_is_a_mark() -> None:
    assert links((), (erp("10", "1"),), {"wanted": "1"}) == ()
