"""Runs the YAML cases beside it: what each flow makes of records, in both directions."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.core.digest import same
from shared.core.model import OTHER, Column, Reference, Scalar, Side, Value
from shared.mapping.compile.constants import constant
from shared.mapping.flow import SILENT, Carried, Failure, Flow, Missing, Rows
from shared.mapping.load.text import parse
from shared.ops.mappings import MAPPINGS, load_all
from shared.wiring import catalogues

SETTINGS = {
    "S4_ID_TYPE": "ZD365",
    "S4_COMPANY_CODE": "1010",
    "S4_SALES_ORGANIZATION": "1010",
    "S4_DISTRIBUTION_CHANNEL": "10",
    "S4_DIVISION": "00",
    "S4_CURRENCY": "EUR",
}
SIDES: tuple[Side, ...] = ("dynamics", "sap")
FLOWS = load_all(MAPPINGS, catalogues(), SETTINGS)
KEYS = {"name", "part", "dynamics", "sap", "linked", "to_sap", "to_dynamics", "problems"}


def cases() -> Iterator[tuple[Flow, Mapping[str, Any], str]]:
    for path in sorted(Path(__file__).parent.glob("*.yaml")):
        text = parse(path.read_text("utf-8"))
        assert text.faults == [], path
        for case in text.data["cases"]:
            assert case.keys() <= KEYS, case
            yield FLOWS[text.data["flow"]], case, f"{path.stem}: {case['name']}"


def carried() -> Iterator[Any]:
    for flow, case, name in cases():
        for side in SIDES:
            if f"to_{OTHER[side]}" in case:
                yield pytest.param(flow, case, side, id=f"{name} to {OTHER[side]}")


def judged() -> Iterator[Any]:
    for flow, case, name in cases():
        if "problems" in case:
            yield pytest.param(flow, case, id=name)


def known(flow: Flow, case: Mapping[str, Any], side: Side) -> dict[str, Column]:
    selection = flow.selections[side]
    if "part" not in case:
        return dict(selection.columns)
    return {**selection.line_columns, **{f"header.{name}": column for name, column in selection.columns.items()}}


def reference(text: str) -> Reference:
    flow, side, key = text.split()
    return Reference(flow, side, key)  # type: ignore[arg-type]  # a case says dynamics or sap


def expected(said: Any, targets: list[Column]) -> Carried:  # data of a file
    match said:
        case "silent":
            return SILENT
        case {"fails": str(rule)}:
            return Failure(rule, "")
        case {"misses": str(text)}:
            return Missing(reference(text))
        case list():
            return tuple(constant(part, column) for part, column in zip(said, targets, strict=True))
        case _:
            return constant(said, targets[0])


def values_of(case: Mapping[str, Any], side: Side, columns: Mapping[str, Column]) -> dict[str, Scalar]:
    given = case.get(side, {})
    assert given.keys() <= columns.keys(), f"{side} reads {sorted(columns)}"
    return {name: constant(value, columns[name]) for name, value in given.items()}


@pytest.mark.parametrize(("flow", "case", "side"), list(carried()))
def test_a_record_is_carried_as_the_case_says(flow: Flow, case: Mapping[str, Any], side: Side) -> None:
    rows = rows_of(flow, case)
    target = OTHER[side]
    values = values_of(case, side, known(flow, case, side))
    linked = {reference(text): key for text, key in case.get("linked", {}).items()}
    says = dict(zip((field.name for field in rows.fields), rows.carry[side](values, linked), strict=True))
    columns = {field.name: field.columns[target] for field in rows.fields}
    for name, said in case[f"to_{target}"].items():
        wanted = expected(said, [known(flow, case, target)[column] for column in columns[name]])
        found = says[name]
        if isinstance(wanted, Failure):
            rule = found.rule if isinstance(found, Failure) else refused(rows, name, target, found)
            assert rule == wanted.rule, name
        elif wanted is SILENT or isinstance(wanted, Missing):
            assert found == wanted, name
        else:
            assert not isinstance(found, Failure | Missing), (name, found)
            assert same(found, wanted), (name, found)  # type: ignore[arg-type]  # neither is a sentinel


def refused(rows: Rows, name: str, target: Side, value: Carried) -> str:
    field = next(field for field in rows.fields if field.name == name)
    problems = field.problems(target, value)  # type: ignore[arg-type]  # a value
    return problems[0].rule if problems else "nothing"


def rows_of(flow: Flow, case: Mapping[str, Any]) -> Rows:
    if "part" not in case:
        return flow.rows
    assert flow.lines is not None
    return flow.lines.rows


@pytest.mark.parametrize(("flow", "case"), list(judged()))
def test_a_value_is_refused_as_the_case_says(flow: Flow, case: Mapping[str, Any]) -> None:
    rows = rows_of(flow, case)
    for side, fields in case["problems"].items():
        for name, (value, rule) in fields.items():
            field = next(field for field in rows.fields if field.name == name)
            column = known(flow, case, side)[field.writes[side][0]]
            free = Column(column.type)  # what is too long for the column is a case, too
            told: Value = constant(value, free)
            assert [found.rule for found in field.problems(side, told)][:1] == ([rule] if rule else []), name
