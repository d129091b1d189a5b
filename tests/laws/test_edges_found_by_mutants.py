"""Edges of the decision that no law names, each found by a mutant that survived."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.digest import plain
from shared.core.link import Problem
from shared.core.plan import Later, Limits, Park, Skip, Sync, Twin
from shared.decide import STALE_READS_MAX, decide
from shared.decision.learning import RECENT, known_before, learn, with_writes, without_old_intents
from shared.decision.lines import in_context, mark
from shared.settlement import CONTENDED, FORBIDDEN, PAUSED, SICK, Backoff
from tests.laws.facts import NOW, S1, account, ago, facts, intent, line, linked, order, parked_pair, partner, sap_order
from tests.laws.flows import ORDER, PARTNER
from tests.laws.world import D2

assert ORDER.lines is not None
CLAIMED = replace(linked(account(), partner()), status="claimed", sap="", base={})
L1 = line("a", number="1", product="TG1", quantity=1)
K1 = line("10", item="10", poitem="1", material="TG1", quantity=1)


def claimed(seconds: float):
    link = linked(account(), partner(), claimed_until=NOW + timedelta(seconds=seconds))
    return decide(facts(account(memo="Oslo"), partner(), link), PARTNER)


def test_a_claim_ends_at_its_very_moment() -> None:
    assert isinstance(claimed(0), Sync)
    assert isinstance(claimed(0.001), Later)


def test_a_claimed_pair_is_looked_at_again_when_the_claim_ends_or_soon() -> None:
    assert claimed(1).until == NOW + timedelta(seconds=1)
    assert claimed(3600).until == NOW + timedelta(seconds=5)


def test_an_older_state_is_read_again_five_times_and_then_shown() -> None:
    link = linked(account(), partner(), versions={"dynamics": 2})
    plans = [
        decide(facts(account(members={"version": 1}), partner(), link, said={"stale_reads": n}), PARTNER)
        for n in (STALE_READS_MAX - 1, STALE_READS_MAX)
    ]
    assert STALE_READS_MAX == 5
    assert isinstance(plans[0], Later)
    assert parked_pair(plans[1]) == "stale read"


def test_a_write_of_exactly_an_hour_ago_counts_no_more() -> None:
    hour = RECENT.total_seconds()
    recent = tuple((ago(seconds), "sap city", "k1:x") for seconds in (hour, *range(9)))
    link = linked(account(), partner(), recent=recent)
    plan = decide(facts(account(memo="Oslo"), partner(), link, limits=Limits(writes_per_hour=10)), PARTNER)
    assert isinstance(plan, Sync), plan


@pytest.mark.parametrize(
    "given",
    [
        facts(None, None, linked(account(), partner(), status="retired")),
        facts(account(), None, linked(account(), partner(), status="retired")),
        facts(None, None, None, said={"deleted": True}),
        facts(None, None, None, said={"attempt": 1}),
        facts(None, None, None, said={"cause": "sweep"}),
    ],
)
def test_for_a_record_that_takes_no_part_nobody_waits(given) -> None:
    plan = decide(given, PARTNER)
    assert isinstance(plan, Skip), plan
    assert plan.out_of_scope


def test_for_a_record_that_may_not_be_created_nobody_waits() -> None:
    plan = decide(facts(None, sap_order(), None, side="sap", flow=ORDER), ORDER)
    assert isinstance(plan, Skip), plan
    assert plan.out_of_scope


def test_a_claimed_record_that_is_not_there_yet_is_waited_for_and_one_that_was_deleted_retires() -> None:
    waits = decide(facts(None, None, CLAIMED), PARTNER)
    assert isinstance(waits, Later), waits
    retires = decide(facts(None, None, CLAIMED, said={"deleted": True}), PARTNER)
    assert isinstance(retires, Sync), retires
    assert retires.status == "retired"


def test_a_record_that_is_not_there_yet_is_waited_for_whatever_its_twin_says() -> None:
    plan = decide(facts(None, partner(), None), PARTNER)
    assert isinstance(plan, Later), plan


def test_a_claimed_pair_that_was_not_born_in_sap_is_gone_when_its_dynamics_record_is() -> None:
    plan = decide(facts(None, partner(), replace(CLAIMED, sap=S1)), PARTNER)
    assert parked_pair(plan) == "gone"
    assert isinstance(plan, Park)
    assert plan.link is not None
    assert plan.link.status == "claimed"


def test_a_survivor_that_shows_only_a_part_of_its_retirement_is_told_all_of_it() -> None:
    flow = replace(PARTNER, retire={"sap": {"blocked": True, "memo": "gone"}})
    link = linked(account(), partner(blocked=True))
    plan = decide(facts(None, partner(blocked=True), link, said={"deleted": True}), flow)
    assert isinstance(plan, Sync), plan
    assert plan.writes["sap"].values == {"blocked": True, "memo": "gone"}


@pytest.mark.parametrize(("birthmark", "says"), [(True, "carries the mark of"), (False, "matches")])
def test_a_record_that_belongs_to_another_pair_is_parked_with_how_it_was_found(birthmark: bool, says: str) -> None:
    twin = Twin(partner(), elsewhere=D2, birthmark=birthmark)
    plan = decide(facts(account(), None, None, twins=(twin,)), PARTNER)
    assert isinstance(plan, Park), plan
    assert plan.problems[0].message.startswith(says)


def test_of_several_matches_only_the_free_ones_are_a_question_where_copies_are_new_records() -> None:
    flow = replace(PARTNER, copies="new")
    taken, free = Twin(partner(members={"key": "7"}), birthmark=False, elsewhere=D2), Twin(partner(), birthmark=False)
    plan = decide(facts(account(), None, None, twins=(taken, free)), flow)
    assert isinstance(plan, Sync), plan
    assert plan.twin == free.record


def test_without_known_seconds_of_a_transaction_a_lost_create_is_repeated_at_once() -> None:
    link = replace(CLAIMED, intents=(intent("sap", "create", 0),))
    assert isinstance(decide(facts(account(), None, link, longest={}), PARTNER), Sync)
    assert isinstance(decide(facts(account(), None, link), PARTNER), Later)


# -------------------------------------------------------------------------------------------------- what is remembered


def test_the_trail_of_the_last_hour_has_at_most_240_writes_and_the_last_stay() -> None:
    link = linked(account(), partner(), recent=tuple((ago(900 - n), f"sap {n}", "k1:x") for n in range(240)))
    kept = with_writes(link, facts(link=link), {"sap city": "k1:y"}).recent
    assert len(kept) == 240
    assert (kept[0][1], kept[-1][1]) == ("sap 1", "sap city")


@pytest.mark.parametrize(
    ("seen", "message", "discarded"),
    [
        (("k1:a", ""), "other words", "known"),
        (("", ""), "other words", ""),
        (("", ""), "as before", "known"),
        (("k1:b", ""), "as before", ""),
    ],
)
def test_a_discarded_problem_stays_so_until_its_values_or_without_any_its_words_are_others(
    seen: tuple[str, str], message: str, discarded: str
) -> None:
    old = Problem("city", "sap", "refused s4", "as before", ("k1:a", "") if any(seen) else seen, discarded="known")
    (found,) = known_before([replace(old, seen=seen, message=message, discarded="")], [old])
    assert found.discarded == discarded


# --------------------------------------------------------------------------------------------------------------- lines


@pytest.mark.parametrize(("gone", "dealt_with"), [("keep", True), ("reject", False), ("remove", False)])
def test_a_line_that_was_removed_in_dynamics_is_dealt_with_when_sap_shows_what_that_means(
    gone: str, dealt_with: bool
) -> None:
    assert remembered((), (K1,), gone) is dealt_with


@pytest.mark.parametrize("gone", ["keep", "reject", "remove"])
def test_a_line_that_was_removed_in_sap_is_never_dealt_with(gone: str) -> None:
    assert not remembered((L1,), (), gone)


def remembered(crm_lines: tuple, erp_lines: tuple, gone: str) -> bool:
    """Return whether the link takes for dealt with a line that one side has no more."""
    reject = {"rejected": "61"} if gone == "reject" else {}
    flow = replace(ORDER, lines=replace(ORDER.lines, gone=gone, reject=reject))
    link = linked(order(L1), sap_order(K1), ORDER)
    (kept,) = learn(link, facts(order(*crm_lines), sap_order(*erp_lines), link, flow=flow), flow).lines
    return kept.gone


def removed(reject: dict, **held):
    """Return what is decided of a line that was removed in Dynamics and looks like `held` in SAP, and what is kept."""
    flow = replace(ORDER, lines=replace(ORDER.lines, gone="reject", reject=reject))
    other = sap_order(line("10", item="10", poitem="1", material="TG1", quantity=1, **held))
    given = facts(order(), other, linked(order(L1), sap_order(K1), ORDER), flow=flow)
    return decide(given, flow), learn(given.link, given, flow).lines


def test_a_line_that_is_rejected_only_in_part_is_told_all_of_it_and_named_among_what_is_written() -> None:
    plan, (kept,) = removed({"rejected": "61", "status": "X"}, rejected="61")
    assert isinstance(plan, Sync), plan
    assert plan.writes["sap"].lines[0].values == {"rejected": "61", "status": "X"}
    assert "line a" in plan.writes["sap"].fields
    assert not kept.gone


def test_a_line_reads_what_its_rows_want_of_the_header() -> None:
    lines = replace(ORDER.lines, header={"dynamics": ("header.wanted",)})
    header = order(wanted="2026-03-01")
    assert in_context(L1, header, lines, "dynamics") == {**L1.values, "header.wanted": "2026-03-01"}
    assert in_context(L1, header, lines, "sap") == L1.values
    assert in_context(L1, None, lines, "dynamics") == L1.values


def test_a_line_without_a_column_for_its_mark_keeps_its_mark_from_version_to_version() -> None:
    assert mark(L1, replace(ORDER.lines, holds=""), ()) == "CA234C"
    assert mark(L1, ORDER.lines, (L1,)) == plain("1")


def test_an_intent_is_forgotten_when_it_can_commit_no_more() -> None:
    crm, erp = account(), partner()
    for seconds_ago, kept in ((599, 1), (600, 0)):
        link = linked(crm, erp, intents=(intent("sap", "update", seconds_ago),))
        given = facts(crm, erp, link)
        assert len(without_old_intents(link, given).intents) == kept


def test_unknown_seconds_of_a_transaction_are_none() -> None:
    link = linked(account(), partner(), intents=(intent("sap", "update", 0),))
    assert without_old_intents(link, facts(account(), partner(), link, longest={})).intents == ()


@pytest.mark.parametrize(
    ("waits", "first", "longest"), [(SICK, 5, 900), (FORBIDDEN, 300, 3600), (CONTENDED, 1, 60), (PAUSED, 30, 600)]
)
def test_waits_double_from_the_first_to_the_longest(waits: Backoff, first: int, longest: int) -> None:
    assert [waits.wait_seconds(attempt, 0) for attempt in (0, 1, 2, 99)] == [
        first,
        first * 2,
        min(longest, first * 4),
        longest,
    ]
    assert waits.wait_seconds(0, 1) == first * 1.25
