"""Calls to systems as telemetry sees them: method, entity set, status and time. Keys and filters stay in the address.

It also says what a call carries, so that the other system's log can be searched by the same id.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit
from uuid import UUID

from shared.telemetry.emit import count, send_call
from shared.telemetry.items import Dependency
from shared.telemetry.operation import Operation, current, new_span_id, traceparent

FAILED_FROM = 400
# Dataverse's own web client sends this one; SAP's gateways, routers and cloud runtimes log the other
CORRELATION_HEADERS: Mapping[str, str] = MappingProxyType({"dataverse": "x-ms-correlation-id"})
CORRELATION_HEADER = "x-correlation-id"

_NAME = re.compile(r"[A-Za-z_$][\w.$-]{0,80}", re.ASCII)


@dataclass(slots=True)
class Call:
    """One call under way: `headers` go with it, `status` is to be set when an answer comes (0 = none did)."""

    headers: dict[str, str] = field(default_factory=dict)
    status: int = 0


@contextmanager
def calling(system: str, method: str, url: str) -> Iterator[Call]:
    """Count and time the call that is made in the block: `… as call: …; call.status = 200`."""
    found, span_id = current(), new_span_id()
    call = Call(_headers(system, found, span_id) if found else {})
    at, started = time.time(), time.perf_counter()
    try:
        yield call
    finally:
        if found is not None:
            found.calls[system] = found.calls.get(system, 0) + 1
        count("sync.calls", system=system, status=str(call.status or "none"))
        send_call(
            Dependency(
                at=at,
                seconds=time.perf_counter() - started,
                system=system,
                method=method,
                object=object_of(url),
                status=call.status,
                success=0 < call.status < FAILED_FROM,
                trace_id=found.trace_id if found else span_id * 2,
                span_id=span_id,
                parent_id=found.span_id if found else "",
            )
        )


def object_of(url: str) -> str:
    """Return the entity set of an address: '…/A_BusinessPartner('1')/to_X?…' -> 'A_BusinessPartner', '…/$batch'."""
    parts = [part for part in urlsplit(url).path.split("/") if part]
    found = next((part.partition("(")[0] for part in parts if "(" in part), parts[-1] if parts else "")
    return found if _NAME.fullmatch(found) else "other"


def _headers(system: str, found: Operation, span_id: str) -> dict[str, str]:
    name = CORRELATION_HEADERS.get(system, CORRELATION_HEADER)
    return {"traceparent": traceparent(found.correlation, span_id), name: str(UUID(found.trace_id))}
