"""The operators' routes that mend: what is parked, replay, discard, clash review, pause and resume."""

import uuid
from collections.abc import Awaitable
from typing import Any

import azure.functions as func

from shared.errors import BadRequest, Stale, SyncError
from shared.ops import asked, mending, parked, pause, resolve
from shared.triggers.answers import answer, asked_by, refuse
from shared.wiring import WORKER

blueprint = func.Blueprint()
LEVEL = func.AuthLevel.FUNCTION


@blueprint.route("ops/parked/{*path}", methods=["GET"], auth_level=LEVEL)
async def parked_records(req: func.HttpRequest) -> func.HttpResponse:
    """Return what is parked by cause: ops/parked?flow=s4/account&cause=clash; or one record: ops/parked/s4/account/KEY.

    One function for both, because the rest of a route may be empty.
    """
    try:
        if path := req.route_params.get("path", ""):
            flow, key = asked.path(path)
            return await _found(parked.show(flow, key, await WORKER.app()))
        flow, cause = (asked.parameter(req.params.get(name)) for name in ("flow", "cause"))
        return answer(200, await parked.listing(flow, cause, await WORKER.app()))
    except SyncError as error:
        return refuse(error)


@blueprint.route("ops/replay", methods=["POST"], auth_level=LEVEL)
async def replay_asked(req: func.HttpRequest) -> func.HttpResponse:
    """Try parked records again: {"flow": "s4/account", "keys": ["…"]} or {"flow": "s4/account", "cause": "clash"}."""
    try:
        which = asked.replayed(req.get_body())
        return answer(202, await mending.replay(which, _asked(req), await WORKER.app()))
    except SyncError as error:
        return refuse(error)


@blueprint.route("ops/discard", methods=["POST"], auth_level=LEVEL)
async def discard_asked(req: func.HttpRequest) -> func.HttpResponse:
    """Take records off the list until their values move: {"flow": "s4/account", "keys": ["…"], "reason": "…"}."""
    try:
        which = asked.discarded(req.get_body())
        return answer(200, await mending.discard(which, _asked(req), await WORKER.app()))
    except SyncError as error:
        return _conflict(error)


@blueprint.route("ops/clashes/{*path}", methods=["GET"], auth_level=LEVEL)
async def clashes_shown(req: func.HttpRequest) -> func.HttpResponse:
    """Return both live values of each parked field of a pair: ops/clashes/s4/account/1000001."""
    try:
        flow, key = asked.path(req.route_params.get("path", ""))
        return await _found(resolve.clashes(flow, key, await WORKER.app()))
    except SyncError as error:
        return refuse(error)


@blueprint.route("ops/clashes/{*path}", methods=["POST"], auth_level=LEVEL)
async def choice_made(req: func.HttpRequest) -> func.HttpResponse:
    """Take a person's choices: {"fields": {"city": {"take": "sap", "seen": [the two digests shown]}}}; 409 if moved."""
    try:
        flow, key = asked.path(req.route_params.get("path", ""))
        picks, who = asked.picks(req.get_body()), _asked(req)
        app = await WORKER.app()
        return answer(202, await resolve.choose(flow, key, picks, app, run=who.run, asked_by=who.by))
    except SyncError as error:
        return _conflict(error)


@blueprint.route("ops/pause", methods=["POST"], auth_level=LEVEL)
async def pause_asked(req: func.HttpRequest) -> func.HttpResponse:
    """Pause a flow or a system: {"name": "s4/order", "reason": "month-end closing"}."""
    try:
        what = asked.paused(req.get_body())
        return answer(200, await pause.pause(what.name, what.reason, await WORKER.app(), asked_by(req)))
    except SyncError as error:
        return refuse(error)


@blueprint.route("ops/resume", methods=["POST"], auth_level=LEVEL)
async def resume_asked(req: func.HttpRequest) -> func.HttpResponse:
    """End a pause, and sweep at once: {"name": "s4/order"}."""
    try:
        what = asked.resumed(req.get_body())
        return answer(200, await pause.resume(what.name, await WORKER.app(), asked_by(req)))
    except SyncError as error:
        return refuse(error)


def _asked(req: func.HttpRequest) -> mending.Asked:
    return mending.Asked(str(uuid.uuid4()), asked_by(req))


async def _found(work: Awaitable[dict[str, Any]]) -> func.HttpResponse:
    try:
        return answer(200, await work)
    except BadRequest as error:
        return answer(404, str(error))


def _conflict(error: SyncError) -> func.HttpResponse:
    return answer(409, str(error)) if isinstance(error, Stale) else refuse(error)
