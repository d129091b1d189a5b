"""From SAP's entity with its expanded parts to a `Record`: which address to ask for, which rows are meant. Pure.

Hidden values: beside the columns, `Record.values` and `Line.values` hold under '#address' the key of the row that the
part was read from, as JSON ('{"BusinessPartner":"1","AddressID":"22"}'), or None when there is no such row. An update
finds its way by them; nobody else looks at columns that are not in the selection.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.model import Column, Line, Record, Scalar, Selection
from shared.errors import BadMapping, Unavailable
from shared.systems.s4 import codec
from shared.systems.s4.objects import Part, Structure

HIDDEN = "#"
QUERY_CHARACTERS_MAX = 4000  # the ICM takes about 8 kB a request line; the filter and the parameters need room too
EAST = timedelta(hours=14)  # nowhere does a day begin earlier

type Entity = Mapping[str, Any]
type Columns = Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Branch:
    """One part as a flow reads it: its rows' choice, its columns by own name, and the parts below it."""

    name: str
    part: Part
    chosen_by: Mapping[str, tuple[str, ...]]
    columns: Columns
    below: tuple["Branch", ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to read one selection: made once a selection. `query` is '$select=...&$expand=...'."""

    structure: Structure
    selection: Selection
    columns: Columns
    branches: tuple[Branch, ...]
    line: Branch | None
    query: str

    def address(self, key: str) -> str:
        """Return the record's address below the service root: "A_SalesOrder('1')"."""
        return self.structure.header.set + codec.key_predicate({self.structure.key: key})


def plan(structure: Structure, selection: Selection) -> Plan:
    """Return the plan. Raises BadMapping when the selection names a part or lines that the object does not have."""
    own, branches = _branches(structure.header, selection.columns, selection, structure.name)
    line = None
    if selection.lines:
        if (part := structure.lines.get(selection.lines)) is None:
            raise BadMapping(f"s4: {structure.name} has no lines {selection.lines!r}; it has {list(structure.lines)}")
        line_own, below = _branches(part, selection.line_columns, selection, selection.lines)
        line = Branch(selection.lines, part, {}, line_own, below)
    stamps = (structure.created, structure.changed, structure.changed_by)
    wanted = {structure.key, *own, *filter(None, stamps)}
    for names in (True, False):
        chosen, expanded = list(wanted), list[str]()
        for branch in (*branches, *filter(None, (line,))):
            _ask(branch, "", chosen, expanded, names=names)
        query = f"$select={','.join(sorted(chosen))}" + (f"&$expand={','.join(expanded)}" if expanded else "")
        if len(query) <= QUERY_CHARACTERS_MAX:
            break
    return Plan(structure, selection, own, branches, line, query)


def record(wanted: Plan, entity: Entity, etag: str = "") -> Record:
    """Return the record of one entity. Raises Unavailable when it is not what the metadata says."""
    structure = wanted.structure
    try:
        changed = codec.moment(entity[structure.changed]) if entity.get(structure.changed) else None
        created = codec.moment(entity[structure.created]) if entity.get(structure.created) else None
        return Record(
            key=str(entity[structure.key]),
            values=_values(wanted.columns, entity) | _below(wanted.branches, entity),
            etag=(entity.get("__metadata", {}).get("etag") or etag) if structure.quality.etags else "",
            version=codec.milliseconds(changed) if changed else None,
            lines=tuple(_lines(wanted.line, entity)),
            created_at=_earliest(created),
            changed_at=changed if structure.quality.honest_stamps else None,
            changed_by=str(entity.get(structure.changed_by) or ""),
        )
    except (ValueError, KeyError, AttributeError) as error:
        raise Unavailable(f"s4: an answer for {structure.name} is not as its metadata says: {error}") from error


def covers(wanted: Plan, entity: Entity) -> bool:
    """Return whether an entity (the answer to a create) has all that a read would bring."""
    structure = wanted.structure
    columns = {structure.key, *wanted.columns, *filter(None, (structure.created, structure.changed))}
    branches = (*wanted.branches, *filter(None, (wanted.line,)))
    return columns <= entity.keys() and all(_covers(branch, entity) for branch in branches)


def rows(raw: object) -> list[Entity] | None:
    """Return the rows of a navigation: {'results': [...]}, a bare list, one object, or None when not expanded."""
    if isinstance(raw, Mapping):
        if "__deferred" in raw:
            return None
        raw = raw.get("results", [raw])
    return raw if isinstance(raw, list) else []


def all_branches(branches: Iterable[Branch]) -> Iterator[Branch]:
    """Return the branches and all below them."""
    for branch in branches:
        yield branch
        yield from all_branches(branch.below)


def _branches(part: Part, columns: Columns, selection: Selection, where: str) -> tuple[Columns, tuple[Branch, ...]]:
    """Split columns into the part's own and those of the parts below it, the latter as a tree."""
    own = {name: column for name, column in columns.items() if "." not in name}
    used = {name.partition(".")[0] for name in columns.keys() - own.keys()}
    if unknown := used - part.parts.keys():
        raise BadMapping(f"s4: {where} has no part {sorted(unknown)}; it has {sorted(part.parts)}")
    while more := {part.parts[name].under for name in used} - used - {""}:
        used |= more

    def branch(name: str) -> Branch:
        each = part.parts[name]
        mine = {c.partition(".")[2]: column for c, column in columns.items() if c.startswith(f"{name}.")}
        below = tuple(branch(n) for n in part.parts if n in used and part.parts[n].under == name)
        return Branch(name, each, {**each.pick, **selection.parts.get(name, {})}, mine, below)

    return own, tuple(branch(name) for name in part.parts if name in used and not part.parts[name].under)


def _ask(branch: Branch, above: str, chosen: list[str], expanded: list[str], *, names: bool) -> None:
    path = above + branch.part.path
    needed = {*branch.part.keys, *branch.columns, *branch.chosen_by, *filter(None, (branch.part.first,))}
    chosen += [f"{path}/{name}" for name in needed] if names else [path]
    expanded.append(path)
    if usage := branch.part.usage:
        chosen += [f"{path}/{usage.path}/{name}" for name in (usage.column, usage.until)] if names else []
        expanded.append(f"{path}/{usage.path}")
    for below in branch.below:
        _ask(below, f"{path}/", chosen, expanded, names=names)


def _values(columns: Columns, entity: Entity, prefix: str = "") -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    for name, column in columns.items():
        try:
            found[prefix + name] = codec.read_value(column, entity.get(name))
        except ValueError as error:
            raise ValueError(
                f"{prefix}{name} holds no {column.type}"
            ) from error  # without the value: it may be personal
    return found


def _below(branches: Iterable[Branch], entity: Entity | None) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    for branch in branches:
        row = None if entity is None else _pick(branch, rows(entity.get(branch.part.path)) or [])
        found[HIDDEN + branch.name] = None if row is None else json.dumps({k: str(row[k]) for k in branch.part.keys})
        found |= _values(branch.columns, row or {}, f"{branch.name}.") | _below(branch.below, row)
    return found


def _pick(branch: Branch, found: Iterable[Entity]) -> Entity | None:
    """Return the row that is meant: the first listed selector value, then the marked row, then the lowest key."""
    candidates = [
        row for row in found if all(str(row.get(name)) in values for name, values in branch.chosen_by.items())
    ]
    return min(candidates, key=lambda row: _rank(branch, row), default=None)


def _rank(branch: Branch, row: Entity) -> tuple[object, ...]:
    listed = tuple(values.index(str(row.get(name))) for name, values in branch.chosen_by.items())
    keys = tuple((len(str(row.get(name))), str(row.get(name))) for name in branch.part.keys)
    marked, until = row.get(branch.part.first) not in (None, "", False), 0
    if usage := branch.part.usage:
        ends = [
            codec.milliseconds(codec.moment(each[usage.until])) if each.get(usage.until) else 0
            for each in rows(row.get(usage.path)) or []
            if each.get(usage.column) == usage.value
        ]
        marked, until = bool(ends), max(ends, default=0)
    return (*listed, not marked, -until, *keys)


def _lines(branch: Branch | None, entity: Entity) -> Iterator[Line]:
    if branch is None:
        return
    number = branch.part.keys[-1]
    for row in sorted(
        rows(entity.get(branch.part.path)) or [], key=lambda row: (len(str(row[number])), str(row[number]))
    ):
        yield Line(str(row[number]), _values(branch.columns, row) | _below(branch.below, row))


def _covers(branch: Branch, entity: Entity) -> bool:
    if branch.part.path not in entity or (found := rows(entity[branch.part.path])) is None:
        return False
    columns = {*branch.part.keys, *branch.columns, *branch.chosen_by}
    marks = {branch.part.usage.path} if branch.part.usage else set()
    return all(columns | marks <= row.keys() and all(_covers(b, row) for b in branch.below) for row in found)


def _earliest(created: datetime | None) -> datetime | None:
    """Return the earliest moment that a day of an unknown zone can mean: a link must not seem older than its record."""
    return None if created is None else created.astimezone(UTC) - EAST
