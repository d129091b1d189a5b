"""The verdict on one field, as a table: who owns it, who moved it, what is written where."""

from dataclasses import replace

import pytest

from shared.core.merge import Form, Owner, Sight, Verdict, accepts, verdict

BOTH = frozenset({"dynamics", "sap"})
NONE: frozenset[str] = frozenset()
D, S = frozenset({"dynamics"}), frozenset({"sap"})


IN_STEP = Sight("both", "park", agree=False, based=True, moved=NONE, ours=NONE, filled=BOTH, speaks=BOTH)


def sight(owner: Owner = "both", **other: object) -> Sight:
    """A field that was in step, is filled on both sides and was moved by nobody, but for what is said here."""
    return replace(IN_STEP, owner=owner, **other)


CASES: list[tuple[str, Sight, Verdict]] = [
    ("what agrees is left alone, whoever owns it", sight("dynamics", agree=True, moved=BOTH), "agree"),
    ("owner both: one side moved, the other follows", sight(moved=D), "sap"),
    ("owner both: the other side moved", sight(moved=S), "dynamics"),
    ("owner both: both moved, the policy is to park", sight(moved=BOTH), "clash"),
    ("owner both: both moved, dynamics wins", sight(clash="dynamics", moved=BOTH), "sap"),
    ("owner both: both moved, sap wins", sight(clash="sap", moved=BOTH), "dynamics"),
    ("newest wins when the stamps tell", sight(clash="newest", moved=BOTH, newest="sap"), "dynamics"),
    ("newest parks when the stamps do not tell", sight(clash="newest", moved=BOTH, newest=None), "clash"),
    ("both as they were: the system's own form was accepted", sight(moved=NONE), "agree"),
    ("one owner: the target moved and is put right", sight("dynamics", moved=S), "sap"),
    ("one owner: the owner moved", sight("sap", moved=S), "dynamics"),
    ("one owner: a base on both sides is an accepted form", sight("dynamics", moved=NONE), "agree"),
    ("one owner, never in step: its value is written", sight("dynamics", based=False), "sap"),
    (
        "law 10: an empty owner does not wipe a filled target at first link",
        sight("dynamics", based=False, filled=S),
        "keep",
    ),
    ("law 10: unless the row says so", sight("dynamics", based=False, filled=S, empty_wins=True), "sap"),
    ("law 10: once in step, an emptied owner empties the target", sight("dynamics", moved=D, filled=S), "sap"),
    ("first link, owner both: the filled side fills the empty one", sight(based=False, filled=D), "sap"),
    ("first link, owner both: two values are a clash", sight(based=False), "clash"),
    ("law 8: a target that our open intent wrote was moved by nobody", sight(moved=BOTH, ours=S), "sap"),
    ("law 8: a late write of ours is written over with the newer value", sight(moved=S, ours=S), "sap"),
    ("law 8: late writes of ours on both sides are for a person", sight(moved=BOTH, ours=BOTH), "clash"),
    ("a side that has nothing to say is not copied", sight(moved=D, speaks=S), "keep"),
]


@pytest.mark.parametrize(("why", "field", "expected"), CASES, ids=[c[0] for c in CASES])
def test_the_verdict_is_as_the_table_says(why: str, field: Sight, expected: Verdict) -> None:
    assert verdict(field) == expected, why


@pytest.mark.parametrize(
    ("forms", "sent", "kept", "accepted"),
    [
        (("upper",), "Lyon", "LYON", True),
        (("trim",), " Lyon ", "Lyon", True),
        (("cut",), "Lyon-Gare", "Lyon", True),
        (("upper", "cut"), "Lyon-Gare", "LYON", True),
        (("upper", "trim"), " Lyon ", "LYON", True),
        ((), "Lyon", "LYON", False),
        (("cut",), "Lyon", "", False),
        (("upper",), "Lyon", "PARIS", False),
    ],
)
def test_only_declared_forms_of_a_value_are_accepted(
    forms: tuple[Form, ...],
    sent: str,
    kept: str,
    accepted: bool,
) -> None:
    assert accepts(forms, sent, kept) is accepted
