"""What the platform does around a write: defaults, derived columns, states, and rows that may not be touched.

Rules are tables by table name; a rule sees the unit and rows, never HTTP. Pricing has its own module.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.values import Ref, Row
from dev.dynamics.dataverse.model.metadata import Table
from dev.dynamics.dataverse.writes.payload import rounded
from dev.dynamics.dataverse.writes.pricing import amount, describe_line, price_line
from dev.dynamics.dataverse.writes.unit import Unit

ADDRESS: Final = ("line1", "line2", "line3", "city", "stateorprovince", "postalcode", "country")
ADDRESSES: Final[Mapping[str, tuple[str, ...]]] = {
    "account": ("address1", "address2"),
    "contact": ("address1", "address2"),
    "salesorder": ("billto", "shipto"),
}
ACTIVE: Final = 0
READ_ONLY_STATES: Final = {"salesorder": {1, 2, 3, 4}}  # submitted, canceled, fulfilled, invoiced
CLOSING_ACTIONS: Final = {"salesorder": {2: "CancelSalesOrder", 3: "FulfillSalesOrder"}}
SUBMITTED: Final = 1
FULFILLED: Final = 3
CREATION_STATUS: Final = {"product": (2, 0)}  # a product is born as a draft


def complete_status(table: Table, row_id: str, values: Row, before: Row | None) -> Row:
    """Give the state and status that a write leads to; an illegal pair is 0x80048408."""
    if not table.states:
        return {}
    first = CREATION_STATUS.get(table.name, (next(iter(table.states)), None))
    if before is None and "statecode" not in values and "statuscode" not in values:
        return {"statecode": first[0], "statuscode": first[1] or table.default_status(first[0])}
    old_state = before["statecode"] if before else first[0]
    state = int(str(values.get("statecode", old_state)))
    if values.get("statuscode") is None:
        if before is not None and state == old_state:
            return {}
        return {"statecode": state, "statuscode": table.default_status(state)}
    status = int(str(values["statuscode"]))
    if table.statuses[status][0] != state:
        raise refuse("bad status", status=status, table=table.name, state=table.states[state], id=row_id)
    return {"statecode": state, "statuscode": status}


def guard(unit: Unit, table: Table, before: Row, values: Row) -> None:
    """Refuse writes to rows that their state makes read-only."""
    row_id = str(before[table.id])
    state = before.get("statecode")
    if table.name == "salesorderdetail":
        _guard_line(unit, before.get("salesorderid"))
    if state in READ_ONLY_STATES.get(table.name, set()):
        if not (unit.caller.integration and state in {SUBMITTED, FULFILLED}):
            raise refuse("read-only row", table=table.name, id=row_id)
    elif (
        unit.org.settings.inactive_rows_read_only
        and table.name in {"account", "contact"}
        and state != ACTIVE
        and values.get("statecode") != ACTIVE
    ):
        raise refuse("read-only row", table=table.name, id=row_id)


def _guard_line(unit: Unit, order: object) -> None:
    row = unit.org.store.get("salesorder", order.id) if isinstance(order, Ref) else None
    if row is not None:
        guard(unit, unit.org.model.tables["salesorder"], row, {})


def guard_transition(table: Table, before: Row, values: Row) -> None:
    """Refuse a plain update into a state that only an action leads to."""
    state = values.get("statecode")
    action = CLOSING_ACTIONS.get(table.name, {}).get(int(str(state))) if state is not None else None
    if action and before.get("statecode") != state:
        raise refuse("needs action", table=table.name, state=table.states[int(str(state))], action=action)


def guard_create(unit: Unit, table: Table, row: Row) -> None:
    """Refuse new rows that refer to closed ones, or that miss what the platform itself requires."""
    for column in table.columns.values():
        if column.required == "system" and row.get(column.name) is None:
            raise refuse("missing column", name=column.name, table=table.name)
    if table.name == "salesorderdetail":
        _guard_line(unit, row.get("salesorderid"))
    customer = row.get("customerid")
    if isinstance(customer, Ref) and unit.org.settings.inactive_rows_read_only:
        found = unit.org.store.rows[customer.table][customer.id]
        if found.get("statecode") != ACTIVE:
            raise refuse("invalid argument", detail=f"The {customer.table} with id {customer.id} is not active.")


def defaults(unit: Unit, table: Table, row: Row) -> Row:
    """Give the columns that the platform fills on create where the client left them out."""
    found: Row = {}
    for column in table.columns.values():
        if column.default is not None or (column.type == "Boolean" and column.create):
            found[column.name] = column.default if column.default is not None else False
    if table.owned == "user":
        found["ownerid"] = Ref("systemuser", unit.caller.user_id)
        found["owningbusinessunit"] = Ref("businessunit", unit.org.settings.business_unit_id)
    if "transactioncurrencyid" in table.columns:
        found["transactioncurrencyid"] = _inherited_currency(unit, row)
    found |= NUMBERED[table.name](unit, row) if table.name in NUMBERED else {}
    return {name: value for name, value in found.items() if row.get(name) is None}


def _inherited_currency(unit: Unit, row: Row) -> Ref | None:
    parent = row.get("salesorderid") or row.get("pricelevelid")
    if isinstance(parent, Ref):
        held = unit.org.store.rows[parent.table][parent.id].get("transactioncurrencyid")
        if isinstance(held, Ref):
            return held
    base = unit.org.organization.get("basecurrencyid")
    return base if isinstance(base, Ref) else None


def _order_number(unit: Unit, _row: Row) -> Row:
    number = unit.org.next_number("salesorder", 1000)
    suffix = "".join(unit.org.chance.choice("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789") for _ in range(6))
    return {"ordernumber": f"ORD-{number:05d}-{suffix}"}


def _line_number(unit: Unit, row: Row) -> Row:
    order = row.get("salesorderid")
    if not isinstance(order, Ref):
        return {}
    lines = unit.org.store.linked("salesorderdetail", "salesorderid", order)
    last = max((int(str(line.get("lineitemnumber") or 0)) for line in lines), default=0)
    return {"lineitemnumber": last + 1, "sequencenumber": last + 1}


NUMBERED: Final[Mapping[str, Callable[[Unit, Row], Row]]] = {
    "salesorder": _order_number,
    "salesorderdetail": _line_number,
}


def derive(unit: Unit, table: Table, row: Row, message: str) -> Row:
    """Give the columns that the platform computes from others, e.g. fullname; only those that come out different."""
    found: Row = {}
    if table.name == "contact":
        name = " ".join(str(row[part]) for part in ("firstname", "middlename", "lastname") if row.get(part))
        found |= {"fullname": name or None, "yomifullname": name or None}
        company = row.get("parentcustomerid")
        found["accountid"] = company if isinstance(company, Ref) and company.table == "account" else None
    if table.name == "salesorder":
        customer = row.get("customerid")
        for kind in ("account", "contact"):
            found[f"{kind}id"] = customer if isinstance(customer, Ref) and customer.table == kind else None
    for prefix in ADDRESSES.get(table.name, ()):
        lines = [str(row[f"{prefix}_{part}"]) for part in ADDRESS if row.get(f"{prefix}_{part}")]
        found[f"{prefix}_composite"] = "\r\n".join(lines) or None
    if isinstance(owner := row.get("ownerid"), Ref):
        found["owninguser"] = owner if owner.table == "systemuser" else None
        found["owningteam"] = owner if owner.table == "team" else None
    if table.name == "salesorderdetail" and isinstance(order := row.get("salesorderid"), Ref):
        found |= describe_line(unit, row)
        found |= price_line(unit, unit.org.store.rows["salesorder"][order.id], row, message)
    found |= _base_amounts(unit, table, {**row, **found})
    return {name: value for name, value in found.items() if row.get(name) != value}


def _base_amounts(unit: Unit, table: Table, row: Row) -> Row:
    currency = row.get("transactioncurrencyid")
    if not isinstance(currency, Ref) or "exchangerate" not in table.columns or table.name == "transactioncurrency":
        return {}
    rate = amount(unit.org.store.rows["transactioncurrency"][currency.id].get("exchangerate")) or Decimal(1)
    found: Row = {"exchangerate": rounded(rate, 12)}
    for column in table.columns.values():
        if column.base_of and (column.base_of in row):
            held = row[column.base_of]
            found[column.name] = rounded(held / rate, column.precision) if isinstance(held, Decimal) else None
    return found
