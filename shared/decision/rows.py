"""Looks at the rows of a mapping on both records at once and lets `core.merge` judge each. Pure.

The header and every line go through here, before a write to plan it and after a write to learn what is in step.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from shared.core.digest import Seal, empty, same
from shared.core.link import Base
from shared.core.merge import Owner, Sight, Verdict, verdict
from shared.core.model import OTHER, SIDES, Record, Reference, Side, Value, Values
from shared.core.plan import Facts
from shared.decision.choices import chosen, holds, told
from shared.mapping.flow import SILENT, Carried, Failure, Field, Flow, Missing, Rows


@dataclass(frozen=True, slots=True)
class Judged:
    """One field on both sides: `raw` as each side holds it, `carried` as each side's value looks on the other."""

    field: Field
    name: str  # with its line: 'line 6f1c.quantity'
    raw: Mapping[Side, Value]
    carried: Mapping[Side, Carried]
    verdict: Verdict | Literal["both"]  # both: a person has typed a value
    based: bool  # the pair was in step in this field, as the mapping reads it now


def judge(
    rows: Rows, values: Mapping[Side, Values], base: Mapping[str, Base], facts: Facts, prefix: str = ""
) -> Iterator[Judged]:
    """Yield every row that takes part in a sync of two existing records (rows only for creation do not)."""
    raws = {side: rows.read[side](values[side]) for side in SIDES}
    says = {side: rows.carry[side](values[side], facts.linked) for side in SIDES}
    for at, field in enumerate(rows.fields):
        if field.create_only:
            continue
        raw = {side: raws[side][at] for side in SIDES}
        carried = {side: says[side][at] for side in SIDES}
        name = prefix + field.name
        before = base.get(field.name)
        decided = _verdict(field, name, raw, carried, before, facts)
        one = Judged(field, name, raw, carried, decided, is_base(before, field, facts))
        yield _as_chosen(one, at, rows, values, facts) if facts.change.choices else one


def _as_chosen(one: Judged, at: int, rows: Rows, values: Mapping[Side, Values], facts: Facts) -> Judged:
    """Let a person's choice decide, as long as it is about the values that are there now."""
    choice = chosen(one.name, facts.change)
    if choice is None or (choice.typed is None and one.verdict == "agree"):
        return one
    says = one.carried if choice.typed is None else told(choice, at, rows, values, facts.linked)
    if says is None or not holds(choice, one.field, one.raw, says, facts.seal):
        return one
    return replace(one, carried=says, verdict="both" if choice.typed is not None else OTHER[choice.take])


def _verdict(
    field: Field,
    name: str,
    raw: Mapping[Side, Value],
    carried: Mapping[Side, Carried],
    base: Base | None,
    facts: Facts,
) -> Verdict:
    if any(in_step(carried[side], raw[OTHER[side]]) for side in SIDES):
        return "agree"
    seal = facts.seal
    based = is_base(base, field, facts)
    moved = frozenset(side for side in SIDES if based and base and not seal.matches(raw[side], getattr(base, side)))
    return verdict(
        Sight(
            owner=effective_owner(field, in_step_before=based),
            clash=field.clash,
            agree=False,
            based=based,
            moved=moved,
            ours=frozenset(side for side in SIDES if _sent_by_us(side, name, raw[side], facts)),
            filled=frozenset(side for side in SIDES if not empty(raw[side])),
            speaks=frozenset(side for side in SIDES if carried[side] is not SILENT and field.writes[OTHER[side]]),
            empty_wins=field.empty_wins,
            newest=newest(facts) if field.clash == "newest" else None,
        )
    )


def effective_owner(field: Field, *, in_step_before: bool) -> Owner:
    """Return who owns the field now: `{until_linked: …, then: …}` is judged as both until it was first in step."""
    if field.then is None:
        return field.owner
    return field.then if in_step_before else "both"


def is_base(base: Base | None, field: Field, facts: Facts) -> bool:
    """Return whether the base says something: a changed mapping row, or a forgotten digest key, has none (law 12)."""
    if base is None or base.fingerprint != field.fingerprint:
        return False
    return facts.seal.knows(base.dynamics) and facts.seal.knows(base.sap)


def in_step(carried: Carried, raw: Value) -> bool:
    """Return whether one side's value, carried over, is what the other side holds."""
    if carried is SILENT or isinstance(carried, Missing | Failure):
        return False
    return same(carried, raw)  # type: ignore[arg-type]  # mypy does not narrow the sentinel's class away


def _sent_by_us(side: Side, name: str, raw: Value, facts: Facts) -> bool:
    intents = facts.link.intents if facts.link else ()
    return any(i.side == side and (d := i.sent.get(name)) and facts.seal.matches(raw, d) for i in intents)


def newest(facts: Facts) -> Side | None:
    """Return the side that a person changed last, or None where the stamps do not tell (law 11)."""
    stamps = {side: stamp for side in SIDES if (stamp := _honest_stamp(facts.records[side], side, facts))}
    if len(stamps) < len(SIDES):
        return None
    gap_seconds = (stamps["dynamics"] - stamps["sap"]).total_seconds()
    if abs(gap_seconds) <= facts.limits.skew_seconds:
        return None
    return "dynamics" if gap_seconds > 0 else "sap"


def _honest_stamp(record: Record | None, side: Side, facts: Facts) -> datetime | None:
    if record is None or record.changed_by in facts.users.get(side, frozenset()):
        return None
    return record.changed_at


def unsettled_references(facts: Facts, flow: Flow) -> tuple[Reference, ...]:
    """Return what the records refer to, less what is as it was when last in step: to look that up would cost a call."""
    base = facts.link.base if facts.link else {}
    found = dict.fromkeys(_references(flow.rows, {s: r.values for s in SIDES if (r := facts.records[s])}, base, facts))
    if flow.lines is not None:
        for side in SIDES:
            record = facts.records[side]
            for line in record.lines if record else ():
                found |= dict.fromkeys(_references(flow.lines.rows, {side: line.values}, {}, facts))
    return tuple(found)


def _references(
    rows: Rows, values: Mapping[Side, Values], base: Mapping[str, Base], facts: Facts
) -> Iterator[Reference]:
    raws = {side: rows.read[side](held) for side, held in values.items()}
    at = {field.name: number for number, field in enumerate(rows.fields)}
    for side, held in values.items():
        for name, reference in rows.references(side, held):
            known = base.get(name)
            settled = (
                known is not None
                and len(raws) == len(SIDES)
                and is_base(known, rows.fields[at[name]], facts)
                and all(facts.seal.matches(raws[s][at[name]], getattr(known, s)) for s in SIDES)
            )
            if not settled:
                yield reference


def contexts(records: Iterable[Record | None], flow: Flow, seal: Seal) -> dict[Side, str]:
    """Return, by side, what a refusal may hang on beside the value: the record's status, and how the mapping reads."""
    rows = (*flow.rows.fields, *(flow.lines.rows.fields if flow.lines else ()))
    mapping = "".join(field.fingerprint for field in rows)
    found: dict[Side, str] = {}
    for side, record in zip(SIDES, records, strict=True):
        status = tuple(record.values.get(column) for column in sorted(flow.retire.get(side, ()))) if record else ()
        found[side] = seal.digest((mapping, *status))
    return found
