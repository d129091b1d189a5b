"""Purges what is too old: journal entries, ended backfills, and the steps of whole months.

A run begins once a day and moves on at each visit of the timer, a bounded piece at a time; how far it is stands in a
watermark, so that a crash repeats a page. Not purged: links (without them, records would be made twice), and what is
parked (a person's work list). Both go by erasure.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from shared.ops.privacy import findings
from shared.ops.privacy.erase import PROOFS
from shared.ports import App

EVERY = timedelta(days=1)
PAGE_ROWS = 1_000
PAGES_A_VISIT = 20  # a journal of ten million entries is looked through within a day
VISIT_TIME = timedelta(seconds=20)
MARK = "retention/run"


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `token` is where the next page of the journal begins; `months` were dropped, `entries` deleted."""

    started: datetime
    token: str = ""
    entries: int = 0
    jobs: int = 0
    months: tuple[str, ...] = ()
    ended: datetime | None = None


_RUN = TypeAdapter(Run)


async def purge_due(app: App) -> str:
    """Begin the day's run or do its next piece. Returns a sentence for the log, '' when nothing is due: one read."""
    text = await app.state.watermark(MARK)
    last = _RUN.validate_json(text) if text else None
    if last is not None and last.ended is None:
        run = last
    elif last is None or app.now() - last.started >= EVERY:
        run = await _begun(app)
    else:
        return ""
    run = await _journal(run, app)
    told = f"{run.entries} journal entries, {run.jobs} backfills, months {', '.join(run.months) or 'none'}"
    return f"purged {told}" if run.ended else f"purging: {told} so far"


async def _begun(app: App) -> Run:
    now, kept = app.now(), app.retention
    months = await app.state.drop_correlations(now - timedelta(days=kept.correlations_days))
    before = now - timedelta(days=kept.journal_days)
    jobs = await findings.forget_jobs(before, app)
    for name in await app.state.watermarks(PROOFS):
        if name < f"{PROOFS}/{before:%Y%m%d}":
            await app.state.delete_watermark(name)
    return Run(now, jobs=jobs, months=months)


async def _journal(run: Run, app: App) -> Run:
    """Delete a few pages of old entries, and keep how far that is after each."""
    before, ends = run.started - timedelta(days=app.retention.journal_days), app.now() + VISIT_TIME
    for _ in range(PAGES_A_VISIT):
        count, token = await app.state.purge_journal(before, run.token, PAGE_ROWS)
        run = replace(run, token=token, entries=run.entries + count, ended=None if token else app.now())
        await app.state.set_watermark(MARK, _RUN.dump_json(run).decode())
        if run.ended or app.now() > ends:
            break
    return run
