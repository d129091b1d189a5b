"""Create, update and delete of one row with all that follows from it: rules, cascades, totals, happenings.

Callers hold a transaction; a refusal anywhere leaves it to them to take everything back.
"""

from collections.abc import Sequence
from typing import Final

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.values import Ref, Row, Value
from dev.dynamics.dataverse.model.metadata import Relationship, Table
from dev.dynamics.dataverse.writes.payload import Body, Payload, read_payload
from dev.dynamics.dataverse.writes.pricing import order_totals
from dev.dynamics.dataverse.writes.rules import complete_status, defaults, derive, guard, guard_create, guard_transition
from dev.dynamics.dataverse.writes.unit import Happening, Unit

DEPTH_MAX: Final = 8  # loop protection of the platform


def allowed(unit: Unit, table: Table, values: Row, operation: str) -> Row:
    """Drop columns that are not valid for the operation, or refuse them where the settings say so."""
    kept: Row = {}
    for name, value in values.items():
        column = table.columns[name]
        if column.create if operation == "create" else column.update:
            kept[name] = value
        elif unit.org.settings.reject_read_only_columns:
            raise refuse("read-only column", name=name, table=table.name, operation=operation)
    return kept


def _touched(unit: Unit, *, created: bool) -> Row:
    """Give the columns that say who wrote when."""
    now, caller = unit.org.now(), unit.caller
    behalf: Value = Ref("systemuser", caller.initiating_id) if caller.impersonates else None
    found: Row = {
        "modifiedon": now,
        "modifiedby": Ref("systemuser", caller.user_id),
        "modifiedonbehalfby": behalf,
    }
    if created:
        author = Ref("systemuser", caller.user_id)
        found |= {"createdon": now, "createdby": author, "createdonbehalfby": behalf}
    return found


def create(unit: Unit, table: Table, payload: Payload, cause: Happening | None = None) -> Row:
    """Insert a row with its parents and children; an id that exists already is 412 0x80040237."""
    sent = allowed(unit, table, payload.values, "create")
    for navigation, body in payload.parents.items():
        sent |= _create_parent(unit, table.single[navigation], body)
    row_id = str(sent.get(table.id) or unit.org.new_id())
    sent[table.id] = row_id
    if unit.org.store.get(table.name, row_id) is not None:
        raise refuse("exists")
    row: Row = {**dict.fromkeys(table.columns), **sent}
    row |= defaults(unit, table, row)
    row |= complete_status(table, row_id, sent, None)
    row |= _touched(unit, created=True)
    if row.get("overriddencreatedon"):
        row["createdon"], row["overriddencreatedon"] = row["overriddencreatedon"], row["createdon"]
    guard_create(unit, table, row)
    row |= derive(unit, table, row, "Create")
    after = unit.org.store.put(table, row)
    told = {"modifiedonbehalfby", *sent}
    target = {name: value for name, value in after.items() if value is not None or name in told}
    happening = Happening(
        unit, "Create", table.name, row_id, sent, target, None, after, cause.depth if cause else 1, None, cause
    )
    _note(unit, happening, after)
    for navigation, bodies in payload.children.items():
        _create_children(unit, table.many[navigation], Ref(table.name, row_id), bodies, happening)
    return unit.org.store.rows[table.name][row_id]


def _create_parent(unit: Unit, relationships: list[Relationship], body: Body) -> Row:
    parent = unit.org.model.tables[relationships[0].target]
    row = create(unit, parent, read_payload(unit.org, parent, body))
    return {relationships[0].column: Ref(parent.name, str(row[parent.id]))}


def _create_children(
    unit: Unit, relationship: Relationship, parent: Ref, bodies: Sequence[Body], cause: Happening
) -> None:
    table = unit.org.model.tables[relationship.table]
    for body in bodies:
        payload = read_payload(unit.org, table, body)
        payload.values[relationship.column] = parent
        create(unit, table, payload, cause)


def update(unit: Unit, table: Table, before: Row, payload: Payload, cause: Happening | None = None) -> Row:
    """Change the columns sent; the version moves even if no value does."""
    for name in (*payload.children, *payload.parents):
        raise refuse("deep update", table=table.set, name=name)
    sent = {name: value for name, value in allowed(unit, table, payload.values, "update").items() if name != table.id}
    guard(unit, table, before, sent)
    guard_transition(table, before, sent)
    return write(unit, table, before, sent, cause)


def write(unit: Unit, table: Table, before: Row, sent: Row, cause: Happening | None = None) -> Row:
    """Store changed columns with everything derived from them, and note the Update."""
    row_id = str(before[table.id])
    touched = _touched(unit, created=False)
    status = complete_status(table, row_id, sent, before)
    row = {**before, **sent, **status, **touched}
    derived = derive(unit, table, row, "Update")
    after = unit.org.store.put(table, {**row, **derived})
    target = {**sent, **status, **derived, **touched, table.id: row_id}
    version = unit.row_version if cause is None else None
    depth = _depth(cause)
    _note(
        unit, Happening(unit, "Update", table.name, row_id, sent, target, before, after, depth, version, cause), after
    )
    return after


def delete(unit: Unit, table: Table, before: Row, cause: Happening | None = None) -> None:
    """Remove a row after its children: cascade, restrict (405) or clear, as each relationship says."""
    row_id = str(before[table.id])
    guard(unit, table, before, {"statecode": 0})
    own = Ref(table.name, row_id)
    happening = Happening(
        unit, "Delete", table.name, row_id, {}, {}, before, None, _depth(cause), unit.row_version, cause
    )
    for relationship in list(unit.org.model.children(table.name)):
        child = unit.org.model.tables[relationship.table]
        for row in unit.org.store.linked(child.name, relationship.column, own):
            if relationship.on_delete == "restrict":
                raise refuse("associated", table=child.name)
            if relationship.on_delete == "cascade":
                delete(unit, child, row, happening)
            else:
                unit.org.store.put(child, {**row, relationship.column: None})
    unit.org.store.remove(table.name, row_id)
    _note(unit, happening, before)


def _depth(cause: Happening | None) -> int:
    depth = cause.depth + 1 if cause else 1
    if depth > DEPTH_MAX:
        raise refuse("depth")
    return depth


def _note(unit: Unit, happening: Happening, row: Row) -> Happening:
    unit.happenings.append(happening)
    _unsettle(unit, happening, row)
    return happening


PRICED: Final = {"discountpercentage", "discountamount", "freightamount"}


def _unsettle(unit: Unit, happening: Happening, row: Row) -> None:
    """Remember the order whose totals this write moves."""
    if happening.table == "salesorderdetail" and isinstance(order := row.get("salesorderid"), Ref):
        unit.unsettled[order.id] = happening
    if happening.table == "salesorder" and happening.message != "Delete" and PRICED & set(happening.sent):
        unit.unsettled[happening.id] = happening


def settle(unit: Unit) -> None:
    """Bring the totals of all touched orders up to date: one Update of its own for each, after the lines."""
    table = unit.org.model.tables["salesorder"]
    pending, unit.unsettled = unit.unsettled, {}
    for order_id, cause in pending.items():
        order = unit.org.store.get("salesorder", order_id)
        totals = order_totals(unit, order) if order else {}
        if order and any(order.get(name) != value for name, value in totals.items()):
            write(unit, table, order, totals, cause)
    unit.unsettled = {}
