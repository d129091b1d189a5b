"""Keys of table rows: nothing forbidden, nothing ambiguous, nothing too long, and in the right order."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.core.messages import canonical
from shared.state import keys

GUID = "9F0C1B7E-2D3A-4E5F-8A9B-0C1D2E3F4A5B"
PARTS = st.lists(st.text(max_size=30), min_size=1, max_size=4)
LONG = st.text(min_size=100, max_size=2000)
TIMES = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("d", "1000123"), "d|1000123"),
        (("s", "Müller/1"), "s|M=C3=BCller=2F1"),
        (("a|b",), "a=7Cb"),
        (("a=7Cb",), "a=3D7Cb"),
        (("d", GUID), f"d|{GUID.lower()}"),
        (("d", GUID + "x"), f"d|{GUID}x"),
        (("s4/account", "sap", ""), "s4=2Faccount|sap|"),
        (("dataverse.account@s4.100.BusinessPartner", "017"), "dataverse.account@s4.100.BusinessPartner|017"),
    ],
)
def test_a_key_reads_like_its_parts(parts: tuple[str, ...], expected: str) -> None:
    assert keys.key(*parts) == expected


@given(PARTS, PARTS)
@example(["a", "b"], ["a|b"])
@example(["=7C"], ["|"])
@example(["a", ""], ["a"])
def test_different_parts_are_different_keys(one: list[str], other: list[str]) -> None:
    same = [canonical(part) for part in one] == [canonical(part) for part in other]
    assert (keys.key(*one) == keys.key(*other)) == same


@given(LONG, LONG | st.text(max_size=80))
@example("x" * 201, keys.part("x" * 201))
@example("x" * 200, "x" * 201)
def test_long_parts_stay_different_and_are_no_other_part(one: str, other: str) -> None:
    assert (keys.part(one) == keys.part(other)) == (one == other)


@given(st.text(max_size=3000), st.text(max_size=3000), TIMES)
@example("ü" * 3000, "=" * 3000, datetime(2024, 3, 9, tzinfo=UTC))
def test_a_key_of_two_parts_and_a_time_fits_a_row_and_holds_nothing_forbidden(
    one: str, other: str, at: datetime
) -> None:
    suffix = next(keys.suffixes("abcd"))
    key = f"{keys.newest_first(at)}-{suffix}|{keys.key('dynamics', one, other)}"
    assert re.fullmatch(r"[A-Za-z0-9._@=|-]*", key)
    assert len(key.encode("utf-16-le")) <= 1024


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_the_range_of_a_prefix_holds_its_rows_and_no_others(one: str, other: str) -> None:
    first, last = keys.rows_below(keys.key("j", one))
    inside = f"{keys.key('j', one)}|{keys.newest_first(datetime(2024, 1, 1, tzinfo=UTC))}-0"
    assert first <= inside < last
    for outside in (keys.key("j", one + other), keys.key("j", one + "x", other), keys.key("d", one, other)):
        if outside.split("|")[:2] != ["j", keys.part(one)] or outside.count("|") < 2:
            assert not first <= outside < last


@given(TIMES, TIMES)
def test_times_sort_as_text_in_both_directions(one: datetime, other: datetime) -> None:
    assert (keys.oldest_first(one) < keys.oldest_first(other)) == (one < other)
    assert (keys.newest_first(one) > keys.newest_first(other)) == (one < other)
    assert len(keys.oldest_first(one)) == len(keys.newest_first(other)) == 17


def test_the_zone_of_a_time_does_not_matter() -> None:
    at = datetime(2024, 3, 9, 14, 30, tzinfo=UTC)
    east = at.astimezone(ZoneInfo("Asia/Tokyo"))
    assert keys.newest_first(at) == keys.newest_first(east)
    assert keys.oldest_first(at + timedelta(microseconds=1)) > keys.oldest_first(east)


def test_suffixes_of_a_worker_keep_their_order_in_both_directions() -> None:
    up, down = keys.suffixes("w"), keys.suffixes("w", down=True)
    ups, downs = [next(up) for _ in range(300)], [next(down) for _ in range(300)]
    assert ups == sorted(ups)
    assert downs == sorted(downs, reverse=True)
    assert len(set(ups)) == len(set(downs)) == 300
