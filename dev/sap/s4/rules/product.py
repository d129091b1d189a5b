"""Products: the little that is needed to sell them."""

from decimal import Decimal

from dev.sap.s4.model.errors import Message, message
from dev.sap.s4.model.values import Row
from dev.sap.s4.rules.work import Payload, Rule, Work, unique


def _prepare_product(work: Work, row: Row, _payload: Payload) -> None:
    row["Product"] = str(row["Product"]).upper()
    row["CreatedByUser"] = work.user
    row["CreationDate"] = work.today()


def _check_product(work: Work, row: Row, before: Row | None) -> list[Message]:
    found = [message("R1/113", name, target=name) for name in ("Product", "ProductType", "BaseUnit") if not row[name]]
    return found + (unique(work, "A_Product", row) if before is None else [])


def _prepare_child(work: Work, row: Row, _payload: Payload) -> None:
    product = work.row("A_Product", row["Product"])
    if "BaseUnit" in row:
        row["BaseUnit"] = product["BaseUnit"]


def _rule(set_name: str) -> Rule:
    return Rule(
        prepare=_prepare_child,
        check=lambda work, row, before: unique(work, set_name, row) if before is None else [],
    )


RULES = {
    "A_Product": Rule(prepare=_prepare_product, check=_check_product),
    "A_ProductDescription": _rule("A_ProductDescription"),
    "A_ProductSalesDelivery": _rule("A_ProductSalesDelivery"),
    "A_ProductUnitsOfMeasure": _rule("A_ProductUnitsOfMeasure"),
}


def base_units_per(work: Work, product: str, unit: str) -> Decimal | None:
    """Return how many base units one `unit` of the product is, None if the product does not know the unit."""
    row = work.store.get("A_Product", product)
    if row is None:
        return None
    if row["BaseUnit"] == unit:
        return Decimal(1)
    alternative = work.store.get("A_ProductUnitsOfMeasure", product, unit)
    if alternative is None:
        return None
    numerator, denominator = (Decimal(str(alternative[f"Quantity{part}"])) for part in ("Numerator", "Denominator"))
    return numerator / denominator if denominator else None
