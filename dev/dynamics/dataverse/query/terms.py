"""The terms of a filter: what names mean, how values compare, and how a path reaches its column.

Text compares without regard to case, as the database's collation does; null is equal to null only, and ``ne`` includes
rows where the column is null.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.core.values import Ref, Row, Value
from dev.dynamics.dataverse.data.store import fold
from dev.dynamics.dataverse.model.metadata import Column, Relationship, Table
from dev.dynamics.dataverse.query.address import Guid

type Test = Callable[[Row], bool]
type Getter = Callable[[Row], Value]
type Step = Callable[[Row], Row | None]

KIND: Final = {
    "Edm.Int32": "number",
    "Edm.Int64": "number",
    "Edm.Decimal": "number",
    "Edm.Double": "number",
    "Edm.Boolean": "flag",
    "Edm.String": "text",
    "Edm.Guid": "guid",
    "Edm.DateTimeOffset": "time",
    "Edm.Date": "time",
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean: the table at hand, parameter aliases, the user asking, and lambda variables."""

    org: Org
    table: Table
    user_id: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Table] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison: its Edm type (None for null), how to get it, its column and its constant."""

    edm: str | None
    get: Getter
    column: Column | None = None
    constant: Value = None


@dataclass(frozen=True, slots=True)
class Filter:
    """A compiled filter; ``equals`` are the ``column eq constant`` terms that must hold, for the use of indexes."""

    test: Test
    equals: Mapping[str, Value] = field(default_factory=dict)


def bad(detail: str) -> Exception:
    """Build the 400 for a filter that does not parse."""
    return refuse("bad query", detail=detail)


def edm_of(value: Value) -> str | None:
    """Give the Edm type of a literal."""
    if value is None:
        return None
    if isinstance(value, Guid):
        return "Edm.Guid"
    names = {"bool": "Edm.Boolean", "int": "Edm.Int32", "Decimal": "Edm.Decimal", "str": "Edm.String"}
    return names.get(type(value).__name__, "Edm.DateTimeOffset")


def comparable(value: Value) -> Any:  # noqa: ANN401 - ordered values of one kind, which no type expresses
    """Fold a value so that values of one kind order as in the database; a date counts as its midnight."""
    if isinstance(value, Ref):
        return value.id
    if isinstance(value, date):
        text = value.isoformat()
        return text if isinstance(value, datetime) else f"{text}T00:00:00+00:00"
    return fold(value)


COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "gt": lambda a, b: a is not None and b is not None and bool(a > b),
    "ge": lambda a, b: a is not None and b is not None and bool(a >= b),
    "lt": lambda a, b: a is not None and b is not None and bool(a < b),
    "le": lambda a, b: a is not None and b is not None and bool(a <= b),
}
OPERATORS: Final = {"eq": "Equal", "ne": "NotEqual", "gt": "GreaterThan", "ge": "GreaterThanOrEqual",
                    "lt": "LessThan", "le": "LessThanOrEqual"}  # fmt: skip
TEXT: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
}


def path_operand(scope: Scope, path: list[str]) -> Operand:
    """Resolve a property, possibly behind single-valued navigation or a lambda variable."""
    table, step = scope.table, _same
    if path[0] in scope.variables:
        table, path = scope.variables[path[0]], path[1:]
    for name in path[:-1]:
        relationships = table.single.get(name)
        if relationships is None:
            raise refuse("no property", name=name, type=table.type)
        step = _follow(scope.org, step, relationships)
        table = scope.org.model.tables[relationships[0].target]
    column = table.by_property(path[-1]) if path else None
    if column is None:
        raise refuse("no property", name=path[-1] if path else "", type=table.type)
    own, reach = column.name, step
    direct = column if len(path) == 1 and reach is _same else None
    return Operand(column.edm, lambda row: (reach(row) or {}).get(own), direct)


def _stay(row: Row) -> Row | None:
    return row


_same: Step = _stay


def _follow(org: Org, get: Step, relationships: list[Relationship]) -> Step:
    column, targets = relationships[0].column, {relationship.target for relationship in relationships}

    def step(row: Row) -> Row | None:
        held = (get(row) or {}).get(column)
        return org.store.get(held.table, held.id) if isinstance(held, Ref) and held.table in targets else None

    return step
