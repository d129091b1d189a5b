"""The operators' routes that look, sync now, and erase. Who may call which stands in `access/routes.py`."""

import uuid
from typing import Any

import azure.functions as func

from shared.core.model import SIDES
from shared.errors import BadRequest, SyncError
from shared.ops.intake import sync_now
from shared.ops.privacy import erase
from shared.ops.watch import look
from shared.ops.watch.health import health
from shared.triggers.access.callers import Caller
from shared.triggers.access.guard import guarded
from shared.triggers.answers import answer, conflict
from shared.wiring import WORKER

blueprint = func.Blueprint()
KNOWN = {"flow", "side", "key", "keys", "replay"}


@guarded(blueprint, "POST", "ops/sync")
async def sync_now_asked(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Sync records now: {"flow": "s4/account", "side": "dynamics", "keys": ["…"], "replay": false}."""
    body, run = _body(req), str(uuid.uuid4())
    count = await sync_now(
        body["flow"],
        body["side"],
        body["keys"],
        await WORKER.app(),
        run=run,
        asked_by=caller.name,
        cause="replay" if body.get("replay") is True else "sync",
    )
    return answer(202, {"enqueued": count, "correlation": run})


def _body(req: func.HttpRequest) -> dict[str, Any]:
    try:
        body = req.get_json()
    except ValueError as error:
        raise BadRequest('the body must be JSON: {"flow": "s4/account", "side": "dynamics", "keys": ["…"]}') from error
    if not isinstance(body, dict) or body.keys() - KNOWN:
        raise BadRequest(f"the body must be an object with the members {', '.join(sorted(KNOWN))}")
    if not isinstance(body.get("flow"), str) or body.get("side") not in SIDES:
        raise BadRequest("flow must be a flow's name, side must be dynamics or sap")
    keys = body.get("keys", [body["key"]] if "key" in body else None)
    if not isinstance(keys, list):
        raise BadRequest("keys must be a list of record keys")
    return {**body, "keys": keys}


@guarded(blueprint, "GET", "ops/status")
async def status(_req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Return flows, parked records by cause, last sweeps."""
    return answer(200, await look.status(await WORKER.app()))


@guarded(blueprint, "GET", "ops/health")
async def healthy(_req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Return 200 if every dependency answers, else 503 with the reasons."""
    return await _health()


@blueprint.route("health", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def healthy_for_machines(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 -- the trigger's argument
    """Return the same to who has the host's key: availability tests, and the deployment."""
    return await _health()


async def _health() -> func.HttpResponse:
    try:
        well, found = await health(await WORKER.app())
    except SyncError as error:
        return answer(503, {"status": "down", "reason": str(error)})
    return answer(200 if well else 503, found)


@guarded(blueprint, "GET", "ops/links/{*path}")
async def link(req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Return a pair with its journal: ops/links/s4/account/1000001, by either side's key."""
    flow, _, key = req.route_params.get("path", "").rpartition("/")
    try:
        return answer(200, await look.pair(flow, key, await WORKER.app()))
    except BadRequest as error:
        return answer(404, str(error))


@guarded(blueprint, "GET", "ops/correlations/{id}")
async def correlation(req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Return every step of one correlation id, from the event to the write-back."""
    try:
        return answer(200, await look.correlation(req.route_params.get("id", ""), await WORKER.app()))
    except BadRequest as error:
        return answer(404, str(error))


@guarded(blueprint, "DELETE", "ops/subjects/{side}/{table}/{*key}")
async def subject_erased(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Erase the traces of one record: ops/subjects/dynamics/account/ID, or ops/subjects/sap/BusinessPartner/NUMBER."""
    side, table, key = (req.route_params.get(name, "") for name in ("side", "table", "key"))
    try:
        return answer(200, await erase.erase(side, table, key, await WORKER.app(), asked_by=caller.name))
    except BadRequest as error:
        return answer(404, str(error))
    except SyncError as error:
        return conflict(error)
