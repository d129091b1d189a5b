"""Reading a collection: candidates by index, filter, order, pages with an opaque cookie.

Pages are cut by key, not by number: the cookie names the last row delivered and its sort values, so that rows which
come and go in between neither repeat nor hide others.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.core.values import Ref, Row, Value, to_json
from dev.dynamics.dataverse.model.metadata import Table
from dev.dynamics.dataverse.query.address import Guid
from dev.dynamics.dataverse.query.options import Query
from dev.dynamics.dataverse.query.shape import Entity, View, context, entity, ordered, sort_key
from dev.dynamics.dataverse.query.terms import Filter

COUNT_MAX: Final = 5000  # @odata.count and /$count stop there
_COOKIE: Final = re.compile(
    r'^<cookie pagenumber="(\d+)" pagingcookie="([A-Za-z0-9_=-]*)" istracking="(True|False)" />$'
)
_PAGED: Final = re.compile(r"(\$|%24)(skiptoken|deltatoken)=")

type Cookie = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A collection request: its address without the query, the raw query, the page size and the cookie, if any."""

    address: str
    raw_query: str
    size: int
    cookie: Cookie | None


def write_cookie(data: Mapping[str, object], *, tracking: bool = False) -> str:
    """Wrap a page's state into the cookie's XML, percent-encoded for a link."""
    packed = base64.urlsafe_b64encode(to_json(data)).decode("ascii")
    return quote(f'<cookie pagenumber="{data["page"]}" pagingcookie="{packed}" istracking="{tracking}" />', safe="")


def read_cookie(text: str | None) -> Cookie | None:
    """Unwrap a cookie; one that was re-encoded or made up is refused."""
    if text is None:
        return None
    match = _COOKIE.match(text)
    try:
        data = json.loads(base64.urlsafe_b64decode(match[2]), parse_float=Decimal) if match else None
    except (binascii.Error, ValueError):
        data = None
    if not isinstance(data, dict):
        raise refuse("bad cookie")
    return data


def next_link(asked: Asked, cookie: str, name: str = "$skiptoken") -> str:
    """Give the address of the next page: the same query with the new cookie."""
    kept = [
        part for part in asked.raw_query.split("&") if part and not re.match(r"(\$|%24)(skiptoken|deltatoken)=", part)
    ]
    return f"{asked.address}?{'&'.join([*kept, f'{name}={cookie}'])}"


def candidates(org: Org, table: Table, found: Filter | None) -> Iterable[Row]:
    """Give the rows that a filter can match at all, by id, alternate key or lookup where it names one."""
    equals: Mapping[str, Value] = found.equals if found else {}
    if isinstance(row_id := equals.get(table.id), Guid):
        row = org.store.get(table.name, str(row_id))
        return [row] if row else []
    for key in table.keys.values():
        if (
            key.status == "Active"
            and set(key.columns) <= set(equals)
            and not any(table.columns[name].lookup for name in key.columns)
        ):
            row = org.store.find(table, key, equals)
            return [row] if row else []
    for name, value in equals.items():
        column = table.columns[name]
        if column.lookup and "systemuser" not in column.to.values() and isinstance(value, Guid):
            targets = {target for target in column.to.values() if target in org.model.tables}
            return [row for target in sorted(targets) for row in org.store.linked(table.name, name, Ref(target, value))]
    return org.store.rows[table.name].values()


def collection(view: View, table: Table, query: Query, asked: Asked, rows: Iterable[Row] | None = None) -> Entity:
    """Give one page of a collection as a JSON document."""
    pool = candidates(view.org, table, query.filter) if rows is None else rows
    matching = [row for row in pool if query.filter is None or query.filter.test(row)]
    found: Entity = {"@odata.context": context(view, table, query)}
    if query.count:
        found["@odata.count"] = min(len(matching), COUNT_MAX)
    if view.wants("Microsoft.Dynamics.CRM.totalrecordcount"):
        found["@Microsoft.Dynamics.CRM.totalrecordcount"] = min(len(matching), COUNT_MAX) if query.count else -1
        exceeded = query.count and len(matching) > COUNT_MAX
        found["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] = exceeded
        found["@Microsoft.Dynamics.CRM.globalmetadataversion"] = "101234567"
    rest = _after(ordered(matching, query, table), query, table, asked.cookie)
    size = asked.size if query.top is None else min(query.top, view.org.settings.page_size)
    shown = rest[:size]
    found["value"] = [entity(view, table, row, query) for row in shown]
    if len(rest) > size and query.top is None:
        found["@odata.nextLink"] = next_link(asked, write_cookie(_state(shown[-1], query, table, asked.cookie)))
    return found


def _state(last: Row, query: Query, table: Table, cookie: Cookie | None) -> dict[str, object]:
    page = int((cookie or {}).get("page", 1)) + 1
    values = [list(sort_key(column)(last)) for column, _ in query.order]
    return {"page": page, "after": last[table.id], "values": values}


def _after(rows: list[Row], query: Query, table: Table, cookie: Cookie | None) -> list[Row]:
    """Drop what earlier pages delivered; if the last row is gone, compare with what it was."""
    if cookie is None:
        return rows
    last = str(cookie["after"])
    for position, row in enumerate(rows):
        if row[table.id] == last:
            return rows[position + 1 :]
    return [row for row in rows if _follows(row, query, table, cookie)]


def _follows(row: Row, query: Query, table: Table, cookie: Cookie) -> bool:
    for (column, descending), stored in zip(query.order, cookie["values"], strict=True):
        own, then = list(sort_key(column)(row)), list(stored)
        if own != then:
            return bool((own > then) != descending)
    return str(row[table.id]) > str(cookie["after"])
