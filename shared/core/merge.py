"""The three-way merge of one field: how it was when last in step, how Dynamics has it now, how SAP has it now. Pure.

Symmetric on purpose: the verdict does not know which side spoke, so two messages in flight never both write a field.
"""

from dataclasses import dataclass
from typing import Literal

from shared.core.model import OTHER, Side

type Owner = Literal["dynamics", "sap", "both"]
type Clash = Literal["dynamics", "sap", "newest", "park"]
type Form = Literal["upper", "trim", "cut"]
type Verdict = Literal["agree", "keep", "clash", "dynamics", "sap"]  # a side's name: write there


@dataclass(frozen=True, slots=True)
class Sight:
    """One field on both sides, reduced to what the verdict depends on.

    `agree`: one side's value, carried over, is what the other side has. `based`: the pair was in step before, with this
    mapping row. `moved`: sides that differ from that base. `ours`: sides that hold what an open intent of ours was
    about to send, so that no person moved them. `filled`: sides that hold a value. `speaks`: sides whose value can be
    carried over. `newest`: the side with the younger honest stamp, None when too close or not known.
    """

    owner: Owner
    clash: Clash
    agree: bool
    based: bool
    moved: frozenset[Side]
    ours: frozenset[Side]
    filled: frozenset[Side]
    speaks: frozenset[Side]
    empty_wins: bool = False
    newest: Side | None = None


def verdict(field: Sight) -> Verdict:
    """Say which side, if any, has to be written."""
    if field.agree:
        return "agree"
    by_person = field.moved - field.ours
    if field.based and not by_person:
        return _rewrite_late_one(field)
    if field.owner != "both":
        return _owned(field, field.owner)
    if not field.based:
        return _first_meeting(field)
    if len(by_person) == 1:
        return _to(field, OTHER[next(iter(by_person))])
    return _settle(field)


def _rewrite_late_one(field: Sight) -> Verdict:
    """Nobody moved the field. Where a late write of ours undid a newer value, the newer value is written again."""
    if not field.moved:
        return "agree"  # both are as they were: the system's own form of a value, accepted once
    return _to(field, next(iter(field.moved))) if len(field.moved) == 1 else "clash"


def _owned(field: Sight, owner: Side) -> Verdict:
    target = OTHER[owner]
    wipes = target in field.filled and owner not in field.filled
    if wipes and not field.based and not field.empty_wins:
        return "keep"  # law 10: empty never overwrites filled at first link
    return _to(field, target)


def _first_meeting(field: Sight) -> Verdict:
    """Owner both, never in step: the filled side fills the empty one; two values are a clash, unless one is ours."""
    if len(field.ours) == 1:
        return _to(field, next(iter(field.ours)))
    if len(field.filled) == 1 and not field.empty_wins:
        return _to(field, OTHER[next(iter(field.filled))])
    return _settle(field)


def _settle(field: Sight) -> Verdict:
    match field.clash:
        case "park":
            return "clash"
        case "newest":
            return "clash" if field.newest is None else _to(field, OTHER[field.newest])
        case winner:
            return _to(field, OTHER[winner])


def _to(field: Sight, target: Side) -> Verdict:
    return target if OTHER[target] in field.speaks else "keep"


def accepts(forms: tuple[Form, ...], sent: str, kept: str) -> bool:
    """Return whether `kept` is what a system makes of `sent` that upper-cases, trims or cuts as the row declares."""
    candidates = {sent}
    for form in forms:
        match form:
            case "upper":
                candidates |= {c.upper() for c in candidates}
            case "trim":
                candidates |= {c.strip() for c in candidates}
            case "cut":
                if any(c.startswith(kept) for c in candidates) and kept:
                    return True
    return kept in candidates
