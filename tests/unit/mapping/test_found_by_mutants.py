"""Holes of the mapping language's tests that mutation has found: lengths, edges, and what has to stay as it is."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from shared.core.model import Column
from shared.errors import BadMapping
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
