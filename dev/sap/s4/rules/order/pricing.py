"""Prices an order: condition records, manual prices, item and header discounts, tax, rounded to the currency.

A simplified pricing procedure with SAP's visible behaviour: the last manual price wins over the record and makes it
inactive, header conditions are shown again at the items, the net amount is the sum of the active elements but tax.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from dev.sap.s4.model.edm import SETS
from dev.sap.s4.model.units import CURRENCY_DECIMALS
from dev.sap.s4.model.values import Row
from dev.sap.s4.rules.product import base_units_per
from dev.sap.s4.rules.work import Work
from dev.sap.s4.store.customizing import Condition

_ITEM, _HEADER = "A_SalesOrderItemPrElement", "A_SalesOrderHeaderPrElement"
_RECORD_TYPE = "PPR0"
_INACTIVE_MANUAL = "M"  # replaced by a manual entry
_TAX_STEP = "900"
_PERCENT = Decimal(100)


def money(amount: Decimal, currency: str) -> Decimal:
    """Round half up to the currency's decimals, as SAP does."""
    return amount.quantize(Decimal(1).scaleb(-CURRENCY_DECIMALS.get(currency, 2)), ROUND_HALF_UP)


def price(work: Work, order: str) -> None:
    """Price all items anew and put the total of those not rejected on the header."""
    header = work.row("A_SalesOrder", order)
    items = work.store.select("A_SalesOrderItem", {"SalesOrder": order})
    elements = work.store.select(_HEADER, {"SalesOrder": order})
    own = {str(item["SalesOrderItem"]): _item_elements(work, header, item) for item in items}
    open_items = [item for item in items if not item["SalesDocumentRjcnReason"]]
    for element in sorted(elements, key=_place):
        _spread(work, element, open_items, own)
    for item in items:
        _finish_item(work, header, item, own[str(item["SalesOrderItem"])])
    nets = (work.row("A_SalesOrderItem", order, item["SalesOrderItem"])["NetAmount"] for item in open_items)
    total = sum((Decimal(str(net)) for net in nets), Decimal(0))
    work.store.put("A_SalesOrder", work.row("A_SalesOrder", order) | {"TotalNetAmount": total})


def _place(element: Row) -> tuple[int, int]:
    return int(str(element["PricingProcedureStep"])), int(str(element["PricingProcedureCounter"]))


def _net(elements: Iterable[Row]) -> Decimal:
    active = (each for each in elements if not each["ConditionInactiveReason"] and each["ConditionClass"] != "D")
    return sum((Decimal(str(each["ConditionAmount"])) for each in active), Decimal(0))


def _item_elements(work: Work, header: Row, item: Row) -> list[Row]:
    key: Row = {name: item[name] for name in ("SalesOrder", "SalesOrderItem")}
    kept = [each for each in work.store.select(_ITEM, key) if each["ConditionIsManuallyChanged"]]
    conditions = work.custom.conditions
    prices = [each for each in sorted(kept, key=_place) if conditions[str(each["ConditionType"])].price]
    currency = str(header["TransactionCurrency"])
    rows = [each | {"ConditionInactiveReason": _INACTIVE_MANUAL} for each in prices[:-1]]
    record = None if _RECORD_TYPE in {each["ConditionType"] for each in prices} else _record(work, header, item)
    if record is not None:
        rows.append(record | {"ConditionInactiveReason": _INACTIVE_MANUAL if prices else ""})
    if prices:
        rows.append(prices[-1] | {"ConditionInactiveReason": ""})
    elif record is None:
        work.warn("V1/394", item["Material"], currency, target="to_Item")
    rows = [each | {"ConditionAmount": _amount(work, item, each, Decimal(0), currency)} for each in rows]
    base = _net(rows)
    for each in sorted(kept, key=_place):
        if not conditions[str(each["ConditionType"])].price:
            rows.append(each | {"ConditionAmount": _amount(work, item, each, base, currency)})
    return rows


def _record(work: Work, header: Row, item: Row) -> Row | None:
    currency = str(header["TransactionCurrency"])
    value = work.custom.prices.get(str(item["Material"]), {}).get(currency)
    if value is None:
        return None
    unit = work.row("A_Product", item["Material"])["BaseUnit"]
    condition = work.custom.conditions[_RECORD_TYPE]
    return SETS[_ITEM].blank() | {
        "SalesOrder": item["SalesOrder"],
        "SalesOrderItem": item["SalesOrderItem"],
        "PricingProcedureStep": condition.step,
        "PricingProcedureCounter": "1",
        "ConditionType": _RECORD_TYPE,
        "ConditionCalculationType": condition.kind,
        "ConditionRateValue": Decimal(value),
        "ConditionCurrency": currency,
        "ConditionQuantity": Decimal(1),
        "ConditionQuantityUnit": unit,
        "ConditionOrigin": "A",
        "ConditionClass": "B",
        "ConditionRecord": str(sum(map(ord, str(item["Material"])))).zfill(10),
        "TransactionCurrency": currency,
        "PriceConditionDeterminationDte": header["PricingDate"],
    }


