"""How a reconcile moves: both scans, the comparison, the judgement, and what has to be mended goes to the pipeline.

Each message does one page or chunk and sends the next. A message of a run that another one has replaced does nothing,
and one that comes twice repeats a page: all that is kept is kept under the page's name.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from shared.core.model import OTHER, Change, Side
from shared.errors import BadRequest, NeedsPerson
from shared.ops.backfill import chunks
from shared.ops.backfill.filters import scope
from shared.ops.intake import flow_named
from shared.ops.reconcile.compare import compare
from shared.ops.reconcile.index import keep_page
from shared.ops.reconcile.judge import judge
from shared.ops.reconcile.run import Pages, Run, candidates, keep, last_run
from shared.ops.schedule import due
from shared.ports import App
from shared.steps.dispatch import dispatch
from shared.steps.pausing import paused

PAGES_MAX = 10_000
STUCK = timedelta(hours=12)
SCANS: dict[str, Side] = {"scan dynamics": "dynamics", "scan sap": "sap"}


async def start_due(app: App, run_id: str) -> list[str]:
    """Start a run of each flow whose time has come; return their names. A new flow waits for its first time."""
    started = []
    for flow in app.flows:
        name, now = f"reconciled/{flow}", app.now()
        last = await app.state.watermark(name)
        if not app.reconciling.schedule or await paused(flow, app) not in ("", flow):
            continue  # a paused flow is compared all the same; of a paused system nothing is read
        if last and not due(app.reconciling.schedule, datetime.fromisoformat(last), now):
            continue
        await app.state.set_watermark(name, now.isoformat())
        before = await last_run(flow, app)
        busy = before is not None and before.state == "running" and now - before.started < STUCK
        if last and not busy:
            await start(flow, app, run_id=f"{run_id}-{flow.partition('/')[2]}", asked_by="schedule")
            started.append(flow)
    return started


async def start(flow: str, app: App, *, run_id: str, asked_by: str, repairs: bool | None = None) -> Run:
    """Begin a run in place of the last one, whatever that was at. Raises `BadRequest` for an unknown flow."""
    name = flow_named(flow, app)
    last = await last_run(name, app)
    whole = last is not None and last.stage not in SCANS
    before = None if last is None else last.pages if whole else last.before
    run = Run(
        id=run_id,
        flow=name,
        started=app.now(),
        number=last.number + 1 if last else 0,
        pages=Pages("a" if before is None or before.slot == "b" else "b"),
        before=before,
        asked_by=asked_by,
        repairs=app.reconciling.repairs if repairs is None else repairs,
    )
    await keep(run, app)
    await dispatch([run.driver()], app)
    return run


async def only_looks(change: Change, app: App) -> bool:
    """Return whether a run is not at its repairs yet: so far it goes on while its flow is paused."""
    run = await last_run(change.flow, app)
    return run is None or run.stage != "enqueue"


async def step(change: Change, app: App) -> str:
    """Do the next piece of a run. Returns a sentence for the log."""
    run = await last_run(change.flow, app)
    if run is None or run.id != change.correlation:
        return "another run has taken its place"
    if run.state != "running":
        return run.state
    try:
        run = await _next(run, app)
    except NeedsPerson as error:
        run = replace(run, state="failed", reason=str(error))
    if run.state != "running":
        run = replace(run, ended=app.now())
    await keep(run, app)
    if run.state == "running":
        await dispatch([run.driver()], app)
    return f"{run.stage} {run.at}" if run.state == "running" else run.state


async def _next(run: Run, app: App) -> Run:
    match run.stage:
        case "scan dynamics" | "scan sap":
            return await _scan(run, SCANS[run.stage], app)
        case "compare":
            return await compare(run, app)
        case "judge":
            return await judge(run, app)
        case "enqueue":
            return await _enqueue(run, app)
        case "end":
            return replace(run, state="finished")


async def _scan(run: Run, side: Side, app: App) -> Run:
    flow, number = app.flows[run.flow], run.pages.counts.get(side, 0)
    page = await app.system(flow, side).scan(flow.selections[side], scope(flow, side), run.token)
    if number >= PAGES_MAX:
        raise NeedsPerson(f"{flow.systems[side]} gives more than {PAGES_MAX} pages of keys")
    if page.found:
        await keep_page(run, side, number, page.found, app)
    pages = Pages(run.pages.slot, {**run.pages.counts, side: number + bool(page.found)})
    records = {**run.records, side: run.records.get(side, 0) + len(page.found)}
    run = replace(run, pages=pages, records=records, token=page.token, at=run.at + 1)
    return run if page.token else run.next_stage("scan sap" if OTHER[side] == "sap" else "compare")


async def _enqueue(run: Run, app: App) -> Run:
    """Send the next chunk to the pipeline, as a sweep would: it reads, couples before it creates, and decides anew."""
    if run.at >= run.chunks:
        return replace(run.next_stage("end"), state="finished")
    found = [
        Change(
            run.flow,
            one.side,
            one.key,
            f"{run.id} {run.at}",
            run.id,
            "sweep",
            deleted=one.kind == "missing",
            asked_by=run.approved_by or run.asked_by,
            bulk=True,
        )
        for one in await candidates(run, run.at, app)
    ]
    await chunks.send(found, app)
    return replace(run, at=run.at + 1, enqueued=run.enqueued + len(found))


async def approve(flow: str, run_id: str, app: App, asked_by: str) -> Run:
    """Let a run that stopped before its first write go on. Raises `BadRequest` when it is not that run that waits."""
    run = await last_run(flow_named(flow, app), app)
    if run is None or run.id != run_id:
        raise BadRequest(f"the last run of {flow} is {run.id if run else 'none'}, not {run_id!r}: look at its report")
    if run.state not in ("waiting for approval", "reported"):
        raise BadRequest(f"run {run_id} is {run.state}: only one that waits for approval, or only reported, can go on")
    run = replace(run, state="running", approved_by=asked_by, ended=None)
    await keep(run, app)
    await dispatch([run.driver()], app)
    return run
