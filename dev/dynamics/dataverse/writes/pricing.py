"""What Sales computes on orders: line amounts from price list or override, header totals after the lines.

Formulas: attribute descriptions of salesorder and salesorderdetail in a 9.2 organisation. The order of rounding steps
is not documented; here every amount is rounded to the currency's digits once it is computed.
"""

from decimal import Decimal
from typing import Final

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.values import Ref, Row, Value
from dev.dynamics.dataverse.writes.payload import rounded
from dev.dynamics.dataverse.writes.unit import Unit

NOTHING: Final = Decimal(0)
SUBMITTED: Final = 1
MISSING_PRICE_LEVEL, MISSING_QUANTITY, MISSING_PRODUCT, MISSING_UNIT, NOT_IN_PRICE_LEVEL = 2, 4, 6, 10, 11
SKIP: Final = {"Create": {1, 3}, "Update": {2, 3}}  # salesorderdetail.skippricecalculation


def amount(value: Value) -> Decimal:
    """Take a stored amount as a Decimal; nothing is zero."""
    return value if isinstance(value, Decimal) else NOTHING


def digits(unit: Unit, row: Row) -> int:
    """Give the decimals of the row's currency."""
    currency = row.get("transactioncurrencyid")
    found = unit.org.store.get("transactioncurrency", currency.id) if isinstance(currency, Ref) else None
    return int(str((found or {}).get("currencyprecision") or 2))


def calculated(unit: Unit, order: Row) -> bool:
    """Whether prices are calculated at all: not for a back office that stores its own totals."""
    organization = unit.org.organization
    back_office = bool(organization.get("issopintegrationenabled"))
    if not organization.get("oobpricecalculationenabled"):
        return False
    return not (back_office and (unit.caller.integration or order.get("statecode") == SUBMITTED))


def list_price(unit: Unit, order: Row, line: Row) -> tuple[Decimal | None, int]:
    """Find the price list item for product and unit; without one give the pricing error code."""
    price_list, product = order.get("pricelevelid"), line.get("productid")
    if not isinstance(price_list, Ref):
        return None, MISSING_PRICE_LEVEL
    if not isinstance(product, Ref):
        return None, MISSING_PRODUCT
    for item in unit.org.store.linked("productpricelevel", "productid", product):
        if item.get("pricelevelid") == price_list and item.get("uomid") == line.get("uomid"):
            return amount(item.get("amount")), 0
    return None, NOT_IN_PRICE_LEVEL


def describe_line(unit: Unit, line: Row) -> Row:
    """Check the product and unit of a line and give the columns copied from the product."""
    reference = line.get("productid")
    if line.get("isproductoverridden") or not isinstance(reference, Ref):
        if not line.get("productdescription"):
            raise refuse("invalid argument", detail="The product id is missing.")
        return {"salesorderdetailname": line["productdescription"], "productname": line["productdescription"]}
    product = unit.org.store.rows["product"][reference.id]
    if product.get("statecode") != 0:
        raise refuse("inactive product", id=reference.id)
    sold_in = line.get("uomid")
    if not isinstance(sold_in, Ref):
        raise refuse("invalid argument", detail="The unit id is missing.")
    if unit.org.store.rows["uom"][sold_in.id].get("uomscheduleid") != product.get("defaultuomscheduleid"):
        raise refuse("wrong unit")
    name = product.get("name")
    return {"salesorderdetailname": name, "productname": name, "productnumber": product.get("productnumber")}


def price_line(unit: Unit, order: Row, line: Row, message: str) -> Row:
    """Give the computed columns of a line, e.g. baseamount and extendedamount; empty where calculation is skipped."""
    if not calculated(unit, order) or line.get("skippricecalculation") in SKIP.get(message, set()):
        return {}
    places, found, error = digits(unit, order), {}, 0
    price: Decimal | None = amount(line.get("priceperunit")) if line.get("priceperunit") is not None else None
    if not (line.get("ispriceoverridden") or line.get("isproductoverridden")):
        price, error = list_price(unit, order, line)
        found["priceperunit"] = price
    if line.get("quantity") is None:
        error = MISSING_QUANTITY
    quantity = amount(line.get("quantity"))
    base = rounded((amount(price) - amount(line.get("volumediscountamount"))) * quantity, places)
    total = rounded(base - amount(line.get("manualdiscountamount")) + amount(line.get("tax")), places)
    return {**found, "baseamount": base, "extendedamount": total, "pricingerrorcode": error}


def order_totals(unit: Unit, order: Row) -> Row:
    """Give the header's totals from its lines; empty where calculation is skipped."""
    if not calculated(unit, order):
        return {}
    places = digits(unit, order)
    lines = unit.org.store.linked("salesorderdetail", "salesorderid", Ref("salesorder", str(order["salesorderid"])))
    tax = sum((amount(line.get("tax")) for line in lines), NOTHING)
    detail = sum((amount(line.get("extendedamount")) - amount(line.get("tax")) for line in lines), NOTHING)
    percent = amount(order.get("discountpercentage"))
    discount = rounded(amount(order.get("discountamount")) + detail * percent / 100, places)
    less_freight = detail - discount
    return {
        "totallineitemamount": rounded(detail, places),
        "totallineitemdiscountamount": sum((amount(line.get("manualdiscountamount")) for line in lines), NOTHING),
        "totaldiscountamount": discount,
        "totalamountlessfreight": less_freight,
        "totaltax": rounded(tax, places),
        "totalamount": less_freight + amount(order.get("freightamount")) + rounded(tax, places),
        "pricingerrorcode": 1 if any(line.get("pricingerrorcode") for line in lines) else 0,
    }
