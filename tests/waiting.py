"""Waiting for what other threads and processes do, with a bound; never for a length of time."""

import time
from collections.abc import Callable

LOOK_SECONDS = 0.02


def until(holds: Callable[[], object], what: str, seconds: float = 60, *, words: Callable[[], str] = str) -> None:
    """Look until it holds. `what` names it in the failure, to which `words` adds, e.g. the end of a log."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}\n{words()}"
        time.sleep(LOOK_SECONDS)
