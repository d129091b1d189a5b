"""Cron expressions: what they allow, what they refuse, and what they do when clocks change."""

from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.cron import parse
from shared.errors import BadMapping
from shared.mapping.load import load_flows
from shared.ops.schedule import due, latest
from tests.sim.flows import CRM, ERP

BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its clocks jump by half an hour


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def strikes(expression: str, first: str, last: str, zone: tzinfo = UTC) -> list[str]:
    """All strikes between two moments, as a timer that looks each minute sees them."""
    cron, now, found = parse(expression), at(first), []
    while now <= at(last):
        struck = cron.latest(now, zone)
        if struck is not None and struck >= at(first) and (not found or struck > found[-1]):
            found.append(struck)
        now += timedelta(minutes=1)
    return [f"{one:%d %H:%M}" for one in found]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 2 * * mon-fri", "2026-07-15 02:00"),
        ("0 2 * * sun", "2026-07-12 02:00"),
        ("0 2 * * 7", "2026-07-12 02:00"),
        ("0 2 * * 0,6", "2026-07-12 02:00"),
        ("*/15 * * * *", "2026-07-15 12:00"),
        ("10-50/20 8-11 * * *", "2026-07-15 11:50"),
        ("5/20 11 * * *", "2026-07-15 11:45"),
        ("0 0 1 * *", "2026-07-01 00:00"),
        ("0 0 31 * *", "2026-05-31 00:00"),
        ("30 23 31 DEC *", "2025-12-31 23:30"),
        ("0 0 29 2 *", "2024-02-29 00:00"),
        ("0 3 13 * fri", "2026-07-13 03:00"),  # either day: the 13th was a Monday
        ("0 3 */2 * fri", "2026-07-03 03:00"),  # a star is no restriction of its own: a Friday of an odd day
    ],
)
def test_the_last_strike(expression: str, expected: str) -> None:
    now = at("2026-07-15T12:01")  # a Wednesday
    assert parse(expression).latest(now, UTC) == at(expected)


def test_a_strike_counts_from_its_very_moment() -> None:
    assert parse("30 12 * * *").latest(at("2026-07-15T12:30"), UTC) == at("2026-07-15T12:30")
    assert parse("30 12 * * *").latest(at("2026-07-15T12:29:59"), UTC) == at("2026-07-14T12:30")


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("0 2 * *", "4 fields"),
        ("0 2 * * * *", "6 fields"),
        ("60 * * * *", "minute '60'"),
        ("0 24 * * *", "hour '24'"),
        ("0 0 0 * *", "day '0'"),
        ("0 0 * 13 *", "month '13'"),
        ("0 0 * * 8", "weekday '8'"),
        ("0 0 * * fri-mon", "runs backwards"),
        ("*/0 * * * *", "outside"),
        ("*-5 * * * *", "expected"),
        ("a * * * *", "minute 'a'"),
        ("1,,2 * * * *", "expected"),
        ("-1 * * * *", "expected"),
        ("0 0 31 2 *", "never strikes"),
        ("0 0 31 apr,jun *", "never strikes"),
        ("@daily", "1 fields"),
        ("", "0 fields"),
    ],
)
def test_what_nobody_can_read_is_refused_with_what_was_found(expression: str, says: str) -> None:
    with pytest.raises(ValueError, match="cron") as caught:
        parse(expression)
    assert says in str(caught.value)


# ------------------------------------------------------------------------------------------------ when clocks change


def test_a_time_that_the_clock_leaves_out_strikes_once_and_later_by_the_jump() -> None:
    # on 29 March 2026 Berlin's clocks jump from 02:00 to 03:00, which is 01:00 UTC
    assert strikes("30 2 * * *", "2026-03-28T00:00", "2026-03-30T12:00", BERLIN) == ["28 01:30", "29 01:30", "30 00:30"]


def test_a_time_that_comes_twice_strikes_once() -> None:
    # on 25 October 2026 Berlin's clocks go back from 03:00 to 02:00, which is 01:00 UTC
    assert strikes("30 2 * * *", "2026-10-24T00:00", "2026-10-26T12:00", BERLIN) == ["24 00:30", "25 00:30", "26 01:30"]


