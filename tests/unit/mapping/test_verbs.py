from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.mapping.functions import FUNCTIONS, credit_used_percent, describe, line_net_amount, net_unit_price
from shared.mapping.verbs import VERBS, CodeTable, Quiet, Unfit, Verb
from shared.mapping.verbs.verb import always, as_long, unknown

TABLES = {
    "countries": CodeTable("countries", {"Germany": "DE", "Deutschland": "DE", "Norway": "NO"}, {"DE": "Germany"}),
    "terms": CodeTable("terms", {"1": "NT30"}, {"NT30": "1", "0001": None}),
    "torn": CodeTable("torn", {"a": "X", "b": "X"}, {}, ("X",)),
}


def verb(name: str, **arguments: object) -> Verb:
    return VERBS[name](**arguments)


def back(one: Verb, value: object) -> object:
    assert one.back is not None
    return one.back(value)


# ------------------------------------------------------------------------------------------------------------ lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Contoso", ("Contoso", None)),
        ("0123456789", ("0123456789", None)),
        ("0123456789ab", ("0123456789", "ab")),
        ("012345678 ab", ("012345678", "ab")),  # the seam falls behind a blank: that one is dropped
        ("01234567  ab", ("01234567", " ab")),  # two: the second one leads the next line
        ("0123456789 ab", ("0123456789", " ab")),  # the blank is behind a full line: it leads the next
        ("  ", (None, None)),
    ],
)
def test_split_makes_consecutive_lines_that_never_end_with_a_blank(text: str, lines: tuple[str | None, ...]) -> None:
    split = verb("split", width=10)
    assert split.there(text) == lines
    assert back(split, lines) == text.rstrip()


@given(st.text(alphabet="ab ", max_size=34), st.integers(2, 3))
def test_split_comes_back_exactly_or_is_refused(text: str, parts: int) -> None:
    split = verb("split", width=10, parts=parts)
    try:
        lines = split.there(text)
    except Unfit:
        assume(False)  # hypothesis' own way: refused texts are another test's
    as_sap_keeps_them = tuple(line and line.rstrip() for line in lines)
    assert len(lines) == parts
    assert all(len(line or "") <= 10 for line in lines)
    assert back(split, as_sap_keeps_them) == text.rstrip()


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=10), max_size=2))
def test_what_people_typed_in_two_lines_is_in_step_with_what_it_became(words: list[str]) -> None:
    split = verb("split", width=10)
    lines = (*words, *(None,) * (2 - len(words)))
    joined = back(split, lines)
    assert back(split, split.there(joined) if joined else lines) == joined


def test_split_refuses_what_does_not_fit_its_lines() -> None:
    with pytest.raises(Unfit, match="2 lines of 10"):
        verb("split", width=10).there("x" * 21)
    with pytest.raises(Unfit):
        verb("split", width=10, parts=3).there("x" + " " * 25 + "y")


def test_join_leaves_absent_parts_out() -> None:
    assert verb("join").there(("Ann", None)) == "Ann"
    assert verb("join", separator=", ").there(("Ann", "Lee")) == "Ann, Lee"


# ----------------------------------------------------------------------------------------------------------- streets


@pytest.mark.parametrize(
    ("line", "street", "number"),
    [
        ("Königstraße 12a", "Königstraße", "12a"),
        ("Am Markt 12-14", "Am Markt", "12-14"),
        ("Am Markt 12 - 14", "Am Markt", "12 - 14"),
        ("Allee der 12 Linden 135", "Allee der 12 Linden", "135"),
        ("C 4, 12", "C 4,", "12"),
        ("Hauptstr. 5 b", "Hauptstr.", "5 b"),
        ("Hauptstr. 5/7", "Hauptstr.", "5/7"),
        ("Königstraße", "Königstraße", None),
        ("Allee der 12 Linden", "Allee der 12 Linden", None),
        ("12 rue de la Paix", "12 rue de la Paix", None),
        ("Hauptstr.12", "Hauptstr.12", None),
        ("12", "12", None),
        ("Hauptstr.  5", "Hauptstr.  5", None),
        ("Am Markt 1234567890123", "Am Markt 1234567890123", None),
        ("  Am Markt 1 ", "Am Markt", "1"),
        ("   ", None, None),
    ],
)
def test_a_street_gives_its_house_number(line: str, street: str | None, number: str | None) -> None:
    assert verb("street").there(line) == (street, number)
    assert back(verb("street"), (street, number)) == line.strip()


