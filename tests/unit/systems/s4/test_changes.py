"""Sweeping for touched records. The properties run against a list that behaves as the service would."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Unavailable
from shared.ports import Page
from shared.systems.s4 import changes, codec
from shared.systems.s4.objects import STRUCTURES

ORDER, PARTNER = STRUCTURES["SalesOrder"], STRUCTURES["BusinessPartner"]
NOW = datetime(2025, 3, 10, 12, tzinfo=UTC)


def ticks(moment: datetime) -> str:
    return f"/Date({codec.milliseconds(moment)}+0000)/"


def orders(address: str, stamps: dict[str, datetime], page_rows: int) -> dict[str, Any]:
    """Answer as the service does, with its own limit of rows a page."""
    since = re.search(r"ge datetimeoffset'([^']*)'", unquote(address))
    skip = re.search(r"\$skip=(\d+)", address)
    assert since is not None
    assert skip is not None
    low = datetime.fromisoformat(since[1])
    found = sorted((stamp, key) for key, stamp in stamps.items() if stamp >= low)[int(skip[1]) :]
    body: dict[str, Any] = {
        "results": [{"SalesOrder": key, "LastChangeDateTime": ticks(stamp)} for stamp, key in found[:page_rows]]
    }
    return body | ({"__next": "somewhere"} if len(found) > page_rows else {})


def sweep(stamps: dict[str, datetime], watermark: str, page_rows: int = 500) -> tuple[list[str], str]:
    keys: list[str] = []
    for _ in range(1000):
        question = changes.ask(ORDER, watermark)
        page = changes.answer(ORDER, question, orders(question.address, stamps, page_rows), NOW)
        keys += [each.key for each in page.touched]
        watermark = page.watermark
        if not page.more:
            return keys, watermark
    raise AssertionError("the sweep does not end")


def test_a_sweep_begins_now_and_looks_back_by_the_overlap() -> None:
    address = unquote(changes.ask(ORDER, changes.begin(ORDER, NOW)).address)
    assert address == (
        "A_SalesOrder?$select=SalesOrder,LastChangeDateTime"
        "&$filter=LastChangeDateTime ge datetimeoffset'2025-03-10T11:55:00.000Z'"
        "&$orderby=LastChangeDateTime,SalesOrder&$top=500&$skip=0"
    )


def test_a_touched_order_carries_its_version() -> None:
    question = changes.ask(ORDER, changes.begin(ORDER, NOW))
    page = changes.answer(ORDER, question, orders(question.address, {"7": NOW}, 10), NOW)
    assert [(each.key, each.version, each.deleted) for each in page.touched] == [("7", codec.milliseconds(NOW), False)]


@given(
    st.dictionaries(st.text("0123456789", min_size=1, max_size=4), st.integers(0, 6), max_size=30),
    st.integers(min_value=1, max_value=5),
)
def test_no_order_is_missed_whatever_the_page_size_and_however_many_share_a_stamp(
    seconds: dict[str, int], page_rows: int
) -> None:
    stamps = {key: NOW + timedelta(seconds=number) for key, number in seconds.items()}
    found, watermark = sweep(stamps, changes.begin(ORDER, NOW), page_rows)
    assert set(found) == set(stamps)
    high = datetime.fromisoformat(json.loads(watermark)["high"])
    assert high == max([NOW, *stamps.values()])


def test_an_order_changed_between_two_pages_pushes_no_other_one_out() -> None:
    stamps = {str(number): NOW + timedelta(seconds=number) for number in range(10)}
    question = changes.ask(ORDER, changes.begin(ORDER, NOW))
    first = changes.answer(ORDER, question, orders(question.address, stamps, 3), NOW)
    stamps["0"] = NOW + timedelta(seconds=60)
    rest, _ = sweep(stamps, first.watermark, 3)
    assert {each.key for each in first.touched} | set(rest) == set(stamps)


def test_the_next_sweep_looks_back_before_the_newest_stamp() -> None:
    _, watermark = sweep({"1": NOW + timedelta(hours=1)}, changes.begin(ORDER, NOW))
    late = {"1": NOW + timedelta(hours=1), "2": NOW + timedelta(minutes=56), "3": NOW + timedelta(minutes=54)}
    assert sweep(late, watermark)[0] == ["2", "1"]


def partners(*rows: tuple[str, str, str]) -> dict[str, Any]:
    def ticked(day: str) -> str | None:
        return f"/Date({codec.milliseconds(datetime.fromisoformat(day).replace(tzinfo=UTC))})/" if day else None

    created = ticked("2020-01-01")
    return {
        "results": [
            {"BusinessPartner": key, "LastChangeDate": ticked(day), "LastChangeTime": time or None,
             "CreationDate": created, "CreationTime": "PT00H00M00S"}
            for key, day, time in rows
        ]
    }  # fmt: skip


def partner_page(watermark: str, *rows: tuple[str, str, str], more: bool = False) -> Page:
    body = partners(*rows) | ({"__next": "x"} if more else {})
    return changes.answer(PARTNER, changes.ask(PARTNER, watermark), body, NOW)


def test_partners_are_asked_for_by_day_one_day_back_and_new_ones_too() -> None:
    address = unquote(changes.ask(PARTNER, changes.begin(PARTNER, NOW)).address)
    assert address == (
        "A_BusinessPartner?$select=BusinessPartner,LastChangeDate,LastChangeTime,CreationDate,CreationTime"
        "&$filter=LastChangeDate ge datetime'2025-03-09T00:00:00' or CreationDate ge datetime'2025-03-09T00:00:00'"
        "&$orderby=BusinessPartner&$top=500&$skip=0"
    )


def test_the_time_of_day_spares_partners_that_were_seen_before() -> None:
    first = partner_page(
        changes.begin(PARTNER, NOW), ("1", "2025-03-10", "PT12H00M00S"), ("2", "2025-03-09", "PT01H00M00S")
    )
    assert [each.key for each in first.touched] == ["1", "2"]
    rows = (
        ("1", "2025-03-10", "PT12H00M00S"),
        ("2", "2025-03-09", "PT01H00M00S"),
        ("3", "2025-03-10", "PT10H56M00S"),
        ("4", "2025-03-10", "PT10H54M00S"),
        ("5", "2025-03-10", ""),
    )
    assert [each.key for each in partner_page(first.watermark, *rows).touched] == ["1", "3", "5"]


def test_a_partner_without_any_day_is_looked_at() -> None:
    body = {"results": [{"BusinessPartner": "1", "LastChangeDate": None, "CreationDate": None}]}
    watermark = json.dumps({"day": "2025-03-10", "high": "2025-03-10T12:00:00"})
    page = changes.answer(PARTNER, changes.ask(PARTNER, watermark), body, NOW)
    assert [each.key for each in page.touched] == ["1"]


def test_pages_of_partners_go_on_by_skip_and_keep_the_day_that_the_pass_began() -> None:
    begun = changes.begin(PARTNER, NOW)
    first = partner_page(begun, ("1", "2025-03-10", "PT12H00M00S"), more=True)
    assert first.more
    assert "$skip=1" in changes.ask(PARTNER, first.watermark).address
    second = partner_page(first.watermark, ("2", "2025-03-10", "PT09H00M00S"))
    assert (second.more, [each.key for each in second.touched]) == (False, ["2"])
    assert json.loads(second.watermark) == {"day": "2025-03-10", "high": "2025-03-10T12:00:00"}


def test_an_answer_without_the_stamp_is_no_page() -> None:
    with pytest.raises(Unavailable):
        changes.answer(ORDER, changes.ask(ORDER, changes.begin(ORDER, NOW)), {"results": [{"SalesOrder": "1"}]}, NOW)
