"""A file's faults are told together, whatever kind they are of: nobody mends a file in rounds."""

from pathlib import Path

import pytest

from shared.errors import BadMapping
from tests.unit.mapping.test_load import CITY, ORDER
from tests.unit.mapping.world import HEADER, account, load

FAULTS = """  city: {owner: both, dynamics: city, sap: City, viaa: trim}
  name: {owner: dynamics, dynamics: nam, sap: Name1}
  number: {owner: sap, dynamics: number, sap: Partner, check: {max: [1]}}
  country: {owner: both, dynamics: country, sap: Country, via: {code: {table: countriez}}}
"""


def told(raised: pytest.ExceptionInfo[BadMapping]) -> list[str]:
    """Return place and first words of every fault."""
    return [line.partition("; did you")[0] for line in str(raised.value).splitlines()[1:]]


def test_a_wrong_key_hides_no_wrong_column_and_no_unknown_table(tmp_path: Path) -> None:
    with pytest.raises(BadMapping) as raised:
        account(tmp_path, FAULTS, "clash: sup\nunretire: maybe\n")
    assert told(raised) == [
        "s4/account.yaml:5: clash: found 'sup'",
        "s4/account.yaml:6: unretire: found 'maybe': input should be a valid boolean",
        "s4/account.yaml:9: fields.city.viaa: unknown key",
        "s4/account.yaml:10: fields.name.dynamics: unknown column 'nam'",
        (
            "s4/account.yaml:11: fields.number.check.max: found a list, expected one value: a text, a whole number, "
            "true, false, or null"
        ),
        "s4/account.yaml:12: fields.country.via.0: unknown code table 'countriez'",
    ]


def test_a_key_that_comes_twice_hides_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(BadMapping) as raised:
        account(tmp_path, CITY + "\n  name: {owner: dynamics, dynamics: nam, sap: Search}\n" + CITY, "clash: sup\n")
    assert told(raised) == [
        "s4/account.yaml:5: clash: found 'sup'",
        "s4/account.yaml:9: fields.name.dynamics: unknown column 'nam'",
        "s4/account.yaml:10: key 'city' comes twice; first in line 8",
    ]


def test_what_is_no_plain_value_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(BadMapping) as raised:
        account(tmp_path, CITY + "\n  name: !secret x\n")
    assert told(raised) == ["s4/account.yaml:8: found tag '!secret', expected plain values"]


def test_a_wrong_row_of_a_line_hides_no_other_and_brings_no_fault_of_its_own(tmp_path: Path) -> None:
    order = ORDER.replace("sap: Material}", "sap: Material, viaa: x}").replace("sap: Quantity}", "sap: Quantty}")
    with pytest.raises(BadMapping) as raised:
        load(tmp_path, {"account": HEADER + "fields:\n" + CITY, "order": order})
    assert [line.partition(": ")[2] for line in told(raised)] == [
        "lines.fields.product.viaa: unknown key",
        "lines.fields.quantity.sap: unknown column 'Quantty'",
    ]


@pytest.mark.parametrize("key", ["parts: {tax: {Type: [[T1]]}}", "birthmark: {dynamics: number, sap: [Mark]}"])
def test_what_the_rest_is_judged_by_brings_no_faults_that_follow_from_it(tmp_path: Path, key: str) -> None:
    with pytest.raises(BadMapping) as raised:
        account(tmp_path, "  x: {owner: sap, dynamics: city, sap: tax.Number}", f"create: [sap]\n{key}\n")
    assert len(told(raised)) == 1


def test_two_owners_of_a_column_are_told_with_all_other_faults(tmp_path: Path) -> None:
    rows = "  a: {owner: dynamics, dynamics: city, sap: City}\n  b: {owner: dynamics, dynamics: number, sap: City}\n"
    with pytest.raises(BadMapping) as raised:
        account(tmp_path, rows + "  c: {owner: dynamics, dynamics: nam, sap: Search}\n")
    assert [line.partition(": ")[2] for line in told(raised)] == [
        "fields.b.sap: City in sap is already written by a",
        "fields.c.dynamics: unknown column 'nam'",
    ]


@pytest.mark.parametrize("found", ["[a, b]", "{a: b}"])
def test_a_constant_that_is_none_is_one_fault(tmp_path: Path, found: str) -> None:
    with pytest.raises(BadMapping) as raised:
        account(tmp_path, CITY + f"\n  group: {{owner: dynamics, sap: Grouping, const: {found}, on: create}}\n")
    (only,) = told(raised)
    assert "fields.group.const: found" in only
    assert "expected one value" in only
