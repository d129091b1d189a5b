"""Both systems as they are, read past their services: plain rows, what belongs together laid side by side."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from dev.chaos.audit.books import Row

MARK_TYPE = "ZD365"  # the identification type that holds a customer's Dynamics id
COMPANY, SALES_ORGANIZATION = "1010", "1010"
MOBILE = ("2", "3")

type Read = Callable[[str], list[Row]]


@dataclass(slots=True)
class World:
    """Accounts and orders of Dynamics, partners and orders of SAP; an order's lines are under 'lines'."""

    accounts: list[Row] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    partners: list[Row] = field(default_factory=list)
    sap_orders: list[Row] = field(default_factory=list)


def load(crm: Read, erp: Read) -> World:
    """Read everything; `crm` and `erp` give all rows of a table or an entity set."""
    return World(crm("account"), _orders(crm), _partners(erp), _sap_orders(erp))


def _orders(crm: Read) -> list[Row]:
    products = {row["productid"]: row["productnumber"] for row in crm("product")}
    units = {row["uomid"]: row["name"] for row in crm("uom")}
    numbers = {row["accountid"]: row.get("cr_sapnumber") for row in crm("account")}
    lines = _by(crm("salesorderdetail"), "_salesorderid_value")
    found = []
    for order in crm("salesorder"):
        mine = [
            line
            | {"product_number": products.get(line["_productid_value"]), "unit_name": units.get(line["_uomid_value"])}
            for line in lines.get(order["salesorderid"], [])
        ]
        found.append(order | {"lines": mine, "customer_number": numbers.get(order["_customerid_value"])})
    return found


def _partners(erp: Read) -> list[Row]:
    addresses = _by(erp("A_BusinessPartnerAddress"), "BusinessPartner")
    emails, phones = _by(erp("A_AddressEmailAddress"), "AddressID"), _by(erp("A_AddressPhoneNumber"), "AddressID")
    taxes, marks = _by(erp("A_BusinessPartnerTaxNumber"), "BusinessPartner"), _by(_marks(erp), "BusinessPartner")
    companies = _by((r for r in erp("A_CustomerCompany") if r["CompanyCode"] == COMPANY), "Customer")
    areas = (r for r in erp("A_CustomerSalesArea") if r["SalesOrganization"] == SALES_ORGANIZATION)
    sales, customers = _by(areas, "Customer"), _by(erp("A_Customer"), "Customer")
    found = []
    for partner in erp("A_BusinessPartner"):
        number, customer = partner["BusinessPartner"], partner["Customer"]
        address = _first(addresses, number)
        calls = phones.get(address.get("AddressID", ""), [])
        email = _first(emails, address.get("AddressID", ""))
        phone = next((one for one in calls if one["PhoneNumberType"] not in MOBILE), {})
        mobile = next((one for one in calls if one["PhoneNumberType"] in MOBILE), {})
        whole: Row = {**address, **email, **phone, **_first(taxes, number)}
        whole |= {"MobileNumber": mobile.get("PhoneNumber", "")}
        whole |= {"EmailOrdinal": email.get("OrdinalNumber", ""), "PhoneOrdinal": phone.get("OrdinalNumber", "")}
        whole |= {"PaymentTerms": _first(companies, customer).get("PaymentTerms", "")}
        whole |= {"CustomerBlock": _first(customers, customer).get("OrderIsBlockedForCustomer", "")}
        whole |= {"SalesBlock": _first(sales, customer).get("OrderIsBlockedForCustomer", "")}
        whole |= {"Marks": [one["BPIdentificationNumber"] for one in marks.get(number, [])]}
        found.append({**whole, **partner})
    return found


def _marks(erp: Read) -> list[Row]:
    return [row for row in erp("A_BuPaIdentification") if row["BPIdentificationType"] == MARK_TYPE]


def _sap_orders(erp: Read) -> list[Row]:
    prices = (row for row in erp("A_SalesOrderItemPrElement") if row["ConditionType"] == "PPR0")
    price = {(row["SalesOrder"], row["SalesOrderItem"]): row["ConditionRateValue"] for row in prices}
    items = _by(erp("A_SalesOrderItem"), "SalesOrder")
    return [
        order
        | {
            "lines": [
                item | {"ConditionRateValue": price.get((item["SalesOrder"], item["SalesOrderItem"]))}
                for item in items.get(order["SalesOrder"], [])
            ]
        }
        for order in erp("A_SalesOrder")
    ]


def _by(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row[name] or ""), []).append(row)
    return found


def _first(rows: dict[str, list[Row]], key: str) -> Row:
    return next(iter(rows.get(key, [])), {})
