"""The shipped mappings run on old releases of S/4HANA as well: Gateway refuses a whole read for one unknown column."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
import yaml

from shared.mapping.flow import Flow
from shared.ops.mappings import MAPPINGS, load_all
from shared.systems.s4 import objects
from shared.wiring import catalogues

SETTINGS = {
    "S4_ID_TYPE": "ZD365",
    "S4_COMPANY_CODE": "1010",
    "S4_SALES_ORGANIZATION": "1010",
    "S4_DISTRIBUTION_CHANNEL": "10",
    "S4_DIVISION": "00",
    "S4_CURRENCY": "EUR",
}
FLOWS = [f for f in load_all(MAPPINGS, catalogues(), SETTINGS).values() if f.systems["sap"] == "s4"]


def newer(part: dict[str, Any], prefix: str = "") -> Iterator[str]:
    yield from (f"{prefix}{name}" for name in part["columns"].get("newer", ()))
    for name, below in part.get("parts", {}).items():
        yield from newer(below, f"{name}.")


def described(name: str) -> dict[str, Any]:
    every = [path.read_text("utf-8") for path in files(objects).iterdir() if path.name.endswith(".yaml")]
    found: dict[str, Any] = next(data[name] for data in map(yaml.safe_load, every) if name in data)
    return found


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_no_mapping_asks_for_a_column_that_older_releases_lack(flow: Flow) -> None:
    selection = flow.selections["sap"]
    header = described(selection.object)
    assert set(newer(header)).isdisjoint(selection.columns)
    if selection.lines:
        assert set(newer(header["lines"][selection.lines])).isdisjoint(selection.line_columns)
