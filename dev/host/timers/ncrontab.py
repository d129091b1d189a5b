"""When a timer is due: NCRONTAB with six fields, or a .NET time span. Pure; in UTC, as on Flex.

It follows the NCrontab library that the real host uses, also where that differs from Unix cron: day of month AND day of
week must both match, a reversed range is swapped, `5/15` runs from 5 to the field's end, Sunday is 0 and 7 is refused,
and a name may be any prefix of the English one.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import product
from typing import Protocol

from dev.host.settings import timespan_seconds

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
# name, least, greatest, names: in the order of the expression
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
# 29 February on a given weekday comes back after 40 years at most (2096 to 2104 has no leap day between).
_SEARCH_DAYS_MAX = 40 * 366


class Schedule(Protocol):
    """Something that is due now and then."""

    def next(self, after: datetime) -> datetime | None:
        """Give the first time it is due strictly after `after` (aware), or None if that never comes."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """A constant interval, as of a time span: due one interval after the last time."""

    interval: timedelta

    def next(self, after: datetime) -> datetime:
        """`after` plus the interval."""
        return after + self.interval


@dataclass(frozen=True, slots=True)
class Cron:
    """The matching values of each field, ascending."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    def next(self, after: datetime) -> datetime | None:
        """First match strictly after `after`, to the second; None for a date that does not exist (30 February)."""
        start = after.replace(microsecond=0) + timedelta(seconds=1)
        day, earliest = start.date(), start.time()
        for _ in range(_SEARCH_DAYS_MAX):
            weekday = day.isoweekday() % 7
            if day.month in self.months and day.day in self.days and weekday in self.weekdays:
                due = self._first_time(earliest)
                if due is not None:
                    return datetime.combine(day, due, tzinfo=after.tzinfo)
            day, earliest = day + timedelta(days=1), time.min
        return None

    def _first_time(self, earliest: time) -> time | None:
        for hour in (hour for hour in self.hours if hour >= earliest.hour):
            for minute, second in product(self.minutes, self.seconds):
                due = time(hour, minute, second)
                if due >= earliest:
                    return due
        return None


def parse(expression: str) -> Schedule:
    """Read '0 */5 * * * *' (sec min hour day month dow), '*/5 * * * *' (no seconds) or '00:05:00' (an interval)."""
    fields = expression.split()
    if len(fields) == 1 and ":" in expression:
        interval = timespan_seconds(expression)
        if interval <= 0:
            raise ValueError(f"{expression!r}: the interval must be longer than zero")
        return Every(timedelta(seconds=interval))
    if len(fields) == len(_FIELDS) - 1:
        fields = ["0", *fields]
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"{expression!r} is no schedule: expected 'hh:mm:ss' or "
            "six fields (second minute hour day month day-of-week)"
        )
    try:
        return Cron(*(_field(text, *field) for text, field in zip(fields, _FIELDS, strict=True)))
    except ValueError as error:
        raise ValueError(f"{expression!r}: {error}") from error


def _field(text: str, name: str, least: int, greatest: int, names: tuple[str, ...]) -> tuple[int, ...]:
    values: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        if slash and not step_text.isdigit():
            raise ValueError(f"{part!r} in {name}: the step must be a number")
        step = max(1, int(step_text or 1))
        if span == "*":
            first, last = least, greatest
        elif "-" in span:
            first, last = sorted(_value(end, name, least, greatest, names) for end in span.split("-", 1))
        else:
            first = _value(span, name, least, greatest, names)
            last = greatest if step > 1 else first
        values.update(range(first, last + 1, step))
    return tuple(sorted(values))


def _value(text: str, name: str, least: int, greatest: int, names: tuple[str, ...]) -> int:
    if text.isdigit():
        value = int(text)
        if not least <= value <= greatest:
            raise ValueError(f"{value} in {name}: expected {least} to {greatest}")
        return value
    for offset, word in enumerate(names):
        if text and word.lower().startswith(text.lower()):
            return least + offset
    raise ValueError(
        f"{text!r} in {name}: expected {least} to {greatest}" + (f" or {', '.join(names)}" if names else "")
    )
