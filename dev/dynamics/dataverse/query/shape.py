"""Rows as JSON: properties, annotations, expanded navigation, and the context address that describes them.

Decimals keep their database scale (money four digits, decimals ten), as the service writes them: ``100.0000``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.core.values import Ref, Row, Value, stamp
from dev.dynamics.dataverse.model.metadata import Column, Table
from dev.dynamics.dataverse.query.options import Expand, Query
from dev.dynamics.dataverse.query.terms import comparable

FORMATTED: Final = "OData.Community.Display.V1.FormattedValue"
LOGICAL_NAME: Final = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION: Final = "Microsoft.Dynamics.CRM.associatednavigationproperty"
SCALE: Final = {"Money": Decimal("0.0001"), "Decimal": Decimal("1E-10"), "Double": None}
RATE_SCALE: Final = Decimal("1E-12")

type Entity = dict[str, object]


@dataclass(frozen=True, slots=True)
class View:
    """How an answer is wanted: the API's base address and the annotation patterns asked for, e.g. ("*",)."""

    org: Org
    base: str
    annotations: tuple[str, ...] = ()

    def wants(self, annotation: str) -> bool:
        """Whether an annotation is included; a later ``-pattern`` takes away."""
        wanted = False
        for pattern in self.annotations:
            if fnmatchcase(annotation, pattern.removeprefix("-")):
                wanted = not pattern.startswith("-")
        return wanted


def wire(column: Column, value: Value) -> object:
    """Give a value's JSON form."""
    if isinstance(value, Ref):
        return value.id
    if isinstance(value, Decimal):
        scale = RATE_SCALE if column.name == "exchangerate" else SCALE.get(column.type)
        return value.quantize(scale) if scale else value
    if isinstance(value, datetime):
        return stamp(value)
    return value.isoformat() if isinstance(value, date) else value


def primary_name(org: Org, reference: Ref) -> str | None:
    """Give the primary name of the row referred to."""
    row = org.store.get(reference.table, reference.id)
    name = (row or {}).get(org.model.tables[reference.table].primary_name)
    return str(name) if name is not None else None


def _money(org: Org, row: Row, value: Value) -> str:
    currency = row.get("transactioncurrencyid")
    held = org.store.get("transactioncurrency", currency.id) if isinstance(currency, Ref) else None
    return f"{(held or {}).get('currencysymbol') or ''}{value:,.2f}"


def formatted(org: Org, column: Column, row: Row) -> str | None:  # noqa: PLR0911 - one return for a kind of value
    """Give a value's display text, e.g. ``€1,200.00``, ``Active`` or a lookup's name; None where there is none."""
    value = row.get(column.name)
    if value is None or isinstance(value, str):
        if column.type == "MultiSelectPicklist" and value:
            return "; ".join(column.options[int(number)] for number in str(value).split(","))
        return None
    if isinstance(value, Ref):
        return primary_name(org, value)
    if isinstance(value, bool):
        return column.options.get(int(value), "Yes" if value else "No")
    if isinstance(value, int):
        return column.options.get(value, f"{value:,}")
    if isinstance(value, Decimal):
        return _money(org, row, value) if column.type == "Money" else f"{value:,.{column.precision}f}"
    if isinstance(value, datetime):
        return f"{value.month}/{value.day}/{value.year} {value:%I:%M %p}".replace(" 0", " ")
    return f"{value.month}/{value.day}/{value.year}"


def entity(view: View, table: Table, row: Row, query: Query) -> Entity:
    """Give a row as an entity: etag, selected columns with annotations, the key, expanded navigation."""
    found: Entity = {"@odata.etag": f'W/"{row["versionnumber"]}"'}
    for column in query.select if query.select is not None else table.columns.values():
        _add(view, table, column, row, found)
    found.setdefault(table.id, row[table.id])
    for expand in query.expand:
        _expand(view, table, row, expand, found)
    return found


def _add(view: View, table: Table, column: Column, row: Row, found: Entity) -> None:
    value, name = row.get(column.name), column.wire
    if view.annotations and value is not None:
        if view.wants(FORMATTED) and (text := formatted(view.org, column, row)) is not None:
            found[f"{name}@{FORMATTED}"] = text
        if isinstance(value, Ref):
            if view.wants(NAVIGATION):
                found[f"{name}@{NAVIGATION}"] = _navigation(table, column, value)
            if view.wants(LOGICAL_NAME):
                found[f"{name}@{LOGICAL_NAME}"] = value.table
    found[name] = wire(column, value)


def _navigation(table: Table, column: Column, value: Ref) -> str:
    for name, relationships in table.single.items():
        if any(item.column == column.name and item.target == value.table for item in relationships):
            return name
    return column.name


def _expand(view: View, table: Table, row: Row, expand: Expand, found: Entity) -> None:
    org = view.org
    if expand.many is None:
        held = row.get(expand.single[0].column)
        targets = {relationship.target for relationship in expand.single}
        target = org.store.get(held.table, held.id) if isinstance(held, Ref) and held.table in targets else None
        kind = org.model.tables[held.table if isinstance(held, Ref) and target else expand.single[0].target]
        found[expand.name] = entity(view, kind, target, expand.query) if target else None
        return
    child = org.model.tables[expand.many.table]
    rows = org.store.linked(child.name, expand.many.column, Ref(table.name, str(row[table.id])))
    chosen = [item for item in rows if expand.query.filter is None or expand.query.filter.test(item)]
    chosen = ordered(chosen, expand.query, child)[: expand.query.top]
    if expand.query.count:
        found[f"{expand.name}@odata.count"] = len(chosen)
    found[expand.name] = [entity(view, child, item, expand.query) for item in chosen]
    found[f"{expand.name}@odata.nextLink"] = f"{view.base}/{table.set}({row[table.id]})/{expand.name}"


def sort_key(column: Column) -> Callable[[Row], tuple[bool, object]]:
    """Order by a column as the database does: nulls first."""
    name = column.name

    def key(row: Row) -> tuple[bool, object]:
        value = row.get(name)
        return (value is not None, comparable(value) if value is not None else 0)

    return key


def ordered(rows: Iterable[Row], query: Query, table: Table) -> list[Row]:
    """Sort rows by the query's order and then by id, so that pages are stable."""
    identifier = table.id
    found = sorted(rows, key=lambda row: str(row[identifier]))
    for column, descending in reversed(query.order):
        found.sort(key=sort_key(column), reverse=descending)
    return found


def context(view: View, table: Table, query: Query, suffix: str = "") -> str:
    """Give the context address, e.g. ``.../$metadata#accounts(name,primarycontactid(fullname))/$entity``."""
    return f"{view.base}/$metadata#{table.set}{_described(query)}{suffix}"


def _described(query: Query) -> str:
    parts = [column.wire for column in query.select or ()]
    parts += [f"{expand.name}{_described(expand.query) or '()'}" for expand in query.expand]
    return f"({','.join(parts)})" if parts else ""


def merged(head: Mapping[str, object], body: Entity) -> Entity:
    """Put control information before an entity's own members."""
    return {**head, **body}
