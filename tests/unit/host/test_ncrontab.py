"""When a timer is due. Source of the rules: the NCrontab library and the timer trigger reference."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dev.host.timers.ncrontab import Every, parse
from dev.host.timers.status import Status, StatusFile, check


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("0 */5 * * * *", "2026-11-20 21:00:00", "2026-11-20 21:05:00"),
        ("0 */5 * * * *", "2026-11-20 21:04:59.999999", "2026-11-20 21:05:00"),
        ("* * * * * *", "2026-11-20 21:00:00", "2026-11-20 21:00:01"),
        ("30 0 * * * *", "2026-11-20 23:00:30", "2026-11-21 00:00:30"),
        ("0 30 9 * * *", "2026-11-20 09:30:00", "2026-11-21 09:30:00"),
        ("0 0 9-17 * * *", "2026-11-20 17:00:00", "2026-11-21 09:00:00"),
        ("0 30 9 * * 1-5", "2026-11-20 10:00:00", "2026-11-23 09:30:00"),
        ("0 30 9 * Jan Mon", "2026-11-20 10:00:00", "2027-01-04 09:30:00"),
        ("0 30 9 * january monday", "2026-11-20 10:00:00", "2027-01-04 09:30:00"),
        ("0 0 0 29 2 *", "2026-11-20 10:00:00", "2028-02-29 00:00:00"),
        ("0 0 0 31 * *", "2026-11-20 10:00:00", "2026-12-31 00:00:00"),
        ("0 0 12 1,15 * *", "2026-11-15 12:00:00", "2026-12-01 12:00:00"),
        ("5/20 * * * * *", "2026-11-20 10:00:25", "2026-11-20 10:00:45"),
        ("5/20 * * * * *", "2026-11-20 10:00:45", "2026-11-20 10:01:05"),
        ("0 10-20/5,40 * * * *", "2026-11-20 10:20:00", "2026-11-20 10:40:00"),
        ("0 0 17-9/4 * * *", "2026-11-20 10:00:00", "2026-11-20 13:00:00"),
        ("0 0 0 13 * Fri", "2026-11-20 10:00:00", "2027-08-13 00:00:00"),
        ("59 59 23 31 12 *", "2026-12-31 23:59:59", "2027-12-31 23:59:59"),
        ("*/15 * * * *", "2026-11-20 10:46:00", "2026-11-20 11:00:00"),
        ("00:05:00", "2026-11-20 10:46:03", "2026-11-20 10:51:03"),
        ("24:00:00", "2026-11-20 10:00:00", "2026-12-14 10:00:00"),
        ("1.00:00:00", "2026-11-20 10:00:00", "2026-11-21 10:00:00"),
    ],
)
def test_the_next_time_is_the_first_match_after_now(expression: str, after: str, due: str) -> None:
    assert parse(expression).next(at(after)) == at(due)


def test_a_leap_day_on_a_weekday_is_found_across_a_century_without_one() -> None:
    due = parse("0 0 0 29 2 sun").next(at("2096-01-01"))
    assert due is not None
    assert (due.month, due.day, due.weekday()) == (2, 29, 6)
    assert due > at("2104-01-01")


def test_a_date_that_does_not_exist_never_comes() -> None:
    assert parse("0 0 0 30 2 *").next(at("2026-11-20")) is None


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("0 60 * * * *", "minute"),
        ("0 * 24 * * *", "hour"),
        ("0 * * 0 * *", "day"),
        ("0 * * * 13 *", "month"),
        ("0 * * * * 7", "day of week"),
        ("0 * * * foo *", "January"),
        ("0 */x * * * *", "step"),
        ("0 0 0 1 1 * 2026", "six fields"),
        ("nonsense", "six fields"),
        ("00:00:00", "longer than zero"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(expression: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(expression)


HOURLY = parse("0 0 * * * *")


def test_a_timer_that_never_ran_is_not_past_due() -> None:
    status, past_due = check(None, HOURLY, at("2026-11-20 10:30:00"))
    assert not past_due
    assert status == Status(None, at("2026-11-20 11:00:00"), at("2026-11-20 10:30:00"))


def test_a_run_that_was_missed_while_the_host_was_away_is_past_due() -> None:
    known = Status(at("2026-11-20 10:00:00"), at("2026-11-20 11:00:00"), at("2026-11-20 10:00:01"))
    assert check(known, HOURLY, at("2026-11-20 11:00:01")) == (known, True)
    assert check(known, HOURLY, at("2026-11-20 10:59:59")) == (known, False)


def test_the_first_run_of_a_timer_can_be_missed_too() -> None:
    known = Status(None, at("2026-11-20 11:00:00"), at("2026-11-20 10:30:00"))
    assert check(known, HOURLY, at("2026-11-20 12:00:00")) == (known, True)


def test_a_changed_schedule_is_no_missed_run() -> None:
    known = Status(at("2026-11-20 10:00:00"), at("2026-11-20 11:00:00"), at("2026-11-20 10:00:01"))
    status, past_due = check(known, parse("0 30 * * * *"), at("2026-11-20 15:00:00"))
    assert not past_due
    assert status.next == at("2026-11-20 15:30:00")


def test_an_interval_counts_from_the_last_run() -> None:
    every = Every(timedelta(minutes=5))
    known = Status(at("2026-11-20 10:00:02.5"), at("2026-11-20 10:05:02.5"), at("2026-11-20 10:00:03"))
    assert check(known, every, at("2026-11-20 10:05:03")) == (known, True)


def test_a_status_survives_in_its_file_beside_others(tmp_path: Path) -> None:
    file = StatusFile(tmp_path / "timers.json")
    one = Status(None, None, at("2026-11-20 10:00:00"))
    two = Status(at("2026-11-20 10:00:00.25"), at("2026-11-20 11:00:00"), at("2026-11-20 10:00:01"))
    file.write("one", one)
    file.write("two", two)
    again = StatusFile(tmp_path / "timers.json")
    assert (again.read("one"), again.read("two"), again.read("three")) == (one, two, None)


def test_an_unreadable_status_file_is_as_none(tmp_path: Path) -> None:
    (tmp_path / "timers.json").write_text("{")
    assert StatusFile(tmp_path / "timers.json").read("one") is None
