"""Collects a report from the state: counts, causes, field names and times. No key, no value, no person.

How fast and how much is not in it: that is telemetry's, and the workbooks show it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from shared import __version__
from shared.core.link import Problem
from shared.mapping.flow import Flow
from shared.ops.reconcile.run import Run, every_run
from shared.ops.review.letters import DEAD
from shared.ops.review.pause import pauses
from shared.ports import App, Parked

PARKED_COUNT = 10_000  # of one list
WAITING_COUNT = 10_000
CAUSES_MAX = 20  # of one flow; the rest is one row
REST = "other causes"
COUNTED = ("finished", "reported", "waiting for approval")  # a run that has come so far has counted the links


@dataclass(frozen=True, slots=True)
class Cause:
    """Parked fields with one cause, such as 'clash: city'. `since` is when the oldest of them was parked."""

    about: str
    count: int
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A flow's last comparison of both systems. `counts` of records by what was found: {'unchanged': 41}."""

    state: str
    started: datetime
    ended: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    writes: int = 0
    enqueued: int = 0


@dataclass(frozen=True, slots=True)
class FlowHealth:
    """How one flow stands. `links` as the last reconcile counted them (None = it did not); `parked` counts records."""

    name: str
    links: int | None = None
    parked: int = 0
    causes: tuple[Cause, ...] = ()
    waiting: int = 0
    waiting_since: datetime | None = None
    swept: datetime | None = None
    reconciled: Reconciled | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One week's report, named by the ISO week in which it was written: '2026-W48'. `paused` says since when."""

    week: str
    at: datetime
    version: str
    flows: tuple[FlowHealth, ...]
    dead: Mapping[str, int] = field(default_factory=dict)
    paused: Mapping[str, datetime] = field(default_factory=dict)


def week_of(day: date) -> str:
    """Return the name of a day's ISO week: 2026-11-23 -> '2026-W48'."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


async def collect(app: App) -> Report:
    """Read the state and return how things stand now."""
    now = app.now()
    waiting: dict[str, list[datetime]] = {}
    for _, waiter, since in await app.state.waiting(WAITING_COUNT):
        waiting.setdefault(waiter.flow, []).append(since)
    runs = {run.flow: run for run in await every_run(app)}
    flows = [
        await _flow(one, waiting.get(one.name, []), runs.get(one.name), app) for _, one in sorted(app.flows.items())
    ]
    dead = {name: len(await _open(name, app)) for name in DEAD}
    return Report(
        week_of(now.date()),
        now,
        __version__,
        tuple(flows),
        {name.partition("/")[2]: count for name, count in dead.items() if count},
        await _paused(app),
    )


async def _flow(flow: Flow, waiting: Sequence[datetime], run: Run | None, app: App) -> FlowHealth:
    parked = await _open(flow.name, app)
    swept = await app.state.watermark(f"schedule/{flow.name}")
    return FlowHealth(
        flow.name,
        run.links if run and run.state in COUNTED else None,
        len(parked),
        causes([problem for entry in parked for problem in entry.open]),
        len(waiting),
        min(waiting, default=None),
        datetime.fromisoformat(swept) if swept else None,
        _reconciled(run) if run else None,
    )


def causes(problems: Sequence[Problem]) -> tuple[Cause, ...]:
    """Group problems, the most frequent first; what does not fit into the table is its last row."""
    groups: dict[str, list[Problem]] = {}
    for one in problems:
        groups.setdefault(_about(one), []).append(one)
    found = [Cause(about, len(some), _oldest(some)) for about, some in groups.items()]
    found.sort(key=lambda one: (-one.count, one.about))
    rest = found[CAUSES_MAX:]
    if not rest:
        return tuple(found)
    since = min((one.since for one in rest if one.since), default=None)
    return (*found[:CAUSES_MAX], Cause(REST, sum(one.count for one in rest), since))


def _about(problem: Problem) -> str:
    """Return cause and field; a line's key is left out: 'line 6f1c.quantity' -> 'line.quantity'."""
    name = re.sub(r"^line [^.]+", "line", problem.field)
    return f"{problem.cause}: {name}" if name else problem.cause


def _oldest(problems: Sequence[Problem]) -> datetime | None:
    return min((one.since for one in problems if one.since), default=None)


def _reconciled(run: Run) -> Reconciled:
    return Reconciled(run.state, run.started, run.ended, dict(run.counts), run.writes, run.enqueued)


async def _open(name: str, app: App) -> list[Parked]:
    return [entry for entry in await app.state.parked(name, PARKED_COUNT) if entry.open]


async def _paused(app: App) -> dict[str, datetime]:
    """Return what is paused since when; by whom and why is on the status page, where it does not stay for weeks."""
    return {name: datetime.fromisoformat(said["at"]) for name, said in (await pauses(app)).items()}
