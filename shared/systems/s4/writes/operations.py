"""The changing requests of one update, in the order in which a crash in between is safe to repeat. Pure.

A row that is there is patched by its own key, a missing one is posted, one that lost its meaning is deleted. A changed
key column (tax type DE0 -> FR0) is a new row and the old one deleted: keys cannot be patched.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.core.model import LineWrite, Record, Values
from shared.errors import Stale
from shared.systems.s4 import codec
from shared.systems.s4.gateway.faults import Fault
from shared.systems.s4.reading import HIDDEN, Branch, Plan, all_branches
from shared.systems.s4.writes.bodies import Body, nested, new_line, new_row, properties, split

_QUOTED = re.compile(r"[\"'](\w+)[\"']")


@dataclass(frozen=True, slots=True)
class Operation:
    """One changing request. `columns` are the paths that it writes, `path` the navigation of its part."""

    method: Literal["PATCH", "POST", "DELETE"]
    address: str
    columns: tuple[str, ...]
    body: Body = field(default_factory=dict)
    path: str = ""
    line: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that exists: where its children are posted, and the keys that they share with it."""

    address: str
    keys: Mapping[str, str]


def header_operation(wanted: Plan, before: Record, values: Values) -> Operation | None:
    """Return the PATCH of the header's own columns, guarded by the etag where the object has one."""
    own = split(values).get("", {})
    if not own:
        return None
    etag = (before.etag or "*") if wanted.structure.quality.etags else ""
    return Operation("PATCH", wanted.address(before.key), tuple(own), properties(wanted.columns, own), etag=etag)


def guard_operation(wanted: Plan, before: Record) -> Operation | None:
    """Return a PATCH of the header that changes nothing: its etag guards lines, which have none of their own.

    None where the record has no etag, or no column that may be sent again as it is.
    """
    own = ((name, column, before.values.get(name)) for name, column in wanted.columns.items() if "." not in name)
    same = next((name for name, column, held in own if column.update and column.type == "text" and held), "")
    if not same or not before.etag:
        return None
    body = properties(wanted.columns, {same: before.values[same]})
    return Operation("PATCH", wanted.address(before.key), (), body, etag=before.etag)


def part_operations(wanted: Plan, before: Record, values: Values) -> list[Operation]:
    """Return what the header's parts need."""
    header = _Row(wanted.address(before.key), {wanted.structure.key: before.key})
    return list(_parts(wanted.branches, split(values), before.values, header))


def waiting(wanted: Plan, before: Record, values: Values) -> tuple[str, ...]:
    """Return the columns that cannot be written yet: SAP itself makes their row (A_Customer, with a role)."""
    groups = split(values)
    return tuple(
        f"{each.name}.{column}"
        for branch in wanted.branches
        if branch.part.post == "never" and not before.values.get(HIDDEN + branch.name) and nested([branch], groups)
        for each in all_branches([branch])
        for column in groups.get(each.name, {})
    )


def line_operations(wanted: Plan, before: Record, lines: Iterable[LineWrite]) -> list[Operation]:
    """Return what the lines need: changes, then new ones, then removals, so that a document is never without lines."""
    branch = wanted.line
    if branch is None:
        return []
    held = {line.key: line.values for line in before.lines}
    header = wanted.address(before.key)
    found: dict[str, list[Operation]] = {"change": [], "add": [], "remove": []}
    for line in lines:
        keys = {branch.part.keys[0]: before.key, branch.part.keys[-1]: line.key}
        row = _Row(branch.part.set + codec.key_predicate(keys), keys)
        if line.kind == "add":
            body, columns = new_line(branch, line.values), tuple(line.values)
            address = f"{header}/{branch.part.path}"
            found["add"].append(Operation("POST", address, columns, body, branch.part.path, line.peer or line.key))
        elif line.kind == "remove":
            found["remove"].append(Operation("DELETE", row.address, (), {}, branch.part.path, line.key))
        elif line.key in held:
            found["change"] += _changed_line(branch, line, held[line.key], row)
        else:
            raise Stale(f"s4: {wanted.structure.name}: line {line.key} was not there when the record was read")
    return [*found["change"], *found["add"], *found["remove"]]


def same_targets(one: Record, other: Record, values: Values, lines: Iterable[LineWrite]) -> bool:
    """Return whether all that is about to be written looks the same in both: nobody else was at it in between."""
    before, after = ({line.key: line.values for line in each.lines} for each in (one, other))
    return all(one.values.get(column) == other.values.get(column) for column in values) and all(
        line.key in after and all(before[line.key].get(c) == after[line.key].get(c) for c in line.values)
        for line in lines
        if line.kind != "add" and line.key in before
    )