def test_what_strikes_in_every_hour_strikes_in_each_hour_that_there_is() -> None:
    autumn = strikes("*/30 * * * *", "2026-10-24T23:45", "2026-10-25T02:15", BERLIN)
    assert autumn == ["25 00:00", "25 00:30", "25 01:00", "25 01:30", "25 02:00"]
    spring = strikes("*/30 * * * *", "2026-03-29T00:15", "2026-03-29T01:45", BERLIN)
    assert spring == ["29 00:30", "29 01:00", "29 01:30"]


def test_half_an_hour_is_a_jump_too() -> None:
    # on 4 October 2026 Lord Howe's clocks jump from 02:00 to 02:30, which is 15:30 UTC on the 3rd
    assert strikes("15 2 * * *", "2026-10-03T12:00", "2026-10-03T20:00", LORD_HOWE) == ["03 15:45"]


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    when=st.datetimes(datetime(2020, 1, 2), datetime(2035, 1, 1)),
    zone=st.sampled_from([UTC, BERLIN, LORD_HOWE, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu")]),
)
def test_a_daily_time_is_never_more_than_a_day_and_its_jump_away(
    minute: int, hour: int, when: datetime, zone: tzinfo
) -> None:
    now = when.replace(tzinfo=UTC)
    struck = parse(f"{minute} {hour} * * *").latest(now, zone)
    assert struck is not None
    assert timedelta(0) <= now - struck <= timedelta(hours=25, minutes=1)
    assert parse(f"{minute} {hour} * * *").latest(struck, zone) == struck


# ------------------------------------------------------------------------------------------------------- in a mapping


def test_a_schedule_of_five_fields_is_due_once_in_its_zone() -> None:
    schedule = {"cron": "0 2 * * mon-fri", "zone": "Europe/Berlin"}
    assert latest(schedule, at("2026-07-13T08:00")) == at("2026-07-13T00:00")
    assert latest(schedule, at("2026-07-12T08:00")) == at("2026-07-10T00:00"), "no run on Sunday"
    assert due(schedule, at("2026-07-12T23:59"), at("2026-07-13T00:00"))
    assert not due(schedule, at("2026-07-13T00:00"), at("2026-07-13T23:59"))
    assert due(schedule, None, at("2026-07-13T00:00"))


def test_a_zone_may_stand_beside_any_time_of_the_clock() -> None:
    now = at("2026-07-15T12:00")
    assert latest({"zone": "Europe/Berlin", "daily": "02:00"}, now) == latest({"daily": "02:00 Europe/Berlin"}, now)
    with pytest.raises(BadMapping, match="Mars"):
        latest({"cron": "0 2 * * *", "zone": "Mars/Base"}, now)


@pytest.mark.parametrize(
    ("sweep", "says"),
    [
        ("{cron: '0 2 * * mon-fri', zone: Europe/Berlin}", ""),
        ("{daily: '02:00', zone: Europe/Berlin}", ""),
        ("{cron: '0 25 * * *'}", "hour '25'"),
        ("{cron: '0 2 * * mon-fri', zone: Europe/Berlim}", "unknown time zone; did you mean 'Europe/Berlin'?"),
        ("{every: 15m, zone: Europe/Berlin}", "zone belongs to daily, weekly or cron"),
        ("{zone: Europe/Berlin}", "zone belongs to daily, weekly or cron"),
    ],
)
def test_a_mapping_says_when_it_is_swept_and_is_refused_with_the_reason(tmp_path: Path, sweep: str, says: str) -> None:
    source = Path(__file__).parents[1] / "sim" / "mappings" / "s4"
    folder = tmp_path / "s4"
    folder.mkdir()
    (folder / "partner.yaml").write_text((source / "partner.yaml").read_text("utf-8") + f"sweep: {sweep}\n", "utf-8")
    if not says:
        flow = load_flows(folder, {"dataverse": CRM, "s4": ERP}, {})["s4/partner"]
        assert latest(flow.sweep, at("2026-07-15T12:00")) == at("2026-07-15T00:00")
        return
    with pytest.raises(BadMapping) as caught:
        load_flows(folder, {"dataverse": CRM, "s4": ERP}, {})
    assert says in str(caught.value)
