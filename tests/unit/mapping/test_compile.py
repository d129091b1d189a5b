from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from shared.core.model import Reference, Scalar, Side, Values
from shared.mapping.flow import SILENT, Carried, Failure, Field, Flow, Missing, Rows
from tests.unit.mapping.world import account


def one(flow: Flow, name: str) -> Field:
    return next(field for field in flow.rows.fields if field.name == name)


def carried(rows: Rows, side: Side, values: Values, linked: dict[Reference, str] | None = None) -> dict[str, Carried]:
    says = rows.carry[side](values, linked or {})
    return {field.name: said for field, said in zip(rows.fields, says, strict=True)}


def read(rows: Rows, side: Side, values: Values) -> dict[str, object]:
    return {field.name: raw for field, raw in zip(rows.fields, rows.read[side](values), strict=True)}


def failure(said: object) -> Failure:
    assert isinstance(said, Failure)
    return said


# ------------------------------------------------------------------------------------------------- carrying and reading


def test_a_plain_row_carries_its_column_both_ways(tmp_path: Path) -> None:
    flow = account(tmp_path, "  city: {owner: both, dynamics: city, sap: City}")
    assert carried(flow.rows, "dynamics", {"city": "Ulm"}) == {"city": "Ulm"}
    assert carried(flow.rows, "sap", {"City": "Ulm"}) == {"city": "Ulm"}
    assert one(flow, "city").spread("sap", "Ulm") == {"City": "Ulm"}


@pytest.mark.parametrize("absent", [None, ""])
def test_null_and_empty_text_are_the_same_absence(tmp_path: Path, absent: Scalar) -> None:
    fields = """  city: {owner: both, dynamics: city, sap: City, via: trim}
  name: {owner: both, dynamics: name, sap: [Name1, Name2], via: {split: {width: 40}}, check: {max_length: 80}}
  plain: {owner: dynamics, dynamics: memo, sap: Note}"""
    flow = account(tmp_path, fields)
    nothing = {"city": None, "name": None, "plain": None}
    assert carried(flow.rows, "dynamics", dict.fromkeys(("city", "name", "memo"), absent)) == nothing
    assert read(flow.rows, "sap", dict.fromkeys(("City", "Name1", "Name2", "Note"), absent)) == nothing
    assert one(flow, "name").spread("sap", None) == {"Name1": None, "Name2": None}


def test_a_text_of_blanks_that_is_trimmed_away_is_absent(tmp_path: Path) -> None:
    flow = account(tmp_path, "  city: {owner: both, dynamics: city, sap: City, via: [trim, upper]}")
    assert carried(flow.rows, "dynamics", {"city": "   "}) == {"city": None}


def test_several_columns_are_a_tuple_in_the_order_of_the_row(tmp_path: Path) -> None:
    fields = (
        "  name: {owner: both, dynamics: name, sap: [Name1, Name2], via: {split: {width: 40}}, check: {max_length: 80}}"
    )
    flow = account(tmp_path, fields)
    assert read(flow.rows, "sap", {"Name1": "", "Name2": "Ltd"}) == {"name": (None, "Ltd")}
    assert carried(flow.rows, "sap", {"Name1": "Contoso", "Name2": "Ltd"}) == {"name": "Contoso Ltd"}
    assert carried(flow.rows, "dynamics", {"name": "Contoso"}) == {"name": ("Contoso", None)}
    assert one(flow, "name").spread("sap", ("Contoso", None)) == {"Name1": "Contoso", "Name2": None}


def test_as_many_columns_on_both_sides_need_no_verb(tmp_path: Path) -> None:
    flow = account(tmp_path, "  both: {owner: both, dynamics: [city, hold], sap: [City, Blocked]}")
    assert carried(flow.rows, "dynamics", {"city": "Ulm", "hold": False}) == {"both": ("Ulm", False)}
    assert carried(flow.rows, "sap", {"City": "", "Blocked": None}) == {"both": None}
    assert failure(carried(flow.rows, "sap", {"City": 5, "Blocked": True})["both"]).rule == "type"


