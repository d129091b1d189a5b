"""Fills a new system: the products always, the business partners when asked."""

import json
from pathlib import Path
from typing import Any

from dev.sap.s4.model.edm import SETS
from dev.sap.s4.rules.payload import BodyReader
from dev.sap.s4.rules.stamps import finish
from dev.sap.s4.rules.work import Work
from dev.sap.s4.rules.writes import create
from dev.sap.s4.settings import Settings
from dev.sap.s4.store.rows import Store

_FILE = Path(__file__).parent / "seed.json"
_PLANT = {"1710": "1710", "1010": "1010"}


def fill(store: Store, settings: Settings, *, partners: bool) -> None:
    """Create the seed rows by the ordinary rules, so that they are as valid as anything posted later."""
    rows: dict[str, list[dict[str, Any]]] = json.loads(_FILE.read_text(encoding="utf-8"))
    products = [_product(each) for each in rows["A_Product"]]
    wanted = [("A_Product", each) for each in products]
    if partners:
        wanted += [("A_BusinessPartner", each) for each in rows["A_BusinessPartner"]]
    reader = BodyReader("")
    for set_name, data in wanted:
        work = Work(store, settings, settings.gui_user)
        with store.transaction() as changes:
            create(work, reader.read(SETS[set_name], data), {})
            finish(work, changes)


def _product(short: dict[str, Any]) -> dict[str, Any]:
    """Spread a seed line into a deep insert: description, sales data per organisation, a carton where it has one."""
    text, carton = short.pop("text"), short.pop("carton", None)
    unit = short["BaseUnit"]
    return short | {
        "ItemCategoryGroup": "NORM",
        "to_Description": [{"Language": "EN", "ProductDescription": text}],
        "to_SalesDelivery": [
            {"ProductSalesOrg": org, "ProductDistributionChnl": "10", "SupplyingPlant": plant, "SalesMeasureUnit": unit}
            for org, plant in _PLANT.items()
        ],
        "to_ProductUnitsOfMeasure": [
            {"AlternativeUnit": alternative, "QuantityNumerator": str(count), "QuantityDenominator": "1"}
            for alternative, count in ((unit, 1), ("CAR", carton))
            if count
        ],
    }
