"""The mappings that the laws are tested with, and what the two systems know of their objects."""

from pathlib import Path

from shared.core.model import Column
from shared.mapping.catalogue import ObjectInfo
from shared.mapping.flow import Flow
from shared.mapping.load import load_flows

TEXT, FLAG, INT = Column("text", max_length=80), Column("flag"), Column("int")


def _texts(*names: str) -> dict[str, Column]:
    return dict.fromkeys(names, TEXT)


CRM = {
    "account": ObjectInfo(
        {
            "accountid": Column("guid"),
            **_texts("name", "city", "postal", "street", "fax", "memo", "vat", "terms", "country", "sapnumber"),
            "parent": Column("lookup"),
            "onhold": FLAG,
            "kind": INT,
            "state": INT,
        }
    ),
    "order": ObjectInfo(
        {**_texts("ordernumber", "wanted", "saptotal", "sapnumber"), "customer": Column("lookup"), "state": INT},
        lines={
            "details": {
                **_texts("number", "sapitem", "product", "note", "sapstatus"),
                "shipto": Column("lookup"),
                "quantity": INT,
            }
        },
    ),
}
ERP = {
    "Partner": ObjectInfo(
        {
            **_texts("Number", "category", "name1", "search", "town", "road", "fax", "memo", "tax", "payterms"),
            **_texts("zip", "land", "parent", "mark"),
            "blocked": FLAG,
            "locked": FLAG,
        }
    ),
    "Order": ObjectInfo(
        _texts("Number", "soldto", "wanted", "total", "ponumber"),
        lines={
            "items": {**_texts("item", "material", "shipto", "note", "status", "poitem", "rejected"), "quantity": INT}
        },
    ),
}
FLOWS: dict[str, Flow] = load_flows(Path(__file__).parent / "mappings" / "s4", {"dataverse": CRM, "s4": ERP}, {})
PARTNER, ORDER = FLOWS["s4/partner"], FLOWS["s4/order"]