def test_constants_and_cases_are_their_own_value_on_the_owners_side(tmp_path: Path) -> None:
    fields = """  group: {owner: dynamics, sap: Grouping, const: 0001, on: create}
  kind: {owner: sap, dynamics: type, const: 3}
  search:
    owner: dynamics
    sap: Search
    cases: [{when: {type: {in: [1, 2]}}, then: low}, {when: {limit: {ge: 12.50}}, then: high}]"""
    flow = account(tmp_path, fields)
    assert read(flow.rows, "dynamics", {"type": 2})["group"] == "0001"
    assert carried(flow.rows, "dynamics", {"type": 2})["search"] == "low"
    assert carried(flow.rows, "dynamics", {"limit": Decimal("12.5")})["search"] == "high"
    assert carried(flow.rows, "dynamics", {})["search"] is None
    assert read(flow.rows, "dynamics", {"type": 1})["search"] == "low"
    assert carried(flow.rows, "sap", {"Grouping": "0001"}) == {"group": SILENT, "kind": 3, "search": SILENT}
    assert one(flow, "search").columns["dynamics"] == ("type", "limit")
    assert one(flow, "group").create_only
    assert one(flow, "group").writes == {"dynamics": (), "sap": ("Grouping",)}


def test_a_calculation_reads_several_columns_and_has_no_way_back(tmp_path: Path) -> None:
    flow = account(tmp_path, "  used: {owner: sap, dynamics: percent, sap: [Open, Limit], calc: credit_used_percent}")
    amounts = {"Open": Decimal(25), "Limit": 200}
    assert carried(flow.rows, "sap", amounts)["used"] == Decimal("12.50")
    assert read(flow.rows, "sap", amounts)["used"] == (Decimal(25), 200)
    assert carried(flow.rows, "sap", {"Open": None, "Limit": Decimal(200)})["used"] == Decimal("0.00")
    assert carried(flow.rows, "sap", {"Open": Decimal(25)})["used"] is None
    assert carried(flow.rows, "dynamics", {"percent": Decimal(1)})["used"] is SILENT
    assert failure(carried(flow.rows, "sap", {"Open": 0.5, "Limit": Decimal(1)})["used"]).rule == "float"
    huge = {"Open": Decimal("1E+90"), "Limit": Decimal(1)}
    assert failure(carried(flow.rows, "sap", huge)["used"]).rule == "calc"


def test_a_row_with_a_condition_is_absent_where_it_fails(tmp_path: Path) -> None:
    fields = """  tax_type:
    owner: dynamics
    dynamics: country
    sap: Country
    when: {number: {present: true}}
    via: {code: {table: countries}}"""
    flow = account(tmp_path, fields)
    assert carried(flow.rows, "dynamics", {"country": "Germany", "number": "1"})["tax_type"] == "DE"
    assert carried(flow.rows, "dynamics", {"country": "Germany"})["tax_type"] is None
    assert read(flow.rows, "dynamics", {"country": "Germany"})["tax_type"] is None
    assert read(flow.rows, "dynamics", {"country": "Germany", "number": "1"})["tax_type"] == "Germany"
    assert carried(flow.rows, "sap", {"Country": "DE"})["tax_type"] is SILENT
    assert one(flow, "tax_type").columns["dynamics"] == ("country", "number")


def test_absence_can_become_a_value_on_either_way(tmp_path: Path) -> None:
    fields = """  note: {owner: dynamics, dynamics: memo, sap: Note, via: [trim, {default: {value: none}}, upper]}
  count: {owner: dynamics, dynamics: count, sap: Count, via: {default: {value: 7}}}
  limit: {owner: dynamics, dynamics: limit, sap: Limit, via: [{default: {value: 12.50}}, money]}
  hold: {owner: both, dynamics: hold, sap: Group, via: mark}"""
    flow = account(tmp_path, fields)
    absent = carried(flow.rows, "dynamics", {"memo": "  "})
    assert absent == {"note": "NONE", "count": 7, "limit": Decimal("12.50"), "hold": None}
    assert carried(flow.rows, "dynamics", {"memo": "x", "hold": True})["note"] == "X"
    assert carried(flow.rows, "sap", {"Group": ""})["hold"] is False
    assert carried(flow.rows, "sap", {"Group": "X"})["hold"] is True
    assert failure(carried(flow.rows, "sap", {"Group": "Y"})["hold"]).rule == "mark"


