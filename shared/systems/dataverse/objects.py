"""The tables that this connector knows, read from objects.yaml: what a mapping may name, and how a table is addressed.

It describes a plain sales organisation. A customer's own columns come typed with the mapping; a customer's own tables
are handed to the connector as further `Table`s.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from shared.core.model import Column
from shared.mapping.catalogue import Catalogue, ObjectInfo

_TYPES: Mapping[str, Literal["int", "choice", "flag", "instant", "date"]] = {
    "int": "int",
    "choice": "choice",
    "flag": "flag",
    "instant": "instant",
    "date": "date",
    "day": "date",
}


@dataclass(frozen=True, slots=True)
class Table:
    """How a table is addressed: Table('account', 'accounts', 'accountid').

    `lines` are its collections of line items by navigation property ('order_details'), `parent` a line's own navigation
    property to its header ('salesorderid'). `days` are columns that mean a day and travel as a point in time.
    `merges`: rows can be swallowed by another one (columns merged and masterid).
    """

    name: str
    set: str
    key: str
    columns: Mapping[str, Column] = field(default_factory=dict)
    lines: Mapping[str, str] = field(default_factory=dict)
    parent: str = ""
    days: frozenset[str] = frozenset()
    merges: bool = False


def load(path: Path) -> Mapping[str, Table]:
    """Return the tables of a file by logical name."""
    return {name: _table(name, data) for name, data in yaml.safe_load(path.read_text("utf-8")).items()}


def catalogue(tables: Mapping[str, Table]) -> Catalogue:
    """Return what mappings may name; a line's table is reached through its header only."""
    return {
        name: ObjectInfo(
            columns=table.columns, lines={each: tables[line].columns for each, line in table.lines.items()}
        )
        for name, table in tables.items()
        if not table.parent
    }


def _table(name: str, data: Mapping[str, Any]) -> Table:
    read_only, create_only = (frozenset(data.get(kind, "").split()) for kind in ("read_only", "create_only"))
    columns = {data["key"]: Column("guid", create=False, update=False)}
    for column, info in _columns(data):
        wire = f"_{column}_value" if info.type == "lookup" else column
        create = column not in read_only and "." not in column
        columns[wire] = replace(info, create=create, update=create and column not in create_only)
    return Table(
        name=name,
        set=data["set"],
        key=data["key"],
        columns=columns,
        lines=data.get("lines", {}),
        parent=data.get("parent", ""),
        days=frozenset(data.get("day", "").split()),
        merges=data.get("merges", False),
    )


def _columns(data: Mapping[str, Any]) -> Iterator[tuple[str, Column]]:
    for kind, type_ in _TYPES.items():
        yield from ((column, Column(type_)) for column in data.get(kind, "").split())
    for length, columns in data.get("text", {}).items():
        yield from ((column, Column("text", max_length=length)) for column in columns.split())
    for length, columns in data.get("memo", {}).items():
        yield from ((column, Column("text", max_length=length, filter=False)) for column in columns.split())
    for scale, columns in data.get("decimal", {}).items():
        yield from ((column, Column("decimal", scale=scale)) for column in columns.split())
    for length, columns in data.get("path", {}).items():
        yield from ((column, Column("text", max_length=length)) for column in columns.split())
    for column, target in data.get("lookup", {}).items():
        set_, _, bind = target.partition(" by ")
        yield column, Column("lookup", bind=bind or column, target=set_)


TABLES: Mapping[str, Table] = load(Path(__file__).with_name("objects.yaml"))
CATALOGUE: Catalogue = catalogue(TABLES)
