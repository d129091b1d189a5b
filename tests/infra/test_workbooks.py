"""Every tile of a workbook shows a query that fits it."""

import re
from typing import Any

import pytest

from tests.infra.bicep import INFRA, Expression, read
from tests.infra.queries import LOADED, columns, texts

BOOKS = {name: call.parameters for name, call in read(INFRA / "modules" / "watch" / "workbooks.bicep").calls.items()}
TILES: dict[str, dict[str, Any]] = {
    f"{book} {tile['name']}": tile for book, one in BOOKS.items() for tile in one["tiles"]
}
every_tile = pytest.mark.parametrize("name", TILES)
WORKBOOK = read(INFRA / "modules" / "watch" / "workbook.bicep")


@every_tile
def test_a_tile_shows_the_query_of_its_name(name: str) -> None:
    book, _, tile = name.partition(" ")
    assert LOADED.findall(TILES[name]["query"]) == [f"../../queries/{book}/{tile}.kql"]


@every_tile
def test_a_chart_has_what_it_draws(name: str) -> None:
    tile = TILES[name]
    shown = columns()[f"{name.replace(' ', '/')}.kql"]
    assert tile["chart"] in ("timechart", "barchart", "table")
    assert tile["width"] in (50, 100)
    assert len(tile["says"]) > 4
    if tile["chart"] == "timechart":
        assert "TimeGenerated" in shown
        assert len(shown) > 1


def test_only_the_record_s_workbook_asks_for_a_correlation_id_and_its_queries_use_it() -> None:
    asked = {book: str(one["asks"]) for book, one in BOOKS.items() if one["asks"]}
    assert asked == {"record": "Correlation"}
    using = {name.partition("/")[0] for name, text in texts().items() if "{Correlation}" in text}
    assert using == {"record"}
    assert {found for text in texts().values() for found in re.findall(r"\{(\w+)\}", text)} == {"Correlation"}


def test_every_tile_follows_the_chosen_time_and_asks_the_workspace() -> None:
    assert isinstance(WORKBOOK.variable("body"), Expression)
    body = str(WORKBOOK.variable("body"))
    assert "timeContextFromParameter: 'TimeRange'" in body
    assert "crossComponentResources: [workspaceId]" in body
    assert WORKBOOK.variable("times")["name"] == "TimeRange"
    assert WORKBOOK.resources["workbook"].body["properties"]["sourceId"] == "workspaceId"
