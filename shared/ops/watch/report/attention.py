"""What in a report is worth a person's look this week, and where to look. Pure; one rule a sentence."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from shared.ops.watch.report.collect import FlowHealth, Report

PARKED = timedelta(days=7)
WAITING = timedelta(days=1)
SWEPT = timedelta(days=2)
RECONCILED = timedelta(days=8)
PAUSED = timedelta(days=1)
TROUBLED = ("failed", "waiting for approval")


def attention(report: Report, before: Report | None) -> list[str]:
    """Return sentences, the whole app's first; [] is a quiet week. `before` is the report of an earlier week."""
    earlier = {one.name: one for one in before.flows} if before else {}
    found = list(_of_app(report))
    for one in report.flows:
        found += _of_flow(one, earlier.get(one.name), report.at)
    return found


def _of_app(report: Report) -> Iterator[str]:
    for queue, count in sorted(report.dead.items()):
        yield f"dead letters of queue {queue} that belong to no flow: {count}: GET ops/parked?flow=dead/{queue}"
    for name, since in sorted(report.paused.items()):
        if report.at - since >= PAUSED:
            yield f"{name} has been paused for {_days(since, report.at)}: POST ops/resume when the reason is gone"


def _of_flow(one: FlowHealth, before: FlowHealth | None, now: datetime) -> Iterator[str]:
    grown = one.parked - before.parked if before else 0
    if grown > 0:
        yield f"{one.name}: {grown} more records are parked than in the report before: GET ops/parked?flow={one.name}"
    if (since := min((c.since for c in one.causes if c.since), default=None)) and now - since >= PARKED:
        yield f"{one.name}: a record has been parked for {_days(since, now)}: GET ops/parked?flow={one.name}"
    if one.waiting_since and now - one.waiting_since >= WAITING:
        yield f"{one.name}: a record has waited for another one for {_days(one.waiting_since, now)}"
    if one.swept and now - one.swept >= SWEPT:
        yield f"{one.name}: the last sweep began {_days(one.swept, now)} ago: does the timer run, is the flow paused?"
    last = one.reconciled
    if last and last.state in TROUBLED:
        yield f"{one.name}: the last reconcile is {last.state}: GET ops/reconcile/{one.name}"
    if last and now - last.started >= RECONCILED:
        yield f"{one.name}: the last reconcile began {_days(last.started, now)} ago: POST ops/reconcile"


def _days(since: datetime, now: datetime) -> str:
    days = (now - since).days
    return "1 day" if days == 1 else f"{days} days"
