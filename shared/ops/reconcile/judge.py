"""Reads what keys and versions could not vouch for, and asks the pipeline's own decision what it would do.

The guard: a run that would write too much, or money, is for a person to approve. What is in step after all costs
nothing but its read; its new version is noted in the link, so that the next run need not look again.
"""

from collections import Counter
from dataclasses import replace

from shared.core.digest import plain
from shared.core.model import SIDES, Change
from shared.errors import Stale
from shared.mapping.flow import Flow
from shared.ops.backfill.chunks import AT_ONCE, in_turn
from shared.ops.backfill.preview import Preview, preview, row_of
from shared.ops.reconcile.run import FINDINGS_MAX, Candidate, Finding, Run, candidates, keep_candidates
from shared.ports import App, Reconciling

FIXABLE = ("create dynamics", "create sap", "couple", "update", "retire", "wait")
NAMES = {"moved": "drifted", "slice": "drifted", "retired": "retired on one side"}


async def judge(run: Run, app: App) -> Run:
    """Look at the next chunk of candidates; keep those that the pipeline has to mend."""
    if run.at >= run.chunks:
        return _decided(run, app.reconciling)
    chunk = await candidates(run, run.at, app)
    if _too_much(run, app.reconciling):  # enough is known: the guard stops this run whatever else there is
        run = replace(run, unjudged=run.unjudged + len(chunk), to_enqueue=run.to_enqueue + len(chunk), at=run.at + 1)
        return run.counting({"not looked at": len(chunk)})
    found = await in_turn(lambda one: _judge(one, run, app), chunk, AT_ONCE)
    mend = [one for one, _, fix in found if fix]
    await keep_candidates(run, mend, run.at, app)  # over the chunk itself: what is in step needs nothing more
    previews = [p for _, p, fix in found if fix]
    listed = [_finding(one, p) for one, p, fix in found if fix or p.what == "retired on one side"]
    fields = Counter(f"{side} {row_of(name)}" for p in previews for side, names in p.fields.items() for name in names)
    run = replace(
        run,
        at=run.at + 1,
        judged=run.judged + len(chunk),
        to_enqueue=run.to_enqueue + len(mend),
        writes=run.writes + sum(p.writes for p in previews),
        money=run.money + sum(p.money for p in previews),
        fields=dict(Counter(run.fields) + fields),
        findings=(*run.findings, *listed)[:FINDINGS_MAX],
    )
    return run.counting(Counter(_counted_as(one, p, fix=fix) for one, p, fix in found))


async def _judge(one: Candidate, run: Run, app: App) -> tuple[Candidate, Preview, bool]:
    flow = app.flows[run.flow]
    change = Change(run.flow, one.side, one.key, run.id, run.id, "sweep", deleted=one.kind == "missing")
    seen = await preview(change, app)
    if one.kind == "retired":
        alive = seen.facts is not None and not _is_retired(seen, flow)
        return one, replace(seen, what="retired on one side" if alive else "in step"), False
    fix = await _needs_mending(one, seen, app)
    if not fix and seen.what == "in step" and not seen.problems:
        await _note_versions(seen, app)
    return one, seen, fix


def _is_retired(seen: Preview, flow: Flow) -> bool:
    for side, record in seen.facts.records.items() if seen.facts else ():
        how = flow.retire.get(side, {})
        if record is not None and not all(plain(record.values.get(k)) == plain(v) for k, v in how.items()):
            return False
    return True


async def _needs_mending(one: Candidate, seen: Preview, app: App) -> bool:
    """Return whether the pipeline has something to do; what is parked already waits for a person, not for us."""
    link = seen.facts.link if seen.facts else None
    unfinished = one.kind == "unfinished" and link is not None and link.status == "claimed"
    if seen.what in FIXABLE or (unfinished and seen.what == "in step"):
        return True
    if not seen.problems:
        return False
    if link is not None and link.parked:
        return not set(seen.problems) <= {problem.cause for problem in link.parked}
    return await app.state.parked_one(seen.change.flow, one.side, one.key) is None


async def _note_versions(seen: Preview, app: App) -> None:
    """Write down that the pair is in step at these versions; who wrote the link meanwhile knows better."""
    facts = seen.facts
    if facts is None or facts.link is None or facts.link.status != "linked":
        return
    known = {side: v for side in SIDES if (r := facts.records[side]) is not None and (v := r.version) is not None}
    if known != facts.link.versions:
        try:
            await app.state.save(replace(facts.link, versions=known))
        except Stale:
            return


# ---------------------------------------------------------------------------------------------------------- the guard


def _too_much(run: Run, limits: Reconciling) -> list[str]:
    said = []
    if run.writes > limits.writes_max:
        said.append(f"it would write {run.writes} records or more, and RECONCILE_WRITES_MAX is {limits.writes_max}")
    if run.links and run.writes * 100 > limits.writes_percent_max * run.links:
        share = f"RECONCILE_WRITES_PERCENT_MAX is {limits.writes_percent_max}"
        said.append(f"it would write {run.writes} records or more of {run.links} that are linked, and {share}")
    return said


def _decided(run: Run, limits: Reconciling) -> Run:
    """Return how the run goes on after everything was judged."""
    money = [f"it would write fields that are marked money in {run.money} records"] if run.money else []
    run = replace(run, why=(*_too_much(run, limits), *money))
    if not run.to_enqueue:
        return replace(run.next_stage("end"), state="finished")
    if not run.repairs:
        return replace(run.next_stage("enqueue"), state="reported")
    return replace(run.next_stage("enqueue"), state="waiting for approval" if run.why else "running")


def _counted_as(one: Candidate, seen: Preview, *, fix: bool) -> str:
    if fix:
        return NAMES.get(one.kind, one.kind)
    if seen.what in ("retired on one side", "out of scope", "unreadable", "later"):
        return seen.what
    return "parked already" if seen.problems else "in step after all"


def _finding(one: Candidate, seen: Preview) -> Finding:
    fields = tuple(f"{side} {name}" for side, names in seen.fields.items() for name in names)
    return Finding(NAMES.get(one.kind, one.kind), one.side, one.key, seen.what, seen.reason, fields)
