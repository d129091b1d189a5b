"""All that is done under one correlation id is one operation: one trace id, from the webhook to the write-back.

An `Operation` also adds up what its change costs: milliseconds a step, calls and throttles a system. It travels in a
context variable, so tasks that a change starts report to it. Calls that several changes share count for the first.
"""

import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import blake2b

from shared.errors import SyncError

_GUID = re.compile(r"\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?", re.IGNORECASE)
_NO_TRACE = "0" * 32  # W3C trace context: all zeros is no trace id


def trace_id_of(correlation: str) -> str:
    """Return 32 hex digits: a GUID's own, of anything else its digest; the same on every worker and attempt."""
    found = _GUID.fullmatch(correlation)
    own = "".join(found.groups()).lower() if found else ""
    return own if own not in ("", _NO_TRACE) else blake2b(correlation.encode(), digest_size=16).hexdigest()


def new_span_id() -> str:
    """Return 16 hex digits, never all zeros."""
    return os.urandom(8).hex().replace("0" * 16, "f" * 16)


def traceparent(correlation: str, span_id: str = "") -> str:
    """Return the W3C header: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'."""
    return f"00-{trace_id_of(correlation)}-{span_id or new_span_id()}-01"


@dataclass(slots=True)
class Operation:
    """One piece of work. `made` is what each step has returned, `error` the expected failure of the last one."""

    correlation: str
    trace_id: str
    span_id: str = field(default_factory=new_span_id)
    milliseconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    throttles: dict[str, int] = field(default_factory=dict)
    made: dict[str, object] = field(default_factory=dict)
    error: SyncError | None = None


_CURRENT: ContextVar[Operation | None] = ContextVar("operation", default=None)


def current() -> Operation | None:
    """Return the operation that this code runs for, None outside of any."""
    return _CURRENT.get()


@contextmanager
def operation(correlation: str) -> Iterator[Operation]:
    """Run the block, and the tasks it starts, for a correlation id."""
    found = Operation(correlation, trace_id_of(correlation))
    before = _CURRENT.set(found)
    try:
        yield found
    finally:
        _CURRENT.reset(before)


async def timed[T](step: str, work: Awaitable[T]) -> T:
    """Await a step of the current operation, and note its time, what it made, or how it failed."""
    found = _CURRENT.get()
    if found is None:
        return await work
    started = time.perf_counter()
    found.made.pop(step, None)
    found.error = None
    try:
        made = await work
    except SyncError as error:
        found.error = error
        raise
    finally:
        _add(found, step, started)
    found.made[step] = made
    return made


def clocked[**P, T](step: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a step of the current operation that awaits nothing, and note its time."""
    started = time.perf_counter()
    made = work(*args, **kwargs)
    if (found := _CURRENT.get()) is not None:
        _add(found, step, started)
    return made


def _add(found: Operation, step: str, started: float) -> None:
    found.milliseconds[step] = found.milliseconds.get(step, 0.0) + (time.perf_counter() - started) * 1000
