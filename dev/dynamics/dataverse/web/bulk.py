"""CreateMultiple, UpdateMultiple and UpsertMultiple: many rows in one request, all of them or none."""

from collections.abc import Callable, Mapping
from typing import Final

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.model.metadata import Table
from dev.dynamics.dataverse.query.address import ROOT, RowKey, key_of, segments
from dev.dynamics.dataverse.web.call import Answer, Call, answer
from dev.dynamics.dataverse.web.rows import key_values
from dev.dynamics.dataverse.writes.operations import create, update
from dev.dynamics.dataverse.writes.payload import Payload, read_payload
from dev.dynamics.dataverse.writes.unit import Unit

NO_TYPE: Final = "A value without a type name was found and no expected type is available. (Targets need @odata.type)"


def _targets(unit: Unit, call: Call, table: Table) -> list[Payload]:
    body = call.json(table.set)
    targets = body.get("Targets") if isinstance(body, dict) else None
    if not isinstance(targets, list):
        raise refuse("bad json", table=table.set, detail="The parameter 'Targets' is missing.")
    if not targets:
        raise refuse("invalid argument", detail="Required field 'Targets' is missing")
    if any(not isinstance(target, dict) or "@odata.type" not in target for target in targets):
        raise refuse("bad json", table=table.set, detail=NO_TYPE)
    return [read_payload(unit.org, table, target) for target in targets]


def _key(table: Table, payload: Payload) -> RowKey:
    """Find out which row a target means: its @odata.id, or its primary key among the values."""
    if payload.address:
        steps = segments(ROOT.sub("", payload.address, count=1))
        if len(steps) != 1 or steps[0].name != table.set:
            raise refuse("bad bind", table=table.set, value=payload.address)
        return key_of(table, steps[0])
    row_id = payload.values.get(table.id)
    if row_id is None:
        raise refuse("invalid argument", detail=f"The primary key '{table.id}' of a target is missing.")
    return RowKey(str(row_id), None, {}, str(row_id))


def create_multiple(unit: Unit, call: Call, table: Table) -> Answer:
    """Create all targets; answers their ids in order."""
    made = [create(unit, table, payload) for payload in _targets(unit, call, table)]
    where = f"{call.base}/$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse"
    return answer({"@odata.context": where, "Ids": [row[table.id] for row in made]})


def update_multiple(unit: Unit, call: Call, table: Table) -> Answer:
    """Update all targets, which must exist."""
    for payload in _targets(unit, call, table):
        row = unit.org.need_row(table, _key(table, payload))
        update(unit, table, row, payload)
    return Answer(204)


def upsert_multiple(unit: Unit, call: Call, table: Table) -> Answer:
    """Update or create all targets; a key repeated in the body of a new row is refused."""
    for payload in _targets(unit, call, table):
        key = _key(table, payload)
        row = unit.org.row_at(table, key)
        if row is not None:
            update(unit, table, row, payload)
            continue
        if set(key.values) & set(payload.values):
            raise refuse("key in body")
        payload.values |= key_values(table, key)
        create(unit, table, payload)
    return Answer(204)


BULK: Final[Mapping[str, Callable[[Unit, Call, Table], Answer]]] = {
    "Microsoft.Dynamics.CRM.CreateMultiple": create_multiple,
    "Microsoft.Dynamics.CRM.UpdateMultiple": update_multiple,
    "Microsoft.Dynamics.CRM.UpsertMultiple": upsert_multiple,
}
