"""The JSON of new rows: a record with its parts and lines, a single part, a line. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.core.model import LineWrite, Values
from shared.systems.s4 import codec
from shared.systems.s4.reading import Branch, Columns, Plan

type Body = dict[str, Any]


def split(values: Values) -> dict[str, dict[str, Any]]:
    """Group values by part: {'Name': 1, 'tax.BPTaxType': 2} -> {'': {'Name': 1}, 'tax': {'BPTaxType': 2}}."""
    groups: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        part, _, name = path.rpartition(".")
        groups.setdefault(part, {})[name] = value
    return groups


def properties(columns: Columns, values: Values) -> Body:
    """Return the JSON of columns by their own name."""
    return {name: codec.write_value(columns[name], value) for name, value in values.items()}


def new_record(wanted: Plan, values: Values, lines: Iterable[LineWrite], key: str = "") -> Body:
    """Return the deep insert of a whole record."""
    body = _filled(properties(wanted.columns, {k: v for k, v in values.items() if "." not in k}), wanted.columns)
    if key:
        body[wanted.structure.key] = key
    body |= nested(wanted.branches, split(values))
    if wanted.line and (added := [new_line(wanted.line, line.values) for line in lines if line.kind == "add"]):
        body[wanted.line.part.path] = added
    return body


def new_line(branch: Branch, values: Values) -> Body:
    """Return the deep insert of a line with its parts."""
    own = {name: value for name, value in values.items() if "." not in name}
    return _filled(properties(branch.columns, own), branch.columns) | nested(branch.below, split(values))


def nested(branches: Iterable[Branch], groups: Mapping[str, Values]) -> Body:
    """Return the navigations with a new row for each part that has something to say."""
    body: Body = {}
    for branch in branches:
        below = nested(branch.below, groups)
        row = new_row(branch, groups.get(branch.name, {}))
        if row or below:
            row = (row or _born(branch)) | below
            # Two parts may be rows of one collection: two roles, two identifications.
            body[branch.part.path] = row if branch.part.single else [*body.get(branch.part.path, ()), row]
    return body


def new_row(branch: Branch, values: Values) -> Body:
    """Return a part's new row without its parent's key, {} when the values mean no row at all.

    What the flow selects the row by is filled in: the first listed value, unless the values say another.
    """
    said = {name: value for name, value in values.items() if value is not None}
    essence = branch.part.essence
    if not said or (essence and not any(name in said for name in essence)):
        return {}
    return _born(branch) | properties(branch.columns, said)


def _born(branch: Branch) -> Body:
    return {**branch.part.born, **{name: listed[0] for name, listed in branch.chosen_by.items() if listed}}


def _filled(body: Body, columns: Columns) -> Body:
    """Leave out what is empty: a create shall get the system's own default."""
    return {name: value for name, value in body.items() if value not in ("", None) or columns[name].type == "flag"}
