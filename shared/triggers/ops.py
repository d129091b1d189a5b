"""The operators' routes. Keys guard them as the Functions host checks them (level `function`)."""

import uuid
from typing import Any

import azure.functions as func

from shared.core.model import SIDES
from shared.errors import BadRequest, SyncError
from shared.ops import look
from shared.ops.health import health
from shared.ops.intake import sync_now
from shared.triggers.answers import answer, asked_by, refuse
from shared.wiring import WORKER

blueprint = func.Blueprint()
KNOWN = {"flow", "side", "key", "keys", "replay"}


@blueprint.route("ops/sync", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def sync_now_asked(req: func.HttpRequest) -> func.HttpResponse:
    """Sync records now: {"flow": "s4/account", "side": "dynamics", "keys": ["…"], "replay": false}."""
    try:
        body = _body(req)
        run = str(uuid.uuid4())
        count = await sync_now(
            body["flow"],
            body["side"],
            body["keys"],
            await WORKER.app(),
            run=run,
            asked_by=asked_by(req),
            cause="replay" if body.get("replay") is True else "sync",
        )
    except SyncError as error:
        return refuse(error)
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


@blueprint.route("ops/status", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def status(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 -- the trigger's argument
    """Return flows, parked records by cause, last sweeps."""
    try:
        return answer(200, await look.status(await WORKER.app()))
    except SyncError as error:
        return refuse(error)


@blueprint.route("ops/health", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def healthy(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 -- the trigger's argument
    """Return 200 if every dependency answers, else 503 with the reasons."""
    try:
        well, found = await health(await WORKER.app())
    except SyncError as error:
        return answer(503, {"status": "down", "reason": str(error)})
    return answer(200 if well else 503, found)


@blueprint.route("ops/links/{*path}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def link(req: func.HttpRequest) -> func.HttpResponse:
    """Return a pair with its journal: ops/links/s4/account/1000001, by either side's key."""
    flow, _, key = req.route_params.get("path", "").rpartition("/")
    try:
        return answer(200, await look.pair(flow, key, await WORKER.app()))
    except BadRequest as error:
        return answer(404, str(error))
    except SyncError as error:
        return refuse(error)


@blueprint.route("ops/correlations/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def correlation(req: func.HttpRequest) -> func.HttpResponse:
    """Return every step of one correlation id, from the event to the write-back."""
    try:
        return answer(200, await look.correlation(req.route_params.get("id", ""), await WORKER.app()))
    except BadRequest as error:
        return answer(404, str(error))
    except SyncError as error:
        return refuse(error)
