"""The query options of a request, checked against the table: $select, $filter, $orderby, $top, $count, $expand.

What Dataverse does not support ($skip, $search, $apply here) is refused rather than ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_plus

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.model.metadata import Column, Relationship, Table
from dev.dynamics.dataverse.query.filter import parse_filter
from dev.dynamics.dataverse.query.terms import Filter, Scope

SYSTEM: Final = frozenset(
    {"$select", "$filter", "$orderby", "$top", "$count", "$expand", "$skiptoken", "$deltatoken", "$format"}
)
NOT_SIMULATED: Final = frozenset({"$apply", "fetchXml", "sql", "savedQuery", "userQuery"})
NESTED: Final = frozenset({"$select", "$filter", "$orderby", "$top", "$expand", "$count"})


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for. ``select`` None is every column; ``order`` pairs columns with descending."""

    select: tuple[Column, ...] | None = None
    filter: Filter | None = None
    order: tuple[tuple[Column, bool], ...] = ()
    top: int | None = None
    count: bool = False
    expand: "tuple[Expand, ...]" = ()


@dataclass(frozen=True, slots=True)
class Expand:
    """A navigation to follow, single (``many`` None) or many, with its own query."""

    name: str
    single: tuple[Relationship, ...]
    many: Relationship | None
    query: Query


@dataclass(frozen=True, slots=True)
class Parameters:
    """The raw query string, taken apart: option names to texts; ``aliases`` are the @parameters."""

    options: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        """Give an option's text, or None."""
        return self.options.get(name)


def parameters(raw_query: str) -> Parameters:
    """Split a query string; unknown $ options are refused, other names are custom options and pass."""
    options: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for part in raw_query.split("&") if raw_query else ():
        name, _, text = part.partition("=")
        name, text = unquote_plus(name), unquote_plus(text)
        if name.startswith("@"):
            aliases[name] = text
            continue
        if name in NOT_SIMULATED:
            raise refuse("not simulated", what=name)
        if name.startswith("$") and name not in SYSTEM:
            raise refuse("bad query", detail=f"The query parameter {name} is not supported.")
        if name in options and name.startswith("$"):
            said = f"Query option '{name}' was specified more than once, but it must be specified at most once."
            raise refuse("bad query", detail=said)
        options[name] = text
    return Parameters(options, aliases)


def split(text: str, separator: str) -> list[str]:
    """Split at a separator outside of quotes and parentheses."""
    parts, depth, quoted, current = [], 0, False, ""
    for char in text:
        quoted ^= char == "'"
        depth += 0 if quoted else (char == "(") - (char == ")")
        if char == separator and depth == 0 and not quoted:
            parts.append(current)
            current = ""
        else:
            current += char
    return [part.strip() for part in (*parts, current) if part.strip()]


def read_query(options: Mapping[str, str], scope: Scope) -> Query:
    """Check a query against the scope's table."""
    return Query(
        select=_select(options.get("$select"), scope.table),
        filter=parse_filter(options["$filter"], scope) if options.get("$filter") else None,
        order=_order(options.get("$orderby", ""), scope.table),
        top=_whole("$top", options.get("$top")),
        count=_flag(options.get("$count", "false")),
        expand=tuple(_expand(part, scope) for part in split(options.get("$expand", ""), ",")),
    )


def _select(text: str | None, table: Table) -> tuple[Column, ...] | None:
    if text is None or text.strip() == "*":
        return None
    found: dict[str, Column] = {}
    for name in split(text, ","):
        column = table.by_property(name)
        if column is None and name in table.single:
            column = table.columns[table.single[name][0].column]  # OData lets a navigation be selected
        if column is None:
            raise refuse("no property", name=name, type=table.type)
        found[column.name] = column
    return tuple(found.values())


def _order(text: str, table: Table) -> tuple[tuple[Column, bool], ...]:
    found = []
    for part in split(text, ","):
        name, _, direction = part.partition(" ")
        column = table.by_property(name)
        if column is None:
            raise refuse("no property", name=name, type=table.type)
        if direction.strip() not in {"", "asc", "desc"}:
            raise refuse("bad query", detail=f"Syntax error at '{direction.strip()}' in '{text}'.")
        found.append((column, direction.strip() == "desc"))
    return tuple(found)


def _whole(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal():
        raise refuse("bad query", detail=f"Invalid value '{text}' for {name} query option found.")
    return int(text)


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise refuse("bad query", detail=f"Invalid value '{text}' for $count query option found.")
    return text == "true"


def _expand(text: str, scope: Scope) -> Expand:
    name, _, inner = text.partition("(")
    name = name.strip()
    table, model = scope.table, scope.org.model
    single, many = tuple(table.single.get(name, ())), table.many.get(name)
    if not single and many is None:
        raise refuse("no property", name=name, type=table.type)
    options: dict[str, str] = {}
    for part in split(inner.rstrip().removesuffix(")"), ";"):
        option, _, value = part.partition("=")
        if option.strip() not in NESTED:
            raise refuse("bad query", detail=f"The query parameter {option} is not supported in $expand.")
        options[option.strip()] = value.strip()
    target = model.tables[many.table if many else single[0].target]
    inner_scope = Scope(scope.org, target, scope.user_id, scope.aliases)
    return Expand(name, single, many, read_query(options, inner_scope))
