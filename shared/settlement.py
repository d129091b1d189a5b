"""What happens after a sync, by the class of its error: the policy as one table, and the few verbs that it names.

A message is completed only after this has returned. A retry is a copy scheduled *before* the original completes: a
crash in between leaves two, and the second finds everything done.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.core.link import Problem
from shared.core.messages import retried
from shared.core.model import Change
from shared.errors import (
    Elsewhere,
    NeedsPerson,
    NotAllowed,
    NotYet,
    Outdated,
    Stale,
    SyncError,
    Throttled,
    Transient,
)
from shared.pipeline import sync
from shared.ports import App
from shared.steps.dispatch import dispatch
from shared.steps.pausing import THE_APP, keep_paused, paused
from shared.steps.waiting import park

STALE_MAX = 3
JITTER = 0.25


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between attempts: exponential from `first_seconds` to `longest_seconds`, a quarter of it by chance."""

    first_seconds: float
    longest_seconds: float

    def wait_seconds(self, attempt: int, chance: float) -> float:
        """Return the wait before the attempt after `attempt` (0 for the first)."""
        wait = min(self.first_seconds * 2.0 ** min(attempt, 20), self.longest_seconds)
        return wait * (1 + JITTER * chance)


SICK = Backoff(5, 900)
FORBIDDEN = Backoff(300, 3600)  # SAP locks a user after a few bad logons
CONTENDED = Backoff(1, 60)
PAUSED = Backoff(30, 600)
GIVE_UP = timedelta(days=7)
WAIT_SECONDS_MAX = 86_400.0  # whatever a gateway names: a date years away would bury the change
STALE_TWICE = 2  # reads, five seconds apart: what a replica lags is over by then
STALE_WINDOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Settled:
    """How a message ended: the plan or the error, and when it is looked at again (None: it is done)."""

    outcome: str
    reason: str
    again_at: datetime | None = None


async def settle(change: Change, app: App) -> Settled:
    """Sync, and make the outcome durable. Raises only what is a bug: the message then goes back to the bus."""

    async def work() -> Settled:
        plan = await sync(change, app)
        return Settled(type(plan).__name__.lower(), plan.reason)

    return await settled(work, change, app)


async def settled(
    work: Callable[[], Awaitable[Settled]],
    change: Change,
    app: App,
    only_looks: Callable[[], Awaitable[bool]] | None = None,
) -> Settled:
    """Do the work of a change; its failures end as the table says. What only looks goes on while its flow is paused."""
    for _ in range(STALE_MAX):
        try:
            name = await paused(change.flow, app)
            if name and not (name == change.flow and only_looks is not None and await only_looks()):
                return await _while_paused(name, change, app)
            return await work()
        except Stale as error:
            last: SyncError = error
            continue
        except SyncError as error:
            last = error
            break
    for kind, then in POLICY:
        if isinstance(last, kind):
            return await then(change, last, app)
    raise last


async def _while_paused(name: str, change: Change, app: App) -> Settled:
    """Keep the change on the bus. That is no attempt, and the time until it is given up starts anew.

    The origin counts the looks, or the bus would take a copy within five minutes for a duplicate.
    """
    origin, _, looks = change.origin.partition(" paused ")
    look = int(looks) if looks.isdecimal() else 0
    at = app.now() + timedelta(seconds=PAUSED.wait_seconds(look, app.chance()))
    await dispatch([replace(change, origin=f"{origin} paused {look + 1}", first_seen=None)], app, not_before=at)
    return Settled("paused", f"{name} is paused", at)


async def _at_home(change: Change, error: SyncError, app: App) -> Settled:
    """Send the change to the partition where its pair lives, so that work on a pair meets in one place."""
    home, key = (error.pair_key, error.key) if isinstance(error, Elsewhere) else ("", "")
    # as the next attempt: on its second move within minutes it would else look like a duplicate, and be dropped
    await dispatch([replace(retried(change, app.now()), key=key or change.key, pair_key=home)], app)
    return Settled("rerouted", str(error), app.now())


async def _when_told(change: Change, error: SyncError, app: App) -> Settled:
    until = error.until if isinstance(error, NotYet) else app.now()
    return await _again(change, error, app, (until - app.now()).total_seconds() * (1 + JITTER * app.chance()))


async def _read_again(change: Change, error: SyncError, app: App) -> Settled:
    """Many older states in one flow are a restored database and not as many typing people: the flow pauses (law 13)."""
    stale_reads = change.stale_reads + 1
    if stale_reads == STALE_TWICE:
        met = app.pauses.stale_reads.get(change.flow, {}) | {change.pair_key or change.key: app.now()}
        app.pauses.stale_reads[change.flow] = met = {k: at for k, at in met.items() if app.now() - at < STALE_WINDOW}
        if len(met) >= app.limits.stale_records:
            app.pauses.stale_reads.pop(change.flow)
            reason = f"{len(met)} records showed an older state than was seen before: was a database restored?"
            await keep_paused(change.flow, THE_APP, reason, app)
    return await _when_told(replace(change, stale_reads=stale_reads), error, app)


async def _no_sooner(change: Change, error: SyncError, app: App) -> Settled:
    wait_seconds = error.wait_seconds if isinstance(error, Throttled) else SICK.first_seconds
    return await _again(change, error, app, wait_seconds * (1 + JITTER * app.chance()))


def _after(backoff: Backoff) -> Callable[[Change, SyncError, App], Awaitable[Settled]]:
    async def then(change: Change, error: SyncError, app: App) -> Settled:
        wait_seconds = backoff.wait_seconds(change.failures, app.chance())  # waits that ended as told count for nothing
        return await _again(replace(change, failures=change.failures + 1), error, app, wait_seconds)

    return then


async def _again(change: Change, error: SyncError, app: App, wait_seconds: float) -> Settled:
    now = app.now()
    if change.first_seen is not None and now - change.first_seen > GIVE_UP:
        return await _to_a_person(change, error, app)
    at = now + timedelta(seconds=min(max(wait_seconds, 0.0), WAIT_SECONDS_MAX))
    await dispatch([retried(change, now)], app, not_before=at)
    return Settled(type(error).__name__.lower(), str(error), at)


async def _to_a_person(change: Change, error: SyncError, app: App) -> Settled:
    problem = Problem("", change.side, type(error).__name__.lower(), str(error), since=app.now())
    try:
        await park(change, problem, app)
    except Transient as sick:  # the list cannot be written now: come back, and end here again
        return await _again(replace(change, first_seen=None), sick, app, SICK.first_seconds)
    return Settled("parked", str(error))


type Then = Callable[[Change, SyncError, App], Awaitable[Settled]]

POLICY: tuple[tuple[type[SyncError], Then], ...] = (
    (Elsewhere, _at_home),
    (Outdated, _read_again),
    (NotYet, _when_told),
    (Throttled, _no_sooner),
    (NotAllowed, _after(FORBIDDEN)),
    (Stale, _after(CONTENDED)),  # three times in a row: somebody else is busy with this pair
    (Transient, _after(SICK)),
    (NeedsPerson, _to_a_person),
)
