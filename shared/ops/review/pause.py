"""Pause and resume a flow, or all flows of a system. Changes stay on the bus meanwhile; resuming sweeps at once."""

import json
from typing import Any

from shared.errors import BadRequest
from shared.ops import sweep
from shared.ops.intake import flow_named
from shared.ports import App
from shared.steps.pausing import keep_paused, paused


async def pause(name: str, reason: str, app: App, asked_by: str) -> dict[str, Any]:
    """Pause 's4/order', 's4' or 'dataverse'. Every worker knows within 10 s; what is under way is finished."""
    full = named(name, app)
    told = await keep_paused(full, asked_by, reason, app)
    return {"paused": full, **told}


async def resume(name: str, app: App, asked_by: str) -> dict[str, Any]:
    """End a pause and sweep the flows that run again, so that nothing is missed whatever became of its messages."""
    full = named(name, app)
    if not await app.state.watermark(f"pause/{full}"):
        raise BadRequest(f"{full} is not paused; paused are: {', '.join(sorted(await pauses(app))) or 'none'}")
    await app.state.set_watermark(f"pause/{full}", "")
    app.pauses.read_at = None
    mine = [flow.name for flow in app.flows.values() if full in (flow.name, *flow.systems.values())]
    kept = {flow: by for flow in mine if (by := await paused(flow, app))}
    swept = {flow: await sweep.start(flow, app, asked_by) for flow in mine if flow not in kept}
    return {"resumed": full, "sweeps": swept, "still_paused": kept}


async def pauses(app: App) -> dict[str, dict[str, str]]:
    """Return what is paused: since when, by whom and why."""
    found = await app.state.watermarks("pause")
    return {name.removeprefix("pause/"): json.loads(said) for name, said in sorted(found.items()) if said}


def named(name: str, app: App) -> str:
    """Return a system's name, or the full name of a flow."""
    systems = {system for flow in app.flows.values() for system in flow.systems.values()}
    if name in systems:
        return name
    try:
        return flow_named(name, app)
    except BadRequest as error:
        raise BadRequest(f"{error}; systems are {', '.join(sorted(systems))}") from error