@pytest.mark.parametrize(
    ("line", "street", "number"),
    [
        ("221B Baker Street", "Baker Street", "221B"),
        ("12 rue de la Paix", "rue de la Paix", "12"),
        ("1600 Pennsylvania Ave NW", "Pennsylvania Ave NW", "1600"),
        ("Königstraße 12a", "Königstraße 12a", None),
    ],
)
def test_a_number_in_front_is_split_where_a_row_says_so(line: str, street: str, number: str | None) -> None:
    assert verb("street", number="first").there(line) == (street, number)
    assert back(verb("street", number="first"), (street, number)) == line


@given(st.text(alphabet="aB 1290-/.", max_size=20), st.sampled_from(["first", "last"]))
def test_every_street_comes_back_as_it_was(line: str, where: str) -> None:
    street = verb("street", number=where)
    assert back(street, street.there(line)) == line.strip()


# -------------------------------------------------------------------------------------------------- other text, codes


@pytest.mark.parametrize(
    ("name", "arguments", "dynamics", "sap"),
    [
        ("trim", {}, " a b ", "a b"),
        ("compact", {}, " DE 123 456 789 ", "DE123456789"),
        ("lower", {}, "A@b.C", "a@b.c"),
        ("upper", {}, "ab", "AB"),
        ("cut", {"length": 3}, "abcd", "abc"),
        ("alpha", {"length": 10}, "4711", "0000004711"),
        ("alpha", {"length": 10}, "A-1", "A-1"),
        ("digits", {}, "+49 (89) 1x2", "+498912"),
        ("phone", {}, "+49 (89) 123-45", "+498912345"),
        ("prefix", {"text": "D365-"}, "7", "D365-7"),
        ("strip_prefix", {"text": "DE"}, "DE7", "7"),
        ("replace", {"find": ";", "by": ","}, "a;b", "a,b"),
        ("money", {}, Decimal("52.6500"), Decimal("52.65")),
        ("round", {"scale": 1}, Decimal("2.25"), Decimal("2.3")),
        ("number", {}, Decimal("12.50"), "12.50"),
        ("whole", {}, 5, Decimal(5)),
        ("option", {}, 3, "3"),
        ("flag", {"on": 1, "off": 0}, 1, True),
        ("flag", {"on": "yes", "off": "no"}, "no", False),
        ("mark", {}, True, "X"),
        ("mark", {"on": "1", "off": "2"}, False, "2"),
        ("iso_date", {}, "2024-03-09", date(2024, 3, 9)),
        ("dats", {}, date(2024, 3, 9), "20240309"),
        ("day", {}, datetime(2024, 3, 9, 7, 15, tzinfo=UTC), date(2024, 3, 9)),
        ("day", {"zone": "Europe/Berlin"}, datetime(2024, 3, 8, 23, 30, tzinfo=UTC), date(2024, 3, 9)),
        ("link", {"to": "account"}, "k", "k"),
        ("default", {"value": "x"}, "k", "k"),
    ],
)
def test_each_verb_does_what_its_name_says(
    name: str, arguments: dict[str, object], dynamics: object, sap: object
) -> None:
    one = verb(name, **arguments)
    assert one.there(dynamics) == sap
    if one.back is not None:
        assert one.there(one.back(sap)) == sap  # what came back leads there again


@pytest.mark.parametrize("name", ["cut", "join", "digits", "replace", "round", "default"])
def test_verbs_that_lose_something_have_no_way_back(name: str) -> None:
    arguments = {"cut": {"length": 1}, "replace": {"find": "a", "by": "b"}, "default": {"value": 1}}
    assert verb(name, **arguments.get(name, {})).back is None


