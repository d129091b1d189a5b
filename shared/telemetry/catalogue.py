"""Every event and every metric by name, and the dimensions that may leave with it: what is not listed stays here.

The dashboards in infra are built on these names. A dimension holds a name, a number, an id that is no record's key, or
wording of ours; `foreign` ones may quote somebody else's words, and only their machine-readable part goes on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

type Kind = Literal["count", "spread", "gauge"]

IN_STEP = frozenset({"skip", "sync"})  # outcomes of a change that, without a write or a problem, may be sampled


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric that an event feeds: 1, or a dimension's number times `factor`; `by` are the metric's own dimensions."""

    metric: str
    by: tuple[str, ...]
    number: str = ""
    factor: float = 1.0
    constant: float = 1.0


@dataclass(frozen=True, slots=True)
class Event:
    """What one kind of event may say. `calm` ones tell of nothing wrong and nothing done: they may be sampled."""

    dimensions: frozenset[str]
    foreign: frozenset[str] = frozenset()
    feeds: tuple[Measured, ...] = ()
    calm: bool = False
    suffixes: tuple[str, ...] = field(default=())

    def takes(self, name: str) -> bool:
        """Return whether a dimension may leave: 'flow', or 's4_calls' where suffixes are open to any system."""
        return name in self.dimensions or name.endswith(self.suffixes)


def _named(names: str) -> frozenset[str]:
    return frozenset(names.split())


CHANGE = (
    "flow side key_hash cause correlation attempt plan outcome reason fields writes problems lag_ms duration_ms "
    "gather_ms decide_ms apply_ms remember_ms again_at bulk"
)
_BREAKER = ("system",)
EVENTS: Mapping[str, Event] = {
    "change": Event(
        _named(CHANGE),
        suffixes=("_calls", "_throttles"),
        feeds=(
            Measured("sync.changes", ("flow", "outcome")),
            Measured("sync.lag_seconds", ("flow",), number="lag_ms", factor=0.001),
        ),
    ),
    "load left to backfill": Event(_named("flow side count")),
    "received": Event(_named("source object count correlation")),
    "echo": Event(_named("source table message correlation"), calm=True),
    "unknown event": Event(_named("type")),
    "event refused": Event(_named("source reason"), foreign=_named("reason")),
    "line without document": Event(_named("flow table message")),
    "throttled": Event(_named("system wait_seconds limit"), feeds=(Measured("sync.throttles", ("system",)),)),
    "breaker open": Event(
        _named("system wait_seconds reason"), feeds=(Measured("sync.breaker_open", _BREAKER, constant=1),)
    ),
    "breaker closed": Event(_named("system"), feeds=(Measured("sync.breaker_open", _BREAKER, constant=0),)),
    "dead letter": Event(_named("queue message_id reason records"), foreign=_named("reason")),
    "sweep": Event(_named("flows late_waiters past_due reconciles")),
    "reconcile": Event(_named("flow run state findings enqueued")),
    "identity unknown": Event(_named("system reason"), foreign=_named("reason")),
    "paused": Event(_named("what who")),
    "purged": Event(_named("what")),
    "erased": Event(_named("side table subject total")),
    "settings refused": Event(_named("reason"), foreign=_named("reason")),
    "business": Event(_named("flow object amount currency")),
    "exception": Event(_named("flow correlation")),
}

METRICS: Mapping[str, Kind] = {
    "sync.changes": "count",
    "sync.lag_seconds": "spread",
    "sync.calls": "count",
    "sync.throttles": "count",
    "sync.breaker_open": "gauge",
    "sync.parked": "gauge",
    "sync.links": "gauge",
    "sync.waiting": "gauge",
    "sync.delta_token_age_seconds": "gauge",
    "sync.backlog_age_seconds": "gauge",
    "sync.last_event_age_seconds": "gauge",
}