def test_what_a_verb_refuses_fails_its_field_alone_and_tells_no_personal_value(tmp_path: Path) -> None:
    fields = """  country: {owner: dynamics, dynamics: country, sap: Country, via: {code: {table: countries}}}
  open: {owner: dynamics, dynamics: name, sap: Search, personal: false, via: [{code: {table: countries}}]}
  city: {owner: dynamics, dynamics: city, sap: City}"""
    flow = account(tmp_path, fields)
    said = carried(flow.rows, "dynamics", {"country": "Atlantis", "name": "Atlantis", "city": "Ulm"})
    hidden, told = failure(said["country"]), failure(said["open"])
    assert hidden.rule == "code countries"
    assert "country: found 8 characters, expected a word of code table countries" in hidden.message
    assert "Atlantis" not in hidden.message
    assert "found 'Atlantis'" in told.message
    assert said["city"] == "Ulm"


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("limit", 12.5, "float"),
        ("limit", "12.5", "type"),
        ("count", True, "type"),
        ("count", Decimal(5), "type"),
        ("hold", 1, "type"),
        ("since", datetime(2024, 3, 9, tzinfo=UTC), "type"),
        ("city", 5, "type"),
    ],
)
def test_a_value_of_the_wrong_type_fails_its_field(tmp_path: Path, column: str, value: object, rule: str) -> None:
    fields = """  city: {owner: dynamics, dynamics: city, sap: City}
  limit: {owner: dynamics, dynamics: limit, sap: Limit, via: money}
  count: {owner: dynamics, dynamics: count, sap: Count}
  hold: {owner: dynamics, dynamics: hold, sap: Blocked}
  since: {owner: dynamics, dynamics: since, sap: Since}"""
    flow = account(tmp_path, fields)
    said = carried(flow.rows, "dynamics", {column: value})  # type: ignore[dict-item]  # wrong on purpose
    assert failure(said[column]).rule == rule


def test_a_whole_number_is_an_amount_too(tmp_path: Path) -> None:
    flow = account(tmp_path, "  limit: {owner: both, dynamics: limit, sap: Limit}")
    said = carried(flow.rows, "dynamics", {"limit": 5})["limit"]
    assert said == Decimal(5)
    assert isinstance(said, Decimal)


# ----------------------------------------------------------------------------------------------------------- references

LINKED = "  parent: {{owner: {owner}, dynamics: _parent_value, sap: Group, via: {via}}}"
PARENT = Reference("s4/account", "dynamics", "k1")


def test_a_reference_is_carried_by_its_link_or_is_missing(tmp_path: Path) -> None:
    flow = account(tmp_path, LINKED.format(owner="both", via="{link: {to: account}}"))
    assert carried(flow.rows, "dynamics", {"_parent_value": "k1"}, {PARENT: "17"})["parent"] == "17"
    assert carried(flow.rows, "dynamics", {"_parent_value": "k1"})["parent"] == Missing(PARENT)
    assert carried(flow.rows, "dynamics", {})["parent"] is None
    back = Reference("s4/account", "sap", "17")
    assert carried(flow.rows, "sap", {"Group": "17"}, {back: "k1"})["parent"] == "k1"
    assert flow.rows.references("dynamics", {"_parent_value": "k1"}) == (("parent", PARENT),)
    assert flow.rows.references("sap", {"Group": "17"}) == (("parent", back),)
    assert flow.rows.references("sap", {"Group": ""}) == ()
    assert one(flow, "parent").reference == "s4/account"
    assert not one(flow, "parent").required


def test_a_link_and_a_form_of_the_key_work_together(tmp_path: Path) -> None:
    flow = account(tmp_path, LINKED.format(owner="both", via="[{link: {to: account}}, {alpha: {length: 10}}]"))
    assert carried(flow.rows, "dynamics", {"_parent_value": "k1"}, {PARENT: "17"})["parent"] == "0000000017"
    back = Reference("s4/account", "sap", "17")
    assert carried(flow.rows, "sap", {"Group": "0000000017"}, {back: "k1"})["parent"] == "k1"
    assert carried(flow.rows, "sap", {"Group": "0000000017"})["parent"] == Missing(back)
    assert flow.rows.references("sap", {"Group": "0000000017"}) == (("parent", back),)
    assert flow.rows.references("sap", {"Group": 17}) == ()


