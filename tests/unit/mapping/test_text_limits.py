"""Mapping text beyond all measure is a fault like any other, and no crash."""

import pytest

from shared.mapping.load.text import parse


@pytest.mark.parametrize("source", ["[" * 2_000, "{a: " * 2_000, "- " * 2_000])
def test_endless_nesting_is_a_fault(source: str) -> None:
    assert parse(source).faults


def test_a_number_of_more_digits_than_python_reads_is_text() -> None:
    assert parse("9" * 4_000).data == int("9" * 4_000)
    assert parse("-" + "9" * 5_000).data == "-" + "9" * 5_000
