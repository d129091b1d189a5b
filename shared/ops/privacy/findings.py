"""What ended jobs and reconciles have noted of a record: forgotten one by one (erasure), or job by job (retention).

Of what is still running nothing is taken: it keeps its own progress there, and would write it back.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from pydantic import TypeAdapter

from shared.core.messages import canonical
from shared.core.model import Side
from shared.ops.backfill import chunks, job
from shared.ops.reconcile.run import candidates, keep, keep_candidates, last_run, place
from shared.ports import App

_JOB = TypeAdapter(job.Job)


async def forget(flows: Collection[str], records: Collection[tuple[Side, str]], app: App) -> int:
    """Take records (side, key) out of the findings of these flows; return how many mentions there were."""
    return await _forget_in_runs(flows, records, app) + await _forget_in_jobs(flows, records, app)


async def forget_jobs(before: datetime, app: App) -> int:
    """Delete ended jobs that began before, with their counts; return how many."""
    old = [one for one in await job.every(app) if one.started < before]
    for one in old:
        for page in range(one.page + 1):
            for name in await app.state.watermarks(f"{one.id}.{page}"):
                await app.state.delete_watermark(name)
        await app.state.delete_watermark(f"cancelled/{one.id}")
        await app.state.delete_watermark(f"{job.GROUP}/{one.id}")
    return len(old)


async def _forget_in_runs(flows: Collection[str], records: Collection[tuple[Side, str]], app: App) -> int:
    count = 0
    for flow in flows:
        run = await last_run(flow, app)
        if run is None or run.state == "running":
            continue
        kept = tuple(one for one in run.findings if (one.side, canonical(one.key)) not in records)
        if mentions := len(run.findings) - len(kept):
            await keep(replace(run, findings=kept), app)
            count += mentions
        for number in range(run.chunks):
            if not await app.state.watermark(place(run, f"todo-{number:05d}")):
                continue
            found = await candidates(run, number, app)
            rest = [one for one in found if (one.side, canonical(one.key)) not in records]
            if len(rest) < len(found):
                await keep_candidates(run, rest, number, app)
                count += len(found) - len(rest)
    return count


async def _forget_in_jobs(flows: Collection[str], records: Collection[tuple[Side, str]], app: App) -> int:
    count = 0
    for one in await job.every(app):
        if one.flow not in flows or not await _ended(one, app):
            continue
        keys = {key for side, key in records if side == one.side}
        plan = dict(one.plan) if one.plan is not None else None
        sample = plan.get("sample", []) if plan else []
        rest = [told for told in sample if canonical(str(told.get("key", ""))) not in keys]
        kept = tuple(key for key in one.keys if canonical(key) not in keys)
        mentions = len(one.keys) - len(kept) + len(sample) - len(rest)
        if not mentions:
            continue
        if plan is not None:
            plan["sample"] = rest
        cleaned = replace(one, keys=kept, plan=plan)
        await app.state.set_watermark(f"{job.GROUP}/{one.id}", _JOB.dump_json(cleaned).decode())
        count += mentions
    return count


async def _ended(one: job.Job, app: App) -> bool:
    listed = one.listed and (not one.dry_run or one.plan is not None)
    return listed or bool(one.failed) or await chunks.is_cancelled(one.id, app)
