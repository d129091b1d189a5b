"""Cron expressions of five fields: '0 2 * * mon-fri' is two o'clock on working days. Pure: the zone is handed in.

Minute, hour, day of month, month, day of week; each '*', '5', '1-5', '*/15', '10-40/10' or a list of such. Months and
days have names; 0 and 7 are both Sunday. Where both days are restricted, either strikes (crontab(5)).

When clocks change (as Vixie cron has it): a time that is left out strikes as much later as the clock jumps; a time that
comes twice strikes the first time. An expression for every hour follows the sun: it strikes in each hour that there is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
DAYS_BACK_MAX = 366 * 8 + 1  # the 29th of February is at most eight years away (1900 and 2100 are no leap years)
_PART = re.compile(r"(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/(\d+))?")


@dataclass(frozen=True, slots=True)
class Cron:
    """A read expression: what each field allows. `weekdays` count from Sunday = 0."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    every_hour: bool

    def latest(self, now: datetime, zone: tzinfo) -> datetime | None:
        """Return the last strike that is not after `now`, in UTC; None for one that never came."""
        today = now.astimezone(zone).date()
        for back in range(DAYS_BACK_MAX):
            strikes = [at for at in self._on(today - timedelta(days=back), zone) if at <= now]
            if strikes:
                return max(strikes)
        return None

    def _on(self, day: date, zone: tzinfo) -> Iterator[datetime]:
        if day.month not in self.months or not self._falls_on(day):
            return
        for hour in self.hours:
            for minute in self.minutes:
                yield from self._strikes(datetime.combine(day, time(hour, minute), zone))

    def _falls_on(self, day: date) -> bool:
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_date or by_weekday if self.either_day else by_date and by_weekday

    def _strikes(self, wall: datetime) -> Iterator[datetime]:
        first, second = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
        if not self.every_hour or first == second:
            yield first  # of a time that is left out: with the zone's offset before, so later by the jump
        elif first < second:  # comes twice
            yield from (first, second)


def parse(text: str) -> Cron:
    """Read an expression. Raises ValueError saying what was found and expected."""
    parts = text.lower().split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"cron {text!r} has {len(parts)} fields, expected five: minute hour day month weekday")
    minutes, hours, days, months, weekdays = (
        _field(part, *field, text) for part, field in zip(parts, _FIELDS, strict=True)
    )
    weekdays = {number % 7 for number in weekdays}
    any_weekday = len(weekdays) == len(DAYS)
    if any_weekday and min(days) > max(LONGEST_MONTHS[month - 1] for month in months):
        raise ValueError(f"cron {text!r} never strikes: none of its months has a day {min(days)}")
    return Cron(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(weekdays),
        either_day=not parts[2].startswith("*") and not parts[4].startswith("*"),
        every_hour=parts[1].startswith("*"),
    )


def _names(names: tuple[str, ...], first: int) -> Mapping[str, int]:
    return {name: number for number, name in enumerate(names, first)}


_FIELDS: tuple[tuple[str, int, int, Mapping[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day", 1, 31, {}),
    ("month", 1, 12, _names(MONTHS, 1)),
    ("weekday", 0, 7, _names(DAYS, 0)),
)


def _field(part: str, title: str, lowest: int, highest: int, names: Mapping[str, int], text: str) -> set[int]:
    found: set[int] = set()
    for one in part.split(","):
        shape = _PART.fullmatch(one)
        if shape is None or (shape[1] == "*" and shape[2]):
            raise ValueError(f"cron {text!r}: found {title} {one!r}, expected *, 5, 1-5, */15, or a list of such")
        step = int(shape[3] or 1)
        if shape[1] == "*":
            start, end = lowest, highest
        else:
            start = _number(shape[1], names)
            end = _number(shape[2], names) if shape[2] else highest if shape[3] else start
        if not lowest <= start <= end <= highest or step < 1:
            raise ValueError(f"cron {text!r}: {title} {one!r} is outside {lowest} to {highest}, or runs backwards")
        found |= set(range(start, end + 1, step))
    return found


def _number(text: str, names: Mapping[str, int]) -> int:
    return names[text] if text in names else int(text) if text.isdecimal() else -1
