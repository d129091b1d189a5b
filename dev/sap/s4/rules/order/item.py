"""Items and their schedule lines: material, unit, quantity, numbering, confirmation."""

from decimal import Decimal

from dev.sap.s4.model.edm import SETS, label
from dev.sap.s4.model.errors import Message, message, refused
from dev.sap.s4.model.units import UNITS, UNITS_BY_ISO_CODE, UNITS_BY_SAP_CODE, Unit
from dev.sap.s4.model.values import Row
from dev.sap.s4.rules.order.header import area_of, settle
from dev.sap.s4.rules.product import base_units_per
from dev.sap.s4.rules.work import Payload, Rule, Work, require

_STEP = 10
_FROM_HEADER = (
    "CustomerPaymentTerms",
    "IncotermsClassification",
    "IncotermsLocation1",
    "PurchaseOrderByCustomer",
    "CustomerGroup",
    "TransactionCurrency",
)


def order_of(work: Work, row: Row) -> Row:
    """Return the header that an item or part belongs to, or refuse the row."""
    order = work.store.get("A_SalesOrder", row["SalesOrder"])
    if order is None:
        raise refused("V1/302", row["SalesOrder"], target="SalesOrder")
    return order


def items_of(work: Work, order: str) -> list[Row]:
    """Return the order's items, lowest number first."""
    return sorted(
        work.store.select("A_SalesOrderItem", {"SalesOrder": order}), key=lambda item: int(str(item["SalesOrderItem"]))
    )


def _prepare(work: Work, row: Row, _payload: Payload) -> None:
    order = order_of(work, row)
    row["SalesOrderItem"] = _number(work, row)
    material = str(row["Material"]).upper()
    organisation, channel, _ = area_of(order)
    product = work.store.get("A_Product", material)
    sales = work.store.get("A_ProductSalesDelivery", material, organisation, channel)
    if product is None or sales is None:
        raise refused("V1/382", material or row["MaterialByCustomer"], organisation, channel, target="Material")
    row["Material"] = material
    unit = _unit(work, row, str(sales["SalesMeasureUnit"] or product["BaseUnit"]))
    _set_unit(row, unit)
    description = work.store.get("A_ProductDescription", material, "EN")
    for name in _FROM_HEADER:
        row[name] = row[name] or order[name]
    row["SalesOrderItemText"] = row["SalesOrderItemText"] or (description or {}).get("ProductDescription", "")
    row["SalesOrderItemCategory"] = row["SalesOrderItemCategory"] or "TAN"
    row["ProductionPlant"] = row["ProductionPlant"] or sales["SupplyingPlant"]
    row["MaterialGroup"] = row["MaterialGroup"] or product["ProductGroup"]
    row["PricingDate"] = row["PricingDate"] or order["PricingDate"]


