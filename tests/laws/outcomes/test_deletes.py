"""Law 15: a delete is a hint too: retire only if somebody said deleted and a read now answers "not there"."""

from dataclasses import replace

import pytest

from shared.core.plan import Later, Park, Skip, Sync
from shared.decide import decide
from tests.laws.facts import NOW, account, columns, facts, linked, parked_pair, partner
from tests.laws.flows import PARTNER

CRM, ERP = account(), partner()
DELETED = {"deleted": True}


def judged(crm, erp, *, flow=PARTNER, side="dynamics", said=None, **link):
    return decide(facts(crm, erp, linked(CRM, ERP, **link), side=side, said=said, flow=flow), flow)


@pytest.mark.parametrize(
    ("gone", "columns_left"), [("dynamics", {"blocked": True}), ("sap", {"state": 1})], ids=["dynamics", "sap"]
)
def test_a_delete_that_a_read_confirms_retires_the_other_record(gone: str, columns_left: dict) -> None:
    crm, erp = (None, ERP) if gone == "dynamics" else (CRM, None)
    plan = judged(crm, erp, side=gone, said=DELETED)
    assert isinstance(plan, Sync)
    assert plan.status == "retired"
    (write,) = plan.writes.values()
    assert (write.kind, write.values) == ("retire", columns_left)
    assert write.side != gone


@pytest.mark.parametrize("said", [{}, {"cause": "sweep"}, {"cause": "sync"}, {"attempt": 9}])
@pytest.mark.parametrize("missing", ["dynamics", "sap"])
def test_a_record_that_cannot_be_found_is_not_deleted_unless_somebody_said_so(missing: str, said: dict) -> None:
    crm, erp = (None, ERP) if missing == "dynamics" else (CRM, None)
    assert parked_pair(judged(crm, erp, side=missing, said=said)) == "gone"


def test_a_delete_on_the_other_side_does_not_retire_for_a_record_that_cannot_be_found() -> None:
    assert parked_pair(judged(None, ERP, side="sap", said=DELETED)) == "gone"


def test_a_delete_of_a_record_that_is_there_after_all_is_an_ordinary_change() -> None:
    crm = account(memo="b")
    plan = judged(crm, ERP, said=DELETED)
    assert columns(plan, "sap") == {"memo": "b"}
    assert isinstance(plan, Sync)
    assert plan.status == "linked"


def test_a_survivor_that_is_retired_already_is_not_written() -> None:
    plan = judged(None, partner(blocked=True), said=DELETED)
    assert isinstance(plan, Sync)
    assert (plan.status, plan.writes) == ("retired", {})


def test_a_flow_without_retire_columns_only_remembers() -> None:
    plan = judged(None, ERP, said=DELETED, flow=replace(PARTNER, retire={}))
    assert isinstance(plan, Sync)
    assert (plan.status, plan.writes) == ("retired", {})


def test_both_gone_is_the_end_of_the_pair() -> None:
    plan = judged(None, None, said=DELETED)
    assert isinstance(plan, Sync)
    assert (plan.status, plan.writes) == ("retired", {})


def test_events_on_the_survivor_of_a_retired_pair_are_skipped() -> None:
    for crm, erp, side in ((None, partner(memo="x"), "sap"), (account(memo="x"), None, "dynamics")):
        assert isinstance(judged(crm, erp, side=side, status="retired"), Skip)
    assert isinstance(judged(None, None, status="retired"), Skip)


def test_a_record_that_came_back_is_for_a_person() -> None:
    assert parked_pair(judged(CRM, ERP, status="retired")) == "came back"


def test_what_retiring_has_set_is_named_when_a_record_comes_back() -> None:
    plan = judged(CRM, partner(blocked=True), status="retired")
    assert isinstance(plan, Park)
    assert plan.problems[0].message.endswith("; sap blocked stays as retiring set it")
    unset = judged(CRM, ERP, status="retired")
    assert isinstance(unset, Park)
    assert unset.problems[0].message.endswith("link them again")


def test_a_record_that_came_back_is_linked_again_by_a_replay_or_where_the_mapping_says_so() -> None:
    for plan in (
        judged(CRM, ERP, status="retired", said={"cause": "replay"}),
        judged(CRM, ERP, status="retired", flow=replace(PARTNER, unretire=True)),
    ):
        assert isinstance(plan, Sync)
        assert plan.status == "linked"


def test_a_survivor_of_a_merge_is_named_and_the_link_is_merged() -> None:
    plan = judged(account(members={"merged_into": "d2"}), ERP)
    assert parked_pair(plan) == "merged"
    assert "d2" in plan.problems[0].message
    assert plan.link is not None
    assert plan.link.status == "merged"


def test_a_merged_link_is_left_alone() -> None:
    assert isinstance(judged(account(memo="b"), ERP, status="merged"), Skip)


def test_an_event_that_came_before_its_commit_is_looked_at_once_more() -> None:
    plan = decide(facts(), PARTNER)
    assert isinstance(plan, Later)
    assert plan.until > NOW
    for said in ({"attempt": 1}, {"cause": "sweep"}, DELETED):
        assert isinstance(decide(facts(said=said), PARTNER), Skip)


def test_a_record_that_was_deleted_before_it_was_ever_linked_is_nobody_s() -> None:
    plan = decide(facts(None, None, said=DELETED), PARTNER)
    assert isinstance(plan, Skip)
