"""What leaves for an exporter: plain items, whole already, and the port that both exporters fit. No SDK is known here.

A trace id has 32 hex digits, a span id 16. `at` is in seconds since 1970. `percent` is the share of such items that is
kept (100 = all), so that counts can be made good from what is left.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from shared.telemetry.catalogue import Kind


@dataclass(frozen=True, slots=True)
class Trace:
    """One event, one row of AppTraces. `level` as in `logging` (20 = information)."""

    at: float
    name: str
    level: int
    text: str
    properties: Mapping[str, str]
    trace_id: str
    parent_id: str
    percent: float = 100.0


@dataclass(frozen=True, slots=True)
class Dependency:
    """One call to a system: 'GET' 'accounts' of 'dataverse' answered 200 within 0.042 s. `status` 0: no answer."""

    at: float
    seconds: float
    system: str
    method: str
    object: str
    status: int
    success: bool
    trace_id: str
    span_id: str
    parent_id: str
    percent: float = 100.0


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a call stack: where, never with what."""

    file: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception without its message, which may quote a value. The innermost frame comes first."""

    at: float
    kind: str
    message: str
    frames: tuple[Frame, ...]
    properties: Mapping[str, str]
    trace_id: str
    parent_id: str


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: 'sync.calls' {'system': 's4', 'status': '200'} 1."""

    name: str
    kind: Kind
    value: float
    properties: Mapping[str, str]


type Item = Trace | Dependency | Failure | Point


@dataclass(frozen=True, slots=True)
class Exporting:
    """Where telemetry goes. `exporter` is 'opencensus' or 'opentelemetry' ('' or 'none' = nowhere).

    `connection` is Application Insights' connection string, `authentication` the host's own setting for it
    ('ClientId=…;Authorization=AAD', '' = the instrumentation key is enough). `percent` of what is in order is kept;
    what is not in order always is. `role` names the app, `instance` this worker's machine. `flush_seconds`: how often
    a batch leaves.
    """

    exporter: str = ""
    connection: str = field(default="", repr=False)
    authentication: str = field(default="", repr=False)
    percent: float = 100.0
    role: str = "dynamics-sap-sync"
    instance: str = ""
    flush_seconds: float = 5.0


class Exporter(Protocol):
    """Takes items and sends them from a thread of its own; `send` and `flush` never raise and never wait for long."""

    def send(self, item: Item) -> None:
        """Queue an item, or drop it when the queue is full."""
        ...

    def flush(self, seconds: float) -> None:
        """Send what is queued, within `seconds`."""
        ...

    def close(self, seconds: float) -> None:
        """Flush and end the thread, within `seconds`."""
        ...
