"""How often one caller may ask: a token bucket each, per worker. It protects the systems behind, and bills nobody.

Workers do not talk about it: with ten instances a caller may ask ten times as often. Ways in for events are never
limited: a sender that is told to wait may give the event up.
"""

import math
import time
from collections.abc import Callable

CALLERS_MAX = 1_000


class Limiter:
    """Buckets by caller; a bucket holds a minute's worth, and fills evenly. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # what is left, and when that was

    def wait_seconds(self, caller: str, per_minute: int) -> int:
        """Take one request from the caller's bucket: 0, or whole seconds until there is one again."""
        now = self._clock()
        left, at = self._buckets.pop(caller, (float(per_minute), now))
        left = min(float(per_minute), left + (now - at) * per_minute / 60)
        if len(self._buckets) >= CALLERS_MAX:  # who asked longest ago goes; a full bucket is all that is forgotten
            del self._buckets[next(iter(self._buckets))]
        enough = left >= 1
        self._buckets[caller] = (left - 1 if enough else left, now)
        return 0 if enough else math.ceil((1 - left) * 60 / per_minute)