@pytest.mark.parametrize(
    ("name", "arguments", "value", "rule"),
    [
        ("alpha", {"length": 3}, "12345", "length"),
        ("phone", {}, "call Ann", "phone"),
        ("strip_prefix", {"text": "DE"}, "FR7", "prefix"),
        ("money", {}, Decimal("52.655"), "rounding"),
        ("money", {}, Decimal("NaN"), "rounding"),
        ("round", {}, Decimal("Infinity"), "number"),
        ("number", {}, Decimal("NaN"), "number"),
        ("flag", {"on": 1, "off": 0}, 2, "flag"),
        ("iso_date", {}, "9.3.2024", "date"),
        ("day", {}, datetime(2024, 3, 9), "date"),  # that is the case
        ("day", {"zone": "Asia/Tokyo"}, datetime.max.replace(tzinfo=UTC), "date"),
    ],
)
def test_what_a_verb_cannot_say_is_refused_on_the_way_there(
    name: str, arguments: dict[str, object], value: object, rule: str
) -> None:
    with pytest.raises(Unfit) as why:
        verb(name, **arguments).there(value)
    assert why.value.rule == rule
    assert str(value) not in str(why.value)


@pytest.mark.parametrize(
    ("name", "arguments", "value", "rule"),
    [
        ("number", {}, "1e3", "number"),
        ("whole", {}, Decimal("1.5"), "whole"),
        ("option", {}, "x", "option"),
        ("option", {}, "1" * 5000, "option"),
        ("mark", {}, "Y", "mark"),
        ("prefix", {"text": "D365-"}, "SO-1", "prefix"),
        ("dats", {}, "99999999", "date"),
        ("day", {"zone": "Asia/Tokyo"}, date.min, "date"),
    ],
)
def test_what_a_verb_cannot_say_is_refused_on_the_way_back(
    name: str, arguments: dict[str, object], value: object, rule: str
) -> None:
    with pytest.raises(Unfit) as why:
        back(verb(name, **arguments), value)
    assert why.value.rule == rule


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("cut", {"length": 0}),
        ("split", {"width": 0}),
        ("split", {"width": 5, "parts": 0}),
        ("join", {"parts": 1}),
        ("street", {"number": "middle"}),
        ("alpha", {"length": 0}),
        ("replace", {"find": "", "by": "x"}),
        ("flag", {"on": 1, "off": 1}),
        ("flag", {"on": 1, "off": "0"}),
        ("mark", {"on": ""}),
        ("mark", {"on": "X", "off": "X"}),
        ("day", {"zone": "Mars/Olympus"}),
        ("day", {"zone": "../etc"}),
    ],
)
def test_arguments_without_sense_are_refused(name: str, arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        verb(name, **arguments)


def test_a_sap_number_with_a_trailing_sign_is_negative() -> None:
    assert back(verb("number"), " 12.50- ") == Decimal("-12.50")


def test_no_date_in_sap_is_no_date_in_dynamics() -> None:
    assert back(verb("dats"), "00000000") is None


def test_an_empty_mark_means_no() -> None:
    assert verb("mark").absent_back is False
    assert verb("mark", on="1", off="2").absent_back is None


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]))
def test_a_day_comes_back_as_the_same_day_in_every_zone(found: date, zone: str) -> None:
    day = verb("day", zone=zone)
    instant = back(day, found)
    assert isinstance(instant, datetime)
    assert day.there(instant) == found
    assert day.there(instant + timedelta(hours=22)) == found


def test_codes_go_by_their_table() -> None:
    code = verb("code", table="countries", tables=TABLES)
    assert code.there("Deutschland") == "DE"
    assert back(code, "DE") == "Germany"
    assert back(verb("code", table="terms", tables=TABLES), "0001") is None


def test_codes_can_ignore_case() -> None:
    assert verb("code", table="countries", fold=True, tables=TABLES).there("deutschLAND") == "DE"