def test_a_reference_of_one_owner_is_looked_up_from_that_side_only(tmp_path: Path) -> None:
    flow = account(tmp_path, LINKED.format(owner="dynamics", via="{link: {to: account, required: false}}"))
    assert flow.rows.references("sap", {"Group": "17"}) == ()
    assert carried(flow.rows, "sap", {"Group": "17"})["parent"] is SILENT


def test_a_conditional_reference_counts_only_where_it_holds(tmp_path: Path) -> None:
    row = LINKED.format(owner="dynamics", via="{link: {to: account}}, when: {type: 3}")
    flow = account(tmp_path, row)
    assert flow.rows.references("dynamics", {"_parent_value": "k1", "type": 3}) == (("parent", PARENT),)
    assert flow.rows.references("dynamics", {"_parent_value": "k1", "type": 4}) == ()


def test_a_key_that_cannot_be_read_refers_to_nothing(tmp_path: Path) -> None:
    row = LINKED.format(owner="both", via="[{link: {to: account}}, {prefix: {text: P-}}]")
    flow = account(tmp_path, row)
    assert flow.rows.references("sap", {"Group": "17"}) == ()
    assert failure(carried(flow.rows, "sap", {"Group": "17"})["parent"]).rule == "prefix"
    assert flow.rows.references("sap", {"Group": "P-17"}) == (("parent", Reference("s4/account", "sap", "17")),)


# --------------------------------------------------------------------------------------------------------------- limits


def rules(flow: Flow, name: str, side: Side, value: object) -> list[str]:
    return [found.rule for found in one(flow, name).problems(side, value)]  # type: ignore[arg-type]  # wrong on purpose


def test_a_value_must_fit_the_column_it_is_written_to(tmp_path: Path) -> None:
    fields = """  name:
    {owner: dynamics, dynamics: name, sap: [Name1, Name2], via: {split: {width: 40}}, check: {max_length: 80}}
  city: {owner: both, dynamics: city, sap: City}
  limit: {owner: dynamics, dynamics: limit, sap: Limit}
  seen: {owner: sap, dynamics: seen, sap: Since, via: day}"""
    flow = account(tmp_path, fields)
    assert rules(flow, "name", "sap", ("x" * 41, None)) == ["length"]
    assert rules(flow, "name", "sap", ("x" * 40, "x")) == []
    assert rules(flow, "city", "sap", "x" * 41) == ["length"]
    assert rules(flow, "city", "sap", None) == rules(flow, "city", "dynamics", "") == []
    assert rules(flow, "city", "sap", 5) == ["type"]
    assert rules(flow, "limit", "sap", Decimal("1.234")) == ["rounding"]
    assert rules(flow, "limit", "sap", Decimal("1.230")) == []
    assert rules(flow, "limit", "sap", Decimal("NaN")) == ["number"]
    assert rules(flow, "limit", "sap", 1.5) == ["float"]
    assert rules(flow, "seen", "dynamics", datetime(2024, 3, 9)) == ["type"]  # that is the case
    assert rules(flow, "seen", "dynamics", datetime(2024, 3, 9, tzinfo=UTC)) == []
    assert rules(flow, "seen", "sap", "never written") == []
    (found,) = one(flow, "city").problems("sap", "x" * 41)
    assert found.message == "city: found 41 characters, expected at most 40 characters for City; shorten it"


@pytest.mark.parametrize(
    ("check", "good", "bad", "rule"),
    [
        ("{required: true}", "x", None, "required"),
        ("{required: sap}", "x", "", "required"),
        ("{max_length: 3}", "abc", "abcd", "length"),
        ("{pattern: '[a-z]+'}", "abc", "ab1", "pattern"),
        ("{in: [a, 1, b]}", "1", "c", "in"),
    ],
)
def test_checks_judge_text(tmp_path: Path, check: str, good: str, bad: Scalar, rule: str) -> None:
    flow = account(tmp_path, f"  city: {{owner: dynamics, dynamics: city, sap: City, check: {check}}}")
    assert rules(flow, "city", "sap", good) == []
    assert rules(flow, "city", "sap", bad) == [rule]
    if rule != "required":
        assert rules(flow, "city", "sap", None) == []