def _number(work: Work, row: Row) -> str:
    given = str(row["SalesOrderItem"]).lstrip("0")
    taken = [int(str(item["SalesOrderItem"])) for item in items_of(work, str(row["SalesOrder"]))]
    if not given:
        return str((max(taken, default=0) // _STEP + 1) * _STEP)
    if not given.isdigit() or int(given) in taken:
        raise refused("V1/331", given, target="SalesOrderItem")
    return given


def _unit(work: Work, row: Row, default: str) -> Unit:
    """Find the unit by whichever of the three codes is given; the item's product must know it."""
    code, inside, iso = (str(row[f"RequestedQuantity{kind}Unit"]) for kind in ("", "SAP", "ISO"))
    if code:
        unit = UNITS.get(code)
    elif inside or iso:
        unit = UNITS_BY_SAP_CODE.get(inside) if inside else UNITS_BY_ISO_CODE.get(iso)
    else:
        unit = UNITS[default]
    if unit is None or base_units_per(work, str(row["Material"]), unit.code) is None:
        raise refused("V1/384", code or inside or iso, row["SalesOrderItem"], target="RequestedQuantityUnit")
    return unit


def _set_unit(row: Row, unit: Unit) -> None:
    for prefix in ("RequestedQuantity", "OrderQuantity"):
        row |= {f"{prefix}Unit": unit.code, f"{prefix}SAPUnit": unit.sap, f"{prefix}ISOUnit": unit.iso}


def _check(work: Work, row: Row, before: Row | None) -> list[Message]:
    quantity = Decimal(str(row["RequestedQuantity"]))
    found = require(quantity > 0, "V1/383", row["SalesOrderItem"], target="RequestedQuantity")
    unit = UNITS[str(row["RequestedQuantityUnit"])]
    whole = unit.decimals > 0 or quantity == quantity.to_integral_value()
    found += require(whole, "V1/385", unit.code, quantity, target="RequestedQuantity")
    if before is None:
        return found
    if row["Material"] != before["Material"]:
        found.append(message("V1/350", label("Material"), target="Material"))
    delivered = delivered_quantity(work, row)
    return found + require(quantity >= delivered, "V1/361", quantity, delivered, target="RequestedQuantity")


def _derive(work: Work, row: Row) -> None:
    stored = work.store.get("A_SalesOrderItem", row["SalesOrder"], row["SalesOrderItem"])
    if stored is not None and row["RequestedQuantityUnit"] != stored["RequestedQuantityUnit"]:
        row |= {"RequestedQuantitySAPUnit": "", "RequestedQuantityISOUnit": ""}
        _set_unit(row, _unit(work, row, ""))


def lines_of(work: Work, item: Row) -> list[Row]:
    """Return the item's schedule lines."""
    key: Row = {name: item[name] for name in ("SalesOrder", "SalesOrderItem")}
    return work.store.select("A_SalesOrderScheduleLine", key)


def delivered_quantity(work: Work, item: Row) -> Decimal:
    """Return how much of the item has been delivered, in its order unit."""
    return sum((Decimal(str(line["DeliveredQtyInOrderQtyUnit"])) for line in lines_of(work, item)), Decimal(0))


def _created(work: Work, row: Row, _payload: Payload) -> None:
    _schedule(work, row)
    settle(work, str(row["SalesOrder"]))


def _changed(work: Work, before: Row, row: Row) -> None:
    if (before["RequestedQuantity"], before["RequestedQuantityUnit"]) != (
        row["RequestedQuantity"],
        row["RequestedQuantityUnit"],
    ):
        _schedule(work, row)
    settle(work, str(row["SalesOrder"]))


def _schedule(work: Work, row: Row) -> None:
    """Put the item's quantity on its first schedule line and confirm what stock there is."""
    lines = lines_of(work, row)
    others = sum((Decimal(str(line["ScheduleLineOrderQuantity"])) for line in lines[1:]), Decimal(0))
    requested = Decimal(str(row["RequestedQuantity"]))
    first = lines[0] if lines else SETS["A_SalesOrderScheduleLine"].blank() | {"ScheduleLine": "1"}
    first = first | {
        "SalesOrder": row["SalesOrder"],
        "SalesOrderItem": row["SalesOrderItem"],
        "ScheduleLineOrderQuantity": max(requested - others, Decimal(0)),
        "RequestedDeliveryDate": first["RequestedDeliveryDate"] or order_of(work, row)["RequestedDeliveryDate"],
    }
    factor = base_units_per(work, str(row["Material"]), str(row["RequestedQuantityUnit"])) or Decimal(1)
    free = Decimal(work.custom.stock.get(str(row["Material"]), "0")) / factor
    confirmed_total = Decimal(0)
    for line in [first, *lines[1:]]:
        asked = Decimal(str(line["ScheduleLineOrderQuantity"]))
        confirmed = min(asked, max(free - confirmed_total, Decimal(0)))
        confirmed = confirmed.quantize(Decimal("0.001"))
        confirmed_total += confirmed
        units: Row = {f"OrderQuantity{kind}Unit": row[f"OrderQuantity{kind}Unit"] for kind in ("", "SAP", "ISO")}
        result: Row = {
            "ConfdOrderQtyByMatlAvailCheck": confirmed,
            "OpenConfdDelivQtyInOrdQtyUnit": confirmed - Decimal(str(line["DeliveredQtyInOrderQtyUnit"])),
            "ConfirmedDeliveryDate": line["RequestedDeliveryDate"] if confirmed else None,
        }
        work.store.put("A_SalesOrderScheduleLine", line | units | result)
    work.store.put("A_SalesOrderItem", row | {"ConfdDelivQtyInOrderQtyUnit": confirmed_total})


def _removing(work: Work, row: Row) -> None:
    key: Row = {name: row[name] for name in ("SalesOrder", "SalesOrderItem")}
    for flow in work.store.select("A_SalesOrderItmSubsqntProcFlow", key):
        raise refused("V1/360", row["SalesOrder"], flow["SubsequentDocument"])


def _prepare_line(work: Work, row: Row, _payload: Payload) -> None:
    number = str(row["ScheduleLine"]).lstrip("0")
    row["ScheduleLine"] = number or str(len(lines_of(work, row)) + 1)
    for name in ("ConfdOrderQtyByMatlAvailCheck", "DeliveredQtyInOrderQtyUnit", "OpenConfdDelivQtyInOrdQtyUnit"):
        row[name] = Decimal(0)
    row["ConfirmedDeliveryDate"] = None


def _line_changed(work: Work, before: Row, row: Row) -> None:
    item = work.row("A_SalesOrderItem", row["SalesOrder"], row["SalesOrderItem"])
    if before["ScheduleLineOrderQuantity"] != row["ScheduleLineOrderQuantity"]:
        quantities = (Decimal(str(line["ScheduleLineOrderQuantity"])) for line in lines_of(work, item))
        item = item | {"RequestedQuantity": sum(quantities, Decimal(0))}
    _schedule(work, item)
    settle(work, str(row["SalesOrder"]))


RULES = {
    "A_SalesOrderItem": Rule(
        prepare=_prepare,
        derive=_derive,
        check=_check,
        created=_created,
        changed=_changed,
        removing=_removing,
        removed=lambda work, row: settle(work, str(row["SalesOrder"])),
    ),
    "A_SalesOrderScheduleLine": Rule(prepare=_prepare_line, changed=_line_changed),
}
