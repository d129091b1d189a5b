"""Writes the weekly report and keeps the last twelve: each week has a slot that the thirteenth week takes over."""

from datetime import date, datetime

from pydantic import TypeAdapter

from shared.errors import BadRequest
from shared.ops.schedule import due
from shared.ops.watch.report.collect import Report, collect
from shared.ports import App

SLOTS = 12
LAST_RUN = "reported/weekly"
DAYS = 7

_REPORT = TypeAdapter(Report)


async def start_due(app: App) -> str:
    """Write the report if its time has come; return its week, '' if not. The first one is written at once."""
    if not app.reporting:
        return ""
    last = await app.state.watermark(LAST_RUN)
    if last and not due(app.reporting, datetime.fromisoformat(last), app.now()):
        return ""
    return (await write(app)).week


async def write(app: App) -> Report:
    """Collect and keep a report; one of the same week is replaced."""
    report = await collect(app)
    await app.state.set_watermark(slot(report.at.date()), _REPORT.dump_json(report, exclude_defaults=True).decode())
    await app.state.set_watermark(LAST_RUN, report.at.isoformat())  # after it: a crash writes the report again
    return report


async def every(app: App) -> list[Report]:
    """Return what is kept, the newest first."""
    found = await app.state.watermarks("report")
    reports = [_REPORT.validate_json(text) for text in found.values() if text]
    return sorted(reports, key=lambda one: one.at, reverse=True)


async def find(week: str, app: App) -> tuple[Report, list[Report]]:
    """Return a week's report ('' = the latest) and all that came before it. Raises `BadRequest` if there is none."""
    reports = await every(app)
    if not reports:
        raise BadRequest(
            "no report was written yet: the timer writes the first one within a minute, unless REPORT_CRON is off"
        )
    weeks = [one.week for one in reports]
    if week and week not in weeks:
        raise BadRequest(f"there is no report of {week!r}; there are {', '.join(weeks)}")
    at = weeks.index(week) if week else 0
    return reports[at], reports[at + 1 :]


def slot(day: date) -> str:
    """Return the watermark that holds the report of a day's week: 'report/07'."""
    monday = (day.toordinal() - 1) // DAYS  # the first of January of the year 1 was a Monday
    return f"report/{monday % SLOTS:02d}"
