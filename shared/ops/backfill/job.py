"""One job: which records were asked for, how far they are listed, and the step that lists the next ones.

A job moves by messages of its own, one page of keys each, so that nothing runs long and a crash repeats one page. The
records themselves travel as changes on the same queue; the pipeline couples a record with its twin before it creates.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

from pydantic import TypeAdapter

from shared.core.model import Change, Side
from shared.errors import BadRequest, NeedsPerson
from shared.ops.backfill import chunks
from shared.ops.backfill.chunks import LOOKUPS_AT_ONCE, in_turn
from shared.ops.backfill.filters import scope, terms
from shared.ops.backfill.preview import preview_all, summed, told
from shared.ops.intake import flow_named
from shared.ports import App, Term
from shared.steps.dispatch import dispatch

GROUP = "backfill"
KEY_COUNT_MAX = 10_000  # asked for one by one; more than that is a filter
KEYS_A_PAGE = 5_000
SAMPLE_MAX = 1_000
PAGES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Job:
    """What was asked, and how far it is. `limit` 0 means all. `token` leads to the next page of a scan.

    `plan` is what a dry run has found, from a sample that is the same for the same records.
    """

    id: str
    flow: str
    side: Side
    started: datetime
    asked_by: str = ""
    filter: Mapping[str, Any] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    limit: int = 0
    dry_run: bool = False
    sample_size: int = 100
    token: str = ""
    page: int = 0
    found: int = 0
    linked: int = 0
    listed: bool = False
    failed: str = ""
    sample: tuple[str, ...] = ()
    plan: Mapping[str, Any] | None = None


_JOB = TypeAdapter(Job)


async def start(job: Job, app: App) -> Job:
    """Begin a job; a filter that the system does not understand is refused here. Raises `BadRequest`."""
    job = replace(job, flow=flow_named(job.flow, app), keys=tuple(dict.fromkeys(key.strip() for key in job.keys)))
    if len(job.keys) > KEY_COUNT_MAX or not all(job.keys):
        raise BadRequest(f"keys: found {len(job.keys)}, expected at most {KEY_COUNT_MAX} record keys, none empty")
    if job.keys and job.filter:
        raise BadRequest("found keys and filter, expected one of them")
    if not 1 <= job.sample_size <= SAMPLE_MAX:
        raise BadRequest(f"sample: found {job.sample_size}, expected 1 to {SAMPLE_MAX}")
    flow = app.flows[job.flow]
    if not job.keys:
        await app.system(flow, job.side).scan(flow.selections[job.side], terms(job.filter), "")
    await _save(job, app)
    await dispatch([_driver(job)], app)
    return job


async def load(name: str, app: App) -> Job:
    """Return a job. Raises `BadRequest` when there is none."""
    text = await app.state.watermark(f"{GROUP}/{name}")
    if not text:
        raise BadRequest(f"no backfill is called {name!r}")
    return _JOB.validate_json(text)


async def every(app: App) -> list[Job]:
    """Return all jobs, the newest first."""
    found = [_JOB.validate_json(text) for text in (await app.state.watermarks(GROUP)).values()]
    return sorted(found, key=lambda job: job.started, reverse=True)


async def only_looks(change: Change, app: App) -> bool:
    """Return whether a job is a dry run: that one goes on while its flow is paused."""
    return (await load(change.correlation, app)).dry_run


async def step(change: Change, app: App) -> str:
    """List the next page of a job and enqueue its records. Returns a sentence for the log."""
    job = await load(change.correlation, app)
    if job.failed or job.plan is not None or (job.listed and not job.dry_run) or await chunks.is_cancelled(job.id, app):
        return "nothing left to list"
    try:
        job = await (_plan(job, app) if job.listed else _page(job, app))
    except NeedsPerson as error:
        job = replace(job, failed=str(error))
    await _save(job, app)  # after the bus has the page: a crash repeats it
    if not job.failed and (not job.listed or (job.dry_run and job.plan is None)):
        await dispatch([_driver(job)], app)
    return job.failed or f"{job.found} records so far"


async def _page(job: Job, app: App) -> Job:
    keys, token = await _keys(job, app)
    room = job.limit - job.found if job.limit else len(keys)
    keys, full = keys[:room], bool(job.limit) and len(keys) >= room
    changes = [
        Change(job.flow, job.side, key, f"{job.id} {job.page}", job.id, "backfill", asked_by=job.asked_by, bulk=True)
        for key in keys
    ]
    if job.dry_run:
        linked = sum(await in_turn(lambda change: _is_linked(change, app), changes, LOOKUPS_AT_ONCE))
        sample = tuple(heapq.nsmallest(job.sample_size, (*job.sample, *keys), key=_shuffled))
        job = replace(job, linked=job.linked + linked, sample=sample)
    else:
        await chunks.send(changes, app)
    listed = full or not token or job.page + 1 >= PAGES_MAX
    return replace(job, token=token, page=job.page + 1, found=job.found + len(keys), listed=listed)


async def _keys(job: Job, app: App) -> tuple[list[str], str]:
    """Return the keys of the job's next page, and the token of the one after that ('' = there is none)."""
    if job.keys:
        first = job.page * KEYS_A_PAGE
        more = first + KEYS_A_PAGE < len(job.keys)
        return list(job.keys[first : first + KEYS_A_PAGE]), "more" if more else ""
    flow = app.flows[job.flow]
    where: tuple[Term, ...] = (*terms(job.filter), *scope(flow, job.side))
    page = await app.system(flow, job.side).scan(flow.selections[job.side], where, job.token)
    return [one.key for one in page.found], page.token


async def _is_linked(change: Change, app: App) -> bool:
    link = await app.state.link(app.flows[change.flow].pair, change.side, change.key)
    return link is not None and link.status == "linked"


async def _plan(job: Job, app: App) -> Job:
    """Ask the pipeline what it would do with the sample: the same reads and the same decision, no write."""
    changes = [Change(job.flow, job.side, key, job.id, job.id, "backfill") for key in job.sample]
    found = await preview_all(changes, app)
    plan = {
        "found": job.found,
        "linked": job.linked,
        "not_linked": job.found - job.linked,
        "sampled": len(found),
        **summed(found),
        "sample": [told(one, app.flows[job.flow]) for one in found],
    }
    return replace(job, plan=plan, sample=())


def _shuffled(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=8).digest()


def _driver(job: Job) -> Change:
    number = f"{job.id} {job.page}{' plan' if job.listed else ''}"
    return Change(job.flow, job.side, "", number, job.id, "backfill", asked_by=job.asked_by, bulk=True)


async def _save(job: Job, app: App) -> None:
    await app.state.set_watermark(f"{GROUP}/{job.id}", _JOB.dump_json(job).decode())
