"""What must agree when both systems are quiet: a table written by hand from the meaning of the data.

Each row turns both records into one comparable text; None means that this side has no opinion. The names are those
under which the product reports a parked field, so that a trace can be found.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from dev.chaos.audit.books import Row

type Form = Callable[[Row], str | None]

TERMS = {1: "NT30", 2: "0002", 3: "NT45", 4: "NT60"}
COUNTRIES = {"GERMANY": "DE", "FRANCE": "FR", "AUSTRIA": "AT", "UNITED STATES": "US"}
REGIONS = {"BAVARIA": "BY", "BAYERN": "BY", "HESSE": "HE", "HESSEN": "HE", "GEORGIA": "GA", "CALIFORNIA": "CA",
           "BADEN-WÜRTTEMBERG": "BW", "NORTH RHINE-WESTPHALIA": "NW"}  # fmt: skip
UNITS = {"PIECE": "PC", "BOX OF 10": "BOX", "KILOGRAM": "KG", "TON": "TO"}


@dataclass(frozen=True, slots=True)
class Agreement:
    """One meaning on both sides and who decides it."""

    field: str
    owner: Literal["dynamics", "sap", "both"]
    dynamics: Form
    sap: Form


def text(*names: str) -> Form:
    """Compare columns as one text; how often blanks come does not matter."""
    return lambda row: " ".join(" ".join(str(row.get(name) or "") for name in names).split())


def unspaced(*names: str) -> Form:
    """Compare without any blank: a seam between two columns is none of the meaning."""
    return lambda row: "".join("".join(str(row.get(name) or "") for name in names).split())


def upper(name: str) -> Form:
    """Compare in capitals."""
    return lambda row: str(row.get(name) or "").strip().upper()


def lower(name: str) -> Form:
    """Compare in small letters."""
    return lambda row: str(row.get(name) or "").strip().lower()


def digits(name: str) -> Form:
    """Compare the digits alone."""
    return lambda row: re.sub(r"\D", "", str(row.get(name) or ""))


def amount(name: str) -> Form:
    """Compare as a number: '10.00' is '10'."""

    def form(row: Row) -> str | None:
        value = row.get(name)
        return None if value in (None, "") else f"{Decimal(str(value)).normalize():f}"

    return form


def day(name: str) -> Form:
    """Compare as a day: '2026-01-31', from ISO or from '/Date(1769817600000)/'."""

    def form(row: Row) -> str:
        value = str(row.get(name) or "")
        found = re.search(r"Date\((-?\d+)", value)
        return datetime.fromtimestamp(int(found[1]) / 1000, UTC).date().isoformat() if found else value[:10]

    return form


def coded(name: str, table: dict[Any, str]) -> Form:
    """Compare what a table makes of a value; a text that it lacks is no opinion."""

    def form(row: Row) -> str | None:
        value = row.get(name)
        key = value.strip().upper() if isinstance(value, str) else value
        if key in (None, ""):
            return ""
        return table.get(key, str(key) if str(key) in table.values() else None)

    return form


def known_terms(row: Row) -> str:
    """Return SAP's payment terms if Dynamics has a word for them."""
    return str(row.get("PaymentTerms") or "") if row.get("PaymentTerms") in TERMS.values() else ""


def blocked(row: Row) -> str:
    """Tell whether any block stands on a partner."""
    return str(bool(row.get("BusinessPartnerIsBlocked") or row.get("CustomerBlock") or row.get("SalesBlock")))


ACCOUNT: tuple[Agreement, ...] = (
    Agreement("sap_number", "sap", text("cr_sapnumber"), text("BusinessPartner")),
    Agreement("legal_name", "dynamics", unspaced("name"), unspaced("OrganizationBPName1", "OrganizationBPName2")),
    Agreement("search_term", "dynamics", lambda r: str(r["name"]).strip().upper()[:20].strip(), upper("SearchTerm1")),
    Agreement("language", "both", upper("cr_language"), upper("CorrespondenceLanguage")),
    Agreement(
        "industry", "dynamics", lambda r: f"{r['industrycode']:04d}" if r.get("industrycode") else "", text("Industry")
    ),
    Agreement("street", "both", text("address1_line1"), text("StreetName", "HouseNumber")),
    Agreement("city", "both", text("address1_city"), text("CityName")),
    Agreement("postal_code", "both", upper("address1_postalcode"), upper("PostalCode")),
    Agreement("region", "both", coded("address1_stateorprovince", REGIONS), upper("Region")),
    Agreement("country", "both", coded("address1_country", COUNTRIES), upper("Country")),
    Agreement("email", "both", lower("emailaddress1"), lower("EmailAddress")),
    Agreement("phone", "both", digits("telephone1"), digits("PhoneNumber")),
    Agreement("mobile", "both", digits("telephone2"), digits("MobileNumber")),
    Agreement("vat_number", "both", upper("cr_vatid"), upper("BPTaxNumber")),
    Agreement("payment_terms", "sap", coded("paymenttermscode", TERMS), known_terms),
    Agreement("on_hold", "sap", lambda r: str(bool(r.get("creditonhold"))), blocked),
)

ORDER: tuple[Agreement, ...] = (
    Agreement("sap_number", "sap", text("cr_sapnumber"), text("SalesOrder")),
    Agreement("customer_reference", "dynamics", text("ordernumber"), text("PurchaseOrderByCustomer")),
    Agreement("sold_to", "dynamics", text("customer_number"), text("SoldToParty")),
    Agreement("requested_delivery", "dynamics", day("requestdeliveryby"), day("RequestedDeliveryDate")),
    Agreement("total_net", "sap", amount("cr_saptotalnet"), amount("TotalNetAmount")),
    Agreement("status", "sap", text("cr_sapstatus"), text("OverallSDProcessStatus")),
    Agreement("delivery_status", "sap", text("cr_sapdeliverystatus"), text("OverallTotalDeliveryStatus")),
)

LINE: tuple[Agreement, ...] = (
    Agreement("material", "dynamics", text("product_number"), text("Material")),
    Agreement("quantity", "dynamics", amount("quantity"), amount("RequestedQuantity")),
    Agreement("unit", "dynamics", coded("unit_name", UNITS), text("RequestedQuantityUnit")),
    Agreement("price", "dynamics", amount("priceperunit"), amount("ConditionRateValue")),
    Agreement("sap_item", "sap", text("cr_sapitem"), text("SalesOrderItem")),
    Agreement("item_status", "sap", text("cr_sapitemstatus"), text("SDProcessStatus")),
)
