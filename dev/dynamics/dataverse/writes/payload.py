"""Payload to values: every property known, of its type, within its length, range and options, or refused.

Wire rules of the Web API: lookups only through ``navigation@odata.bind`` with case-sensitive navigation names, DateOnly
columns as ``2026-01-31`` and all other moments with a zone, empty text stored as null. Stores nothing.
"""

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from dev.dynamics.dataverse.core.errors import ServiceError, refuse
from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.core.values import Ref, Row, Value, is_guid
from dev.dynamics.dataverse.model.metadata import Column, Table
from dev.dynamics.dataverse.query.address import ROOT, key_of, segments

type Body = Mapping[str, object]
EARLIEST: Final = datetime(1753, 1, 1, tzinfo=UTC)  # the platform's first representable moment
_MOMENT: Final = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d)$", re.ASCII)
_DATE: Final = re.compile(r"^\d{4}-\d\d-\d\d$", re.ASCII)
_OPTIONS: Final = re.compile(r"^-?\d+(,-?\d+)*$", re.ASCII)


@dataclass(slots=True)
class Payload:
    """What a body says: column values, children to create by navigation name, and the row that it names itself."""

    values: Row = field(default_factory=dict)
    children: dict[str, list[Body]] = field(default_factory=dict)
    parents: dict[str, Body] = field(default_factory=dict)
    address: str = ""


def wrong_type(table: Table, column: Column, value: object) -> ServiceError:
    """Build the refusal of a value that is not of its column's type."""
    if isinstance(value, (list, dict)):
        node = "StartArray" if isinstance(value, list) else "StartObject"
        return refuse("wrong node", table=table.set, name=column.wire, node=node)
    shown = str(value).lower() if isinstance(value, bool) else value
    return refuse("wrong type", table=table.set, name=column.wire, value=shown, edm=column.edm)


def _text(table: Table, column: Column, value: object) -> Value:
    if not isinstance(value, str):
        raise wrong_type(table, column, value)
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise refuse("bad json", table=table.set, detail="Unable to translate Unicode character to UTF-8.")
    if column.max_length and len(value) > column.max_length:
        raise refuse("too long", name=column.name, table=table.name, limit=column.max_length)
    return value or None


def _whole(table: Table, column: Column, value: object) -> Value:
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(table, column, value)
    _check_range(table, column, Decimal(value))
    return value


def _option(table: Table, column: Column, value: object) -> Value:
    number = _whole(table, column, value)
    if number not in column.options:
        accepted = ",".join(str(option) for option in column.options)
        raise refuse("no option", value=value, name=column.name, table=table.name, accepted=accepted)
    return number


def _options(table: Table, column: Column, value: object) -> Value:
    if not isinstance(value, str) or not _OPTIONS.match(value):
        raise wrong_type(table, column, value)
    for number in value.split(","):
        _option(table, column, int(number))
    return value


def _amount(table: Table, column: Column, value: object) -> Value:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise wrong_type(table, column, value)
    amount = Decimal(value)
    _check_range(table, column, amount)
    return rounded(amount, column.precision)


def rounded(amount: Decimal, digits: int) -> Decimal:
    """Round half away from zero to the column's digits, e.g. 0.005 at 2 -> 0.01."""
    return amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _check_range(table: Table, column: Column, amount: Decimal) -> None:
    low, high = column.minimum, column.maximum
    if (low is not None and amount < low) or (high is not None and amount > high):
        raise refuse("out of range", name=column.name, table=table.name, low=low, high=high)


def _flag(table: Table, column: Column, value: object) -> Value:
    if not isinstance(value, bool):
        raise wrong_type(table, column, value)
    return value


def _moment(table: Table, column: Column, value: object) -> Value:
    if column.edm == "Edm.Date":
        return _day(table, column, value)
    if not isinstance(value, str) or not _MOMENT.match(value):
        raise wrong_type(table, column, value)
    try:
        moment = datetime.fromisoformat(value).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        raise wrong_type(table, column, value) from None
    if moment < EARLIEST:
        raise refuse("out of range", name=column.name, table=table.name, low=EARLIEST, high="9999-12-30")
    return moment


def _day(table: Table, column: Column, value: object) -> Value:
    if not isinstance(value, str) or not _DATE.match(value):
        raise wrong_type(table, column, value)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise wrong_type(table, column, value) from None


def _identifier(table: Table, column: Column, value: object) -> Value:
    if not isinstance(value, str) or not is_guid(value):
        raise wrong_type(table, column, value)
    return value.lower()


CONVERT: Final[Mapping[str, Callable[[Table, Column, object], Value]]] = {
    "String": _text,
    "Memo": _text,
    "Integer": _whole,
    "BigInt": _whole,
    "Picklist": _option,
    "State": _option,
    "Status": _option,
    "MultiSelectPicklist": _options,
    "Money": _amount,
    "Decimal": _amount,
    "Double": _amount,
    "Boolean": _flag,
    "DateTime": _moment,
    "Uniqueidentifier": _identifier,
}


def convert(table: Table, column: Column, value: object) -> Value:
    """Turn a JSON value into a column's value or refuse it; null clears."""
    return None if value is None else CONVERT[column.type](table, column, value)


def link_target(org: Org, targets: AbstractSet[str], address: object, table: Table) -> Ref:
    """Resolve ``/accounts(guid)``, ``accounts(key='x')`` or a full address to an existing row of an allowed table."""
    if not isinstance(address, str):
        raise refuse("bad bind", table=table.set, value=address)
    steps = segments(ROOT.sub("", address, count=1))
    if len(steps) != 1 or steps[0].arguments is None or steps[0].name not in org.model.sets:
        raise refuse("bad bind", table=table.set, value=address)
    target = org.model.sets[steps[0].name]
    if target.name not in targets:
        raise refuse("bad bind", table=table.set, value=address)
    row = org.need_row(target, key_of(target, steps[0]))
    return Ref(target.name, str(row[target.id]))


def _read_bind(org: Org, table: Table, name: str, value: object, found: Payload) -> None:
    relationships = table.single.get(name)
    if relationships is None:
        raise refuse("no navigation", table=table.set, name=name)
    column = table.columns[relationships[0].column]
    if value is None:
        found.values.setdefault(column.name, None)
    else:
        found.values[column.name] = link_target(org, {item.target for item in relationships}, value, table)


def _read_property(table: Table, name: str, value: object, found: Payload) -> None:
    if name in table.many and isinstance(value, list):
        found.children[name] = value
        return
    if name in table.single and isinstance(value, dict):
        found.parents[name] = value
        return
    column = table.by_property(name)
    if column is None:
        raise refuse("no payload property", table=table.set, name=name, type=table.type)
    if column.lookup:
        raise refuse("lookup value", table=table.set)
    found.values[column.name] = convert(table, column, value)


def read_payload(org: Org, table: Table, body: object) -> Payload:
    """Check a body against its table; annotations other than bind, id and type are ignored, as the service does."""
    if not isinstance(body, dict):
        raise refuse("bad json", table=table.set, detail="A JSON object was expected.")
    found = Payload()
    for name, value in body.items():
        owner, _, annotation = str(name).partition("@")
        if annotation == "odata.bind":
            _read_bind(org, table, owner, value, found)
        elif annotation == "odata.id" and not owner:
            found.address = str(value)
        elif annotation == "odata.type" and not owner:
            if str(value).lstrip("#") != table.type:
                raise refuse("bad json", table=table.set, detail=f"A type named '{value}' could not be resolved.")
        elif not annotation:
            _read_property(table, owner, value, found)
    return found
