"""The one App of a worker, built in its loop; nobody works before the environment is known to be ours."""

import asyncio
import logging
import os
from dataclasses import replace
from time import monotonic

from shared.errors import Transient, WrongEnvironment
from shared.ports import App
from shared.telemetry import event
from shared.wiring.app import build, settings

LOOK_AGAIN_SECONDS = 30.0


class Worker:
    """Holds the one App of this worker; the first invocation builds it, the others wait for that."""

    def __init__(self) -> None:
        self._app: App | None = None
        self._look_again_at = 0.0
        self._building = asyncio.Lock()

    async def app(self) -> App:
        """Return the App. Raises `BadMapping` or `WrongEnvironment` when it may not start."""
        if self._app is None or self._unsure(self._app):
            async with self._building:
                app, self._app = self._app or build(settings(), os.environ), None
                if self._unsure(app):
                    app = replace(app, identities=await _checked_identities(app))
                    self._look_again_at = monotonic() + LOOK_AGAIN_SECONDS
                self._app = app  # only now: nobody works for an environment that was found to be another one
        return self._app

    def _unsure(self, app: App) -> bool:
        return len(app.identities) < len(app.systems) and monotonic() >= self._look_again_at


async def _checked_identities(app: App) -> dict[str, str]:
    """Refuse to work on another organisation or SAP client than the one that the state belongs to (law 13)."""
    identities: dict[str, str] = {}
    for name, system in app.systems.items():
        known = await app.state.watermark(f"identity/{name}")
        try:
            found = await system.identity()
        except Transient as error:
            event("identity unknown", logging.WARNING, system=name, reason=str(error))
            continue
        identities[name] = found
        if known and known != found:
            raise WrongEnvironment(
                f"the state belongs to {name} {known}, but the connection leads to {found}: "
                "restore the address, or give this environment its own TABLES_PREFIX"
            )
        if not known:
            await app.state.set_watermark(f"identity/{name}", found)
    return identities


WORKER = Worker()