def _amount(work: Work, item: Row, element: Row, base: Decimal, currency: str) -> Decimal:
    """Compute an element's amount; `base` is what a percentage is taken of."""
    condition = work.custom.conditions[str(element["ConditionType"])]
    rate = Decimal(str(element["ConditionRateValue"]))
    if condition.kind == "A":
        return money(base * rate / _PERCENT, currency)
    if condition.kind == "B":
        return money(rate, currency)
    quantity = Decimal(str(item["RequestedQuantity"]))
    product = str(item["Material"])
    ordered = base_units_per(work, product, str(item["RequestedQuantityUnit"])) or Decimal(1)
    priced = base_units_per(work, product, str(element["ConditionQuantityUnit"])) or ordered
    per = Decimal(str(element["ConditionQuantity"])) or Decimal(1)
    return money(rate * quantity * ordered / priced / per, currency)


def _spread(work: Work, element: Row, items: list[Row], own: dict[str, list[Row]]) -> None:
    """Show a header condition at the items: a percentage at each, a fixed amount in proportion to their nets."""
    condition = work.custom.conditions[str(element["ConditionType"])]
    currency = str(element["TransactionCurrency"])
    rate = Decimal(str(element["ConditionRateValue"]))
    bases = {str(item["SalesOrderItem"]): _net(own[str(item["SalesOrderItem"])]) for item in items}
    total = sum(bases.values(), Decimal(0))
    left = money(rate, currency)
    spread = Decimal(0)
    for place, (number, base) in enumerate(bases.items(), start=1):
        if condition.kind == "A":
            amount = money(base * rate / _PERCENT, currency)
        else:
            amount = left if place == len(bases) else money(rate * base / total if total else Decimal(0), currency)
            left -= amount
        spread += amount
        own[number].append(_shown_at_item(element, number, condition, base, amount))
    work.store.put(_HEADER, element | {"ConditionAmount": spread, "ConditionBaseValue": total})


def _shown_at_item(element: Row, number: str, condition: Condition, base: Decimal, amount: Decimal) -> Row:
    shared = {name: value for name, value in element.items() if name in SETS[_ITEM].fields}
    return (
        SETS[_ITEM].blank()
        | shared
        | {
            "SalesOrderItem": number,
            "PricingProcedureStep": condition.step,
            "ConditionBaseValue": base,
            "ConditionAmount": amount,
            "ConditionIsManuallyChanged": False,
            "PrcgProcedureCounterForHeader": element["PricingProcedureCounter"],
        }
    )


def _finish_item(work: Work, header: Row, item: Row, elements: list[Row]) -> None:
    currency = str(header["TransactionCurrency"])
    net = _net(elements)
    tax = _tax(work, header, item, net)
    wanted = [*elements, tax] if tax else elements
    key: Row = {name: item[name] for name in ("SalesOrder", "SalesOrderItem")}
    places = {_place(each) for each in wanted}
    for stale in work.store.select(_ITEM, key):
        if _place(stale) not in places:
            work.store.remove(_ITEM, stale)
    for each in wanted:
        work.store.put(_ITEM, each)
    gross = _net(each for each in elements if work.custom.conditions[str(each["ConditionType"])].price)
    amounts: Row = {
        "TransactionCurrency": currency,
        "NetAmount": net,
        "TaxAmount": tax["ConditionAmount"] if tax else Decimal(0),
        "Subtotal1Amount": gross,
        "Subtotal2Amount": net,
    }
    work.store.put("A_SalesOrderItem", work.row("A_SalesOrderItem", *key.values()) | amounts)


def _tax(work: Work, header: Row, item: Row, net: Decimal) -> Row | None:
    area = work.custom.sales_areas[
        (str(header["SalesOrganization"]), str(header["DistributionChannel"]), str(header["OrganizationDivision"]))
    ]
    addresses = work.store.select("A_BusinessPartnerAddress", {"BusinessPartner": header["SoldToParty"]})
    if not area.tax_percent or not addresses:
        return None
    rate = area.tax_percent if addresses[0]["Country"] == area.country else Decimal(0)
    return SETS[_ITEM].blank() | {
        "SalesOrder": item["SalesOrder"],
        "SalesOrderItem": item["SalesOrderItem"],
        "PricingProcedureStep": _TAX_STEP,
        "PricingProcedureCounter": "1",
        "ConditionType": area.tax_category,
        "ConditionCalculationType": "A",
        "ConditionClass": "D",
        "ConditionRateValue": rate,
        "ConditionBaseValue": net,
        "ConditionAmount": money(net * rate / _PERCENT, str(header["TransactionCurrency"])),
        "TransactionCurrency": header["TransactionCurrency"],
    }
