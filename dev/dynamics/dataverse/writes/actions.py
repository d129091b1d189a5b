"""Sales actions that change an order's state: FulfillSalesOrder, CancelSalesOrder, price locking.

The close activity (orderclose) that the real actions also create is not simulated.
"""

from collections.abc import Mapping
from typing import Final

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.core.values import Row
from dev.dynamics.dataverse.writes.operations import write
from dev.dynamics.dataverse.writes.payload import link_target, wrong_type
from dev.dynamics.dataverse.writes.unit import Unit

CLOSE: Final = {"FulfillSalesOrder": (3, 100001), "CancelSalesOrder": (2, 4)}  # state and default status
LOCK: Final = {"LockSalesOrderPricing": True, "UnlockSalesOrderPricing": False}
NAMES: Final = frozenset(CLOSE) | frozenset(LOCK)
DEFAULT_STATUS: Final = -1


def _order(org: Org, body: Mapping[str, object], *, closing: bool) -> Row:
    table = org.model.tables["salesorder"]
    if not closing:
        row = org.store.get("salesorder", str(body.get("SalesOrderId", "")).lower())
        if row is None:
            raise refuse("no row", table="salesorder", id=body.get("SalesOrderId"))
        return row
    close = body.get("OrderClose")
    if not isinstance(close, dict) or "salesorderid@odata.bind" not in close:
        raise refuse("invalid argument", detail="Required parameter 'OrderClose' with its salesorderid is missing.")
    reference = link_target(org, {"salesorder"}, close["salesorderid@odata.bind"], table)
    return org.store.rows["salesorder"][reference.id]


def run_action(unit: Unit, name: str, body: object) -> None:
    """Run one of `NAMES` with its parameters, e.g. {"OrderClose": {...}, "Status": 100001}."""
    if not isinstance(body, dict):
        raise refuse("bad json", table="", detail="A JSON object was expected.")
    table = unit.org.model.tables["salesorder"]
    row = _order(unit.org, body, closing=name in CLOSE)
    if name in LOCK:
        write(unit, table, row, {"ispricelocked": LOCK[name]})
        return
    state, default = CLOSE[name]
    status = body.get("Status", DEFAULT_STATUS)
    status = default if status == DEFAULT_STATUS else status
    if row.get("statecode") in {2, 3, 4}:
        raise refuse("read-only row", table="salesorder", id=row[table.id])
    if isinstance(status, bool) or not isinstance(status, int):
        raise wrong_type(table, table.columns["statuscode"], status)
    if table.statuses.get(status, (None, ""))[0] != state:
        label = table.states[state]
        raise refuse("bad status", status=status, table="salesorder", state=label, id=row[table.id])
    write(unit, table, row, {"statecode": state, "statuscode": status})
