"""The JSON schema for editors, judged by a validator that is not ours: it takes what the loader takes."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.mapping.load.text import parse
from shared.mapping.schema import json_schema

FILES = sorted((Path(__file__).parents[3] / "mappings" / "s4").glob("*.yaml"))
VALIDATOR = Draft202012Validator(json_schema())


def faults(data: Any) -> list[str]:
    """Return the places that do not fit."""
    return [".".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(data)]


def flow(row: dict[str, Any], **more: Any) -> dict[str, Any]:
    sides = {"dynamics": {"system": "dataverse", "table": "account"}, "sap": {"system": "s4", "object": "Partner"}}
    return {"flow": "account", **sides, "fields": {"x": row}, **more}


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_it_takes_our_own_mappings(file: Path) -> None:
    assert faults(parse(file.read_text("utf-8")).data) == []


@pytest.mark.parametrize(
    "given",
    [
        {"const": {"setting": "S4_X"}},
        {"cases": [{"then": {"setting": "S4_X"}}]},
        {"check": {"in": [{"setting": "S4_X"}, "b"]}},
        {"via": {"default": {"value": {"setting": "S4_X"}}}},
        {"via": ["trim", {"prefix": {"text": {"setting": "S4_X"}}}]},
    ],
)
def test_a_setting_stands_wherever_a_constant_does(given: dict[str, Any]) -> None:
    assert faults(flow({"owner": "dynamics", "sap": "City"} | given)) == []


@pytest.mark.parametrize(
    ("row", "more", "place"),
    [
        ({"owner": "bot"}, {}, "fields.x.owner"),
        ({"owner": "both", "viaa": "trim"}, {}, "fields.x"),
        ({"owner": "both", "via": "splitt"}, {}, "fields.x.via"),
        ({"owner": "both", "via": {"split": {"width": {"setting": "S4_X"}}}}, {}, "fields.x.via"),
        ({"owner": "sap", "const": 1.5}, {}, "fields.x.const"),
        ({"owner": "both"}, {"clash": "sup"}, "clash"),
        ({"owner": "both"}, {"flow": "Account"}, "flow"),
    ],
)
def test_it_refuses_what_the_loader_refuses(row: dict[str, Any], more: dict[str, Any], place: str) -> None:
    assert place in faults(flow(row) | more)
