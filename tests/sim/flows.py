"""The mappings of the simulated world, and what its two systems know of their objects."""

from pathlib import Path

from shared.core.model import Column
from shared.mapping.catalogue import ObjectInfo
from shared.mapping.flow import Flow
from shared.mapping.load import load_flows

TEXT, FLAG, INT = Column("text", max_length=80), Column("flag"), Column("int")

CRM = {
    "account": ObjectInfo(
        {
            "accountid": Column("guid"),
            **dict.fromkeys(("name", "city", "postal", "vat", "terms", "sapnumber"), TEXT),
            "parent": Column("lookup"),
            "kind": INT,
            "state": INT,
        }
    ),
    "order": ObjectInfo(
        {
            **dict.fromkeys(("ordernumber", "wanted", "saptotal", "sapnumber"), TEXT),
            "customer": Column("lookup"),
            "state": INT,
        },
        lines={"details": {**dict.fromkeys(("number", "product", "sapstatus"), TEXT), "quantity": INT}},
    ),
}
ERP = {
    "Partner": ObjectInfo(
        {
            **dict.fromkeys(
                ("Number", "category", "name1", "search", "town", "zip", "tax", "payterms", "parent", "mark"), TEXT
            ),
            "blocked": FLAG,
        }
    ),
    "Order": ObjectInfo(
        {**dict.fromkeys(("Number", "soldto", "wanted", "total", "ponumber"), TEXT)},
        lines={
            "items": {
                **dict.fromkeys(("item", "material", "status", "poitem", "rejected"), TEXT),
                "quantity": INT,
            }
        },
    ),
}


def flows() -> dict[str, Flow]:
    """Load them through the real loader."""
    return load_flows(Path(__file__).parent / "mappings" / "s4", {"dataverse": CRM, "s4": ERP}, {})
