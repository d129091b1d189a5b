"""The operators' routes that mend: what is parked, replay, discard, clash review, pause and resume."""

import uuid
from collections.abc import Awaitable
from typing import Any

import azure.functions as func

from shared.errors import BadRequest, SyncError
from shared.ops.review import asked, mending, parked, pause, resolve
from shared.triggers.access.callers import Caller
from shared.triggers.access.guard import guarded
from shared.triggers.answers import answer, conflict
from shared.wiring import WORKER

blueprint = func.Blueprint()


@guarded(blueprint, "GET", "ops/parked/{*path}")
async def parked_records(req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Return what is parked by cause: ops/parked?flow=s4/account&cause=clash; or one record: ops/parked/s4/account/KEY.

    One function for both, because the rest of a route may be empty.
    """
    if path := req.route_params.get("path", ""):
        flow, key = asked.path(path)
        return await _found(parked.show(flow, key, await WORKER.app()))
    flow, cause = (asked.parameter(req.params.get(name)) for name in ("flow", "cause"))
    return answer(200, await parked.listing(flow, cause, await WORKER.app()))


@guarded(blueprint, "POST", "ops/replay")
async def replay_asked(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Try parked records again: {"flow": "s4/account", "keys": ["…"]} or {"flow": "s4/account", "cause": "clash"}."""
    which = asked.replayed(req.get_body())
    return answer(202, await mending.replay(which, _asked(caller), await WORKER.app()))


@guarded(blueprint, "POST", "ops/discard")
async def discard_asked(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Take records off the list until their values move: {"flow": "s4/account", "keys": ["…"], "reason": "…"}."""
    try:
        which = asked.discarded(req.get_body())
        return answer(200, await mending.discard(which, _asked(caller), await WORKER.app()))
    except SyncError as error:
        return conflict(error)


@guarded(blueprint, "GET", "ops/clashes/{*path}")
async def clashes_shown(req: func.HttpRequest, _caller: Caller) -> func.HttpResponse:
    """Return both live values of each parked field of a pair: ops/clashes/s4/account/1000001."""
    flow, key = asked.path(req.route_params.get("path", ""))
    return await _found(resolve.clashes(flow, key, await WORKER.app()))


@guarded(blueprint, "POST", "ops/clashes/{*path}")
async def choice_made(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Take a person's choices: {"fields": {"city": {"take": "sap", "seen": [the two digests shown]}}}; 409 if moved."""
    try:
        flow, key = asked.path(req.route_params.get("path", ""))
        picks, who = asked.picks(req.get_body()), _asked(caller)
        app = await WORKER.app()
        return answer(202, await resolve.choose(flow, key, picks, app, run=who.run, asked_by=who.by))
    except SyncError as error:
        return conflict(error)


@guarded(blueprint, "POST", "ops/pause")
async def pause_asked(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """Pause a flow or a system: {"name": "s4/order", "reason": "month-end closing"}."""
    what = asked.paused(req.get_body())
    return answer(200, await pause.pause(what.name, what.reason, await WORKER.app(), caller.name))


@guarded(blueprint, "POST", "ops/resume")
async def resume_asked(req: func.HttpRequest, caller: Caller) -> func.HttpResponse:
    """End a pause, and sweep at once: {"name": "s4/order"}."""
    what = asked.resumed(req.get_body())
    return answer(200, await pause.resume(what.name, await WORKER.app(), caller.name))


def _asked(caller: Caller) -> mending.Asked:
    return mending.Asked(str(uuid.uuid4()), caller.name)


async def _found(work: Awaitable[dict[str, Any]]) -> func.HttpResponse:
    try:
        return answer(200, await work)
    except BadRequest as error:
        return answer(404, str(error))
