"""The order's header: what it must name, what it takes from the customer, when it may be deleted."""

from dev.sap.s4.model.edm import SETS, label
from dev.sap.s4.model.errors import Message, message, refused
from dev.sap.s4.model.values import Row
from dev.sap.s4.rules.order import pricing, status
from dev.sap.s4.rules.partner.customer import OBLIGATORY
from dev.sap.s4.rules.work import Payload, Rule, Work, require

AREA = ("SalesOrganization", "DistributionChannel", "OrganizationDivision")
_FIXED = ("SalesOrderType", *AREA, "TransactionCurrency", "SoldToParty")
# Order field to sales area field: what an order takes over when it does not say otherwise.
_FROM_CUSTOMER = {
    "TransactionCurrency": "Currency",
    "CustomerPaymentTerms": "CustomerPaymentTerms",
    "IncotermsClassification": "IncotermsClassification",
    "IncotermsLocation1": "IncotermsLocation1",
    "ShippingCondition": "ShippingCondition",
    "CustomerGroup": "CustomerGroup",
    "CustomerPriceGroup": "CustomerPriceGroup",
    "PriceListType": "PriceListType",
    "SalesOffice": "SalesOffice",
    "SalesGroup": "SalesGroup",
    "SalesDistrict": "SalesDistrict",
}
_HANDED_DOWN = (
    "RequestedDeliveryDate", "CustomerPaymentTerms", "IncotermsClassification", "IncotermsLocation1",
    "PurchaseOrderByCustomer", "CustomerGroup", "PricingDate",
)  # fmt: skip
_TYPE_CODES = {"OR": "TA"}  # the type as users see it in English, and inside


def area_of(row: Row) -> tuple[str, str, str]:
    """Return ('1710', '10', '00')."""
    organisation, channel, division = (str(row[name]) for name in AREA)
    return organisation, channel, division


def _prepare(work: Work, row: Row, payload: Payload) -> None:
    if not payload.children.get("to_Item"):
        raise refused("V1/330", target="to_Item")
    kind = str(row["SalesOrderType"])
    if kind not in work.custom.order_types:
        raise refused("V1/313", kind, target="SalesOrderType")
    if area_of(row) not in work.custom.sales_areas:
        raise refused("V1/323", *area_of(row), target="SalesOrganization")
    customer = work.store.get("A_Customer", row["SoldToParty"])
    sales = work.store.get("A_CustomerSalesArea", row["SoldToParty"], *area_of(row))
    if customer is None or sales is None:
        raise refused("V1/315", row["SoldToParty"], *area_of(row), target="SoldToParty")
    if block := customer["OrderIsBlockedForCustomer"] or sales["OrderIsBlockedForCustomer"]:
        raise refused("V1/340", row["SoldToParty"], block, target="SoldToParty")
    for name, source in _FROM_CUSTOMER.items():
        row[name] = row[name] or sales[source]
    today = work.today()
    row |= {
        "SalesOrder": work.store.number("order"),
        "SalesOrderTypeInternalCode": _TYPE_CODES.get(kind, kind),
        "CreatedByUser": work.user,
        "CreationDate": today,
        "TaxDepartureCountry": work.custom.sales_areas[area_of(row)].country,
        "OverallSDDocumentRejectionSts": status.OPEN,
    }
    for name in ("SalesOrderDate", "PricingDate", "RequestedDeliveryDate"):
        row[name] = row[name] or today
    work.orders_in_creation.add(str(row["SalesOrder"]))


def _check(_work: Work, row: Row, before: Row | None) -> list[Message]:
    if before is None:
        return require(bool(row["TransactionCurrency"]), "R1/113", "Transaction Currency")
    changed = [name for name in _FIXED if row[name] != before[name]]
    return [message("V1/350", label(name), target=name) for name in changed]


def _created(work: Work, row: Row, _payload: Payload) -> None:
    order = str(row["SalesOrder"])
    work.orders_in_creation.discard(order)
    present = {
        each["PartnerFunction"] for each in work.store.select("A_SalesOrderHeaderPartner", {"SalesOrder": order})
    }
    for function in OBLIGATORY:
        if function not in present:
            work.store.put("A_SalesOrderHeaderPartner", _default_partner(work, row, function))
    settle(work, order)


def _default_partner(work: Work, row: Row, function: str) -> Row:
    found = work.store.select("A_CustSalesPartnerFunc", {"Customer": row["SoldToParty"], "PartnerFunction": function})
    area = [each for each in found if (each["SalesOrganization"], each["DistributionChannel"]) == area_of(row)[:2]]
    defaults = [each for each in area if each["DefaultPartner"]] or area
    number = defaults[0]["BPCustomerNumber"] if defaults else row["SoldToParty"]
    return SETS["A_SalesOrderHeaderPartner"].blank() | {
        "SalesOrder": row["SalesOrder"],
        "PartnerFunction": function,
        "PartnerFunctionInternalCode": work.custom.partner_functions[function],
        "Customer": number,
        "ReferenceBusinessPartner": number,
    }


def settle(work: Work, order: str) -> None:
    """Bring prices, totals and status into line with the items, unless the order is still being created."""
    if order not in work.orders_in_creation and work.store.get("A_SalesOrder", order) is not None:
        pricing.price(work, order)
        status.refresh(work, order)


def _changed(work: Work, before: Row, row: Row) -> None:
    """Hand a changed business datum down to the items and schedule lines that still had the old one."""
    order: Row = {"SalesOrder": row["SalesOrder"]}
    moved = [name for name in _HANDED_DOWN if row[name] != before[name]]
    for set_name in ("A_SalesOrderItem", "A_SalesOrderScheduleLine"):
        for child in work.store.select(set_name, order):
            same = {name: row[name] for name in moved if name in child and child[name] == before[name]}
            work.store.put(set_name, child | same)
    settle(work, str(row["SalesOrder"]))


def _removing(work: Work, row: Row) -> None:
    for flow in work.store.select("A_SalesOrderSubsqntProcFlow", {"SalesOrder": row["SalesOrder"]}):
        raise refused("V1/360", row["SalesOrder"], flow["SubsequentDocument"])


RULES = {
    "A_SalesOrder": Rule(
        prepare=_prepare,
        check=_check,
        created=_created,
        changed=_changed,
        removing=_removing,
    )
}
