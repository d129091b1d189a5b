"""Partners, texts and price elements of header and items."""

from decimal import Decimal

from dev.sap.s4.model.edm import SETS
from dev.sap.s4.model.errors import Message, message, refused
from dev.sap.s4.model.values import Row
from dev.sap.s4.rules.order.header import settle
from dev.sap.s4.rules.order.item import order_of
from dev.sap.s4.rules.partner.customer import OBLIGATORY
from dev.sap.s4.rules.work import Payload, Rule, Work, require, unique
from dev.sap.s4.store.customizing import Condition

_DEFAULT_PRICE = "PPR0"


def _prepare_partner(work: Work, row: Row, _payload: Payload) -> None:
    order_of(work, row)
    function = str(row["PartnerFunction"])
    row["PartnerFunctionInternalCode"] = work.custom.partner_functions.get(function, "")


def _derive_partner(_work: Work, row: Row) -> None:
    row["ReferenceBusinessPartner"] = row["Customer"] or row["Supplier"] or row["ContactPerson"]


def _partner_check(set_name: str, work: Work, row: Row, before: Row | None) -> list[Message]:
    function = row["PartnerFunction"]
    if function not in work.custom.partner_functions:
        return [message("VP/101", function, target="PartnerFunction")]
    found = []
    if function in OBLIGATORY:
        known = work.store.get("A_Customer", row["Customer"]) is not None
        found += require(known, "VP/102", function, row["Customer"], target="Customer")
    if function == "SP":
        sold_to = order_of(work, row)["SoldToParty"]
        found += require(row["Customer"] == sold_to, "V1/350", "Sold-To Party", target="Customer")
    return found + (unique(work, set_name, row) if before is None else [])


def _removing_partner(_work: Work, row: Row) -> None:
    if row["PartnerFunction"] in OBLIGATORY:
        raise refused("VP/103", row["PartnerFunction"])


def _partner_rule(set_name: str) -> Rule:
    return Rule(
        prepare=_prepare_partner,
        derive=_derive_partner,
        check=lambda work, row, before: _partner_check(set_name, work, row, before),
        removing=_removing_partner,
    )


def _text_rule(set_name: str) -> Rule:
    def prepare(work: Work, row: Row, _payload: Payload) -> None:
        order_of(work, row)
        row["Language"] = row["Language"] or "EN"
        row["LongTextID"] = row["LongTextID"] or ("TX01" if set_name == "A_SalesOrderText" else "0001")

    return Rule(
        prepare=prepare,
        check=lambda work, row, before: unique(work, set_name, row) if before is None else [],
    )


def _condition(work: Work, set_name: str, row: Row) -> Condition:
    kind = str(row["ConditionType"])
    condition = work.custom.conditions.get(kind)
    on_header = set_name == "A_SalesOrderHeaderPrElement"
    if condition is None or not condition.manual or condition.header != on_header:
        raise refused("V1/801", kind, target="ConditionType")
    return condition


def _prepare_element(set_name: str, work: Work, row: Row) -> None:
    order = order_of(work, row)
    condition = _condition(work, set_name, row)
    currency = row["ConditionCurrency"] or order["TransactionCurrency"]
    if currency != order["TransactionCurrency"]:
        raise refused("V1/395", currency, order["TransactionCurrency"], target="ConditionCurrency")
    key: Row = {name: row[name] for name in ("SalesOrder", "SalesOrderItem") if name in row}
    same_step = work.store.select(set_name, key | {"PricingProcedureStep": condition.step})
    automatic = [each for each in same_step if not each["ConditionIsManuallyChanged"]]
    for each in automatic:
        if each["ConditionType"] == row["ConditionType"]:
            work.store.remove(set_name, each)
    # Counter 1 of the price step belongs to the automatic price.
    taken = [int(str(each["PricingProcedureCounter"])) for each in same_step if each not in automatic]
    reserved = 1 if condition.price and row["ConditionType"] != _DEFAULT_PRICE else 0
    row |= {
        "PricingProcedureStep": condition.step,
        "PricingProcedureCounter": str(max(taken, default=reserved) + 1),
        "ConditionCalculationType": condition.kind,
        "ConditionIsManuallyChanged": True,
        "ConditionOrigin": "C",
        "TransactionCurrency": order["TransactionCurrency"],
        "ConditionCurrency": "" if condition.kind == "A" else currency,
        "PriceConditionDeterminationDte": order["PricingDate"],
    }
    if condition.kind == "C":
        _price_unit(work, row)


def _price_unit(work: Work, row: Row) -> None:
    item = work.row("A_SalesOrderItem", row["SalesOrder"], row["SalesOrderItem"])
    row["ConditionQuantity"] = row["ConditionQuantity"] or Decimal(1)
    row["ConditionQuantityUnit"] = row["ConditionQuantityUnit"] or item["RequestedQuantityUnit"]
    record = work.custom.prices.get(str(item["Material"]), {}).get(str(row["ConditionCurrency"]))
    if record is not None and Decimal(record) != row["ConditionRateValue"]:
        work.warn("V1/802", item["SalesOrderItem"], row["ConditionType"], target="to_PricingElement")


def _element_changed(set_name: str, work: Work, before: Row, row: Row) -> None:
    if before["ConditionRateValue"] != row["ConditionRateValue"]:
        work.store.put(set_name, row | {"ConditionIsManuallyChanged": True, "ConditionOrigin": "C"})
    settle(work, str(row["SalesOrder"]))


def _check_element(_work: Work, row: Row, before: Row | None) -> list[Message]:
    changed = before is not None and row["ConditionType"] != before["ConditionType"]
    return require(not changed, "V1/350", "Condition Type", target="ConditionType")


def _element_rule(set_name: str) -> Rule:
    return Rule(
        prepare=lambda work, row, _: _prepare_element(set_name, work, row),
        check=_check_element,
        created=lambda work, row, _: settle(work, str(row["SalesOrder"])),
        changed=lambda work, before, row: _element_changed(set_name, work, before, row),
        removed=lambda work, row: settle(work, str(row["SalesOrder"])),
    )


RULES = {
    "A_SalesOrderHeaderPartner": _partner_rule("A_SalesOrderHeaderPartner"),
    "A_SalesOrderItemPartner": _partner_rule("A_SalesOrderItemPartner"),
    "A_SalesOrderText": _text_rule("A_SalesOrderText"),
    "A_SalesOrderItemText": _text_rule("A_SalesOrderItemText"),
    "A_SalesOrderHeaderPrElement": _element_rule("A_SalesOrderHeaderPrElement"),
    "A_SalesOrderItemPrElement": _element_rule("A_SalesOrderItemPrElement"),
}
assert set(RULES) <= set(SETS)  # noqa: S101  # a typing error in a set's name would switch its rules off
