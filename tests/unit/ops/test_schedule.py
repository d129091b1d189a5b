"""When a sweep is due: intervals, and times of day in their own zone."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.errors import BadMapping
from shared.ops.schedule import due, interval, latest

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)  # a Wednesday in summer


def test_a_flow_without_a_schedule_is_never_due_and_one_that_never_ran_is_at_once() -> None:
    assert not due({}, None, NOW)
    assert due({"every": "15m"}, None, NOW)


def test_an_interval_counts_from_the_last_run() -> None:
    assert due({"every": "15m"}, NOW - timedelta(minutes=15), NOW)
    assert not due({"every": "15m"}, NOW - timedelta(minutes=14), NOW)
    assert interval("2h") == timedelta(hours=2)


def test_two_o_clock_in_berlin_is_midnight_utc_in_summer_and_one_in_winter() -> None:
    assert latest({"daily": "02:00 Europe/Berlin"}, NOW) == datetime(2026, 7, 15, 0, tzinfo=UTC)
    winter = NOW.replace(month=1)
    assert latest({"daily": "02:00 Europe/Berlin"}, winter) == datetime(2026, 1, 15, 1, tzinfo=UTC)


def test_a_daily_run_is_due_once() -> None:
    assert due({"daily": "02:00"}, NOW - timedelta(days=1), NOW)
    assert not due({"daily": "02:00"}, NOW.replace(hour=2, minute=1), NOW)


def test_a_weekly_run_strikes_on_its_day() -> None:
    assert latest({"weekly": "sun 03:00"}, NOW) == datetime(2026, 7, 12, 3, tzinfo=UTC)
    assert latest({"weekly": "wed 12:00"}, NOW) == NOW
    assert latest({"weekly": "wed 12:01"}, NOW) == datetime(2026, 7, 8, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "schedule",
    [
        {"every": "0m"},
        {"every": "often"},
        {"daily": "25:00"},
        {"daily": "2:00"},
        {"weekly": "03:00"},
        {"daily": "02:00 Mars/Base"},
    ],
)
def test_a_schedule_that_nobody_can_read_is_refused_with_what_is_expected(schedule: dict) -> None:
    with pytest.raises(BadMapping, match="sweep"):
        due(schedule, NOW - timedelta(days=9), NOW)


def test_a_time_that_spring_leaves_out_strikes_once() -> None:
    schedule, last, runs = {"daily": "02:30", "zone": "Europe/Berlin"}, datetime(2026, 3, 28, 1, 30, tzinfo=UTC), 0
    for minute in range(150):  # clocks jump from two to three at 01:00 UTC
        now = datetime(2026, 3, 29, 0, 30, tzinfo=UTC) + timedelta(minutes=minute)
        assert latest(schedule, now) <= now
        if due(schedule, last, now):
            runs, last = runs + 1, now
    assert runs == 1
