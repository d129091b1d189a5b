"""The S/4 connector on the simulator: a business partner as the flat kind, a sales order as the kind with lines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from dev.sap.s4 import Running, start
from shared.core.model import Selection, Values
from shared.systems.s4 import CATALOGUE, S4, Auth, Basic, ClientCredentials
from tests.contract.connectors.registry import Fault, Kind, Subject

USER = "SYNC"
AREA = {"SalesOrganization": ("1710",), "DistributionChannel": ("10",), "Division": ("00",)}
PARTNER_COLUMNS = (
    "BusinessPartnerCategory",
    "BusinessPartnerGrouping",
    "OrganizationBPName1",
    "OrganizationBPName2",
    "SearchTerm1",
    "CorrespondenceLanguage",
    "BusinessPartnerIsBlocked",
    "address.Country",
    "address.PostalCode",
    "address.CityName",
    "address.StreetName",
    "email.EmailAddress",
    "phone.PhoneNumber",
    "mobile.PhoneNumber",
    "tax.BPTaxType",
    "tax.BPTaxNumber",
    "crm.BPIdentificationNumber",
    "role_fi.BusinessPartnerRole",
    "role_sales.BusinessPartnerRole",
    "customer.OrderIsBlockedForCustomer",
    "company.ReconciliationAccount",
    "company.PaymentTerms",
    "sales.Currency",
    "sales.CustomerPaymentTerms",
    "sales.IncotermsClassification",
    "sales.IncotermsLocation1",
    "sales.ShippingCondition",
    "sales.CustomerPricingProcedure",
)
PARTNER = Selection(
    "BusinessPartner",
    {name: CATALOGUE["BusinessPartner"].columns[name] for name in PARTNER_COLUMNS},
    {
        "tax": {"BPTaxType": ("DE0", "FR0", "GB0")},
        "crm": {"BPIdentificationType": ("ZD365",)},
        "company": {"CompanyCode": ("1710",)},
        "sales": AREA,
    },
)
ORDER_COLUMNS = (
    "SalesOrderType",
    "SalesOrganization",
    "DistributionChannel",
    "OrganizationDivision",
    "SoldToParty",
    "PurchaseOrderByCustomer",
    "PurchaseOrderByShipToParty",
    "TotalNetAmount",
    "TransactionCurrency",
    "OverallSDProcessStatus",
    "ship_to.Customer",
)
LINE_COLUMNS = (
    "SalesOrderItem",
    "Material",
    "RequestedQuantity",
    "RequestedQuantityUnit",
    "NetAmount",
    "price.ConditionRateValue",
    "price.ConditionCurrency",
)
ORDER = Selection(
    "SalesOrder",
    {name: CATALOGUE["SalesOrder"].columns[name] for name in ORDER_COLUMNS},
    {"price": {"ConditionType": ("PPR0",)}},
    "to_Item",
    {name: CATALOGUE["SalesOrder"].lines["to_Item"][name] for name in LINE_COLUMNS},
)
FLAT = Selection(
    "BusinessPartner",
    {
        name: PARTNER.columns[name]
        for name in PARTNER_COLUMNS
        if name.partition(".")[0] not in ("role_fi", "role_sales", "customer", "company", "sales", "tax")
    },
    {"crm": PARTNER.parts["crm"]},
)


def new_partner(number: int) -> tuple[str, Values]:
    """The n-th partner, an organisation."""
    return "", {
        "BusinessPartnerCategory": "2",
        "BusinessPartnerGrouping": "BP02",
        "OrganizationBPName1": f"Partner {number}",
        "CorrespondenceLanguage": "EN",
        "SearchTerm1": f"MARK{number}",
        "address.Country": "US",
        "address.PostalCode": "94304",
        "address.CityName": "Palo Alto",
        "email.EmailAddress": f"info{number}@partner.example",
        "crm.BPIdentificationNumber": f"00000000-0000-4000-8000-{number:012}",
    }


def new_order(number: int) -> tuple[str, Values]:
    """The n-th order of a seeded customer."""
    return "", {
        "SalesOrderType": "OR",
        "SalesOrganization": "1710",
        "DistributionChannel": "10",
        "OrganizationDivision": "00",
        "SoldToParty": "17100001",
        "PurchaseOrderByCustomer": f"D365-{number}",
    }


def new_line(number: int) -> Values:
    """The n-th line."""
    return {"Material": ("TG11", "TG12")[number % 2], "RequestedQuantity": Decimal(number)}


PARTNERS = Kind(
    FLAT,
    "99999999",
    new_partner,
    text="OrganizationBPName2",
    limited="OrganizationBPName1",
    limit=40,
    mark="SearchTerm1",
)
ORDERS = Kind(
    ORDER,
    "99999999",
    new_order,
    text="PurchaseOrderByShipToParty",
    limited="PurchaseOrderByShipToParty",
    limit=35,
    mark="PurchaseOrderByCustomer",
    line=new_line,
    amount="RequestedQuantity",
)


@asynccontextmanager
async def running(**switches: Any) -> AsyncIterator[Running]:
    """A simulator with its seed, started and stopped off the loop."""
    simulator = start(**switches)
    try:
        yield await asyncio.to_thread(simulator.__enter__)
    finally:
        await asyncio.to_thread(simulator.__exit__, None, None, None)


@asynccontextmanager
async def connected(simulator: Running, auth: Auth | None = None, **options: Any) -> AsyncIterator[S4]:
    """The connector, logged on as the simulator's technical user."""
    logon = auth or Basic(simulator.user, simulator.password)
    system = S4(simulator.url, logon, client="100", system_id="S4H", users=[USER], **options)
    try:
        yield system
    finally:
        await system.close()


async def sim(simulator: Running, method: str, path: str, body: object = None) -> Any:
    """Call the simulator's control interface off the loop."""
    return await asyncio.to_thread(simulator.sim, method, path, body)


@asynccontextmanager
async def subject() -> AsyncIterator[Subject]:
    """What the contract suite takes; by OAuth, where a refused token is tried once more with another."""
    async with running() as simulator:
        token_url = f"{simulator.url}/sap/bc/sec/oauth2/token"
        auth = ClientCredentials(token_url, "SYNC_CLIENT", "sync-secret")
        async with connected(simulator, auth) as system:

            async def fault(asked: Fault) -> None:
                method = "POST" if asked.writes else "GET"
                rule: dict[str, Any] = {"match": {"method": method, "path": "/sap/opu/odata/"}, "times": asked.times}
                rule |= {"lose_answer": True} if asked.lost else {"status": asked.status}
                rule |= {"retry_after": asked.retry_after} if asked.retry_after else {}
                await sim(simulator, "POST", "faults", rule | ({"html": True} if asked.html else {}))

            yield Subject(system, PARTNERS, ORDERS, fault)
