"""Law 17: lines are small pairs: what was in the base and is missing was removed, what never was there is new."""

from dataclasses import replace

import pytest

from shared.core.link import LineLink
from shared.core.model import LineWrite
from shared.core.plan import Limits, Park, Sync
from shared.decide import decide
from shared.decision.learning import learn
from tests.laws.facts import facts, line, linked, order, parks, problem, sap_order
from tests.laws.flows import ORDER

assert ORDER.lines is not None
L1 = line("a", number="1", product="TG1", quantity=1)
K1 = line("10", item="10", poitem="1", material="TG1", quantity=1)


def flow(gone: str):
    return replace(ORDER, lines=replace(ORDER.lines, gone=gone))


def judged(crm, erp, link=None, flow=ORDER, **more):
    one, other = order(*crm), sap_order(*erp)
    return decide(facts(one, other, link or linked(order(L1), sap_order(K1), ORDER), flow=flow, **more), flow)


def writes(plan, side: str = "sap") -> tuple[LineWrite, ...]:
    assert isinstance(plan, Sync), plan
    return plan.writes[side].lines if side in plan.writes else ()


def test_a_changed_line_is_written_with_its_own_key_and_only_what_moved() -> None:
    plan = judged((line("a", number="1", product="TG1", quantity=5),), (K1,))
    assert writes(plan) == (LineWrite("change", "10", {"quantity": 5}, "a"),)


def test_what_sap_owns_of_a_line_goes_the_other_way() -> None:
    plan = judged((L1,), (line("10", item="10", poitem="1", material="TG1", quantity=1, status="C"),))
    assert writes(plan, "dynamics") == (LineWrite("change", "a", {"sapstatus": "C"}, "10"),)
    assert not writes(plan)


def test_a_line_that_never_was_in_the_base_is_added_with_its_birthmark() -> None:
    plan = judged((L1, line("b", number="2", product="TG2", quantity=3)), (K1,))
    (write,) = writes(plan)
    assert (write.kind, write.key, write.peer) == ("add", "", "b")
    assert write.values == {"material": "TG2", "quantity": 3, "poitem": "2"}


def test_a_line_that_was_added_in_sap_stays_there_where_the_flow_adds_none_in_dynamics() -> None:
    plan = judged((L1,), (K1, line("20", item="20", material="TG2", quantity=3)))
    assert not writes(plan)
    assert not writes(plan, "dynamics")
    both = replace(ORDER, lines=replace(ORDER.lines, create=frozenset({"dynamics", "sap"})))
    (write,) = writes(judged((L1,), (K1, line("20", item="20", status="A")), flow=both), "dynamics")
    assert (write.kind, write.peer, write.values) == ("add", "20", {"sapstatus": "A"})


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ("reject", (LineWrite("change", "10", {"rejected": "61"}, "a"),)),
        ("remove", (LineWrite("remove", "10", {}, "a"),)),
        ("keep", ()),
    ],
)
def test_a_line_that_was_removed_in_dynamics_means_in_sap_what_the_mapping_says(gone: str, expected: tuple) -> None:
    assert writes(judged((), (K1,), flow=flow(gone))) == expected


def test_a_line_that_is_rejected_already_is_not_written_again() -> None:
    assert not writes(judged((), (line("10", rejected="61"),)))


def test_a_line_that_was_removed_in_sap_is_for_a_person() -> None:
    plan = judged((L1,), ())
    assert parks(plan) == {"line a": "line removed"}
    assert not writes(plan)


def test_a_line_that_is_gone_on_both_sides_is_forgotten() -> None:
    link = linked(order(L1), sap_order(K1), ORDER)
    assert isinstance(judged((), (), link), Sync)
    assert learn(link, facts(order(), sap_order(), link, flow=ORDER), ORDER).lines == ()


def test_a_removed_line_that_was_dealt_with_is_a_tombstone() -> None:
    link = linked(order(L1), sap_order(K1), ORDER)
    erp = sap_order(line("10", item="10", poitem="1", material="TG1", quantity=1, rejected="61"))
    after = learn(link, facts(order(), erp, link, flow=ORDER), ORDER)
    assert [(k.dynamics, k.sap, k.gone) for k in after.lines] == [("a", "10", True)]
    moved = sap_order(line("10", item="10", quantity=9, rejected=""))
    assert not writes(judged((), moved.lines, after))
    assert learn(after, facts(order(), moved, after, flow=ORDER), ORDER).lines == after.lines


@pytest.mark.parametrize(("gone", "tombstone"), [("reject", False), ("remove", False), ("keep", True)])
def test_a_removed_line_that_was_not_dealt_with_is_no_tombstone(gone: str, *, tombstone: bool) -> None:
    link = linked(order(L1), sap_order(K1), ORDER)
    after = learn(link, facts(order(), sap_order(K1), link, flow=flow(gone)), flow(gone))
    assert [k.gone for k in after.lines] == [tombstone]


def test_a_number_that_comes_back_after_its_line_was_rejected_is_a_new_line() -> None:
    link = replace(linked(order(L1), sap_order(K1), ORDER), lines=(LineLink("a", "10", gone=True),))
    plan = judged((line("b", number="1", product="TG1", quantity=2),), (K1,), link)
    assert [(w.kind, w.peer) for w in writes(plan)] == [("add", "b")]


def test_a_removal_that_was_refused_is_not_sent_again_until_somebody_asks() -> None:
    link = replace(linked(order(L1), sap_order(K1), ORDER), parked=(problem("line a", "sap", "refused s4"),))
    plan = judged((), (K1,), link)
    assert not writes(plan)
    assert parks(plan) == {"line a": "refused s4"}
    assert len(writes(judged((), (K1,), link, said={"cause": "replay"}))) == 1


def test_a_document_with_too_many_lines_parks_as_a_whole() -> None:
    many = tuple(line(f"l{n}", number=str(n), product="TG1", quantity=1) for n in range(4))
    plan = judged(many, (), limits=Limits(line_count_max=3))
    assert isinstance(plan, Park)
    assert parks(plan) == {"lines": "too many lines"}
    assert isinstance(judged(many, (), limits=Limits(line_count_max=4)), Sync)


def test_a_create_takes_its_lines_along_with_their_marks() -> None:
    plan = decide(facts(order(L1, sapnumber=None), None, flow=ORDER), ORDER)
    assert isinstance(plan, Sync)
    (write,) = plan.writes["sap"].lines
    assert write == LineWrite("add", "", {"material": "TG1", "quantity": 1, "poitem": "1"}, "a")
