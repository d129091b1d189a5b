"""What a person sees of a job: how far it is, how fast, how long it will take, and what failed."""

from typing import Any

from shared.ops.backfill import chunks
from shared.ops.backfill.job import Job
from shared.ports import App

FAILED_SHOWN_MAX = 200
PARKED_COUNT_MAX = 5_000


async def progress(job: Job, app: App) -> dict[str, Any]:
    """Return the job as JSON. Times in seconds, `rate` in records a minute."""
    told = {**brief(job), "filter": dict(job.filter), "keys": len(job.keys), "limit": job.limit}
    cancelled = await chunks.is_cancelled(job.id, app)
    if job.dry_run:
        state = "failed" if job.failed else "planned" if job.plan is not None else "planning"
        plan = {"plan": dict(job.plan)} if job.plan is not None else {}
        return {**told, "state": "cancelled" if cancelled and job.plan is None else state, **plan}
    ended, last = await chunks.counted(job.id, job.page, app)
    counts = {name: ended.get(name, 0) for name in ("done", "skipped", "waiting", "failed", "cancelled")}
    over = sum(counts.values())
    left = max(job.found - over, 0)
    seconds = ((last if last and job.listed and not left else app.now()) - job.started).total_seconds()
    rate = over / seconds if seconds > 0 else 0.0
    return {
        **told,
        "state": _state(job, left, cancelled=cancelled and (left > 0 or counts["cancelled"] > 0 or not job.listed)),
        **counts,
        "left": left,
        "rate": round(rate * 60, 1),
        "seconds": round(seconds),
        "seconds_left": round(left / rate) if left and rate and job.listed and not cancelled else None,
        "failed_records": await _failed(job, app) if counts["failed"] else [],
    }


def brief(job: Job) -> dict[str, Any]:
    """Return what identifies a job in a list."""
    return {
        "id": job.id,
        "flow": job.flow,
        "side": job.side,
        "dry_run": job.dry_run,
        "asked_by": job.asked_by,
        "started": job.started.isoformat(),
        "found": job.found,
        "listed": job.listed,
        **({"reason": job.failed} if job.failed else {}),
    }


def _state(job: Job, left: int, *, cancelled: bool) -> str:
    if cancelled:
        return "cancelled"
    if job.failed:
        return "failed"
    if not job.listed:
        return "listing"
    return "running" if left else "finished"


async def _failed(job: Job, app: App) -> list[dict[str, Any]]:
    """Return records that the job left with a person, as they are now: one that was mended since is not among them."""
    parked = await app.state.parked(job.flow, PARKED_COUNT_MAX)
    return [
        {"side": one.side, "key": one.key, "problems": [p.message for p in one.open]}
        for one in parked
        if one.correlation == job.id and one.open
    ][:FAILED_SHOWN_MAX]
