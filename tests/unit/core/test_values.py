from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.values import (
    alpha_in,
    alpha_out,
    exact,
    has_scale,
    rounded,
    sap_day,
    sap_day_text,
    shape,
    written_out,
)


@pytest.mark.parametrize(
    ("text", "number"), [("12.50", "12.50"), ("-3", "-3"), ("12.50-", "-12.50"), ("0", "0"), ("007", "7")]
)
def test_plain_decimal_text_is_read_exactly(text: str, number: str) -> None:
    assert str(exact(text)) == str(Decimal(number))


@pytest.mark.parametrize("text", ["", "1e3", "1,5", "NaN", " 1", "1.", ".5", "-1-", "0x10", "1_000", "१"])
def test_anything_but_a_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"12\.50"):
        exact(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12))
def test_a_number_survives_being_written_out(number: Decimal) -> None:
    assert exact(written_out(number)) == number


def test_numbers_are_written_without_an_exponent() -> None:
    assert written_out(Decimal("1E+2")) == "100"


@pytest.mark.parametrize(
    ("number", "scale", "expected"),
    [("2.345", 2, "2.35"), ("-2.345", 2, "-2.35"), ("12", 2, "12.00"), ("2.5", 0, "3"), ("0.004", 2, "0.00")],
)
def test_rounding_is_half_up_and_away_from_zero(number: str, scale: int, expected: str) -> None:
    assert str(rounded(Decimal(number), scale)) == expected


def test_the_widest_sap_decimal_is_rounded_without_loss() -> None:
    assert str(rounded(Decimal("12345678901234567.12345678901234"), 14)) == "12345678901234567.12345678901234"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1E+80"])
def test_what_cannot_be_rounded_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        rounded(Decimal(number), 2)
    assert not has_scale(Decimal(number), 2)


def test_scale_is_about_value_and_not_about_zeros() -> None:
    assert has_scale(Decimal("12.500"), 1)
    assert not has_scale(Decimal("12.55"), 1)


def test_sap_days_are_eight_digits_and_zeros_are_no_day() -> None:
    assert sap_day("20240309") == date(2024, 3, 9)
    assert sap_day("20241231") == date(2024, 12, 31)
    assert sap_day("00000000") is None
    assert sap_day("") is None
    assert sap_day_text(date(2024, 3, 9)) == "20240309"
    assert sap_day_text(date(1, 1, 1)) == "00010101"


@pytest.mark.parametrize("text", ["2024-03-09", "20241301", "2024030", "202403099"])
def test_a_malformed_sap_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        sap_day(text)


def test_alpha_conversion_pads_digits_only() -> None:
    assert alpha_in("4711", 10) == "0000004711"
    assert alpha_in("A11", 10) == "A11"
    assert alpha_out("0000004711") == "4711"
    assert alpha_out("000") == "0"
    assert alpha_out("0A1") == "0A1"
    assert alpha_in("१२", 10) == "१२"  # digits of other scripts are no SAP digits


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "nothing"),
        ("", "nothing"),
        (True, "a flag"),
        ("secret", "6 characters"),
        ("x", "1 character"),
        (Decimal("12.345"), "an amount with 3 decimals"),
        (Decimal("1E+3"), "an amount with 0 decimals"),
        (Decimal("NaN"), "a Decimal"),
        (7, "a whole number"),
        (datetime(2024, 3, 9, tzinfo=UTC), "an instant"),
        (datetime(2024, 3, 9), "an instant without a time zone"),  # that is the case
        (date(2024, 3, 9), "a day"),
        (("ab", None), "2 parts (2 characters, nothing)"),
        (1.5, "a float"),
    ],
)
def test_a_shape_tells_nothing_of_the_value(value: object, told: str) -> None:
    assert shape(value) == told
