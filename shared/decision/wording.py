"""Translates between a write and its fields: what will arrive, who was refused, what to put back. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from shared.core.link import Problem
from shared.core.model import Choice, Line, LineWrite, Record, Scalar, Side, Value, Values, Write
from shared.core.plan import Facts
from shared.decision.draft import told_seen
from shared.decision.lines import in_context
from shared.errors import Complaint, Refused
from shared.mapping.flow import Flow, Rows


def raws_of(rows: Rows, side: Side, values: Values) -> dict[str, Value]:
    """Return each field's raw value on a side, by name."""
    return {field.name: raw for field, raw in zip(rows.fields, rows.read[side](values), strict=True)}


def expected(write: Write, facts: Facts, flow: Flow) -> dict[str, Value]:
    """Return what each written field will be if the write arrives as it is: 'city', 'line 6f1c.quantity'.

    A new line stands as 'line 6f1c' with its birthmark: it is about to appear.
    """
    record = facts.records[write.side]
    values = {**(record.values if record else {}), **write.values}
    raws = raws_of(flow.rows, write.side, values)
    told = {f.name for f in flow.rows.fields if any(c in write.values for c in f.writes[write.side])}
    found = {name: raw for name, raw in raws.items() if name in (told if write.kind == "create" else write.fields)}
    for line in write.lines:
        name = line_name(line, write.side)
        if line.kind == "add":
            found[name] = line.values.get(flow.lines.birthmark) if flow.lines else None
        if flow.lines is not None and line.kind == "change":
            held = next((k.values for k in (record.lines if record else ()) if k.key == line.key), {})
            context = in_context(Line(line.key, {**held, **line.values}), record, flow.lines, write.side)
            raws = raws_of(flow.lines.rows, write.side, context)
            found |= {f"{name}.{n}": raw for n, raw in raws.items() if f"{name}.{n}" in write.fields}
    return found


def line_name(line: LineWrite, side: Side) -> str:
    """Return how reasons call a written line: by its Dynamics key where there is one."""
    return f"line {line.peer if side == 'sap' else line.key or line.peer}"


def refusals(refused: Refused, write: Write, facts: Facts, flow: Flow, system: str) -> tuple[Problem, ...]:
    """Return a problem for each field that the system's complaints name; for all written fields if they name none."""
    complaints = refused.complaints or (Complaint("", str(refused)),)
    problems: dict[str, Problem] = {}
    for complaint in complaints:
        for name in _named(complaint, write, flow) or _all(write):
            cause = f"refused {system} {complaint.code}".rstrip()
            message = f"{system} refused {name or 'the record'}: {complaint.message} ({complaint.code or 'no code'})"
            problems.setdefault(
                name, Problem(name, write.side, cause, message, _seen(name, write, facts, flow), facts.now)
            )
    return tuple(problems.values())


def _all(write: Write) -> tuple[str, ...]:
    return tuple(sorted(write.fields)) if write.kind == "update" and write.fields else ("",)


def _named(complaint: Complaint, write: Write, flow: Flow) -> list[str]:
    mark = flow.birthmark.dynamics if write.side == "dynamics" else flow.birthmark.sap
    if not complaint.line and complaint.column == mark and "birthmark" in write.fields:
        return ["birthmark"]
    if not complaint.line and complaint.column:
        return [f.name for f in flow.rows.fields if complaint.column in f.writes[write.side] and _writes(f.name, write)]
    names = {line_name(k, write.side) for k in write.lines if complaint.line in (k.key, k.peer) and complaint.line}
    if flow.lines is None or not names:
        return []
    rows = [f.name for f in flow.lines.rows.fields if complaint.column in f.writes[write.side]]
    of_lines = {name for name in write.fields for line in names if name.startswith(f"{line}.")}
    return sorted({f"{line}.{row}" for line in names for row in rows} & of_lines) or sorted(of_lines or names)


def _writes(name: str, write: Write) -> bool:
    return write.kind == "create" or name in write.fields


def _seen(name: str, write: Write, facts: Facts, flow: Flow) -> tuple[str, str]:
    """Return what the refused value is remembered by, in the form in which `merging` will look for it."""
    if write.kind == "create":
        return told_seen(write.values, facts)
    added = [line for line in write.lines if line.kind == "add" and line_name(line, write.side) == name]
    if added:
        return told_seen(added[0].values, facts)
    raws = [_raw(name, side, facts, flow) for side in ("dynamics", "sap")]
    return facts.seal.digest(raws[0]), facts.seal.digest(raws[1])


