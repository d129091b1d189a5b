"""What the pipeline would do with a record, without doing it: gather and decide, no apply. Names and digests only."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.core.model import SIDES, Change, Side, Write
from shared.core.plan import Facts, Later, Park, Plan, Skip, Sync, Wait
from shared.decide import decide
from shared.decision.wording import raws_of
from shared.errors import NeedsPerson
from shared.mapping.flow import Flow, Rows
from shared.ops.backfill.chunks import AT_ONCE, in_turn
from shared.pipeline import gather
from shared.ports import App
from shared.steps.dispatch import addressed


@dataclass(frozen=True, slots=True)
class Preview:
    """One record's plan.

    `what` is one of: in step, create dynamics, create sap, couple, update, retire, wait, park, later, skip, out of
    scope, unreadable. `fields` are the rows that would be written, by side ('line 6f1c.price'). `problems` are causes.
    `facts` is None for a record that could not be read as its metadata says.
    """

    change: Change
    facts: Facts | None
    what: str
    reason: str
    fields: Mapping[Side, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    money: bool = False

    @property
    def writes(self) -> bool:
        """Return whether a system would be written, now or when what it waits for is there."""
        return any(self.fields.values()) or self.what in ("couple", "wait")


async def preview(change: Change, app: App) -> Preview:
    """Read both records as they are now and decide. Raises what passes; one bad record is one unreadable record."""
    flow = app.flows[change.flow]
    change = await addressed(change, app)
    try:
        facts = await gather(change, flow, app)
    except NeedsPerson as error:
        return Preview(change, None, "unreadable", str(error))
    plan = decide(facts, flow)
    writes = dict(plan.writes) if isinstance(plan, Sync) else {}
    problems = plan.problems if isinstance(plan, Sync | Park) else ()
    return Preview(
        change=change,
        facts=facts,
        what=_what(plan),
        reason=plan.reason,
        fields={side: _fields(writes[side], flow) if side in writes else () for side in SIDES},
        problems=tuple(dict.fromkeys(problem.cause for problem in problems)),
        money=any(_is_money(write, flow) for write in writes.values()),
    )


def _what(plan: Plan) -> str:
    match plan:
        case Sync(status="retired"):
            return "retire"
        case Sync(twin=twin) if twin is not None:
            return "couple"
        case Sync(writes=writes):
            created = [side for side, write in writes.items() if write.kind == "create"]
            return f"create {created[0]}" if created else "update" if writes else "in step"
        case Skip(out_of_scope=True):
            return "out of scope"
        case Wait() | Park() | Later() | Skip():
            return type(plan).__name__.lower()


def _fields(write: Write, flow: Flow) -> tuple[str, ...]:
    if write.kind == "retire":
        return tuple(sorted(write.values))
    if write.kind == "create":
        told = (row.name for row in flow.rows.fields if write.values.keys() & set(row.writes[write.side]))
        return (*told, *((f"{len(write.lines)} lines",) if write.lines else ()))
    return tuple(sorted(write.fields))


def _is_money(write: Write, flow: Flow) -> bool:
    below = _money(flow.lines.rows, write.side) if flow.lines is not None else {}
    if any(set(columns) & line.values.keys() for line in write.lines for columns in below.values()):
        return True
    return any(set(columns) & write.values.keys() for columns in _money(flow.rows, write.side).values())


def _money(rows: Rows, side: Side) -> dict[str, tuple[str, ...]]:
    return {row.name: row.writes[side] for row in rows.fields if row.money and row.writes[side]}


# ------------------------------------------------------------------------------------------------------- many of them


async def preview_all(changes: Iterable[Change], app: App) -> list[Preview]:
    """Preview records, a few at a time."""
    return await in_turn(lambda change: preview(change, app), changes, AT_ONCE)


def told(one: Preview, flow: Flow) -> dict[str, Any]:
    """Return a preview for people: which field would be written where, with the digests of both sides, no values."""
    fields = [
        {"field": name, "written": side, **_digests(name, one.facts, flow)}
        for side, names in one.fields.items()
        for name in names
    ]
    return {
        "side": one.change.side,
        "key": one.change.key,
        "would": one.what,
        "reason": one.reason,
        **({"fields": fields} if fields else {}),
        **({"problems": list(one.problems)} if one.problems else {}),
    }


def _digests(name: str, facts: Facts | None, flow: Flow) -> dict[str, str]:
    """Return the digests of what both sides hold in a row of the header."""
    found: dict[str, str] = {}
    for side, record in facts.records.items() if facts is not None else ():
        raws = raws_of(flow.rows, side, record.values) if record is not None else {}
        if facts is not None and name in raws:
            found[side] = facts.seal.digest(raws[name])
    return found


def summed(found: Sequence[Preview]) -> dict[str, Any]:
    """Return how many records would end in which way, which fields would be written how often, what is in the way."""
    fields = Counter(f"{side} {row_of(name)}" for one in found for side, names in one.fields.items() for name in names)
    return {
        "records": dict(Counter(one.what for one in found)),
        "fields": dict(fields.most_common()),
        "problems": dict(Counter(cause for one in found for cause in one.problems)),
    }


def row_of(name: str) -> str:
    """Return the row's name of a line's field: 'line 6f1c.price' -> 'line price'."""
    line, _, row = name.partition(".")
    return f"line {row}" if line.startswith("line ") and row else name
