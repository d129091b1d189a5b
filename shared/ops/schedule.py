"""When a flow is swept: the schedule stands in its mapping, its last run in the state. Pure.

Zones are named in the schedule because Flex Consumption ignores WEBSITE_TIME_ZONE.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.core import cron
from shared.errors import BadMapping

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def due(schedule: Mapping[str, str], last: datetime | None, now: datetime) -> bool:
    """Return whether a run is due: {'every': '15m'}, {'daily': '02:00'}, {'weekly': 'sun 03:00'}, {'cron': …}.

    {'daily': '02:00', 'zone': 'Europe/Berlin'} is two o'clock there, in summer and in winter; 'daily': '02:00
    Europe/Berlin' says the same. Never run: due at once.
    """
    if not schedule:
        return False
    if last is None:
        return True
    if "every" in schedule:
        return now - last >= interval(schedule["every"])
    return last < latest(schedule, now)


def interval(text: str) -> timedelta:
    """Read '15m', '30s', '2h', '1d'. Raises `BadMapping`."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    if found is None or int(found[1]) == 0:
        raise BadMapping(f"sweep every {text!r}: expected a number and s, m, h or d, such as 15m")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def latest(schedule: Mapping[str, str], now: datetime) -> datetime:
    """Return the last moment, not after `now`, at which a schedule of the clock strikes. Raises `BadMapping`."""
    kind, text = next((kind, text) for kind, text in schedule.items() if kind != "zone")
    if kind == "cron":
        return _by_cron(text, schedule.get("zone", "UTC"), now)
    day, at, zone = _clock(kind, f"{text} {schedule['zone']}" if "zone" in schedule else text)
    today = now.astimezone(zone).date()
    for days in range(9):  # a strike of the hour that spring leaves out may be later than now, and does not count
        wall = datetime.combine(today - timedelta(days=days), at, zone)
        candidate = wall.astimezone(UTC)  # in one zone Python compares what the clocks show
        if candidate <= now and day in (None, wall.weekday()):
            return candidate
    raise AssertionError("every weekday strikes within nine days")


def _by_cron(text: str, zone: str, now: datetime) -> datetime:
    try:
        found = cron.parse(text).latest(now, ZoneInfo(zone))
    except (ValueError, KeyError) as error:
        raise BadMapping(f"sweep cron {text!r} {zone}: {error}") from error
    return found or datetime.min.replace(tzinfo=UTC)


def _clock(kind: str, text: str) -> tuple[int | None, time, ZoneInfo]:
    pattern = r"(?:(?P<day>mon|tue|wed|thu|fri|sat|sun) )?(?P<at>\d{2}:\d{2})(?: (?P<zone>[A-Za-z_+\-/0-9]+))?"
    found = re.fullmatch(pattern, text.strip())
    if kind not in ("daily", "weekly") or found is None or (kind == "weekly") != bool(found["day"]):
        raise BadMapping(
            f"sweep {kind} {text!r}: expected every: 15m, daily: '02:00' or weekly: 'sun 03:00', zone optional"
        )
    try:
        return (
            (DAYS.index(found["day"]) if found["day"] else None),
            time.fromisoformat(found["at"]),
            ZoneInfo(found["zone"] or "UTC"),
        )
    except (ValueError, KeyError) as error:
        raise BadMapping(f"sweep {kind} {text!r}: {error}") from error
