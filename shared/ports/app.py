"""Everything that a sync may touch, in one hand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.core.digest import Seal
from shared.core.model import Side
from shared.core.plan import Limits
from shared.mapping.flow import Flow
from shared.ports.bus import Bus
from shared.ports.state import State
from shared.ports.system import System, Traits


@dataclass(frozen=True, slots=True)
class Entrance:
    """Which flow an event's object belongs to. `lookup` is a line's column that names its document ('salesorderid')."""

    flow: str
    lookup: str = ""


@dataclass(slots=True)
class Pauses:
    """Which flows and systems are paused, as this worker has read it last.

    `stale_reads`: when this worker has lately met pairs, by flow and key, in an older state than was seen before.
    """

    names: frozenset[str] = frozenset()
    read_at: datetime | None = None
    stale_reads: dict[str, dict[str, datetime]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reconciling:
    """How both sides are compared with the links: when, whether it repairs by itself, and how much without a person.

    `schedule` as a flow's sweep ({} = only when asked). `nights`: records whose change no version shows are compared by
    body once in so many nights (0 = never).
    """

    schedule: Mapping[str, str] = field(default_factory=dict)
    repairs: bool = True
    writes_max: int = 500
    writes_percent_max: int = 10
    nights: int = 28


@dataclass(frozen=True, slots=True)
class Retention:
    """How long traces are kept, in days."""

    journal_days: int = 365
    correlations_days: int = 90


@dataclass(frozen=True, slots=True)
class App:
    """Everything that a sync may touch; built once a worker, by `wiring`.

    `systems` by name ('dataverse', 's4'); `now` gives the time, aware and in UTC; `chance` a number in [0, 1).
    `identities` are what the systems said they are when the worker began. `entrances` by system and object
    ('dataverse account', 's4 SalesOrder'). `reporting` is when the health report is written, as a flow's sweep.
    """

    flows: Mapping[str, Flow]
    systems: Mapping[str, System]
    state: State
    bus: Bus
    seal: Seal
    now: Callable[[], datetime]
    chance: Callable[[], float]
    limits: Limits = field(default_factory=Limits)
    entrances: Mapping[str, tuple[Entrance, ...]] = field(default_factory=dict)
    identities: Mapping[str, str] = field(default_factory=dict)
    wait_limit: timedelta = timedelta(hours=24)
    reconciling: Reconciling = field(default_factory=Reconciling)
    pauses: Pauses = field(default_factory=Pauses)
    retention: Retention = field(default_factory=Retention)
    reporting: Mapping[str, str] = field(default_factory=dict)

    def system(self, flow: Flow, side: Side) -> System:
        """Return the system of a flow's side."""
        return self.systems[flow.systems[side]]

    def traits(self, flow: Flow, side: Side) -> Traits:
        """Return how that system behaves for the flow's object."""
        return self.system(flow, side).traits(flow.selections[side])
