"""How hard one worker may press one system, learned from what the system says; and when not to call it at all.

A throttle (429, or 503 with Retry-After) halves the calls that may be under way and holds all of them until the time
that was named; quiet success lets the number grow again. A row of failures opens the breaker: nobody calls until one
probe, after a growing wait, comes through. A logon refused twice opens it for long, because SAP locks users.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

from shared.errors import Throttled, Unavailable
from shared.telemetry import event

FAILURES_MAX = 5  # in a row
REFUSALS_MAX = 2  # of a logon, in a row; SAP locks a user after about five
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 5.0, 300.0
REFUSED_LOGON_WAIT_SECONDS = 300.0
THROTTLED_SECONDS = 10.0  # what a throttle means that names no time
HOLD_SECONDS_MAX = 900.0
GROW_AFTER = 20  # calls without a throttle


class Governor:
    """One system's slots and breaker. `limit_max` calls at a time at most; `now` is there to be replaced in tests."""

    def __init__(self, name: str, limit_max: int, now: Callable[[], float] = monotonic) -> None:
        self.name = name
        self.limit = self.limit_max = limit_max
        self.under_way = 0
        self._now = now
        self._free = asyncio.Condition()
        self._held_until = 0.0
        self._open_until = 0.0
        self._wait_seconds = 0.0
        self._why = ""
        self._failures = 0
        self._refusals = 0
        self._quiet = 0
        self._probing = False

    @property
    def state(self) -> str:
        """Return 'closed', 'open' or 'probing'."""
        if self._wait_seconds == 0:
            return "closed"
        return "probing" if self._probing else "open"

    @asynccontextmanager
    async def slot(self, what: str, seconds: float) -> AsyncIterator[None]:
        """Hold a slot while calling. Raises `Throttled` or `Unavailable` instead of calling a system in need."""
        probe = self._admit(what)
        try:
            await self._enter(what, seconds)
            try:
                yield
            finally:
                async with self._free:
                    self.under_way -= 1
                    self._free.notify_all()
        finally:
            if probe:  # one that was cancelled has learned nothing: the next caller is the probe
                self._probing = False

    async def _enter(self, what: str, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds), self._free:
                await self._free.wait_for(lambda: self.under_way < self.limit)
                self.under_way += 1
        except TimeoutError as error:
            raise Unavailable(f"{what}: no free slot within {seconds:g} s; nothing was sent") from error

    def _admit(self, what: str) -> bool:
        """Return whether this call is the probe."""
        now = self._now()
        if now < self._held_until:
            raise Throttled(f"{what}: {self.name} asked for a pause", wait_seconds=self._held_until - now)
        if self._wait_seconds == 0:
            return False
        if now < self._open_until or self._probing:
            wait = max(self._open_until - now, 1.0)
            raise Throttled(f"{what}: {self.name} rests after {self._why}; nothing was sent", wait_seconds=wait)
        self._probing = True
        return True

    def answered(self, status: int, retry_after_seconds: float | None, hint: int | None = None) -> None:
        """Learn from an answer. `hint` is the parallelism that the system recommends (Dataverse x-ms-dop-hint)."""
        if hint is not None and hint > 0:
            self.limit_max = min(self.limit_max, hint)
            self.limit = min(self.limit, self.limit_max)
        if status == 429 or (status == 503 and retry_after_seconds is not None):  # noqa: PLR2004 -- HTTP
            self._throttled(retry_after_seconds)
        elif status == 401:  # noqa: PLR2004 -- HTTP
            self._logon_refused()
        elif status >= 500 and status != 501:  # noqa: PLR2004 -- HTTP
            self.failed()
        else:
            self._well()

    def failed(self) -> None:
        """Learn that no answer came, or the answer of a sick system."""
        self._failures += 1
        if self._probing or self._failures >= FAILURES_MAX:
            self._open(min(max(self._wait_seconds * 2, FIRST_WAIT_SECONDS), LONGEST_WAIT_SECONDS), "failures")

    def doubted(self) -> None:
        """Learn that a logon was refused which may be good: many calls may find out together that a session ended."""
        self._refusals = max(self._refusals, 1)

    def _logon_refused(self) -> None:
        """Open at the second refusal in a row: the first may have been an expired token, renewed and tried again."""
        self._refusals += 1
        if self._refusals >= REFUSALS_MAX:
            self._open(max(self._wait_seconds * 2, REFUSED_LOGON_WAIT_SECONDS), "a refused logon")

    def _throttled(self, seconds: float | None) -> None:
        wait = min(THROTTLED_SECONDS if seconds is None else seconds, HOLD_SECONDS_MAX)
        self._held_until = max(self._held_until, self._now() + wait)
        self.limit = max(1, self.limit // 2)
        self._quiet, self._probing = 0, False
        event("throttled", logging.WARNING, system=self.name, wait_seconds=wait, limit=self.limit)

    def _open(self, wait: float, why: str) -> None:
        self._wait_seconds, self._open_until, self._probing = wait, self._now() + wait, False
        self._why = why
        event("breaker open", logging.WARNING, system=self.name, wait_seconds=wait, reason=why)

    def _well(self) -> None:
        if self._wait_seconds:
            event("breaker closed", system=self.name)
        self._failures, self._refusals = 0, 0
        self._wait_seconds, self._open_until, self._probing = 0.0, 0.0, False
        self._quiet += 1
        if self._quiet >= GROW_AFTER and self.limit < self.limit_max:
            self.limit += 1
            self._quiet = 0
