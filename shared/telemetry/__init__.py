"""What the app tells about itself: one wide event a change, calls, exceptions, metrics; never a record's value.

Everybody above imports from here only. The only package that knows an exporter, and it loads none that is not set.
"""

from shared.telemetry.emit import count, event, exporting, failed, flush, gauge, quiet, reporting, start, stop
from shared.telemetry.items import Exporting
from shared.telemetry.operation import Operation, clocked, current, operation, timed, traceparent
from shared.telemetry.outside import calling
from shared.telemetry.wording import cause, cause_of, field_name

__all__ = [
    "Exporting",
    "Operation",
    "calling",
    "cause",
    "cause_of",
    "clocked",
    "count",
    "current",
    "event",
    "exporting",
    "failed",
    "field_name",
    "flush",
    "gauge",
    "operation",
    "quiet",
    "reporting",
    "start",
    "stop",
    "timed",
    "traceparent",
]
