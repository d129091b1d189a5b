"""Telemetry by opencensus-ext-azure: its log handler, mended for Python 3.13, with all four kinds of items.

* The handler of version 1.1.15 sets its lock to None, and `logging` of 3.13 enters that lock: each line is a TypeError.
* It writes an exception's message, tracebacks with it, and keeps what could not be sent in a folder: ours does neither.
* Metrics are summed up here for one flush interval; opencensus' own exporter of them needs a global recorder.
"""

# opencensus has no annotations
# mypy: disallow-untyped-calls=False

import logging
import threading
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it asks `locale` in a way that 3.11 has deprecated
    from opencensus.common.schedule import QueueEvent
    from opencensus.ext.azure.common import utils
    from opencensus.ext.azure.common.protocol import (
        Data,
        DataPoint,
        Envelope,
        ExceptionData,
        Message,
        MetricData,
        RemoteDependency,
    )
    from opencensus.ext.azure.common.transport import TransportStatusCode
    from opencensus.ext.azure.log_exporter import AzureLogHandler

from shared.telemetry.catalogue import Kind
from shared.telemetry.exporters import BATCH_MAX, QUEUE_MAX, SEND_SECONDS, Delivery, credential
from shared.telemetry.items import Dependency, Exporting, Failure, Item, Point, Trace

type Based = tuple[float, str, Any, Mapping[str, str], float]  # time, kind, data, tags, share kept

NAMES = {"MessageData": "Message", "ExceptionData": "Exception", "RemoteDependencyData": "RemoteDependency"}


class MendedLogHandler(AzureLogHandler):
    """Sends items, a batch each few seconds or sooner when many wait; a batch that failed goes once more."""

    createLock = logging.Handler.createLock  # noqa: N815 -- logging's name; theirs leaves no lock at all

    def __init__(self, chosen: Exporting) -> None:
        self._sums = Sums()
        self._again: list[Any] = []
        self._delivery = Delivery()
        super().__init__(
            connection_string=chosen.connection,
            credential=credential(chosen.authentication),
            enable_local_storage=False,
            export_interval=chosen.flush_seconds,
            max_batch_size=BATCH_MAX,
            queue_capacity=QUEUE_MAX,
            timeout=SEND_SECONDS,
        )
        self._tags = {
            **utils.azure_monitor_context,
            "ai.cloud.role": chosen.role,
            "ai.cloud.roleInstance": chosen.instance or utils.azure_monitor_context["ai.cloud.roleInstance"],
        }

    def take(self, item: Item) -> None:
        """Queue an item for the handler's thread; sums take a measurement at once."""
        if isinstance(item, Point):
            self._sums.add(item)
        else:
            self._queue.put(item, block=False)

    def _check_stats_collection(self) -> bool:
        return False

    def _export(self, batch: Sequence[Item], event: QueueEvent | None = None) -> None:
        """Send a batch; runs in the handler's thread."""
        try:
            based: list[Based] = [*map(_based, batch), *self._sums.take()]
            fresh = [self.envelope(*each) for each in based]
            again, self._again = self._again, []
            if fresh or again:
                result = self._transmit([*again, *fresh])
                self._delivery.ended(well=result == TransportStatusCode.SUCCESS)
                self._again = fresh[-BATCH_MAX:] if result == TransportStatusCode.RETRY else []
        finally:
            if event is not None:
                event.set()

    def envelope(self, at: float, kind: str, data: Any, tags: Mapping[str, str], percent: float) -> Any:  # noqa: ANN401 -- its types are untyped
        """Return what the ingestion service takes."""
        return Envelope(
            iKey=self.options.instrumentation_key,
            name=f"Microsoft.ApplicationInsights.{NAMES.get(kind, 'Metric')}",
            time=datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            sampleRate=percent,
            tags={**self._tags, **{name: value for name, value in tags.items() if value}},
            data=Data(baseType=kind, baseData=data),
        )


