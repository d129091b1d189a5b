"""Holes of the mapping language's tests that mutation has found: lengths, edges, and what has to stay as it is."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from shared.core.model import Column
from shared.errors import BadMapping
from shared.mapping.compile.chain import too_long
from shared.mapping.compile.conditions import condition
from shared.mapping.flow import SILENT
from shared.mapping.functions import credit_used_percent, net_unit_price
from shared.mapping.load import load_flows
from shared.mapping.verbs import VERBS, Unfit
from tests.unit.mapping.test_verbs import TABLES, back, verb
from tests.unit.mapping.world import CATALOGUES, PARTNER, account

CITY = "  city: {owner: both, dynamics: city, sap: City}"


@pytest.mark.parametrize(
    ("name", "arguments", "way", "given", "longest"),
    [
        ("split", {"width": 10}, 0, 5, 5),
        ("split", {"width": 10}, 0, 100, 20),
        ("join", {"parts": 3}, 0, 10, 12),
        ("number", {}, 0, None, 40),
        ("option", {}, 0, None, 11),
        ("iso_date", {}, 1, None, 10),
        ("dats", {}, 0, None, 8),
        ("mark", {"on": "X"}, 0, None, 1),
        ("mark", {"on": "J", "off": "NEIN"}, 0, None, 4),
        ("code", {"table": "countries", "tables": TABLES}, 0, None, 2),
        ("code", {"table": "countries", "tables": TABLES}, 1, None, 11),
        ("code", {"table": "countries", "tables": TABLES, "keep": 20}, 1, None, 20),
    ],
)
def test_a_verb_says_how_long_its_texts_become(name, arguments, way: int, given, longest: int) -> None:
    assert verb(name, **arguments).lengths[way](given) == longest


def test_a_verb_says_how_many_columns_and_which_kind_it_takes() -> None:
    assert verb("join").parts == (2, 1)
    assert verb("flag", on=1, off=0).takes == "int"
    assert verb("flag", on="a", off="b").takes == "text"


@pytest.mark.parametrize(("name", "arguments"), [("cut", {"length": 1}), ("alpha", {"length": 1})])
def test_one_character_is_a_length(name: str, arguments: dict[str, int]) -> None:
    assert VERBS[name](**arguments).there("7") == "7"


def test_a_house_number_of_ten_characters_is_one_and_of_eleven_is_none() -> None:
    street = verb("street")
    assert street.there("Weg 1234567890") == ("Weg", "1234567890")
    assert street.there("Weg 12345678901") == ("Weg 12345678901", None)


def test_an_option_has_at_most_eleven_characters() -> None:
    assert back(verb("option"), "-2147483648") == -2147483648
    with pytest.raises(Unfit):
        back(verb("option"), "-21474836480")


def test_calculations_are_rounded_to_two_decimals() -> None:
    assert str(credit_used_percent(Decimal(1), Decimal(3))) == "33.33"
    assert str(net_unit_price(Decimal(10), Decimal(1), Decimal(3))) == "9.67"


def test_a_rows_fingerprint_stays_from_version_to_version(tmp_path: Path) -> None:
    # with another one, what every link knows of the field would count no more
    (field,) = account(tmp_path, CITY).rows.fields
    assert field.fingerprint == "bf5bfedc6999"


@pytest.mark.parametrize(
    "row",
    [
        "{owner: dynamics, dynamics: memo, sap: City, check: {max_length: 40}}",  # a source without a length of its own
        "{owner: dynamics, dynamics: city, sap: City, check: {max_length: 99}}",  # a check that allows more than comes
    ],
)
def test_the_shorter_of_source_and_check_has_to_fit(tmp_path: Path, row: str) -> None:
    assert account(tmp_path, f"  city: {row}").rows.fields[0].name == "city"


@pytest.mark.parametrize(("characters", "fits"), [(36, True), (35, False)])
def test_a_birthmark_needs_room_for_a_guid(tmp_path: Path, characters: int, fits: bool) -> None:
    more = "birthmark: {dynamics: number, sap: Mark}\ncreate: [dynamics, sap]"
    account(tmp_path, CITY, more)
    columns = {**PARTNER.columns, "Mark": Column(max_length=characters)}
    narrow = {**CATALOGUES, "s4": {**CATALOGUES["s4"], "Partner": replace(PARTNER, columns=columns)}}
    if fits:
        assert load_flows(tmp_path / "s4", narrow, {})
        return
    with pytest.raises(BadMapping, match="35 characters, the Dynamics key has 36"):
        load_flows(tmp_path / "s4", narrow, {})


def test_a_row_without_a_reference_refers_to_nothing(tmp_path: Path) -> None:
    rows = """
  kind: {owner: dynamics, sap: Grouping, const: BP02, on: create}
  street: {owner: dynamics, dynamics: street, sap: [Street, House], via: street, check: {max_length: 60}}
  parent: {owner: dynamics, dynamics: _parent_value, sap: Group, via: {link: {to: account}}}
