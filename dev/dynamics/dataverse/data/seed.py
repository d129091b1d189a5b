"""What a fresh organisation holds: its own users, currencies and messages, and on request something to sell.

Identifiers follow from names, so that two simulators with the same seed agree. Product numbers TG11... are those of
the S/4HANA side's trading goods.
"""

import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.core.values import Ref, Row, Value
from dev.dynamics.dataverse.writes.operations import create, settle
from dev.dynamics.dataverse.writes.payload import Payload
from dev.dynamics.dataverse.writes.unit import Caller, Unit

MESSAGES: Final = ("Create", "Update", "Delete")
CURRENCIES: Final = (("EUR", "Euro", "€", "1"), ("USD", "US Dollar", "$", "1.08"))
UNITS: Final = {"Pieces": (("Piece", 1), ("Box of 10", 10)), "Weight": (("Kilogram", 1), ("Ton", 1000))}
PRODUCTS: Final = (
    ("TG11", "Trading good 11", "17.50"),
    ("TG12", "Trading good 12", "25.00"),
    ("TG13", "Trading good 13", "8.99"),
    ("TG14", "Trading good 14", "120.00"),
    ("TG15", "Trading good 15", "49.90"),
    ("TG16", "Trading good 16", "3.25"),
    ("TG17", "Trading good 17", "999.00"),
    ("TG18", "Trading good 18", "75.10"),
    ("TG20", "Trading good 20", "0.45"),
    ("TG21", "Trading good 21", "310.00"),
)
ACCOUNTS: Final[tuple[Mapping[str, Value], ...]] = (
    {"name": "Nordwind GmbH", "address1_line1": "Hafenstraße 12", "address1_postalcode": "20457",
     "address1_city": "Hamburg", "address1_country": "Germany", "customertypecode": 3, "cr_language": "DE",
     "emailaddress1": "einkauf@nordwind.example"},
    {"name": "Atelier Beaumont SARL", "address1_line1": "8 rue des Lilas", "address1_postalcode": "69003",
     "address1_city": "Lyon", "address1_country": "France", "customertypecode": 3, "cr_language": "FR",
     "emailaddress1": "achats@beaumont.example"},
    {"name": "Lakeside Supplies Inc.", "address1_line1": "400 Shore Drive", "address1_postalcode": "60601",
     "address1_city": "Chicago", "address1_country": "United States", "customertypecode": 8, "cr_language": "EN",
     "emailaddress1": "orders@lakeside.example"},
)  # fmt: skip


def seed_id(*parts: str) -> str:
    """Give a seeded row its stable identifier, e.g. ``seed_id("product", "TG11")``."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, ".".join(parts)))


def _bare(org: Org, table: str, row: Row) -> None:
    """Store a row of the platform itself, past all rules."""
    shape = org.model.tables[table]
    touched: Row = {"createdon": org.now(), "modifiedon": org.now()}
    states: Row = {}
    if shape.states:
        first = next(iter(shape.states))
        states = {"statecode": first, "statuscode": shape.default_status(first)}
    known = {name: value for name, value in {**touched, **states}.items() if name in shape.columns}
    org.store.put(shape, {**dict.fromkeys(shape.columns), **known, **row})


def seed_platform(org: Org) -> None:
    """Store what no organisation is without: itself, users, currencies and the messages that steps attach to."""
    settings = org.settings
    unit_id = settings.business_unit_id
    _bare(org, "businessunit", {"businessunitid": unit_id, "name": settings.organization_name})
    for user in settings.users:
        first, _, last = user.name.rpartition(" ")
        row: Row = {"systemuserid": user.id, "fullname": user.name, "firstname": first, "lastname": last}
        row |= {"applicationid": user.client_id or None, "azureactivedirectoryobjectid": user.object_id}
        row |= {"isintegrationuser": user.integration, "isdisabled": False, "accessmode": 4 if user.client_id else 0}
        _bare(org, "systemuser", {**row, "businessunitid": Ref("businessunit", unit_id)})
    for code, name, symbol, rate in CURRENCIES:
        row = {"transactioncurrencyid": seed_id("currency", code), "isocurrencycode": code, "currencyname": name}
        row |= {"currencysymbol": symbol, "currencyprecision": 2, "exchangerate": Decimal(rate)}
        _bare(org, "transactioncurrency", row)
    row = {"organizationid": settings.organization_id, "name": settings.organization_name}
    row |= {"basecurrencyid": Ref("transactioncurrency", seed_id("currency", "EUR"))}
    row |= {"expirechangetrackingindays": settings.change_tracking_days, "pricingdecimalprecision": 2}
    row |= {"issopintegrationenabled": settings.sales_order_processing}
    _bare(org, "organization", {**row, "oobpricecalculationenabled": settings.price_calculation})
    for message in MESSAGES:
        _bare(org, "sdkmessage", {"sdkmessageid": seed_id("message", message), "name": message})
        for table in (name for name, shape in org.model.tables.items() if shape.tracked):
            row = {"sdkmessagefilterid": seed_id("filter", message, table), "primaryobjecttypecode": table}
            row |= {"sdkmessageid": Ref("sdkmessage", seed_id("message", message)), "name": f"{message} {table}"}
            _bare(org, "sdkmessagefilter", {**row, "iscustomprocessingstepallowed": True})


def seed_data(org: Org) -> None:
    """Store two unit groups, a price list, ten products with prices, and three accounts."""
    person = next(user for user in org.settings.users if not user.client_id)
    unit = Unit(org, Caller(person.id, person.id), org.new_id(), org.new_id())
    tables = org.model.tables

    def add(table: str, row_id: str, **values: Value) -> Ref:
        create(unit, tables[table], Payload({tables[table].id: row_id, **values}))
        return Ref(table, row_id)

    for group, units in UNITS.items():
        schedule = add("uomschedule", seed_id("schedule", group), name=group, baseuomname=units[0][0])
        base: Ref | None = None
        for name, factor in units:
            own = add("uom", seed_id("uom", name), name=name, uomscheduleid=schedule, quantity=Decimal(factor),
                      baseuom=base, isschedulebaseuom=base is None)  # fmt: skip
            base = base or own
    euro = Ref("transactioncurrency", seed_id("currency", "EUR"))
    prices = add("pricelevel", seed_id("prices", "standard"), name="Standard", transactioncurrencyid=euro)
    pieces, piece = Ref("uomschedule", seed_id("schedule", "Pieces")), Ref("uom", seed_id("uom", "Piece"))
    for number, name, price in PRODUCTS:
        product = add("product", seed_id("product", number), productnumber=number, name=name, productstructure=1,
                      producttypecode=1, quantitydecimal=2, defaultuomscheduleid=pieces, defaultuomid=piece,
                      pricelevelid=prices, statecode=0, statuscode=1)  # fmt: skip
        add("productpricelevel", seed_id("price", number), pricelevelid=prices, productid=product, uomid=piece,
            uomscheduleid=pieces, amount=Decimal(price), pricingmethodcode=1, quantitysellingcode=1)  # fmt: skip
    for account in ACCOUNTS:
        add("account", seed_id("account", str(account["name"])), **account)
    settle(unit)