def test_checks_judge_numbers_and_days(tmp_path: Path) -> None:
    fields = """  limit: {owner: dynamics, dynamics: limit, sap: Limit, check: {min: 0, max: 99.50}}
  since: {owner: dynamics, dynamics: since, sap: Since, check: {min: 2020-01-01}}"""
    flow = account(tmp_path, fields)
    assert rules(flow, "limit", "sap", Decimal("99.50")) == rules(flow, "limit", "sap", None) == []
    assert rules(flow, "limit", "sap", Decimal(100)) == ["max"]
    assert rules(flow, "limit", "sap", Decimal(-1)) == ["min"]
    assert rules(flow, "limit", "sap", "1") == ["type"]
    assert rules(flow, "since", "sap", date(2019, 12, 31)) == ["min"]
    assert rules(flow, "since", "sap", date(2020, 1, 1)) == []


def test_required_is_asked_of_the_written_side_only(tmp_path: Path) -> None:
    flow = account(tmp_path, "  city: {owner: both, dynamics: city, sap: City, check: {required: sap}}")
    assert rules(flow, "city", "dynamics", None) == []
    assert rules(flow, "city", "sap", None) == ["required"]


# ------------------------------------------------------------------------------------------- fingerprints and the rest


def test_a_fingerprint_changes_with_how_a_field_is_read_and_with_nothing_else(tmp_path: Path) -> None:
    def of(number: int, row: str, codes: str = "A: B", parts: str = "T1") -> str:
        more = f"parts: {{tax: {{Type: {parts}}}}}"
        fields = "  x: " + row
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "codes").mkdir()
        (folder / "codes" / "words.yaml").write_text(codes)
        return account(folder, fields, more).rows.fields[0].fingerprint

    base = of(0, "{owner: both, dynamics: city, sap: City, via: trim}")
    assert base == of(1, "{owner: dynamics, dynamics: city, sap: City, via: trim, clash: sap, check: {required: true}}")
    assert base != of(2, "{owner: both, dynamics: city, sap: City}")
    assert base != of(3, "{owner: both, dynamics: city, sap: Search, via: trim, check: {max_length: 20}}")
    coded = "{owner: dynamics, dynamics: country, sap: Country, via: {code: {table: words}}}"
    assert of(4, coded) != of(5, coded, codes="A: C")
    taxed = "{owner: both, dynamics: number, sap: tax.Number, check: {max_length: 10}}"
    assert of(6, taxed) != of(7, taxed, parts="T2")
    group = "{owner: dynamics, sap: Grouping, const: '%s', on: create}"
    assert of(8, group % "a") != of(9, group % "b")


def test_a_row_with_then_is_both_sides_until_it_was_in_step(tmp_path: Path) -> None:
    flow = account(tmp_path, "  city: {owner: {until_linked: dynamics, then: sap}, dynamics: city, sap: City}")
    field = one(flow, "city")
    assert (field.owner, field.then) == ("dynamics", "sap")
    assert field.writes == {"dynamics": ("city",), "sap": ("City",)}


def test_what_a_row_says_of_its_field_is_kept(tmp_path: Path) -> None:
    row = "{owner: both, dynamics: city, sap: City, clash: sap, empty: wins, "
    row += "personal: false, money: true, forms: [upper]}"
    field = one(account(tmp_path, f"  city: {row}"), "city")
    assert (field.clash, field.empty_wins, field.personal, field.money, field.forms) == (
        "sap",
        True,
        False,
        True,
        ("upper",),
    )
    quiet = one(account(tmp_path, "  city: {owner: both, dynamics: city, sap: City}", "clash: dynamics"), "city")
    assert (quiet.clash, quiet.empty_wins, quiet.personal, quiet.money, quiet.forms) == (
        "dynamics",
        False,
        True,
        False,
        (),
    )


def test_odd_names_are_data_and_never_code(tmp_path: Path) -> None:
    odd = "x'] + __import__('os').abort() or get['"
    more = f'columns: {{dynamics: {{"{odd}": {{}}}}}}'
    flow = account(tmp_path, f'  "{odd}": {{owner: both, dynamics: "{odd}", sap: Note}}', more)
    assert carried(flow.rows, "dynamics", {odd: "quiet"}) == {odd: "quiet"}