"""
    flow = account(tmp_path, f"{CITY}{rows}")
    values = {"city": "Oslo", "street": "Weg 1", "_parent_value": "k1"}
    assert [name for name, _ in flow.rows.references("dynamics", values)] == ["parent"]


def test_a_row_of_one_owner_without_a_condition_can_be_read_from_the_other_side_as_well(tmp_path: Path) -> None:
    flow = account(tmp_path, "  city: {owner: dynamics, dynamics: city, sap: City}")
    assert flow.rows.carry["sap"]({"City": "Oslo"}, {}) == ("Oslo",)
    assert flow.rows.carry["dynamics"]({}, {}) == (None,)
    flow = account(tmp_path, "  city: {owner: dynamics, dynamics: city, sap: City, when: {type: 3}}")
    assert flow.rows.carry["sap"]({"City": "Oslo"}, {}) == (SILENT,)


def test_a_calculation_of_which_one_amount_is_absent_is_absent(tmp_path: Path) -> None:
    row = "  net: {owner: dynamics, dynamics: [limit, open, percent], sap: Limit, calc: line_net_amount}"
    carry = account(tmp_path, row).rows.carry["dynamics"]
    assert carry({"limit": Decimal(3), "open": Decimal(20), "percent": Decimal(10)}, {}) == (Decimal("54.00"),)
    assert carry({"limit": Decimal(3), "percent": Decimal(10)}, {}) == (None,)
    assert carry({"limit": Decimal(3), "open": Decimal(20)}, {}) == (Decimal("60.00"),)


def test_every_verb_on_the_way_back_counts_for_the_length(tmp_path: Path) -> None:
    row = "  country: {owner: sap, dynamics: number, sap: Country, via: [{code: {table: countries}}, trim]}"
    with pytest.raises(BadMapping, match="up to 11 characters for room of 10 in dynamics"):
        account(tmp_path, row)


def test_columns_that_are_not_all_texts_have_no_length_together() -> None:
    mixed = {"a": Column(max_length=10), "b": Column("int", max_length=5)}
    columns = {"dynamics": {"a": Column(max_length=40)}, "sap": mixed}
    assert too_long((), "sap", columns, None) == ""
    assert too_long((), "sap", {**columns, "sap": {"a": Column(max_length=10)}}, None) != ""


@pytest.mark.parametrize("wrong", [["state"], {"stat": 1}, {"any": []}])
def test_a_condition_that_does_not_fit_never_holds(wrong: object) -> None:
    faults: list[str] = []
    found = condition(wrong, {"state": Column("choice")}, lambda _path, fault: faults.append(fault), ("when",))  # type: ignore[arg-type]  # as a file may have it
    assert faults
    assert not found.holds({"state": 1})


def test_a_selector_s_unknown_column_is_compared_with_those_of_its_part_only(tmp_path: Path) -> None:
    with pytest.raises(BadMapping) as raised:
        account(tmp_path, CITY, "parts: {tax: {Street: T1}}")
    assert "unknown column 'Street' of part 'tax'" in str(raised.value)
    assert "did you mean 'Street'" not in str(raised.value)


def test_a_default_on_two_kinds_of_columns_is_a_fault_and_no_crash(tmp_path: Path) -> None:
    row = "  x: {owner: dynamics, dynamics: [city, count], sap: City, via: [{default: {value: x}}]}"
    with pytest.raises(BadMapping, match="default"):
        account(tmp_path, row)
