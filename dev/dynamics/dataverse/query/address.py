"""Addresses below /api/data/v9.x/: segments, keys and the literals in them.

Purely lexical, but for `key_of`, which fits a key to a table. Characters that break key addressing on the real
service (a front end refuses them even percent-encoded) are refused here as well.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final
from urllib.parse import unquote

from dev.dynamics.dataverse.core.errors import ServiceError, refuse
from dev.dynamics.dataverse.core.values import Value, is_guid
from dev.dynamics.dataverse.model.metadata import Column, Key, Table

ROOT: Final = re.compile(r"^(?:https?://[^/]+)?/?(?:api/data/v9\.\d/)?", re.IGNORECASE)
DANGEROUS: Final = frozenset("/<>*%&:\\?+")
_SEGMENT: Final = re.compile(r"^([^()]*)(?:\((.*)\))?$", re.DOTALL)
_PAIR: Final = re.compile(r"\s*([A-Za-z_][\w]*)\s*=\s*('(?:[^']|'')*'|[^,']+)\s*(?:,|$)")
_STRING: Final = re.compile(r"^'((?:[^']|'')*)'$", re.DOTALL)
_NUMBER: Final = re.compile(r"^-?\d+(\.\d+)?([eE][+-]?\d+)?$")
_MOMENT: Final = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$")
_DATE: Final = re.compile(r"^\d{4}-\d\d-\d\d$")


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a path: ``accounts(cr_sapnumber='1')`` -> name accounts, arguments cr_sapnumber='1'."""

    name: str
    arguments: str | None
    text: str


@dataclass(frozen=True, slots=True)
class RowKey:
    """What a key in an address says: an id, or the values of an alternate key."""

    id: str | None
    key: Key | None
    values: Mapping[str, Value]
    text: str


def segments(raw_path: str) -> list[Segment]:
    """Split a still percent-encoded path at the slashes outside of quotes and parentheses."""
    parts, depth, quoted, current = [], 0, False, ""
    for char in unquote(raw_path):
        quoted ^= char == "'"
        depth += 0 if quoted else (char == "(") - (char == ")")
        if char == "/" and depth == 0 and not quoted:
            parts.append(current)
            current = ""
        else:
            current += char
    found = []
    for part in [*parts, current]:
        match = _SEGMENT.match(part)
        if part and match is None:
            raise refuse("no segment", segment=part)
        if part and match:
            found.append(Segment(match[1], match[2], part))
    return found


def literal(text: str) -> Value:
    """Read an OData literal: 'text', guid, number, date, moment, true, false or null."""
    text = text.strip()
    if quoted := _STRING.match(text):
        return quoted[1].replace("''", "'")
    if text in {"true", "false", "null"}:
        return {"true": True, "false": False, "null": None}[text]
    if _NUMBER.match(text):
        return Decimal(text) if "." in text or "e" in text.lower() else int(text)
    try:
        if _MOMENT.match(text):
            return datetime.fromisoformat(text).astimezone(UTC)
        if _DATE.match(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    if is_guid(text):
        return Guid(text.lower())
    raise refuse("bad query", detail=f"Unrecognized literal '{text}'.")


class Guid(str):
    """An unquoted identifier, so that a quoted one can be told apart."""

    __slots__ = ()


def pairs(arguments: str) -> dict[str, str]:
    """Read ``a='x',b=1`` into names and raw literals."""
    found, position = {}, 0
    while position < len(arguments):
        match = _PAIR.match(arguments, position)
        if match is None:
            raise refuse("bad key")
        found[match[1]] = match[2].strip()
        position = match.end()
    return found


def _check_address(value: Value) -> None:
    if isinstance(value, str) and (bad := DANGEROUS & set(value)):
        shown = "".join(sorted(bad))
        raise ServiceError(
            400, "", f"A potentially dangerous Request.Path value was detected from the client ({shown})."
        )


def _key_value(column: Column, text: str) -> Value:
    value = literal(text)
    _check_address(value)
    expected: dict[str, type | tuple[type, ...]] = {
        "Edm.String": str,
        "Edm.Int32": int,
        "Edm.Guid": Guid,
        "Edm.Decimal": (int, Decimal),
        "Edm.DateTimeOffset": datetime,
        "Edm.Date": date,
    }
    if not isinstance(value, expected.get(column.edm, str)) or (column.edm == "Edm.String" and isinstance(value, Guid)):
        raise refuse("bad key")
    return value


def key_of(table: Table, segment: Segment) -> RowKey:
    """Fit a key to its table; one that is not defined, or whose index is not Active, is refused with 0x8006088a."""
    arguments = (segment.arguments or "").strip()
    if is_guid(arguments):
        return RowKey(arguments.lower(), None, {}, segment.text)
    if "=" not in arguments:
        raise refuse("bad guid")
    named = pairs(arguments)
    if set(named) == {table.id} and is_guid(named[table.id]):
        return RowKey(named[table.id].lower(), None, {}, segment.text)
    columns = {}
    for name, text in named.items():
        column = table.by_property(name)
        if column is None:
            raise refuse("bad key")
        columns[column.name] = _key_value(column, text)
    for key in table.keys.values():
        if set(key.columns) == set(columns) and key.status == "Active":
            return RowKey(None, key, columns, segment.text)
    raise refuse("bad key")
