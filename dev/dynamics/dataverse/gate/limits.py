"""Service protection: requests, execution time and concurrency of each application user in a sliding window.

The three refusals and their Retry-After are those of the service; Retry-After grows for a caller who keeps hammering.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from dev.dynamics.dataverse.core.errors import ServiceError, refuse
from dev.dynamics.dataverse.core.settings import Limits


@dataclass(slots=True)
class Usage:
    """One user's window: (moment, seconds taken) of each request, and how many run now."""

    requests: deque[list[float]] = field(default_factory=deque)
    running: int = 0
    refused: int = 0


@dataclass(slots=True)
class Protection:
    """Counts and refuses; ``seconds`` is a clock that a test may move."""

    limits: Limits
    seconds: Callable[[], float]
    users: dict[str, Usage] = field(default_factory=dict)

    def enter(self, user_id: str, weight: int = 1) -> list[float]:
        """Count a request in or refuse it; gives the entry to hand back to `leave`."""
        usage, now = self.users.setdefault(user_id, Usage()), self.seconds()
        while usage.requests and usage.requests[0][0] <= now - self.limits.window_seconds:
            usage.requests.popleft()
        if (error := self._exceeded(usage, weight)) is not None:
            usage.refused += 1
            oldest = usage.requests[0][0] if usage.requests else now
            wait = max(1, math.ceil(oldest + self.limits.window_seconds - now)) if usage.requests else 1
            error.headers["Retry-After"] = str(wait + usage.refused - 1)
            raise error
        usage.refused = 0
        entries = [[now, 0.0] for _ in range(weight)]
        usage.requests.extend(entries)
        usage.running += 1
        return entries[0]

    def leave(self, user_id: str, entry: list[float]) -> None:
        """Count a request out, with the time it took."""
        entry[1] = self.seconds() - entry[0]
        self.users[user_id].running -= 1

    def _exceeded(self, usage: Usage, weight: int) -> ServiceError | None:
        limits, window = self.limits, f"{self.limits.window_seconds:g}"
        if limits.concurrent is not None and usage.running >= limits.concurrent:
            return refuse("too many at once", limit=limits.concurrent)
        if limits.requests is not None and len(usage.requests) + weight > limits.requests:
            return refuse("too many requests", limit=limits.requests, window=window)
        spent = sum(entry[1] for entry in usage.requests) if limits.execution_seconds is not None else 0
        if limits.execution_seconds is not None and spent >= limits.execution_seconds:
            return refuse("too much time", limit=f"{limits.execution_seconds * 1000:,.0f}", window=window)
        return None

    def headers(self, user_id: str) -> dict[str, str]:
        """Give the diagnostic headers of every answer."""
        usage = self.users.get(user_id, Usage())
        allowed = self.limits.requests if self.limits.requests is not None else 6000
        seconds = self.limits.execution_seconds if self.limits.execution_seconds is not None else 1200.0
        spent = sum(entry[1] for entry in usage.requests) if self.limits.execution_seconds is not None else 0
        return {
            "x-ms-ratelimit-burst-remaining-xrm-requests": str(max(0, allowed - len(usage.requests))),
            "x-ms-ratelimit-time-remaining-xrm-requests": f"{max(0.0, seconds - spent):,.2f}",
            "x-ms-dop-hint": str(self.limits.dop_hint),
        }