def test_a_word_that_a_table_lacks_is_refused_and_never_told() -> None:
    code = verb("code", table="countries", tables=TABLES)
    with pytest.raises(Unfit, match=r"codes/countries\.yaml") as why:
        code.there("Atlantis")
    assert "Atlantis" not in str(why.value)
    with pytest.raises(Unfit) as why:
        back(code, "XX")
    assert why.value.rule == "code countries"


def test_a_code_for_all_other_words_makes_a_table_one_way() -> None:
    code = verb("code", table="countries", otherwise="XX", tables=TABLES)
    assert code.there("Atlantis") == "XX"
    assert code.back is None


def test_short_words_can_be_codes_already() -> None:
    code = verb("code", table="countries", keep=2, tables=TABLES)
    assert code.there("XX") == back(code, "XX") == "XX"
    with pytest.raises(Unfit):
        code.there("XXX")
    assert verb("code", table="countries", keep=20, tables=TABLES).lengths[0](80) == 20


def test_a_row_can_stay_silent_about_what_a_table_lacks() -> None:
    code = verb("code", table="countries", unknown="silent", tables=TABLES)
    with pytest.raises(Quiet):
        code.there("Atlantis")
    with pytest.raises(Quiet):
        back(code, "XX")


def test_an_empty_table_knows_nothing() -> None:
    with pytest.raises(Unfit):
        verb("code", table="empty", tables={"empty": CodeTable("empty", {}, {})}).there("x")


def test_a_table_with_an_unclear_way_back_is_one_way() -> None:
    assert verb("code", table="torn", tables=TABLES).back is None


def test_an_unknown_table_is_looked_up_in_vain() -> None:
    with pytest.raises(LookupError):
        verb("code", table="planets", tables=TABLES)


@pytest.mark.parametrize(
    ("name", "arguments", "there", "back_"),
    [
        ("trim", {}, (80, None), (80, None)),
        ("cut", {"length": 20}, (20, 20), (20, 20)),
        ("split", {"width": 40}, (80, 80), (80, 80)),
        ("join", {"separator": ", "}, (82, None), (None, None)),
        ("street", {}, (80, None), (81, None)),
        ("prefix", {"text": "ab"}, (82, None), (78, None)),
        ("replace", {"find": "a", "by": "bb"}, (None, None), (None, None)),
        ("replace", {"find": "a", "by": "b"}, (80, None), (None, None)),
    ],
)
def test_verbs_know_how_long_their_texts_can_get(
    name: str, arguments: dict[str, object], there: tuple[int | None, ...], back_: tuple[int | None, ...]
) -> None:
    one = verb(name, **arguments)
    assert (one.lengths[0](80), one.lengths[0](None)) == there
    assert (one.lengths[1](80), one.lengths[1](None)) == back_


def test_length_rules_are_what_they_are_called() -> None:
    assert (as_long(3), unknown(3), always(4)(None)) == (3, None, 4)


# ------------------------------------------------------------------------------------------------------ calculations


def test_credit_used_is_a_share_in_percent() -> None:
    assert credit_used_percent(Decimal(25), Decimal(200)) == Decimal("12.50")
    assert credit_used_percent(None, Decimal(200)) == Decimal("0.00")
    assert credit_used_percent(Decimal(25), Decimal(0)) is None


def test_a_line_is_quantity_times_price_less_discount() -> None:
    assert line_net_amount(Decimal(3), Decimal("19.99"), Decimal(10)) == Decimal("53.97")
    assert line_net_amount(Decimal(3), Decimal("19.99"), None) == Decimal("59.97")


def test_a_line_discount_is_spread_over_its_units() -> None:
    assert net_unit_price(Decimal(20), Decimal(3), Decimal(2)) == Decimal("18.50")
    assert net_unit_price(Decimal(20), None, Decimal(2)) == Decimal("20.00")
    assert net_unit_price(Decimal(20), None, Decimal(0)) is None


def test_functions_are_described_by_their_annotations() -> None:
    made = describe(credit_used_percent)
    assert (made.takes, made.optional, made.gives) == (("decimal", "decimal"), (True, False), "decimal")
    assert all(function.function.__doc__ for function in FUNCTIONS.values())
    assert all(function.__doc__ for function in VERBS.values())
