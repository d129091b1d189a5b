"""What counts as the same value, and the keyed digests that the state keeps in place of values."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.digest import Seal, empty, plain, same
from shared.core.model import Value

SEAL = Seal("k2", {"k2": b"b" * 16, "k1": b"a" * 16})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Decimal("12.50"), Decimal("12.5")),
        (Decimal(12), 12),
        (Decimal("1E+2"), 100),
        (None, ""),
        ((None, ""), None),
        (Decimal("-0.00"), 0),
        (
            datetime(2026, 1, 1, 12, tzinfo=UTC),
            datetime(2026, 1, 1, 13, tzinfo=timezone(timedelta(hours=1))),
        ),
    ],
)
def test_equal_business_values_are_the_same_and_have_one_digest(one: Value, other: Value) -> None:
    assert same(one, other)
    assert SEAL.digest(one) == SEAL.digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "A"),
        (0, None),
        (False, None),
        (("a", "b"), ("ab", "")),
        (date(2026, 1, 1), date(2026, 1, 2)),
        ("1", "1.0"),
    ],
)
def test_other_values_have_other_digests(one: Value, other: Value) -> None:
    assert not same(one, other)
    assert SEAL.digest(one) != SEAL.digest(other)


@pytest.mark.parametrize("value", [False, 0, (False, "")])
def test_a_false_flag_and_a_zero_are_no_absence(value: Value) -> None:
    assert not empty(value)


@pytest.mark.parametrize("value", [None, "", ("", None)])
def test_absences_and_empty_texts_are_empty(value: Value) -> None:
    assert empty(value)


def test_an_old_digest_is_compared_with_the_key_that_it_was_made_with() -> None:
    old = Seal("k1", {"k1": b"a" * 16}).digest("0049 123")
    assert old.startswith("k1:")
    assert SEAL.matches("0049 123", old)
    assert not SEAL.matches("0049 124", old)
    assert SEAL.digest("0049 123").startswith("k2:")


def test_a_digest_of_a_forgotten_key_is_known_to_be_useless() -> None:
    lost = Seal("k0", {"k0": b"c" * 16}).digest("x")
    assert not SEAL.knows(lost)
    assert not SEAL.matches("x", lost)


def test_two_keys_give_two_digests_so_that_a_table_of_phone_numbers_does_not_help() -> None:
    assert SEAL.digest("x").partition(":")[2] != Seal("k1", {"k1": b"a" * 16}).digest("x").partition(":")[2]


@given(st.text(), st.text())
def test_texts_are_the_same_only_if_they_are_equal(one: str, other: str) -> None:
    assert same(one, other) == (one == other)
    assert (plain(one) == plain(other)) == (one == other)


def test_amounts_keep_all_their_digits() -> None:
    assert not same(Decimal("12345678901234567.89012345678901"), Decimal("12345678901234567.89012345678902"))
    assert [plain(Decimal(text)) for text in ("-0.00", "1E+2", "12.50", "100")] == ["0", "100", "12.5", "100"]
