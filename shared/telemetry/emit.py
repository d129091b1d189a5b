"""The way out: events, exceptions, measurements and calls become items, and go to the exporter, or to the log.

Nothing here waits or fails: a change never ends otherwise because of its telemetry. The exporter is loaded by a thread
of its own, for that takes most of a second; what is told meanwhile is kept. Without an exporter an event is one line
of our logger, which the host takes; with one our logger is silent, or each line would be there twice.
"""

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from queue import SimpleQueue
from types import TracebackType

from shared.telemetry.catalogue import EVENTS, IN_STEP, METRICS, Event
from shared.telemetry.items import Dependency, Exporter, Exporting, Failure, Item, Point, Trace
from shared.telemetry.operation import current, new_span_id, trace_id_of
from shared.telemetry.wording import cause_of, frames, told

_LOG = logging.getLogger("sync")
QUIET = ("azure", "httpx", "httpcore", "aiohttp")  # at INFO the SDKs cost 0.8 ms a record, and write addresses
WAITING_MAX = 8_192  # as many as an exporter's queue takes
CLOSE_SECONDS = 3.0


type Wish = Callable[[Exporter], None]


@dataclass(slots=True)
class _Way:
    """Where items go: `waiting` holds them while the exporter is being loaded (None = there is none to wait for).

    `wishes` are for the thread that has loaded the exporter; None ends it.
    """

    chosen: Exporting = field(default_factory=Exporting)
    exporter: Exporter | None = None
    waiting: deque[Item] | None = None
    thread: threading.Thread | None = None
    wishes: SimpleQueue[Wish | None] = field(default_factory=SimpleQueue)
    lock: threading.Lock = field(default_factory=threading.Lock)


_WAY = _Way()


def quiet() -> None:
    """Silence the libraries below warnings; called once per worker."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def exporting() -> bool:
    """Return whether telemetry leaves the worker: what is only there to be measured is not worth a call otherwise."""
    return _WAY.exporter is not None or _WAY.waiting is not None


def start(chosen: Exporting) -> None:
    """Load the chosen exporter, in a thread; what is told from now on goes to it."""
    if chosen.exporter in ("", "none"):
        return
    stop()
    _WAY.chosen, _WAY.waiting, _WAY.wishes = chosen, deque(maxlen=WAITING_MAX), SimpleQueue()
    _WAY.thread = threading.Thread(target=_serve, args=(chosen, _WAY.wishes), name="telemetry", daemon=True)
    _WAY.thread.start()
    atexit.register(stop)


def _serve(chosen: Exporting, wishes: SimpleQueue[Wish | None]) -> None:
    """Load the exporter, then do what may take long: at the end of the process no thread can be started any more."""
    from shared.telemetry import exporters  # noqa: PLC0415 -- the SDKs behind it are loaded only if they are wanted

    try:
        made = exporters.make(chosen)
    except (ImportError, ValueError) as error:  # a connection string that is none; its text must not be shown
        _WAY.waiting = None
        _LOG.error("no telemetry leaves: the %s exporter cannot be made (%s)", chosen.exporter, cause_of(error))
        return
    with _WAY.lock:
        _WAY.exporter = made
        for item in _WAY.waiting or ():
            made.send(item)
        _WAY.waiting = None
    while (wish := wishes.get()) is not None:
        wish(made)


def flush(seconds: float = CLOSE_SECONDS) -> None:
    """Send what is queued, within `seconds`."""
    _ask(lambda exporter: exporter.flush(seconds), seconds)


def stop(seconds: float = CLOSE_SECONDS) -> None:
    """Send what is queued and end, within `seconds`: at the end of the worker, where it is allowed to have one."""
    _ask(lambda exporter: exporter.close(seconds), seconds)
    _WAY.wishes.put(None)
    _WAY.exporter, _WAY.waiting, _WAY.thread = None, None, None
    atexit.unregister(stop)


def _ask(wish: Wish, seconds: float) -> None:
    """Let the thread do something, and wait for it no longer than `seconds`."""
    if _WAY.thread is None:
        return
    done = threading.Event()

    def told(exporter: Exporter) -> None:
        try:
            wish(exporter)
        finally:
            done.set()

    _WAY.wishes.put(told)
    ends_at = time.monotonic() + seconds
    while _WAY.thread.is_alive() and not done.wait(0.05) and time.monotonic() < ends_at:
        pass


# ------------------------------------------------------------------------------------------------------ what is told


def event(name: str, level: int = logging.INFO, **dimensions: str | float | None) -> None:
    """Write one event of the catalogue. A caller passes names, counts and durations, never a record's value."""
    kind = EVENTS.get(name, Event(frozenset()))
    properties = told(kind, dimensions)
    for one in kind.feeds:
        number = properties.get(one.number, "") if one.number else one.constant
        if number != "":
            by = {k: properties.get(k, "") for k in one.by}
            _measure(one.metric, float(number) * one.factor, by)
    found = current()
    if found is not None and name == "throttled":
        system = properties.get("system", "")
        found.throttles[system] = found.throttles.get(system, 0) + 1
    text = " ".join((name, *(f"{k}={v}" for k, v in properties.items())))
    if not exporting():
        _LOG.log(level, "%s", text, extra={"custom_dimensions": {"event": name, **properties}})
        return
    trace_id, parent_id = _place(properties.get("correlation", ""))
    item = Trace(time.time(), name, level, text, {"event": name, **properties}, trace_id, parent_id)
    _send(item, calm=level <= logging.INFO and _calm(name, kind, properties))


