from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.core.model import Column, Scalar
from shared.mapping.compile.conditions import condition
from shared.mapping.compile.constants import constant
from shared.mapping.load.text import parse

COLUMNS = {
    "state": Column("choice"),
    "name": Column(max_length=10),
    "hold": Column("flag"),
    "limit": Column("decimal"),
    "since": Column("date"),
    "seen": Column("instant"),
    "id": Column("guid"),
}


def holds(text: str, **values: Scalar) -> bool:
    return condition(parse(text).data, COLUMNS, refuse, ("when",)).holds(values)


def refuse(path: object, message: str) -> None:
    raise AssertionError(f"{path}: {message}")


def complaints(data: Any) -> list[tuple[tuple[str | int, ...], str]]:  # data of a file
    found: list[tuple[tuple[str | int, ...], str]] = []
    built = condition(data, COLUMNS, lambda path, message: found.append((path, message)), ("when",))
    built.holds({})
    return found


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("{state: 3}", {"state": 3}, True),
        ("{state: 3}", {"state": 4}, False),
        ("{state: 3}", {}, False),
        ("{name: 0001}", {"name": "0001"}, True),
        ("{name: 12}", {"name": "12"}, True),
        ("{name: no}", {"name": "no"}, True),
        ("{name: null}", {"name": ""}, True),
        ("{name: ''}", {}, True),
        ("{name: ''}", {"name": "x"}, False),
        ("{hold: true}", {"hold": True}, True),
        ("{hold: false}", {}, False),
        ("{state: {in: [1, 3]}}", {"state": 3}, True),
        ("{state: {in: [1, 3]}}", {"state": 2}, False),
        ("{name: {in: [a, null]}}", {}, True),
        ("{state: {not: 3}}", {"state": 3}, False),
        ("{state: {not: 3}}", {}, True),
        ("{state: {not: {in: [1, 3]}}}", {"state": 2}, True),
        ("{name: {present: true}}", {"name": "x"}, True),
        ("{name: {present: true}}", {"name": ""}, False),
        ("{name: {present: false}}", {}, True),
        ("{limit: {ge: 12.50}}", {"limit": Decimal("12.5")}, True),
        ("{limit: {gt: 12.50}}", {"limit": Decimal("12.5")}, False),
        ("{limit: {gt: 12, le: 20}}", {"limit": 20}, True),
        ("{limit: {gt: 12, le: 20}}", {"limit": 21}, False),
        ("{limit: {lt: 12}}", {}, False),
        ("{limit: {lt: 12}}", {"limit": "1"}, False),
        ("{since: {lt: 2024-03-09}}", {"since": date(2024, 3, 8)}, True),
        ("{since: {lt: 2024-03-09}}", {"since": datetime(2024, 3, 8, tzinfo=UTC)}, False),
        ("{seen: {ge: '2024-03-09T00:00:00Z'}}", {"seen": datetime(2024, 3, 9, tzinfo=UTC)}, True),
        ("{state: 3, name: x}", {"state": 3, "name": "x"}, True),
        ("{state: 3, name: x}", {"state": 3}, False),
        ("{any: [{state: 3}, {name: x}]}", {"name": "x"}, True),
        ("{any: [{state: 3}, {name: x}]}", {}, False),
        ("{all: [{state: 3}, {state: {not: 4}}]}", {"state": 3}, True),
        ("{}", {}, True),
    ],
)
def test_conditions_are_data(text: str, values: dict[str, Scalar], expected: bool) -> None:  # the case
    assert holds(text, **values) is expected


def test_a_condition_knows_the_columns_it_reads() -> None:
    data = {"any": [{"state": 3}, {"name": "x"}], "hold": True, "name": "y"}
    assert condition(data, COLUMNS, refuse, ()).columns == ("state", "name", "hold")


@pytest.mark.parametrize(
    ("data", "path", "message"),
    [
        ({"stat": 1}, ("when", "stat"), "did you mean 'state'"),
        ({"state": "open"}, ("when", "state"), "expected a whole number: the column is choice"),
        ({"hold": "on"}, ("when", "hold"), "expected true or false"),
        ({"name": "01234567890"}, ("when", "name"), "found 11 characters, expected at most 10"),
        ({"state": {"in": 3}}, ("when", "state", "in"), "expected a list"),
        ({"state": {"among": [3]}}, ("when", "state", "among"), "allowed: ge, gt, in, le, lt, not, present"),
        ({"state": {"present": 1}}, ("when", "state", "present"), "expected a list, or true or false"),
        ({"state": {"in": [1, "x"]}}, ("when", "state", "in", 1), "expected a whole number"),
        ({"name": {"gt": "a"}}, ("when", "name", "gt"), "gt compares numbers and days"),
        ({"limit": {"gt": None}}, ("when", "limit", "gt"), "gt compares numbers and days"),
        ({"any": {"state": 1}}, ("when", "any"), "expected a list of conditions"),
        ({"any": []}, ("when", "any"), "expected a list of conditions"),
        ({"all": ["x"]}, ("when", "all", 0), "expected a condition such as"),
        ({"state": [1]}, ("when", "state"), "expected one value"),
        ({"seen": "2024-03-09T00:00:00"}, ("when", "seen"), "an instant with its zone"),
    ],
)
def test_what_does_not_fit_a_column_is_complained_of_at_its_place(
    data: object, path: tuple[str, ...], message: str
) -> None:
    found = complaints(data)
    assert [where for where, _ in found] == [path]
    assert message in found[0][1]


@pytest.mark.parametrize(
    ("value", "column", "made"),
    [
        (True, Column(), "true"),
        (7, Column(), "7"),
        ("7", Column("int"), 7),
        ("-7", Column("int"), -7),
        ("true", Column("flag"), True),
        (5, Column("decimal"), Decimal(5)),
        ("2024-03-09", Column("date"), date(2024, 3, 9)),
        (None, Column("int"), None),
    ],
)
def test_constants_become_what_their_column_holds(value: str | int | None, column: Column, made: Scalar) -> None:
    found = constant(value, column)
    assert (found, type(found)) == (made, type(made))


@pytest.mark.parametrize(
    ("value", "column"),
    [("07", Column("int")), (True, Column("int")), ("yes", Column("flag")), ("1e3", Column("decimal"))],
)
def test_constants_are_never_guessed(value: str | int, column: Column) -> None:
    with pytest.raises(ValueError, match="expected"):
        constant(value, column)
