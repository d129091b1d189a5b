"""Single properties and links over HTTP: PUT and DELETE of ``/name``, ``/navigation/$ref`` and collection members."""

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.values import Ref, Row
from dev.dynamics.dataverse.model.metadata import Table
from dev.dynamics.dataverse.query.address import Segment, key_of
from dev.dynamics.dataverse.web.call import Answer, Call
from dev.dynamics.dataverse.web.rows import check_version
from dev.dynamics.dataverse.writes.operations import update
from dev.dynamics.dataverse.writes.payload import Payload, convert, link_target
from dev.dynamics.dataverse.writes.unit import Unit


def put_property(unit: Unit, call: Call, table: Table, row: Row, name: str) -> Answer:
    """PUT {"value": ...} to one property, or DELETE it, which clears it."""
    column = table.by_property(name)
    if column is None or column.lookup:
        raise refuse("no segment", segment=name)
    body = {"value": None} if call.method == "DELETE" else call.json(table.set)
    if not isinstance(body, dict) or "value" not in body:
        raise refuse("bad json", table=table.set, detail="A property named 'value' was expected.")
    check_version(unit, call, table, row)
    update(unit, table, row, Payload({column.name: convert(table, column, body["value"])}))
    return Answer(204)


def put_link(unit: Unit, call: Call, table: Table, row: Row, name: str) -> Answer:
    """PUT a single-valued $ref, or DELETE it."""
    relationships = table.single[name]
    target: Ref | None = None
    if call.method != "DELETE":
        target = link_target(unit.org, {item.target for item in relationships}, _referred(call, table), table)
    update(unit, table, row, Payload({relationships[0].column: target}))
    return Answer(204)


def _referred(call: Call, table: Table) -> object:
    body = call.json(table.set)
    if not isinstance(body, dict) or "@odata.id" not in body:
        raise refuse("bad json", table=table.set, detail="An '@odata.id' was expected.")
    return body["@odata.id"]


def change_collection(unit: Unit, call: Call, table: Table, row: Row, step: Segment) -> Answer:
    """POST a $ref to a collection, or DELETE one of its members: the child's lookup is what changes."""
    relationship = table.many[step.name]
    child, own = unit.org.model.tables[relationship.table], Ref(table.name, str(row[table.id]))
    if call.method == "DELETE":
        member = unit.org.need_row(child, key_of(child, step))
        update(unit, child, member, Payload({relationship.column: None}))
        return Answer(204)
    here = link_target(unit.org, {child.name}, _referred(call, table), table)
    member = unit.org.store.rows[child.name][here.id]
    update(unit, child, member, Payload({relationship.column: own}))
    return Answer(204)
