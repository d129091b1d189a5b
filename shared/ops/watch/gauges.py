"""How much of everything there is: measured by the timer every five minutes, from what is counted already.

No scan of links, no question to a system. Nothing of it is read or kept where telemetry does not leave the worker.
"""

from contextlib import suppress
from datetime import datetime

from shared.core.model import SIDES, Change
from shared.errors import SyncError
from shared.ops.reconcile.run import every_run
from shared.ports import App
from shared.telemetry import cause, exporting, gauge

MINUTES = 5
PARKED_MAX, WAITING_MAX = 1_000, 10_000
KEPT_SECONDS = 60.0  # a worker writes down no more often that a system was heard, and says how long changes waited

_heard_at: dict[str, datetime] = {}  # by system, what this worker has kept
_waits: dict[str, tuple[datetime, float]] = {}  # by queue: since when, and the longest wait since then
_causes: set[tuple[str, str]] = set()  # what was parked once, so that it can be told that it is not any more


def due(now: datetime) -> bool:
    """Return whether the minute is one of those in which is measured."""
    return exporting() and now.minute % MINUTES == 0


async def measure(app: App) -> None:
    """Tell all gauges. A state that cannot be asked is told by everything else: it is no reason to fail."""
    with suppress(SyncError):
        await _parked(app)
        await _waiting(app)
        await _ages(app)
        for run in await every_run(app):
            if run.flow in app.flows and run.stage not in ("scan dynamics", "scan sap", "compare"):
                gauge("sync.links", run.links, flow=run.flow)


async def heard(system: str, app: App) -> None:
    """Keep that an event of a system has come in just now."""
    now, last = app.now(), _heard_at.get(system)
    if not exporting() or (last is not None and (now - last).total_seconds() < KEPT_SECONDS):
        return
    _heard_at[system] = now
    with suppress(SyncError):
        await app.state.set_watermark(f"heard/{system}", now.isoformat())


async def swept(change: Change, app: App) -> None:
    """Keep that a sweep has moved its place on."""
    if exporting():
        with suppress(SyncError):
            await app.state.set_watermark(f"swept/{change.flow}/{change.side}", app.now().isoformat())


def waited(queue: str, now: datetime, since: datetime) -> None:
    """Tell, once a minute, the longest time that a change has waited on a queue."""
    begun, longest = _waits.get(queue, (now, 0.0))
    longest = max(longest, (now - since).total_seconds())
    if (now - begun).total_seconds() >= KEPT_SECONDS or queue not in _waits:
        gauge("sync.backlog_age_seconds", longest, queue=queue)
        begun, longest = now, 0.0
    _waits[queue] = begun, longest


async def _parked(app: App) -> None:
    found = dict.fromkeys(_causes, 0)
    for flow in app.flows:
        for one in await app.state.parked(flow, PARKED_MAX):
            for why in {cause(problem.cause) for problem in one.open}:
                found[flow, why] = found.get((flow, why), 0) + 1
    _causes.update(found)
    for (flow, why), records in found.items():
        gauge("sync.parked", records, flow=flow, cause=why)


async def _waiting(app: App) -> None:
    found = dict.fromkeys(app.flows, 0)
    for _, waiter, _ in await app.state.waiting(WAITING_MAX):
        found[waiter.flow] = found.get(waiter.flow, 0) + 1
    for flow, records in found.items():
        gauge("sync.waiting", records, flow=flow)


async def _ages(app: App) -> None:
    now, sweeps, events = app.now(), await app.state.watermarks("swept"), await app.state.watermarks("heard")
    for flow in app.flows:
        for side in SIDES:
            if at := sweeps.get(f"swept/{flow}/{side}"):
                gauge("sync.delta_token_age_seconds", _age(at, now), flow=flow, side=side)
    for name, at in events.items():
        gauge("sync.last_event_age_seconds", _age(at, now), system=name.removeprefix("heard/"))


def _age(at: str, now: datetime) -> float:
    return max((now - datetime.fromisoformat(at)).total_seconds(), 0.0)
