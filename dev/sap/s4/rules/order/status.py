"""Delivery, process and rejection status of an order, and the deliveries and invoices that move them.

Letters are SAP's: "" not relevant, A open, B partly, C completely.
"""

from collections.abc import Mapping
from decimal import Decimal
from uuid import uuid4

from dev.sap.s4.model.edm import SETS
from dev.sap.s4.model.errors import refused
from dev.sap.s4.model.values import Row
from dev.sap.s4.rules.work import Work

OPEN, PARTLY, COMPLETE, IRRELEVANT = "A", "B", "C", ""
_DELIVERY, _INVOICE = "J", "M"


def refresh(work: Work, order: str) -> None:
    """Derive all status fields from the items."""
    header = work.row("A_SalesOrder", order)
    items = work.store.select("A_SalesOrderItem", {"SalesOrder": order})
    for item in items:
        work.store.put("A_SalesOrderItem", item | _item_status(work, item))
    items = work.store.select("A_SalesOrderItem", {"SalesOrder": order})
    rejected = [COMPLETE if item["SalesDocumentRjcnReason"] else OPEN for item in items]
    delivery = [str(item["DeliveryStatus"]) for item in items if not item["SalesDocumentRjcnReason"]]
    blocked = header["DeliveryBlockReason"] or header["HeaderBillingBlockReason"]
    result: Row = {
        "OverallSDDocumentRejectionSts": _together(rejected) or OPEN,
        "OverallTotalDeliveryStatus": _together(delivery),
        "OverallDeliveryStatus": _together(delivery),
        "OverallSDProcessStatus": _together([str(item["SDProcessStatus"]) for item in items]) or OPEN,
        "TotalBlockStatus": COMPLETE if blocked else OPEN,
    }
    work.store.put("A_SalesOrder", header | result)


def _together(letters: list[str]) -> str:
    if not letters:
        return IRRELEVANT
    return letters[0] if len(set(letters)) == 1 else PARTLY


def _item_status(work: Work, item: Row) -> Row:
    if item["SalesDocumentRjcnReason"]:
        return {"DeliveryStatus": IRRELEVANT, "SDProcessStatus": COMPLETE}
    delivered, ordered = _delivered(work, item), Decimal(str(item["RequestedQuantity"]))
    letter = OPEN if not delivered else PARTLY if delivered < ordered else COMPLETE
    return {"DeliveryStatus": letter, "SDProcessStatus": letter}


def _lines(work: Work, item: Row) -> list[Row]:
    key: Row = {name: item[name] for name in ("SalesOrder", "SalesOrderItem")}
    return work.store.select("A_SalesOrderScheduleLine", key)


def _delivered(work: Work, item: Row) -> Decimal:
    return sum((Decimal(str(line["DeliveredQtyInOrderQtyUnit"])) for line in _lines(work, item)), Decimal(0))


def deliver(work: Work, order: str, quantities: Mapping[str, Decimal] | None = None) -> str:
    """Deliver what is open, or the given quantities by item, and return the delivery's number."""
    if work.store.get("A_SalesOrder", order) is None:
        raise refused("V1/302", order, status=404)
    delivery = work.store.number("delivery")
    delivered_any = False
    for item in work.store.select("A_SalesOrderItem", {"SalesOrder": order}):
        number = str(item["SalesOrderItem"])
        if item["SalesDocumentRjcnReason"] or (quantities is not None and number not in quantities):
            continue
        left = Decimal(str(item["RequestedQuantity"])) - _delivered(work, item)
        quantity = min(left, quantities[number]) if quantities is not None else left
        if quantity > 0:
            _take(work, item, quantity)
            _flow(work, item, delivery, _DELIVERY)
            delivered_any = True
    if not delivered_any:
        raise refused("V1/900", order)
    refresh(work, order)
    return delivery


def _take(work: Work, item: Row, quantity: Decimal) -> None:
    for line in _lines(work, item):
        done = Decimal(str(line["DeliveredQtyInOrderQtyUnit"]))
        part = min(quantity, Decimal(str(line["ScheduleLineOrderQuantity"])) - done)
        still = max(Decimal(str(line["ConfdOrderQtyByMatlAvailCheck"])) - done - part, Decimal(0))
        result: Row = {"DeliveredQtyInOrderQtyUnit": done + part, "OpenConfdDelivQtyInOrdQtyUnit": still}
        work.store.put("A_SalesOrderScheduleLine", line | result)
        quantity -= part


def bill(work: Work, order: str) -> str:
    """Invoice what was delivered and return the billing document's number."""
    invoice = work.store.number("invoice")
    items = [item for item in work.store.select("A_SalesOrderItem", {"SalesOrder": order}) if _delivered(work, item)]
    if not items:
        raise refused("V1/900", order)
    for item in items:
        _flow(work, item, invoice, _INVOICE)
    return invoice


def _flow(work: Work, item: Row, document: str, category: str) -> None:
    """Enter a subsequent document in the flows of the item and, once, of the header."""
    about: Row = {
        "SalesOrder": item["SalesOrder"],
        "SubsequentDocument": document,
        "SubsequentDocumentCategory": category,
        "ProcessFlowLevel": "01" if category == _DELIVERY else "02",
        "CreationDate": work.today(),
        "CreationTime": work.time_now(),
    }
    of_item: Row = {"SalesOrderItem": item["SalesOrderItem"], "SubsequentDocumentItem": item["SalesOrderItem"]}
    _put_flow(work, "A_SalesOrderItmSubsqntProcFlow", about | of_item)
    key: Row = {"SalesOrder": item["SalesOrder"], "SubsequentDocument": document}
    if not work.store.select("A_SalesOrderSubsqntProcFlow", key):
        _put_flow(work, "A_SalesOrderSubsqntProcFlow", about)


def _put_flow(work: Work, set_name: str, values: Row) -> None:
    work.store.put(set_name, SETS[set_name].blank() | {"DocRelationshipUUID": uuid4()} | values)