def placing(operations: Sequence[Operation]) -> Callable[[Fault], tuple[str, str]]:
    """Return what tells the column and the line that a fault of these operations is about, ('', '') when unclear."""

    def place(fault: Fault) -> tuple[str, str]:
        named = [each for number, each in enumerate(operations, 1) if str(number) == fault.content_id]
        spots = [(column, each) for each in named or operations for column in each.columns]
        steps = [re.sub(r"[(\[].*?[)\]]", "", step) for step in fault.target.split("/")]
        steps = [step for step in steps if step and step != "results"]
        # Where Gateway names no target its text does: "Property 'SearchTerm1' at offset '12' has invalid value ...".
        names = (
            {steps[-1]} if steps else set(_QUOTED.findall(fault.text)) & {each[0].rpartition(".")[2] for each in spots}
        )
        if names:
            spots = [spot for spot in spots if spot[0].rpartition(".")[2] in names]
        if len(steps) > 1:
            spots = [spot for spot in spots if spot[1].path in ("", steps[-2])] or spots
        columns = {column for column, _ in spots}
        lines = {each.line for _, each in spots} or {each.line for each in named or operations}
        return columns.pop() if len(columns) == 1 else "", lines.pop() if len(lines) == 1 else ""

    return place


def _changed_line(branch: Branch, line: LineWrite, held: Values, row: _Row) -> Iterator[Operation]:
    groups = split(line.values)
    if own := groups.get("", {}):
        body = properties(branch.columns, own)
        yield Operation("PATCH", row.address, tuple(own), body, branch.part.path, line.key)
    yield from _parts(branch.below, groups, held, row, line.key)


def _parts(
    branches: Iterable[Branch], groups: Mapping[str, Values], held: Values, above: _Row, line: str = ""
) -> Iterator[Operation]:
    for branch in branches:
        key = held.get(HIDDEN + branch.name)
        if key is None:
            yield from _added(branch, groups, above, line)
            continue
        keys: dict[str, str] = json.loads(str(key))
        row = _Row(branch.part.set + codec.key_predicate(keys), keys)
        if values := groups.get(branch.name, {}):
            yield from _changed(branch, values, held, row, above, line)
        yield from _parts(branch.below, groups, held, row, line)


def _added(branch: Branch, groups: Mapping[str, Values], above: _Row, line: str) -> Iterator[Operation]:
    """Return the POST of a missing row with all that is below it."""
    if branch.part.post == "never" or not (body := nested([branch], groups)):
        return
    columns = tuple(f"{each.name}.{c}" for each in all_branches([branch]) for c in groups.get(each.name, {}))
    yield _post(branch, body[branch.part.path][0], columns, above, line)


def _changed(branch: Branch, values: Values, held: Values, row: _Row, above: _Row, line: str) -> Iterator[Operation]:
    part, columns = branch.part, tuple(f"{branch.name}.{name}" for name in values)
    after = {name: held.get(f"{branch.name}.{name}") for name in branch.columns} | dict(values)
    essence = [name for name in part.essence if name in after]
    delete = Operation("DELETE", row.address, columns, {}, part.path, line)
    moved = {name for name in part.keys if values.get(name) is not None and str(values[name]) != row.keys[name]}
    if part.deletable and essence and all(after[name] is None for name in essence):
        yield delete
    elif moved:
        sent = {name: value for name, value in after.items() if branch.columns[name].create and name not in above.keys}
        kept = {name: value for name, value in row.keys.items() if name not in sent and name not in above.keys}
        yield _post(branch, new_row(branch, sent) | kept, columns, above, line)
        if part.deletable:
            yield delete
    elif body := properties(branch.columns, {name: v for name, v in values.items() if name not in part.keys}):
        yield Operation("PATCH", row.address, columns, body, part.path, line)


def _post(branch: Branch, body: Body, columns: tuple[str, ...], above: _Row, line: str) -> Operation:
    if branch.part.post == "path":
        return Operation("POST", f"{above.address}/{branch.part.path}", columns, body, branch.part.path, line)
    parent: dict[str, Any] = {name: value for name, value in above.keys.items() if name in branch.part.keys}
    return Operation("POST", branch.part.set, columns, parent | body, branch.part.path, line)
