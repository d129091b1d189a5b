"""The one App of a worker, built in its loop; nobody works before the environment is known to be ours."""

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from shared.errors import Transient, WrongEnvironment
from shared.ports import App
from shared.telemetry import event
from shared.wiring.app import build, settings

LOOK_AGAIN_SECONDS = 30.0
IDENTITY_SECONDS = 10.0  # the first webhook waits for this, and its sender for no more than a minute


class Worker:
    """Holds the one App of this worker; the first invocation builds it, the others wait for that.

    What was built is kept whatever comes of the check: an App that is thrown away leaves its connections open, and its
    breakers forget what the systems said. A later look at a system that was silent at first holds nobody up.
    """

    def __init__(self, make: Callable[[], App], clock: Callable[[], float] = monotonic) -> None:
        self._make, self._clock = make, clock
        self._built: App | None = None
        self._app: App | None = None  # only when nothing is known against its environment
        self._look_again_at = 0.0
        self._checking = asyncio.Lock()

    async def app(self) -> App:
        """Return the App. Raises `BadMapping` or `WrongEnvironment` when it may not start."""
        if self._app is None or (self._unsure(self._app) and not self._checking.locked()):
            async with self._checking:
                if self._app is None or self._unsure(self._app):
                    self._app = await self._checked()
        return self._app

    async def _checked(self) -> App:
        self._built = self._built or self._make()
        try:
            identities = await _checked_identities(self._built)
        except WrongEnvironment:
            self._app = None  # nobody works for an environment that was found to be another one
            raise
        self._look_again_at = self._clock() + LOOK_AGAIN_SECONDS
        return replace(self._built, identities=identities)

    def _unsure(self, app: App) -> bool:
        return len(app.identities) < len(app.systems) and self._clock() >= self._look_again_at


async def _checked_identities(app: App) -> dict[str, str]:
    """Refuse to work on another organisation or SAP client than the one that the state belongs to (law 13)."""
    identities: dict[str, str] = {}
    for name, system in app.systems.items():
        known = await app.state.watermark(f"identity/{name}")
        try:
            async with asyncio.timeout(IDENTITY_SECONDS):
                found = await system.identity()
        except (Transient, TimeoutError) as error:
            event("identity unknown", logging.WARNING, system=name, reason=str(error) or "TimeoutError")
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


WORKER = Worker(lambda: build(settings(), os.environ))
