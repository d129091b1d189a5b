"""Rows: what goes in comes out, also from a version later or earlier, and what does not fit is refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.link import Base, Intent, JournalEntry, LineLink, Link, Problem
from shared.core.model import Change, Reference
from shared.errors import NeedsPerson
from shared.ports import Parked, Step
from shared.state import rows

NOW = datetime(2024, 3, 9, 14, 30, 15, 123456, tzinfo=UTC)
TEXT = st.text(max_size=12)
TIMES = st.datetimes(timezones=st.just(UTC))
SIDES = st.sampled_from(("dynamics", "sap"))
BASES = st.dictionaries(TEXT, st.builds(Base, TEXT, TEXT, TEXT), max_size=3)
PROBLEMS = st.builds(
    Problem, TEXT, st.sampled_from(("dynamics", "sap", "")), TEXT, TEXT, st.tuples(TEXT, TEXT), st.none() | TIMES
)
LINKS = st.builds(
    Link,
    pair=TEXT,
    dynamics=TEXT,
    sap=TEXT,
    status=st.sampled_from(("claimed", "linked", "retired", "merged")),
    base=BASES,
    lines=st.lists(st.builds(LineLink, TEXT, TEXT, BASES, gone=st.booleans()), max_size=3).map(tuple),
    parked=st.lists(PROBLEMS, max_size=2).map(tuple),
    intents=st.lists(
        st.builds(Intent, SIDES, st.sampled_from(("create", "update")), TIMES, st.dictionaries(TEXT, TEXT, max_size=2)),
        max_size=2,
    ).map(tuple),
    recent=st.lists(st.tuples(TIMES, TEXT, TEXT), max_size=2).map(tuple),
    versions=st.dictionaries(SIDES, st.integers(0, 2**63), max_size=2),
    born=st.dictionaries(SIDES, TIMES, max_size=2),
    linked_at=st.none() | TIMES,
    claimed_by=TEXT,
    claimed_until=st.none() | TIMES,
)
ENTRIES = st.builds(
    JournalEntry,
    at=st.datetimes(min_value=datetime(1980, 1, 1), timezones=st.just(UTC)),
    side=SIDES,
    correlation=TEXT,
    cause=TEXT,
    outcome=TEXT,
    reason=TEXT,
    asked_by=TEXT,
    writes=st.lists(TEXT, max_size=2).map(tuple),
    fields=st.dictionaries(TEXT, st.tuples(TEXT, TEXT), max_size=2),
    notes=st.lists(TEXT, max_size=2).map(tuple),
)


@given(LINKS)
def test_a_link_comes_back(link: Link) -> None:
    assert rows.link_from(rows.link_row(link), 'W/"1"') == replace(link, etag='W/"1"')


@given(ENTRIES)
def test_a_journal_entry_comes_back(entry: JournalEntry) -> None:
    assert rows.journal_from(rows.journal_row(Link("p", "k"), entry, "0")) == entry


@given(st.lists(PROBLEMS, max_size=3).map(tuple), SIDES, st.integers(0, 99))
def test_a_parked_record_comes_back(problems: tuple[Problem, ...], side: str, attempts: int) -> None:
    parked = Parked("s4/account", side, "1/2", problems, "c", attempts)  # type: ignore[arg-type]  sampled from sides
    assert rows.parked_from(rows.parked_row(parked)) == parked


@given(st.text())
def test_a_watermark_comes_back(value: str) -> None:
    assert rows.watermark_from(rows.watermark_row("a/b", value)) == value


def test_a_waiter_and_a_step_come_back() -> None:
    waiter, step = Change("s4/order", "sap", "1", "o", "c"), Step(NOW, "s4/order", "sap", "1", "geschrieben")
    assert rows.waiting_from(rows.waiting_row(Reference("s4/account", "sap", "2"), waiter, NOW)) == (waiter, NOW)
    assert rows.step_from(rows.step_row("c", step, "0")) == step


def test_rows_say_their_version_and_what_they_are_about_to_who_looks_into_the_table() -> None:
    row = rows.link_row(Link("pair", "k", "1000", "linked"))
    assert {name: row[name] for name in ("v", "pair", "dynamics", "sap", "status")} == {
        "v": 1,
        "pair": "pair",
        "dynamics": "k",
        "sap": "1000",
        "status": "linked",
    }


def test_what_a_later_version_added_is_ignored() -> None:
    link = Link("p", "k", "1", "linked", base={"f": Base("a", "b", "c")}, parked=(Problem("f", "sap", "c", "m"),))
    row = rows.link_row(link)
    data = json.loads(row["data"])
    data |= {"colour": "red"}
    data["base"]["f"] |= {"salt": 1}
    data["parked"][0] |= {"since_when": "ever"}
    row |= {"data": json.dumps(data), "v": 2, "extra": True}
    assert rows.link_from(row, "") == link


def test_what_a_former_version_did_not_write_has_its_default() -> None:
    row = rows.link_row(Link("p", "k", claimed_by="w")) | {"data": '{"pair":"p","dynamics":"k"}'}
    assert rows.link_from(row, "") == Link("p", "k")


def test_members_at_their_default_are_not_written() -> None:
    assert rows.link_row(Link("p", "k"))["data"] == '{"pair":"p","dynamics":"k"}'


@pytest.mark.parametrize("lines", [0, 1, 50, 400, 2000])
def test_no_property_outgrows_what_the_service_takes(lines: int) -> None:
    link = Link(
        "p", "k", lines=tuple(LineLink(f"line {n}", str(n), {"q": Base(f"{n}", f"{-n}", "ü")}) for n in range(lines))
    )
    row = rows.link_row(link)
    assert all(len(value.encode("utf-16-le")) <= 64 * 1024 for value in row.values() if isinstance(value, str))
    assert all(len(value) <= 64 * 1024 for value in row.values() if isinstance(value, bytes))
    assert rows.link_from(row, "") == link


def test_a_watermark_that_cannot_be_compressed_is_spread_over_properties_in_their_order() -> None:
    value = "".join(chr(33 + (n * n * 7919 + n * 104729) % 60000 % 55000) for n in range(150_000))
    row = rows.watermark_row("a/b", value)
    assert len([name for name in row if name.startswith("data")]) > 3
    assert rows.watermark_from(dict(sorted(row.items(), reverse=True))) == value


def test_what_does_not_fit_a_row_is_refused_with_its_name_and_size() -> None:
    with pytest.raises(
        NeedsPerson, match=r"the watermark a/b takes [0-9,]+ bytes of state, a table row holds 1,000,000"
    ):
        rows.watermark_row("a/b", "".join(chr(33 + n * 7919 % 55000) + chr(33 + n % 10007) for n in range(2_000_000)))


def test_size_counts_text_in_utf_16_and_names_and_binary_as_it_travels() -> None:
    assert rows.size({"ab": "xyz"}) == 8 + 4 + 4 + 6
    assert rows.size({"a": b"123"}) == 8 + 2 + 4 + 4
    assert rows.size({"a": 1}) == 8 + 2 + 8
    assert rows.size({"a": "😀"}) == 8 + 2 + 4 + 4