def failed(error: BaseException, **dimensions: str) -> None:
    """Report an exception that nobody expected: its class and where it came from, not its words."""
    properties = told(EVENTS["exception"], dimensions)
    where = frames(error)
    at = f" at {where[0].file}:{where[0].line}" if where else ""
    if not exporting():
        _LOG.error("exception %s%s", cause_of(error), at)
        return
    trace_id, parent_id = _place(properties.get("correlation", ""))
    kind, message = type(error).__name__, f"{cause_of(error)}{at}"
    _send(Failure(time.time(), kind, message, where, properties, trace_id, parent_id))


class reporting(AbstractContextManager[None]):  # noqa: N801 -- used as a verb, like contextlib's own
    """Report an exception that leaves the block, which goes on its way."""

    def __init__(self, **dimensions: str) -> None:
        self._dimensions = dimensions

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, Exception):
            failed(error, **self._dimensions)


def count(metric: str, value: float = 1, **by: str) -> None:
    """Add to a metric that counts."""
    _measure(metric, value, by)


def gauge(metric: str, value: float, **by: str) -> None:
    """Say how much of something there is now."""
    _measure(metric, value, by)


def send_call(call: Dependency) -> None:
    """Report a call; those that went well may be sampled."""
    if exporting():
        _send(call, calm=call.success)


def _measure(metric: str, value: float, by: dict[str, str]) -> None:
    if exporting():
        _send(Point(metric, METRICS[metric], value, by))


def _place(correlation: str) -> tuple[str, str]:
    """Return the trace id and the parent's span id of what is told now."""
    found = current()
    if correlation and (found is None or found.correlation != correlation):
        return trace_id_of(correlation), ""
    return (found.trace_id, found.span_id) if found else (new_span_id() + new_span_id(), "")


def _calm(name: str, kind: Event, properties: dict[str, str]) -> bool:
    """Return whether an event tells of nothing wrong and nothing done: an echo, or a change that was in step."""
    if name != "change":
        return kind.calm
    return properties.get("outcome") in IN_STEP and not properties.keys() & {"writes", "problems"}


def _send(item: Item, *, calm: bool = False) -> None:
    percent = _WAY.chosen.percent
    if calm and percent < 100 and isinstance(item, Trace | Dependency):  # noqa: PLR2004 -- percent
        if not _kept(item.trace_id, percent):
            return
        item = replace(item, percent=percent)
    with _WAY.lock:
        if _WAY.exporter is not None:
            _WAY.exporter.send(item)
        elif _WAY.waiting is not None:
            _WAY.waiting.append(item)


def _kept(trace_id: str, percent: float) -> bool:
    """Return the same for all items of an operation: it stays whole, or goes whole."""
    share = int.from_bytes(blake2b(trace_id.encode(), digest_size=4).digest()) / 2**32
    return share * 100 < percent
