"""Turns two records, or one without a twin, into a plan. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from shared.core.digest import plain
from shared.core.link import Problem
from shared.core.model import OTHER, SIDES, Line, LineWrite, Record, Scalar, Side, Values, Write
from shared.core.plan import Facts, Park, Plan, Sync
from shared.decision.draft import STICKY, TRY_AGAIN, Draft, same_context, stuck, told_seen
from shared.decision.line_merging import merge_lines, told_line
from shared.decision.lines import in_context, line_links, pair_lines
from shared.decision.rows import Judged, judge
from shared.mapping.flow import Flow


def merge(facts: Facts, flow: Flow, twin: Record | None = None) -> Plan:
    """Bring two existing records into step, field by field and line by line."""
    if twin is not None:
        facts = replace(facts, records={**facts.records, OTHER[facts.change.side]: twin})
    draft = Draft(facts)
    for side, columns in draft.wanted(_judged_header(facts, flow)).items():
        draft.values[side] |= columns
    for side, stamp in birthmarks(facts, flow).items():
        if (old := stuck(Problem("birthmark", side, "", ""), facts)) is not None:
            draft.problems.append(old)
            continue
        draft.values[side] |= stamp
        draft.fields[side].add("birthmark")
    if flow.lines is not None:
        merge_lines(draft, flow.lines)
    moved = sorted(draft.fields["dynamics"] | draft.fields["sap"])
    return draft.plan(f"moved: {', '.join(moved)}" if moved else "in step", twin)


def create(facts: Facts, flow: Flow, target: Side) -> Plan:
    """Make the missing record out of everything that its side may be told. Any problem parks the whole (law 14)."""
    source = there(facts, OTHER[target])
    draft = Draft(facts)
    values = draft.told(flow.rows, source.values, target)
    lines: list[LineWrite] = []
    if flow.lines is not None and target in flow.lines.create:
        lines = [
            LineWrite("add", "", told_line(draft, line, source, target, flow.lines), peer=line.key)
            for line in source.lines
        ]
    plan = draft.plan(f"not in {target} yet")
    if not isinstance(plan, Sync):
        return plan
    values |= birthmarks(replace(facts, records={OTHER[target]: source, target: None}), flow).get(target, {})
    problems = tuple(draft.problems) or _refused_before(values, target, facts)
    if problems:
        return Park(problems, facts.link)
    return replace(plan, writes={target: Write(target, "create", values, tuple(lines))})


def _refused_before(values: Values, target: Side, facts: Facts) -> tuple[Problem, ...]:
    """Return the old problems if this very record was refused before and nobody asked to try again (law 14)."""
    if facts.link is None or facts.change.cause in TRY_AGAIN:
        return ()
    seen = told_seen(values, facts)
    alike = (p for p in facts.link.parked if p.side == target and p.seen == seen and p.cause.startswith(STICKY))
    return tuple(p for p in alike if same_context(p, facts))


def birthmarks(facts: Facts, flow: Flow) -> dict[Side, dict[str, Scalar]]:
    """Return the identity columns that do not hold the other side's identity yet, by side."""
    crm, erp = facts.records["dynamics"], facts.records["sap"]
    found: dict[Side, dict[str, Scalar]] = {}
    number = erp.key if erp else ""
    column = flow.birthmark.dynamics
    if column and number and (crm is None or plain(crm.values.get(column)) != number):
        found["dynamics"] = {column: number}
    expected = pair_mark(crm, facts, flow)
    column = flow.birthmark.sap
    if column and expected and (erp is None or plain(erp.values.get(column)) != expected):
        found["sap"] = {column: expected}
    return found


def pair_mark(crm: Record | None, facts: Facts, flow: Flow) -> str:
    """Return what SAP's birthmark column holds for this pair: the Dynamics key, or the column named by `holds`."""
    if flow.birthmark.holds:
        return plain(crm.values.get(flow.birthmark.holds)) if crm else ""
    if crm is not None:
        return crm.key
    return facts.link.dynamics if facts.link else facts.change.pair_key


def _judged_header(facts: Facts, flow: Flow) -> Iterator[Judged]:
    values = {side: there(facts, side).values for side in SIDES}
    return judge(flow.rows, values, facts.link.base if facts.link else {}, facts)


def all_judged(facts: Facts, flow: Flow) -> Iterator[Judged]:
    """Yield every row of the header and of the lines that are on both sides."""
    yield from _judged_header(facts, flow)
    if flow.lines is None:
        return
    for pair in pair_lines(facts.records, line_links(facts, flow.lines), flow.lines, facts.linked):
        if pair.dynamics is None or pair.sap is None:
            continue
        lines: dict[Side, Line] = {"dynamics": pair.dynamics, "sap": pair.sap}
        values = {side: in_context(lines[side], facts.records[side], flow.lines, side) for side in SIDES}
        yield from judge(flow.lines.rows, values, pair.link.base if pair.link else {}, facts, f"{pair.name}.")


def there(facts: Facts, side: Side) -> Record:
    """Return a record that the rules before have made sure of."""
    record = facts.records[side]
    if record is None:
        raise AssertionError(f"merge was asked to look at a {side} record that is not there")
    return record