def _raw(name: str, side: Side, facts: Facts, flow: Flow) -> Value:
    record = facts.records[side]
    if record is None:
        return None
    line_key, dot, row = name.removeprefix("line ").rpartition(".")
    if not name.startswith("line ") or not dot or flow.lines is None:
        return raws_of(flow.rows, side, record.values).get(name)
    links = facts.link.lines if facts.link else ()
    keys = {line_key, *(k.sap for k in links if k.dynamics == line_key)}
    for line in record.lines:
        if line.key in keys:
            return raws_of(flow.lines.rows, side, in_context(line, record, flow.lines, side)).get(row)
    return None


def with_own_doing(facts: Facts, write: Write, flow: Flow) -> Facts:
    """Return the facts after our write: what it made of a chosen field is what the person has chosen, and no move."""
    if not facts.change.choices:
        return facts
    choices = tuple(_now_seen(choice, write, facts, flow) for choice in facts.change.choices)
    return replace(facts, change=replace(facts.change, choices=choices))


def without_choices(names: frozenset[str], facts: Facts) -> Facts:
    """Return the facts without choices that cannot be carried out: the field moved meanwhile, or it was refused."""
    choices = tuple(choice for choice in facts.change.choices if choice.field not in names)
    return replace(facts, change=replace(facts.change, choices=choices))


def _now_seen(choice: Choice, write: Write, facts: Facts, flow: Flow) -> Choice:
    if choice.field not in write.fields:
        return choice
    (dynamics, sap), now = choice.seen, facts.seal.digest(_raw(choice.field, write.side, facts, flow))
    return replace(choice, seen=(now, sap) if write.side == "dynamics" else (dynamics, now))


def without(write: Write, problems: tuple[Problem, ...], flow: Flow) -> Write | None:
    """Return the write without the refused fields, or None when nothing is left of it."""
    names = {p.field for p in problems}
    if "" in names:
        return None
    columns = {c for f in flow.rows.fields if f.name in names for c in f.writes[write.side]}
    if "birthmark" in names:
        columns |= {flow.birthmark.dynamics if write.side == "dynamics" else flow.birthmark.sap}
    lines = tuple(kept for line in write.lines if (kept := _line_without(line, write.side, names, flow)) is not None)
    values = {k: v for k, v in write.values.items() if k not in columns}
    left = replace(write, values=values, lines=lines, fields=write.fields - names)
    return left if values or lines else None


def _line_without(line: LineWrite, side: Side, names: set[str], flow: Flow) -> LineWrite | None:
    name = line_name(line, side)
    if name in names or flow.lines is None:
        return None
    columns = {c for f in flow.lines.rows.fields if f"{name}.{f.name}" in names for c in f.writes[side]}
    values = {k: v for k, v in line.values.items() if k not in columns}
    return replace(line, values=values) if values or line.kind == "remove" else None


def all_raws(write: Write, record: Record, flow: Flow) -> dict[str, Value]:
    """Return the raw values of a record's fields and of those lines that a write changes, by name."""
    found = raws_of(flow.rows, write.side, record.values)
    held = {line.key: line for line in record.lines}
    for line in write.lines:
        if flow.lines is not None and line.kind == "change" and line.key in held:
            values = in_context(held[line.key], record, flow.lines, write.side)
            name = line_name(line, write.side)
            found |= {f"{name}.{n}": raw for n, raw in raws_of(flow.lines.rows, write.side, values).items()}
    return found


def put_back(
    names: frozenset[str], write: Write, held: Record, flow: Flow
) -> tuple[Mapping[str, Scalar], tuple[LineWrite, ...]]:
    """Return the columns and lines that give fields back the values that `held` has."""
    side = write.side
    columns = {c: held.values.get(c) for f in flow.rows.fields if f.name in names for c in f.writes[side]}
    values = {line.key: line.values for line in held.lines}
    rows = flow.lines.rows.fields if flow.lines else ()
    lines = []
    for line in write.lines:
        name = line_name(line, side)
        told = {c: values.get(line.key, {}).get(c) for f in rows if f"{name}.{f.name}" in names for c in f.writes[side]}
        if told:
            lines.append(replace(line, values=told))
    return columns, tuple(lines)


def overwritten(names: frozenset[str], side: Side, after: Record, facts: Facts, flow: Flow) -> list[Problem]:
    """Return what to say of fields that a person typed right before our write, and that could not be put back."""
    facts = replace(facts, records={**facts.records, side: after})
    message = "{} was changed in {} in the moment of our write and could not be put back: look at the change documents"
    seals = {name: [facts.seal.digest(_raw(name, s, facts, flow)) for s in ("dynamics", "sap")] for name in names}
    return [
        Problem(name, side, "overwritten", message.format(name, side), (seen[0], seen[1]), facts.now)
        for name, seen in sorted(seals.items())
    ]
