"""Telemetry by azure-monitor-opentelemetry's exporters: spans for calls, log records for events, instruments.

Its one-call set-up is not used: that takes the process-wide providers, keeps five spans a second by chance, and turns
on instrumentations that record addresses, which hold keys and filters. The Functions host's own telemetry speaks
OpenTelemetry beside it where `telemetryMode` says so.
"""

import logging
import os
from collections.abc import Iterable, Sequence
from typing import Any

from azure.monitor.opentelemetry.exporter import (
    AzureMonitorLogExporter,
    AzureMonitorMetricExporter,
    AzureMonitorTraceExporter,
)
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from shared.telemetry.exporters import BATCH_MAX, QUEUE_MAX, SEND_SECONDS, Delivery, credential
from shared.telemetry.items import Dependency, Exporting, Failure, Item, Point, Trace

SCOPE = "sync"
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
SAMPLE_RATE = "_MS.sampleRate"  # the attribute in which the exporters look for the share that is kept
SEVERITIES = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}


class _Resending:
    """Sends a batch that met a passing trouble once more with the next one, and says once that nothing arrives.

    Between building envelopes and keeping them on disk, where all three exporters meet, is no public place for that.
    """

    _again: Sequence[Any] = ()
    delivery: Delivery | None = None  # the same for all three

    def _transmit(self, envelopes: list[Any], _skip_rate_limit: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 -- as theirs is
        again, self._again = self._again, ()
        return super()._transmit([*again, *envelopes], _skip_rate_limit)  # type: ignore[misc]  # the exporters' own

    def _handle_transmit_from_storage(self, envelopes: list[Any], result: Any) -> None:  # noqa: ANN401 -- their enum
        if envelopes and self.delivery is not None:
            self.delivery.ended(well=result.name == "SUCCESS")
        self._again = envelopes if result.name == "FAILED_RETRYABLE" else ()


class _Spans(_Resending, AzureMonitorTraceExporter):
    """Calls."""


class _Metrics(_Resending, AzureMonitorMetricExporter):
    """Measurements."""


class _Logs(_Resending, AzureMonitorLogExporter):
    """Events and exceptions."""

    def _log_to_envelope(self, readable_log_record: ReadableLogRecord) -> Any:  # noqa: ANN401 -- a type of its own
        """Give log records their share, which the exporter does for spans only."""
        envelope = super()._log_to_envelope(readable_log_record)
        attributes = readable_log_record.log_record.attributes or {}
        if SAMPLE_RATE in attributes:
            envelope.sample_rate = attributes[SAMPLE_RATE]  # type: ignore[assignment]  # we have put a number there
            envelope.data.base_data.properties.pop(SAMPLE_RATE, None)  # type: ignore[union-attr]  # it has data
        return envelope


class _Told:
    """A gauge that is heard once: its own would repeat the last value for ever, also that of a worker long idle."""

    def __init__(self) -> None:
        self._values: dict[tuple[tuple[str, str], ...], float] = {}

    def tell(self, point: Point) -> None:
        """Keep the last value of an interval."""
        self._values[tuple(sorted(point.properties.items()))] = point.value

    def take(self, options: CallbackOptions) -> Iterable[Observation]:
        """Return what was told since the last time."""
        del options
        taken, self._values = self._values, {}
        return [Observation(value, dict(by)) for by, value in taken.items()]


class OpenTelemetry:
    """The port's exporter; it takes nothing process-wide, so it can be closed and made again."""

    def __init__(self, chosen: Exporting) -> None:
        options: dict[str, Any] = {
            "connection_string": chosen.connection,
            "credential": credential(chosen.authentication),
            "disable_offline_storage": True,
            "retry_total": 0,  # its waits would keep the thread; see _Resending
            "timeout": SEND_SECONDS,
            "read_timeout": SEND_SECONDS,
        }
        self._resource = Resource(
            {"service.name": chosen.role, "service.instance.id": chosen.instance or os.uname().nodename}
        )
        often = chosen.flush_seconds * 1000
        size: dict[str, Any] = {"max_queue_size": QUEUE_MAX, "max_export_batch_size": BATCH_MAX}
        spans, logs, metrics = _Spans(**options), _Logs(**options), _Metrics(**options)
        spans.delivery = logs.delivery = metrics.delivery = Delivery()
        self._spans = BatchSpanProcessor(spans, schedule_delay_millis=often, **size)
        self._logs = LoggerProvider(self._resource, shutdown_on_exit=False)
        self._logs.add_log_record_processor(BatchLogRecordProcessor(logs, schedule_delay_millis=often, **size))
        self._logger = self._logs.get_logger(SCOPE)
        reader = PeriodicExportingMetricReader(metrics, export_interval_millis=often, export_timeout_millis=often)
        self._metrics = MeterProvider([reader], self._resource, shutdown_on_exit=False)
        self._instruments: dict[str, Any] = {}

    def send(self, item: Item) -> None:
        """Queue an item."""
        match item:
            case Trace():
                self._log(item, item.text, item.level, dict(item.properties), item.percent)
            case Failure():
                stack = "\n".join(f'  File "{f.file}", line {f.line}, in {f.function}' for f in item.frames)
                thrown = {"exception.type": item.kind, "exception.message": item.message, "exception.stacktrace": stack}
                self._log(item, item.message, logging.ERROR, {**item.properties, **thrown}, 100.0)
            case Dependency():
                self._spans.on_end(self._span(item))
            case Point():
                self._measure(item)

    def flush(self, seconds: float) -> None:
        """Send what is queued."""
        milliseconds = int(seconds * 1000)
        self._spans.force_flush(milliseconds)
        self._logs.force_flush(milliseconds)
        self._metrics.force_flush(milliseconds)

    def close(self, seconds: float) -> None:
        """Send what is queued and end the threads."""
        self.flush(seconds)
        self._spans.shutdown()  # type: ignore[no-untyped-call]  # theirs
        self._logs.shutdown()
        self._metrics.shutdown(seconds * 1000)

    def _log(self, item: Trace | Failure, body: str, level: int, attributes: dict[str, Any], percent: float) -> None:
        if percent < 100:  # noqa: PLR2004 -- percent
            attributes[SAMPLE_RATE] = percent
        at, severity = int(item.at * 1e9), SEVERITIES.get(level, SeverityNumber.INFO)
        context = set_span_in_context(NonRecordingSpan(_context(item.trace_id, item.parent_id)), Context())
        record = LogRecord(timestamp=at, context=context, severity_number=severity, body=body, attributes=attributes)
        self._logger.emit(record)

    def _span(self, item: Dependency) -> ReadableSpan:
        attributes: dict[str, Any] = {
            "http.request.method": item.method,
            "http.response.status_code": item.status,
            "url.full": item.object,  # from which the exporter makes the name, 'GET accounts'
            "peer.service": item.system,
            "system": item.system,
        }
        if item.percent < 100:  # noqa: PLR2004 -- percent
            attributes[SAMPLE_RATE] = item.percent
        return ReadableSpan(
            name=f"{item.method} {item.object}",
            context=_context(item.trace_id, item.span_id),
            parent=_context(item.trace_id, item.parent_id) if item.parent_id else None,
            resource=self._resource,
            attributes=attributes,
            kind=SpanKind.CLIENT,
            status=Status(StatusCode.OK if item.success else StatusCode.ERROR),
            start_time=int(item.at * 1e9),
            end_time=int((item.at + item.seconds) * 1e9),
        )

    def _measure(self, point: Point) -> None:
        found = self._instruments.get(point.name)
        if found is None:
            meter = self._metrics.get_meter(SCOPE)
            match point.kind:
                case "count":
                    found = meter.create_counter(point.name)
                case "spread":
                    found = meter.create_histogram(point.name)
                case "gauge":
                    found = _Told()
                    meter.create_observable_gauge(point.name, [found.take])
            self._instruments[point.name] = found
        match found:
            case Counter():
                found.add(point.value, dict(point.properties))
            case Histogram():
                found.record(point.value, dict(point.properties))
            case _Told():
                found.tell(point)


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id or "0", 16), is_remote=False, trace_flags=SAMPLED)
