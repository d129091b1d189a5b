"""Clash review: both live values of each parked field, and a person's choice for it.

Values are read when they are asked for and shown; nothing of them is kept. The choice travels as a change through the
same pipeline, and is judged there again: what is refused here is only told earlier.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from shared.core.link import Link
from shared.core.model import OTHER, SIDES, Change, Choice, Column, Scalar, Side, Value
from shared.core.plan import Facts, Later, Sync
from shared.decide import decide
from shared.decision.merging import all_judged
from shared.decision.rows import Judged, in_step
from shared.errors import BadRequest, Stale
from shared.mapping.flow import SILENT, Failure, Field, Flow, Missing
from shared.ops.intake import flow_named, take_in
from shared.ops.review.asked import Pick, Typed
from shared.ops.watch.look import problem_view
from shared.pipeline import gather
from shared.ports import App


async def clashes(flow: str, key: str, app: App) -> dict[str, Any]:
    """Return what is parked of a pair: the fields with both live values and what may be chosen, and the rest."""
    full, link = await _linked(flow, key, app)
    judged = await _judged(_change(full, link), full, app)
    problems = {problem.field: problem for problem in link.parked}
    fields = [{**problem_view(problems[name]), **_view(one, app)} for name, one in judged.items() if name in problems]
    rest = [problem_view(problem) for name, problem in problems.items() if name not in judged]
    return {"flow": full.name, "dynamics": link.dynamics, "sap": link.sap, "fields": fields, "others": rest}


async def choose(flow: str, key: str, picks: tuple[Pick, ...], app: App, *, run: str, asked_by: str) -> dict[str, Any]:
    """Enqueue a person's choices. Raises `Stale` if a value moved since it was shown, `BadRequest` if one cannot be."""
    full, link = await _linked(flow, key, app)
    change = replace(_change(full, link), origin=f"{run} {link.dynamics}", correlation=run, asked_by=asked_by)
    facts = await gather(change, full, app)
    judged = await _judged(change, full, app, facts)
    choices = tuple(_choice(pick, judged, link, full, app) for pick in picks)
    change = replace(change, choices=choices)
    _try(choices, replace(facts, change=change), full)
    await take_in([change], app)
    return {"enqueued": 1, "correlation": run, "fields": [choice.field for choice in choices]}


async def _linked(name: str, key: str, app: App) -> tuple[Flow, Link]:
    flow = app.flows[flow_named(name, app)]
    for side in SIDES:
        link = await app.state.link(flow.pair, side, key)
        if link is not None and link.status == "linked":
            return flow, link
    raise BadRequest(f"{flow.name} {key} is not linked, so there are no two values to choose from")


def _change(flow: Flow, link: Link) -> Change:
    return Change(flow.name, "dynamics", link.dynamics, "", "", cause="resolve", pair_key=link.dynamics)


async def _judged(change: Change, flow: Flow, app: App, facts: Facts | None = None) -> dict[str, Judged]:
    """Read both systems and return every field that is on both sides, by name."""
    facts = facts or await gather(change, flow, app)
    missing = [side for side in SIDES if facts.records[side] is None]
    if missing or facts.link is None:
        raise BadRequest(f"the {' and '.join(missing)} record cannot be found: there are no two values to choose from")
    return {one.name: one for one in all_judged(facts, flow)}


def _view(one: Judged, app: App) -> dict[str, Any]:
    raw = one.raw
    return {
        "owner": one.field.then or one.field.owner,
        "columns": {side: list(one.field.columns[side]) for side in SIDES},
        "dynamics": _shown(raw["dynamics"]),
        "sap": _shown(raw["sap"]),
        "seen": [app.seal.digest(raw[side]) for side in SIDES],
        "take": [side for side in SIDES if _may_take(one, side)],
        "value_as": [side for side in SIDES if _may_type(one.field, side)],
    }


def _shown(value: Value) -> Any:  # noqa: ANN401 -- a JSON value
    match value:
        case tuple():
            return [_shown(part) for part in value]
        case Decimal():
            return f"{value:f}"
        case date():  # and datetime
            return value.isoformat()
        case plain:
            return plain


def _may_take(one: Judged, side: Side) -> bool:
    says = one.carried[side]
    return bool(one.field.writes[OTHER[side]]) and says is not SILENT and not isinstance(says, Missing | Failure)


def _may_type(field: Field, side: Side) -> bool:
    plain = field.writes[side] == field.columns[side] and not field.reference
    return plain and bool(field.writes[side] and field.writes[OTHER[side]])


def _choice(pick: Pick, judged: dict[str, Judged], link: Link, flow: Flow, app: App) -> Choice:
    """Return a pick as it travels. Raises `BadRequest` or, if what was shown is no longer there, `Stale`."""
    one = judged.get(pick.field)
    if one is None or pick.field not in {problem.field for problem in link.parked}:
        raise BadRequest(f"{pick.field} is no parked field of this pair: GET ops/clashes/{flow.name}/{link.dynamics}")
    if not all(app.seal.matches(one.raw[side], seen) for side, seen in zip(SIDES, pick.seen, strict=True)):
        raise Stale(f"{pick.field} moved since it was shown: look again, then choose")
    if pick.typed is None:
        if not _may_take(one, pick.take):
            raise BadRequest(f"{pick.field}: the mapping cannot take {pick.take}'s value over to {OTHER[pick.take]}")
        return Choice(pick.field, pick.take, pick.seen)
    if not _may_type(one.field, pick.take):
        raise BadRequest(f"{pick.field}: the mapping does not write both sides; correct the value where it is owned")
    return Choice(pick.field, pick.take, pick.seen, _typed(pick.typed, one, pick, flow))


def _typed(values: tuple[Typed, ...], one: Judged, pick: Pick, flow: Flow) -> tuple[Scalar, ...]:
    selection, names = flow.selections[pick.take], one.field.columns[pick.take]
    known = selection.line_columns if one.name.startswith("line ") else selection.columns
    if len(values) != len(names):
        raise BadRequest(f"{pick.field}: give {len(names)} values, for {', '.join(names)}")
    return tuple(_scalar(value, known[name], name) for value, name in zip(values, names, strict=True))


def _scalar(value: Typed, column: Column, name: str) -> Scalar:
    from shared.mapping.compile.constants import constant  # noqa: PLC0415 -- the compiler takes 100 ms of a cold start

    try:
        return constant(f"{value:f}" if isinstance(value, Decimal) else value, column)
    except ValueError as error:
        raise BadRequest(f"{name}: {error}") from error


def _try(choices: tuple[Choice, ...], facts: Facts, flow: Flow) -> None:
    """Decide with the choices, without doing anything, and say what stands in their way."""
    plan = decide(facts, flow)
    if isinstance(plan, Later):
        raise Stale(plan.reason)
    if not isinstance(plan, Sync):
        raise BadRequest(f"not now: {plan.reason}")
    chosen = {choice.field for choice in choices}
    wrong = [problem.message for problem in plan.problems if problem.field in chosen]
    if wrong:
        raise BadRequest("; ".join(wrong))
    written = {name for write in plan.writes.values() for name in write.fields}
    lost = {one.name for one in all_judged(facts, flow) if one.name in chosen - written and not _is_settled(one)}
    if lost:
        raise BadRequest(
            f"{', '.join(sorted(lost))}: the mapping does not write this, or it refers to an unlinked record"
        )


def _is_settled(one: Judged) -> bool:
    return one.verdict == "agree" or all(in_step(one.carried[OTHER[side]], one.raw[side]) for side in SIDES)
