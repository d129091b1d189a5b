"""A small Dynamics and a small SAP for tests of the mapping language, and a folder to write mapping files into."""

from collections.abc import Mapping
from pathlib import Path

from shared.core.model import Column
from shared.mapping.catalogue import ObjectInfo
from shared.mapping.flow import Flow
from shared.mapping.load import load_flows

READ_ONLY = {"create": False, "update": False}
ACCOUNT = ObjectInfo(
    {
        "accountid": Column("guid", **READ_ONLY),
        "name": Column(max_length=160),
        "street": Column(max_length=250),
        "country": Column(max_length=80),
        "city": Column(max_length=40),
        "number": Column(max_length=10),
        "memo": Column(filter=False),
        "type": Column("choice"),
        "count": Column("int"),
        "limit": Column("decimal", scale=4),
        "open": Column("decimal", scale=4),
        "percent": Column("decimal", scale=2),
        "hold": Column("flag"),
        "since": Column("date"),
        "seen": Column("instant"),
        "_parent_value": Column("lookup", bind="parent", target="accounts"),
        "_owner_value": Column("lookup", bind="owner", target="accounts"),
        "stamp": Column("instant", **READ_ONLY),
    }
)
PARTNER = ObjectInfo(
    {
        "Partner": Column(max_length=10, update=False),
        "Name1": Column(max_length=40),
        "Name2": Column(max_length=40),
        "Search": Column(max_length=20),
        "Street": Column(max_length=60),
        "House": Column(max_length=10),
        "Country": Column(max_length=3),
        "City": Column(max_length=40),
        "Grouping": Column(max_length=4, update=False),
        "Late": Column(max_length=4, create=False),
        "Mark": Column(max_length=60),
        "Short": Column(max_length=20),
        "Group": Column(max_length=10),
        "Head": Column(max_length=10),
        "Blocked": Column("flag"),
        "Limit": Column("decimal", scale=2),
        "Open": Column("decimal", scale=2),
        "Since": Column("date"),
        "Count": Column("int"),
        "Note": Column(),
        "tax.Type": Column(max_length=4),
        "tax.Number": Column(max_length=20),
    },
    parts=frozenset({"tax"}),
    honest_stamps=False,
)
ORDER = ObjectInfo(
    {
        "ordernumber": Column(max_length=100, update=False),
        "sapnumber": Column(max_length=10),
        "currency": Column(max_length=5),
        "_customer_value": Column("lookup", bind="customer_account", target="accounts"),
    },
    lines={
        "details": {
            "line": Column("int"),
            "product": Column(max_length=40),
            "quantity": Column("decimal", scale=5),
            "sapitem": Column(max_length=6),
        }
    },
)
SALES_ORDER = ObjectInfo(
    {
        "Order": Column(max_length=10, update=False),
        "Reference": Column(max_length=35),
        "SoldTo": Column(max_length=10),
    },
    lines={
        "to_Item": {
            "Item": Column(max_length=6, update=False),
            "Material": Column(max_length=40),
            "Quantity": Column("decimal", scale=3),
            "Purchase": Column(max_length=6),
            "Reason": Column(max_length=2),
            "Currency": Column(max_length=5),
            "Status": Column(max_length=1, **READ_ONLY),
            "price.Type": Column(max_length=4),
        }
    },
    parts=frozenset({"price"}),
)
CATALOGUES = {
    "dataverse": {"account": ACCOUNT, "order": ORDER},
    "s4": {"Partner": PARTNER, "Order": SALES_ORDER},
}
HEADER = """
flow: account
dynamics: {system: dataverse, table: account}
sap: {system: s4, object: Partner}
"""
COUNTRIES = "Germany: DE\nDeutschland: DE\nNorway: NO\nback: {DE: Germany}\n"


def load(
    folder: Path, files: Mapping[str, str], codes: Mapping[str, str] | None = None, **settings: str
) -> dict[str, Flow]:
    """Write mapping files ('account': text) and code tables below `folder`, and load them."""
    (folder / "s4").mkdir(parents=True, exist_ok=True)
    (folder / "codes").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "s4" / f"{name}.yaml").write_text(text, "utf-8")
    for name, text in ({"countries": COUNTRIES} if codes is None else codes).items():
        (folder / "codes" / f"{name}.yaml").write_text(text, "utf-8")
    return load_flows(folder / "s4", CATALOGUES, settings)


def account(folder: Path, fields: str, more: str = "", **settings: str) -> Flow:
    """Load one account flow of these field rows (YAML, two blanks in front)."""
    return load(folder, {"account": f"{HEADER}{more}\nfields:\n{fields}\n"}, **settings)["s4/account"]
