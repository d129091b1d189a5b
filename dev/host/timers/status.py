"""What is remembered of a timer from one start to the next, so that a missed run is noticed.

The rules are those of the WebJobs SDK's ScheduleMonitor. The real host keeps the status in a blob; here it is one small
file under the host's data folder.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from dev.host.timers.ncrontab import Schedule


@dataclass(frozen=True, slots=True)
class Status:
    """Last run (None before the first), next due time and when this was written; all aware UTC."""

    last: datetime | None
    next: datetime | None
    last_updated: datetime

    def as_json(self) -> dict[str, str]:
        """As the function sees it; .NET shows a timer that never ran with the year 1."""
        never = "0001-01-01T00:00:00+00:00"
        return {
            "Last": self.last.isoformat() if self.last else never,
            "Next": self.next.isoformat() if self.next else never,
            "LastUpdated": self.last_updated.isoformat(),
        }


def check(known: Status | None, schedule: Schedule, now: datetime) -> tuple[Status, bool]:
    """At a start: the status to go on with, and whether a run was missed while the host was away.

    A changed schedule is no missed run: its next time counts from now.
    """
    if known is None:
        return Status(None, schedule.next(now), now), False
    expected = schedule.next(known.last or known.last_updated)
    if known.next != expected:
        if expected is not None and now > expected:
            expected = schedule.next(now)
        known = Status(None, expected, now)
    return known, known.next is not None and now > known.next


class StatusFile:
    """All timers' status in one JSON file, replaced as a whole on each change."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, function: str) -> Status | None:
        """Give the status of a function's timer, or None if it is not known (or not readable)."""
        entry = self._load().get(function)
        if entry is None:
            return None
        times = {name: datetime.fromisoformat(text) if text else None for name, text in entry.items()}
        updated = times["last_updated"]
        return Status(times["last"], times["next"], updated) if updated else None

    def write(self, function: str, status: Status) -> None:
        """Remember; the file is complete at any moment, so a kill cannot leave half of it."""
        entries = self._load()
        entries[function] = {name: value.isoformat() if value else None for name, value in asdict(status).items()}
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps(entries, indent=1), encoding="utf-8")
        beside.replace(self._path)

    def _load(self) -> dict[str, dict[str, str | None]]:
        try:
            entries: dict[str, dict[str, str | None]] = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return entries
