from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.model import Column, Scalar
from shared.systems.s4 import codec

READS: list[tuple[Column, object, Scalar]] = [
    (Column("text"), "", None),
    (Column("text"), " 01 ", " 01 "),
    (Column("date"), "/Date(1735689600000)/", date(2025, 1, 1)),
    (Column("date"), "/Date(-86400000)/", date(1969, 12, 31)),
    (Column("date"), "/Date(253402214400000)/", date(9999, 12, 31)),
    (Column("date"), "2025-01-01T00:00:00", date(2025, 1, 1)),
    (Column("date"), None, None),
    (Column("instant"), "/Date(1735689600123+0000)/", datetime(2025, 1, 1, 0, 0, 0, 123000, UTC)),
    (Column("instant"), "/Date(1735689600123+0060)/", datetime(2025, 1, 1, 0, 0, 0, 123000, UTC)),
    (Column("instant"), "2025-01-01T01:00:00.1234567+01:00", datetime(2025, 1, 1, 0, 0, 0, 123456, UTC)),
    (Column("decimal"), "12.50", Decimal("12.50")),
    (Column("decimal"), "0", Decimal(0)),
    (Column("decimal"), Decimal("10.10"), Decimal("10.10")),
    (Column("time"), "PT12H34M56S", "12:34:56"),
    (Column("time"), "PT7H", "07:00:00"),
    (Column("flag"), False, False),
    (Column("flag"), "X", True),
    (Column("int"), "7", 7),
    (Column("guid"), "00163E0D-47B0-1EDA-A8F3-0123456789AB", "00163e0d-47b0-1eda-a8f3-0123456789ab"),
]


@pytest.mark.parametrize(("column", "raw", "value"), READS)
def test_a_json_value_is_read_by_its_columns_type(column: Column, raw: object, value: Scalar) -> None:
    assert codec.read_value(column, raw) == value


def test_trailing_zeros_of_a_decimal_survive() -> None:
    assert str(codec.read_value(Column("decimal"), "12.500")) == "12.500"


@pytest.mark.parametrize(
    ("kind", "raw"),
    [("date", "31.12.2025"), ("decimal", "1,5"), ("decimal", 1.5), ("flag", "maybe"), ("time", "noon"), ("text", {})],
)
def test_a_value_that_is_not_what_the_metadata_says_is_refused(kind: str, raw: object) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        codec.read_value(Column(kind), raw)  # type: ignore[arg-type]  # parametrized names are plain text


WRITES: list[tuple[Column, Scalar, object]] = [
    (Column("text"), None, ""),
    (Column("text"), Decimal("5.0"), "5.0"),
    (Column("flag"), None, False),
    (Column("date"), None, None),
    (Column("date"), date(2025, 1, 1), "/Date(1735689600000)/"),
    (Column("instant"), datetime(2025, 1, 1, 0, 0, 0, 123000, UTC), "/Date(1735689600123+0000)/"),
    (Column("decimal"), Decimal("1E+3"), "1000"),
    (Column("decimal"), Decimal("12.50"), "12.50"),
    (Column("decimal", scale=3), Decimal("1.5000000000"), "1.500"),
    (Column("decimal", scale=0), Decimal("7.0000000000"), "7"),
    (Column("decimal", scale=3), Decimal("1.2345000000"), "1.2345"),
    (Column("decimal", scale=3), Decimal("-100.00"), "-100.00"),
    (Column("decimal", scale=0), Decimal("1E+3"), "1000"),
    (Column("decimal"), 5, "5"),
    (Column("time"), "12:34", "PT12H34M00S"),
]


@pytest.mark.parametrize(("column", "value", "raw"), WRITES)
def test_a_value_is_written_as_gateway_reads_it(column: Column, value: Scalar, raw: object) -> None:
    assert codec.write_value(column, value) == raw


LITERALS: list[tuple[Column, Scalar, str]] = [
    (Column("text"), "O'Brien & Co", "'O''Brien & Co'"),
    (Column("text"), None, "''"),
    (Column("date"), None, "null"),
    (Column("date"), date(2025, 1, 1), "datetime'2025-01-01T00:00:00'"),
    (Column("instant"), datetime(2025, 1, 1, tzinfo=UTC), "datetimeoffset'2025-01-01T00:00:00.000Z'"),
    (Column("decimal"), Decimal("10.5"), "10.5M"),
    (Column("flag"), False, "false"),
    (Column("guid"), "00163e0d-47b0-1eda-a8f3-0123456789ab", "guid'00163e0d-47b0-1eda-a8f3-0123456789ab'"),
    (Column("time"), "12:00:00", "time'PT12H00M00S'"),
]


@pytest.mark.parametrize(("column", "value", "text"), LITERALS)
def test_a_filter_literal_has_its_types_form(column: Column, value: Scalar, text: str) -> None:
    assert codec.literal(column, value) == text


def test_a_filter_is_percent_encoded_where_an_address_needs_it() -> None:
    assert codec.escape("Name eq 'O''Brien & Söhne #1+2'") == "Name%20eq%20'O''Brien%20%26%20S%C3%B6hne%20%231%2B2'"


def test_a_key_with_marks_of_the_address_stays_one_key() -> None:
    assert codec.key_predicate({"Product": "A/B 'C'"}) == "('A%2FB%20''C''')"
    assert codec.key_predicate({"Customer": "1", "CompanyCode": "1710"}) == "(Customer='1',CompanyCode='1710')"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**14), max_value=10**14))
def test_a_decimal_is_the_same_after_the_way_there_and_back(value: Decimal) -> None:
    column = Column("decimal")
    assert codec.read_value(column, codec.write_value(column, value)) == value


@given(st.dates())
def test_a_day_is_the_same_after_the_way_there_and_back(value: date) -> None:
    column = Column("date")
    assert codec.read_value(column, codec.write_value(column, value)) == value


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_keeps_its_milliseconds(value: datetime) -> None:
    column = Column("instant")
    expected = value.replace(microsecond=value.microsecond // 1000 * 1000)
    assert codec.read_value(column, codec.write_value(column, value)) == expected
