"""Holes of the core's tests that mutation has found. What is stored has to be found again by the next version."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from shared.core.cron import parse
from shared.core.digest import Seal, plain
from shared.core.messages import born_in_sap, canonical, partition
from shared.core.values import has_scale, rounded, sap_day

SEAL = Seal("k1", {"k1": b"0123456789abcdef"})
GUID = "0F8FAD5B-D9CB-469F-A165-70867728950E"


def test_a_record_keeps_its_partition_from_version_to_version() -> None:
    pair = "dataverse.account@s4.100.BusinessPartner"
    assert partition(pair, GUID.lower()) == f"{pair}|051"
    assert partition(pair, "") == f"{pair}|037"
    assert born_in_sap(pair, "1000001") == "cc15def4-fc3e-5c5f-a5db-38fa2438f97d"


@pytest.mark.parametrize(
    ("value", "text", "digest"),
    [
        (True, "true", "k1:c5340fe85ba8303497"),
        (False, "false", "k1:fecdbd3ca477e2c8af"),
        (Decimal("12.50"), "12.5", "k1:838d940931bdce2b06"),
        (("Ann", None), "Ann\x1e", "k1:5126f66ce5baf20e49"),
        (datetime(2026, 3, 1, 8, tzinfo=UTC), "2026-03-01T08:00:00+00:00", "k1:60dc77144d057e13c9"),
        (date(2026, 3, 1), "2026-03-01", "k1:b0cbb97e8599844337"),
    ],
)
def test_a_value_keeps_its_digest_from_version_to_version(value, text: str, digest: str) -> None:
    assert plain(value) == text
    assert SEAL.digest(value) == digest


@pytest.mark.parametrize("written", [GUID, GUID.lower(), f"{{{GUID}}}", f" {GUID} "])
def test_a_guid_has_one_spelling(written: str) -> None:
    assert canonical(written) == GUID.lower()


@pytest.mark.parametrize("key", ["TG11", "A/b", " 1 ", "{X}", ""])
def test_any_other_key_is_left_as_it_is(key: str) -> None:
    assert canonical(key) == key


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 sep *", "0 0 31 nov *", "0 0 32 * mon"])
def test_a_day_that_a_month_never_has_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="cron"):
        parse(expression)


def test_one_day_that_comes_is_enough() -> None:
    assert parse("0 0 1,31 feb *").days == {1, 31}


def test_a_number_of_sixty_digits_is_rounded_and_one_of_more_is_refused() -> None:
    widest = Decimal("1" * 60)
    assert rounded(widest, 0) == widest
    with pytest.raises(ValueError, match="60 digits"):
        rounded(widest * 10 + 1, 0)
    assert has_scale(Decimal("NaN"), 2) is False


def test_digits_of_another_script_are_no_sap_day() -> None:
    with pytest.raises(ValueError, match="eight digits"):
        sap_day("२०२६०३०१")
