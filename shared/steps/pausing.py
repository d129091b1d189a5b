"""What keeps a flow from running: a person's pause, or the app's own when a system looks restored."""

import json
import logging
from datetime import timedelta

from shared.ports import App
from shared.telemetry import event

THE_APP = "the app itself"
PAUSES_KNOWN = timedelta(seconds=10)


async def paused(flow: str, app: App) -> str:
    """Return what keeps a flow paused, 's4/account' or 's4' ('' = it runs). A worker knows it after 10 s at most."""
    now, read_at = app.now(), app.pauses.read_at
    if read_at is None or not timedelta(0) <= now - read_at < PAUSES_KNOWN:
        found = await app.state.watermarks("pause")
        app.pauses.names = frozenset(name.removeprefix("pause/") for name, said in found.items() if said)
        app.pauses.read_at = now
    systems = app.flows[flow].systems.values() if flow in app.flows else ()
    return next((name for name in (flow, *systems) if name in app.pauses.names), "")


async def keep_paused(name: str, by: str, reason: str, app: App) -> dict[str, str]:
    """Pause a flow or a system until somebody resumes it; return what is kept: by whom, when and why."""
    told = {"by": by, "at": app.now().isoformat(), "reason": reason}
    await app.state.set_watermark(f"pause/{name}", json.dumps(told))
    app.pauses.read_at = None
    event("paused", logging.WARNING, what=name, who="app" if by == THE_APP else "person")
    return told
