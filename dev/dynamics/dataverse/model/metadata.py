"""Tables, columns, keys and relationships: the shapes of an organisation's metadata.

The model is the only authority: payload checks, queries, $metadata and EntityDefinitions all follow from it. It holds
no rows and knows no HTTP; `load` reads it from data.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

EDM: Final = {
    "String": "Edm.String",
    "Memo": "Edm.String",
    "MultiSelectPicklist": "Edm.String",
    "Integer": "Edm.Int32",
    "BigInt": "Edm.Int64",
    "Picklist": "Edm.Int32",
    "State": "Edm.Int32",
    "Status": "Edm.Int32",
    "Boolean": "Edm.Boolean",
    "Money": "Edm.Decimal",
    "Decimal": "Edm.Decimal",
    "Double": "Edm.Double",
    "DateTime": "Edm.DateTimeOffset",
    "Uniqueidentifier": "Edm.Guid",
    "Lookup": "Edm.Guid",
    "Owner": "Edm.Guid",
    "Customer": "Edm.Guid",
}
LOOKUPS: Final = frozenset({"Lookup", "Owner", "Customer"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``to`` maps navigation names to target tables for lookups, e.g. {"customerid_account": "account"}."""

    name: str
    type: str
    label: str
    max_length: int = 0
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    precision: int = 0
    options: Mapping[int, str] = field(default_factory=dict)
    to: Mapping[str, str] = field(default_factory=dict)
    required: Literal["none", "application", "system"] = "none"
    create: bool = True
    update: bool = True
    behavior: str = "UserLocal"
    format: str = ""
    default: str | int | bool | None = None
    base_of: str = ""
    custom: bool = False

    @property
    def lookup(self) -> bool:
        """Whether the column refers to another row."""
        return self.type in LOOKUPS

    @property
    def wire(self) -> str:
        """Its name on the wire: ``_customerid_value`` for a lookup."""
        return f"_{self.name}_value" if self.lookup else self.name

    @property
    def edm(self) -> str:
        """Its type on the wire, e.g. ``Edm.Decimal``."""
        return "Edm.Date" if self.type == "DateTime" and self.behavior == "DateOnly" else EDM[self.type]


@dataclass(frozen=True, slots=True)
class Key:
    """An alternate key; usable only while its index is Active."""

    name: str
    columns: tuple[str, ...]
    status: Literal["Active", "Pending", "InProgress", "Failed"] = "Active"


@dataclass(frozen=True, slots=True)
class Relationship:
    """One lookup to one target: ``navigation`` on the child, ``collection`` on the parent."""

    table: str
    column: str
    navigation: str
    target: str
    collection: str
    on_delete: Literal["cascade", "restrict", "clear"]


@dataclass(slots=True)
class Table:
    """A table: its columns by logical name, its keys, and both directions of its relationships by navigation name."""

    name: str
    set: str
    id: str
    primary_name: str
    code: int
    owned: Literal["user", "organization", "none"]
    tracked: bool
    columns: dict[str, Column]
    states: Mapping[int, str] = field(default_factory=dict)
    statuses: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    single: dict[str, list[Relationship]] = field(default_factory=dict)
    many: dict[str, Relationship] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """Its qualified type, e.g. ``Microsoft.Dynamics.CRM.account``."""
        return f"Microsoft.Dynamics.CRM.{self.name}"

    def by_property(self, name: str) -> Column | None:
        """Find a column by its name on the wire: ``name`` or ``_primarycontactid_value``."""
        if name.startswith("_") and name.endswith("_value"):
            column = self.columns.get(name[1:-6])
            return column if column and column.lookup else None
        column = self.columns.get(name)
        return None if column is None or column.lookup else column

    def default_status(self, state: int) -> int:
        """Give the status that a state gets when only the state is set: the first that belongs to it."""
        return next(status for status, (of, _) in self.statuses.items() if of == state)


@dataclass(slots=True)
class Model:
    """All tables, by logical name and by entity set name."""

    tables: dict[str, Table]
    sets: dict[str, Table]

    def children(self, table: str) -> Iterator[Relationship]:
        """Every relationship whose lookup points at the table."""
        yield from self.tables[table].many.values()


def metadata_id(*parts: str) -> str:
    """Give a metadata item its stable identifier."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(parts)))