class OpenCensus:
    """The port's exporter on the mended handler."""

    def __init__(self, chosen: Exporting) -> None:
        self.handler = MendedLogHandler(chosen)

    def send(self, item: Item) -> None:
        """Queue an item."""
        self.handler.take(item)

    def flush(self, seconds: float) -> None:
        """Send what is queued; an empty queue may still stand before sums."""
        done = QueueEvent("flush")
        self.handler._queue.put(done, block=False)  # noqa: SLF001 -- its own flush returns at once when no item waits
        done.wait(seconds)

    def close(self, seconds: float) -> None:
        """Send what is queued and end the thread."""
        self.handler.close(timeout=seconds)


def _based(item: Item) -> Based:
    match item:
        case Trace():
            data = Message(message=item.text, severityLevel=_severity(item.level), properties=dict(item.properties))
            return item.at, "MessageData", data, _tags(item.trace_id, item.parent_id), item.percent
        case Failure():
            thrown = ExceptionData(
                exceptions=[_thrown(item)], severityLevel=_severity(logging.ERROR), properties=dict(item.properties)
            )
            return item.at, "ExceptionData", thrown, _tags(item.trace_id, item.parent_id), 100.0
        case Dependency():
            call = RemoteDependency(
                name=f"{item.method} {item.object}",
                id=item.span_id,
                resultCode=str(item.status),
                duration=_duration(item.seconds),
                success=item.success,
                data=item.object,
                type="HTTP",
                target=item.system,
                properties={"system": item.system},
            )
            return item.at, "RemoteDependencyData", call, _tags(item.trace_id, item.parent_id), item.percent
        case Point():
            raise AssertionError("a measurement is summed up before")


def _thrown(item: Failure) -> dict[str, Any]:
    stack = [
        {"level": level, "method": one.function, "fileName": one.file, "line": one.line}
        for level, one in enumerate(item.frames)
    ]
    full = {"id": 1, "outerId": 0, "typeName": item.kind, "message": item.message, "hasFullStack": bool(stack)}
    return {**full, "parsedStack": stack}


def _tags(trace_id: str, parent_id: str) -> dict[str, str]:
    return {"ai.operation.id": trace_id, "ai.operation.parentId": parent_id}


def _severity(level: int) -> int:
    """Return 0 verbose, 1 information, 2 warning, 3 error, 4 critical."""
    return min(max(level // 10 - 1, 0), 4)


def _duration(seconds: float) -> str:
    """Return 'd.hh:mm:ss.ffffff'."""
    whole = timedelta(seconds=seconds)
    minutes, rest = divmod(whole.seconds, 60)
    return f"{whole.days}.{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}.{whole.microseconds:06d}"


@dataclass(slots=True)
class _Sum:
    kind: Kind
    value: float
    count: int
    least: float
    most: float


class Sums:
    """Measurements of one interval: counts and spreads are added up, of a gauge the last one stays."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[tuple[str, tuple[tuple[str, str], ...]], _Sum] = {}

    def add(self, point: Point) -> None:
        """Take a measurement."""
        key = (point.name, tuple(sorted(point.properties.items())))
        with self._lock:
            found = self._sums.get(key)
            if found is None or point.kind == "gauge":
                self._sums[key] = _Sum(point.kind, point.value, 1, point.value, point.value)
                return
            found.value += point.value
            found.count += 1
            found.least, found.most = min(found.least, point.value), max(found.most, point.value)

    def take(self) -> Iterable[Based]:
        """Return what came since the last time, and begin anew."""
        with self._lock:
            taken, self._sums = self._sums, {}
        at = time.time()
        for (name, by), one in taken.items():
            spread = {"count": one.count, "min": one.least, "max": one.most} if one.kind == "spread" else {}
            data = MetricData(metrics=[DataPoint(name=name, value=one.value, **spread)], properties=dict(by))
            yield at, "MetricData", data, {}, 100.0
