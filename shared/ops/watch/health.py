"""Whether the app can do its work, dependency by dependency, with the reason where it cannot. No secret, no value."""

import asyncio
from collections.abc import Awaitable

from shared import __version__
from shared.errors import SyncError
from shared.ports import App

LOOK_SECONDS = 10.0


async def health(app: App) -> tuple[bool, dict[str, object]]:
    """Return whether all is well, and what was found: {'state': 'ok', 's4': 'no answer (…)'}."""
    looks = {name: _look(system.identity()) for name, system in app.systems.items()}
    looks["state"] = _look(app.state.watermark("identity/dataverse"))
    found = dict(zip(looks, await asyncio.gather(*looks.values()), strict=True))
    well = all(answer == "ok" for answer in found.values())
    return well, {
        "status": "ok" if well else "degraded",
        "version": __version__,
        "flows": sorted(app.flows),
        "checks": found,
    }


async def _look(question: Awaitable[object]) -> str:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            await question
    except TimeoutError:
        return f"no answer within {LOOK_SECONDS:g} s"
    except SyncError as error:
        return f"{type(error).__name__}: {error}"
    return "ok"
