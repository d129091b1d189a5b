"""The operators' routes for many records at once: backfill and reconcile. The work itself travels over the bus."""

import uuid
from typing import Any

import azure.functions as func
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError

from shared.core.model import Side
from shared.errors import BadRequest
from shared.ops.backfill import chunks, job
from shared.ops.backfill.progress import brief, progress
from shared.ops.intake import flow_named
from shared.ops.reconcile import steps
from shared.ops.reconcile.run import every_run, last_run, report
from shared.triggers.access.callers import Caller
from shared.triggers.access.guard import guarded
from shared.triggers.answers import answer
from shared.wiring import WORKER

blueprint = func.Blueprint()
JOBS_SHOWN_MAX = 50


class Body(BaseModel):
    """What a caller may send: nothing else than what is named."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BackfillBody(Body):
    """Which records: by a filter on columns of that side, or by keys; without either, all that take part."""

    flow: StrictStr
    side: Side
    filter: dict[StrictStr, Any] = Field(default_factory=dict)
    keys: list[StrictStr] = Field(default_factory=list)
    dry_run: StrictBool = False
    limit: StrictInt = Field(default=0, ge=0)
    sample: StrictInt = Field(default=100, ge=1, le=job.SAMPLE_MAX)


class ReconcileBody(Body):
    """Which flow, and whether what is found is mended (None: as the setting says)."""

    flow: StrictStr
    repair: StrictBool | None = None


class ApproveBody(Body):
    """Which run of which flow may go on."""

    flow: StrictStr
    run: StrictStr


@guarded(blueprint, "POST", "ops/backfill")
async def backfill_asked(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Start a job: {"flow": "s4/account", "side": "sap", "filter": {"key": {"ge": "10"}}, "dry_run": true}."""
    asked, app = _read(req, BackfillBody), await WORKER.app()
    made = job.Job(
        id=f"backfill-{uuid.uuid4().hex[:12]}",
        flow=asked.flow,
        side=asked.side,
        started=app.now(),
        asked_by=caller.name,
        filter=asked.filter,
        keys=tuple(asked.keys),
        limit=asked.limit,
        dry_run=asked.dry_run,
        sample_size=asked.sample,
    )
    return answer(202, brief(await job.start(made, app)))


@guarded(blueprint, "GET", "ops/backfill")
async def backfills(_req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Return the newest jobs."""
    jobs = await job.every(await WORKER.app())
    return answer(200, {"jobs": [brief(one) for one in jobs[:JOBS_SHOWN_MAX]]})


@guarded(blueprint, "GET", "ops/backfill/{id}")
async def backfill_progress(req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Return how far a job is, or what its dry run has found."""
    try:
        app = await WORKER.app()
        return answer(200, await progress(await job.load(req.route_params.get("id", ""), app), app))
    except BadRequest as error:
        return answer(404, str(error))


@guarded(blueprint, "DELETE", "ops/backfill/{id}")
async def backfill_cancelled(req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Let nothing more of a job begin; what is done stays done."""
    try:
        app = await WORKER.app()
        found = await job.load(req.route_params.get("id", ""), app)
        await chunks.cancel(found.id, app)
        return answer(202, await progress(found, app))
    except BadRequest as error:
        return answer(404, str(error))


@guarded(blueprint, "POST", "ops/reconcile")
async def reconcile_asked(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Start a run now, in place of the last one: {"flow": "s4/account", "repair": false}."""
    asked, app = _read(req, ReconcileBody), await WORKER.app()
    run_id = f"reconcile-{uuid.uuid4().hex[:12]}"
    run = await steps.start(asked.flow, app, run_id=run_id, asked_by=caller.name, repairs=asked.repair)
    return answer(202, report(run, findings=False))


@guarded(blueprint, "POST", "ops/reconcile/approve")
async def reconcile_approved(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Let a run write that has stopped before its first write: {"flow": "s4/account", "run": "reconcile-…"}."""
    asked, app = _read(req, ApproveBody), await WORKER.app()
    run = await steps.approve(asked.flow, asked.run, app, caller.name)
    return answer(202, report(run, findings=False))


@guarded(blueprint, "GET", "ops/reconcile/{*path}")
async def reconciles(req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Return the last run of each flow, or of one with its findings: ops/reconcile, ops/reconcile/s4/account."""
    try:
        app, path = await WORKER.app(), req.route_params.get("path") or ""
        if not path.strip("/"):
            return answer(200, {"runs": [report(run, findings=False) for run in await every_run(app)]})
        name = flow_named(path, app)
        run = await last_run(name, app)
        return answer(200, report(run)) if run else answer(404, f"{name} was never reconciled")
    except BadRequest as error:
        return answer(404, str(error))


def _read[B: Body](req: func.HttpRequest, kind: type[B]) -> B:
    """Return the body. Raises `BadRequest` with every fault, none with a value in it."""
    try:
        return kind.model_validate_json(req.get_body() or b"{}")
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        told = [f"{'.'.join(str(part) for part in one['loc']) or 'body'}: {one['msg']}" for one in faults]
        raise BadRequest("; ".join(told)) from None
