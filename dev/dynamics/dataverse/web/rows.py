"""Rows over HTTP: read, create, update, upsert and delete, with their preconditions."""

import re
from collections.abc import Mapping
from typing import Final

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.org import Org, missing
from dev.dynamics.dataverse.core.values import Ref, Row, Value
from dev.dynamics.dataverse.model.metadata import Table
from dev.dynamics.dataverse.query.address import RowKey, Segment
from dev.dynamics.dataverse.query.options import Query, parameters, read_query
from dev.dynamics.dataverse.query.shape import Entity, View, context, entity, merged, wire
from dev.dynamics.dataverse.query.terms import Scope
from dev.dynamics.dataverse.web.call import Answer, Call, answer
from dev.dynamics.dataverse.writes.operations import create, delete, settle, update
from dev.dynamics.dataverse.writes.payload import Payload, convert, read_payload
from dev.dynamics.dataverse.writes.unit import Unit

_ETAG: Final = re.compile(r'^W/"(\d+)"$')
BATCH_REFERENCE: Final = "x-created"  # an internal header: the address that $1 stands for in a change set


def view_of(org: Org, call: Call) -> View:
    """Give how a call wants its answer."""
    return View(org, call.base, call.annotations)


def query_of(org: Org, table: Table, call: Call) -> Query:
    """Read the query options of a call on a table."""
    found = parameters(call.query)
    return read_query(found.options, Scope(org, table, call.caller.user_id, found.aliases))


def applied(call: Call, *names: str) -> dict[str, str]:
    """Give the Preference-Applied header for the preferences that were honoured."""
    wanted = call.preferences
    parts = [f"{name}={wanted[name]}" if wanted[name] else name for name in names if name in wanted]
    if call.annotations:
        parts.append(f'odata.include-annotations="{",".join(call.annotations)}"')
    return {"Preference-Applied": ",".join(parts)} if parts else {}


def document(org: Org, call: Call, table: Table, row: Row) -> Entity:
    """Give a row with its context."""
    query, view = query_of(org, table, call), view_of(org, call)
    return merged({"@odata.context": context(view, table, query, "/$entity")}, entity(view, table, row, query))


def read_row(org: Org, call: Call, table: Table, row: Row) -> Answer:
    """GET one row; ``If-None-Match: W/"n"`` that still fits gives 304."""
    etag = f'W/"{row["versionnumber"]}"'
    known = call.headers.get("if-none-match")
    if known == etag and "$expand" not in call.query and not call.annotations:
        return Answer(304, {"ETag": etag})
    return answer(document(org, call, table, row), headers={"ETag": etag, **applied(call)})


def read_property(call: Call, table: Table, row: Row, steps: list[Segment]) -> Answer:
    """GET one property, or its bare text with /$value."""
    column = table.by_property(steps[0].name)
    if column is None:
        raise refuse("no segment", segment=steps[0].name)
    value = wire(column, row.get(column.name))
    if len(steps) > 1:
        return Answer(200, {"Content-Type": "text/plain"}, str("" if value is None else value).encode())
    if value is None:
        return Answer(204)
    where = f"{call.base}/$metadata#{table.set}({row[table.id]})/{column.wire}"
    return answer({"@odata.context": where, "value": value})


def check_version(unit: Unit, call: Call, table: Table, row: Row) -> None:
    """Compare If-Match with the row's version; ``*`` only asks that the row exists."""
    wanted = call.headers.get("if-match")
    if wanted in {None, "*"}:
        return
    if table.name in unit.org.settings.without_optimistic_concurrency:
        raise refuse("no concurrency", table=table.name)
    match = _ETAG.match(wanted or "")
    if match is None or int(match[1]) != row["versionnumber"]:
        raise refuse("stale")
    unit.row_version = match[1]


def _written(unit: Unit, call: Call, table: Table, row: Row, *, created: bool, address: str = "") -> Answer:
    """Answer a write: 204 with the row's address, or the row itself where that is preferred."""
    where = f"{call.base}/{address or f'{table.set}({row[table.id]})'}"
    headers = {"OData-EntityId": where, BATCH_REFERENCE: f"/{table.set}({row[table.id]})"}
    if not call.wants_representation:
        return Answer(204, headers | ({"Location": where} if created else {}))
    settle(unit)
    row = unit.org.store.rows[table.name][str(row[table.id])]
    headers |= applied(call, "return") | {"ETag": f'W/"{row["versionnumber"]}"'}
    headers |= {"Location": where} if created else {}
    return answer(document(unit.org, call, table, row), 201 if created else 200, headers)


def create_row(unit: Unit, call: Call, table: Table, given: Mapping[str, Value] | None = None) -> Answer:
    """POST to a set; ``given`` are values that the address implies."""
    payload = read_payload(unit.org, table, call.json(table.set))
    payload.values |= given or {}
    query_of(unit.org, table, call)
    return _written(unit, call, table, create(unit, table, payload), created=True)


def patch_row(unit: Unit, call: Call, table: Table, key: RowKey) -> Answer:
    """PATCH: update with If-Match, create-only with ``If-None-Match: *``, and upsert without either."""
    query_of(unit.org, table, call)
    payload = read_payload(unit.org, table, call.json(table.set))
    row = unit.org.row_at(table, key)
    if row is None:
        if "if-match" in call.headers:
            raise missing(table, key)
        return _create_at(unit, call, table, key, payload)
    if call.headers.get("if-none-match") == "*":
        raise refuse("exists")
    check_version(unit, call, table, row)
    for name in key.values:
        payload.values.pop(name, None)  # on update the address wins over key columns in the body
    after = update(unit, table, row, payload)
    return _written(unit, call, table, after, created=False, address=_address(table, key))


def key_values(table: Table, key: RowKey) -> Row:
    """Give the column values that a key implies for a new row."""
    if key.id is not None:
        return {table.id: key.id}
    found: Row = {}
    for name, value in key.values.items():
        column = table.columns[name]
        found[name] = Ref(next(iter(column.to.values())), str(value)) if column.lookup else value
        if not column.lookup and isinstance(value, str):
            found[name] = convert(table, column, value)
    return found


def _address(table: Table, key: RowKey) -> str:
    return f"{table.set}({key.id})" if key.id else key.text


def _create_at(unit: Unit, call: Call, table: Table, key: RowKey, payload: Payload) -> Answer:
    payload.values = {**key_values(table, key), **payload.values}  # on create the body wins: a known trap
    if key.id is not None:
        payload.values[table.id] = key.id
    row = create(unit, table, payload)
    return _written(unit, call, table, row, created=True, address=_address(table, key))


def delete_row(unit: Unit, call: Call, table: Table, row: Row) -> Answer:
    """DELETE one row."""
    check_version(unit, call, table, row)
    delete(unit, table, row)
    return Answer(204)
