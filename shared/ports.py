"""What the pipeline needs from the world. Adapters fit these; nothing above knows an adapter.

All methods raise only `shared.errors`. Every adapter may coalesce calls that arrive within a few milliseconds, but
answers each caller for itself.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from shared.core.digest import Seal
from shared.core.model import (
    Answer,
    Change,
    JournalEntry,
    LineWrite,
    Link,
    Problem,
    Record,
    Reference,
    Scalar,
    Selection,
    Side,
    Values,
)
from shared.core.plan import Limits
from shared.mapping.flow import Flow


@dataclass(frozen=True, slots=True)
class Traits:
    """How a system behaves for one object, as far as the pipeline must know.

    `etags`: an update is guarded by the record's etag. `own_keys`: a create may bring its own key, and a repeat with
    the same key is refused by the system (Dataverse rows). `longest_transaction_seconds`: after a lost answer a create
    may still commit for so long. `users`: the system's ids of our own technical users. `silent`: some of what the
    selection reads can change without moving the record's version, so that only bodies tell.
    """

    etags: bool
    own_keys: bool
    longest_transaction_seconds: int
    users: frozenset[str] = frozenset()
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Touched:
    """One record that a sweep found touched."""

    key: str
    deleted: bool = False
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of touched records. `watermark` is where the next page starts; `more` says that there is one now."""

    touched: tuple[Touched, ...]
    watermark: str
    more: bool


@dataclass(frozen=True, slots=True)
class Term:
    """One simple condition on one column: Term('statecode', 'in', (0, 1)). `column` '' is the record's own key.

    `in` and `not` take any number of values, None for absence; gt, ge, lt and le take one. Values are as a mapping
    file or JSON has them (text, whole number, flag, None): the connector knows the column's type.
    """

    column: str
    test: Literal["in", "not", "gt", "ge", "lt", "le"]
    values: tuple[str | int | bool | None, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """One page of all records of an object, without their columns. `token` leads to the next page ('' = the last).

    `version` is the record's own where it has one. Where it has none it is a number that moves with the record's
    change stamp: it can be compared with that of another scan only.
    """

    found: tuple[Touched, ...]
    token: str


class System(Protocol):
    """Dataverse, Finance, S/4HANA, ECC or Business One."""

    def traits(self, selection: Selection) -> Traits:
        """Return how this system behaves for the selection's object."""
        ...

    async def identity(self) -> str:
        """Return what this connection really talks to: a Dataverse organisation id, 'S4H/100' for SAP."""
        ...

    async def read(self, selection: Selection, key: str) -> Record | None:
        """Return the record, or None when the system says that it does not exist."""
        ...

    async def find(self, selection: Selection, where: Mapping[str, Scalar]) -> tuple[Record, ...]:
        """Return at most 3 records whose columns equal `where` (more than one is a question for a person)."""
        ...

    async def create(self, selection: Selection, values: Values, lines: Sequence[LineWrite], key: str = "") -> Answer:
        """Create a record, with its lines, in one call.

        `key` is the record's own where the system's trait is `own_keys`. Raises `Stale` when that key is taken,
        `Unconfirmed` when the outcome is unknown, `Refused` when the system says no.
        """
        ...

    async def update(self, selection: Selection, before: Record, values: Values, lines: Sequence[LineWrite]) -> Answer:
        """Write columns and lines of an existing record, guarded by `before.etag` where there is one.

        `before` is the record as gathered: it knows the keys of its parts. Raises `Stale` when the etag moved or the
        record is gone, `Unconfirmed` when the outcome is unknown, `Refused` when the system says no.
        """
        ...

    async def changes(self, selection: Selection, watermark: str) -> Page:
        """Return records touched since `watermark` ('' = begin now: a first page may be empty, or full)."""
        ...

    async def scan(self, selection: Selection, where: Sequence[Term], token: str) -> Scan:
        """Return a page of up to 5,000 keys of the records for which all terms hold ('' = the first page).

        Raises `BadRequest` when a term names a column, or a value, that this object cannot be asked for.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a correlation id."""

    at: datetime
    flow: str
    side: Side
    key: str
    what: str


@dataclass(frozen=True, slots=True)
class Parked:
    """One record that a person has to look at.

    `gone` is the side where it was said to be deleted, so that a replay says so again. `letter` is the body of a dead
    message, in base64.
    """

    flow: str
    side: Side
    key: str
    problems: tuple[Problem, ...]
    correlation: str
    attempts: int = 0
    gone: Side | Literal[""] = ""
    letter: str = ""

    @property
    def open(self) -> tuple[Problem, ...]:
        """Return the problems that nobody has discarded; a record without any is not on the list."""
        return tuple(problem for problem in self.problems if not problem.discarded)


class State(Protocol):
    """Links, journal, waiters, parked records, correlations and watermarks."""

    async def link(self, pair: str, side: Side, key: str) -> Link | None:
        """Return the link of a record, complete or still a claim (a way-back row alone counts as a claim)."""
        ...

    async def home(self, pair: str, sap: str) -> str:
        """Return the Dynamics key that an SAP key leads back to, '' when it has no way-back row: one point read."""
        ...

    async def save(self, link: Link, entry: JournalEntry | None = None) -> Link:
        """Insert (etag '') or update (If-Match etag) a link and its journal entry in one transaction.

        Returns the link with its new etag. Raises `Stale` when another worker was first.
        """
        ...

    async def bind(self, link: Link) -> None:
        """Insert the way-back row of `link.sap`, insert-only. A row that already says the same is success.

        Raises `Stale` when the SAP key belongs to another pair: it is what makes a link one to one.
        """
        ...

    async def unbind(self, link: Link) -> None:
        """Take back a way-back row that `bind` made for a pair that then failed to come into being."""
        ...

    async def links(self, pair: str, token: str, limit: int) -> tuple[tuple[Link, ...], str]:
        """Return a page of all links of a pair of objects, and the token of the next page ('' = that was the last)."""
        ...

    async def journal(self, pair: str, dynamics: str, limit: int) -> tuple[JournalEntry, ...]:
        """Return the newest journal entries of a pair, newest first."""
        ...

    async def wait(self, reference: Reference, waiter: Change, now: datetime) -> None:
        """Note that `waiter` needs `reference`; repeating is harmless and keeps the first time."""
        ...

    async def waiters(self, references: Sequence[Reference]) -> tuple[tuple[Reference, Change, datetime], ...]:
        """Return who waits for any of the references, and since when."""
        ...

    async def waiting(self, limit: int) -> tuple[tuple[Reference, Change, datetime], ...]:
        """Return who waits for anything, and since when."""
        ...

    async def unwait(self, reference: Reference, waiter: Change) -> None:
        """Strike out a waiter."""
        ...

    async def park(self, parked: Parked) -> None:
        """Insert or replace the entry of a record that a person has to look at."""
        ...

    async def unpark(self, flow: str, side: Side, key: str) -> None:
        """Strike out the entry, if there is one."""
        ...

    async def parked(self, flow: str, limit: int) -> tuple[Parked, ...]:
        """Return parked records of a flow."""
        ...

    async def parked_one(self, flow: str, side: Side, key: str) -> Parked | None:
        """Return the entry of one record, None when it has none."""
        ...

    async def note(self, correlation: str, steps: Sequence[Step]) -> None:
        """Add steps to a correlation id."""
        ...

    async def steps(self, correlation: str, limit: int) -> tuple[Step, ...]:
        """Return the steps of a correlation id, oldest first."""
        ...

    async def watermark(self, name: str) -> str:
        """Return the watermark, '' when there is none."""
        ...

    async def watermarks(self, group: str) -> Mapping[str, str]:
        """Return all watermarks whose name begins with `group` and a slash, by name."""
        ...

    async def set_watermark(self, name: str, value: str) -> None:
        """Keep a watermark (a delta token of some KB fits)."""
        ...

    async def erase(self, link: Link) -> None:
        """Delete a link's row; its way back is `unbind`'s. Raises `Stale` when it moved since it was read."""
        ...

    async def erase_journal(self, pair: str, dynamics: str, limit: int) -> tuple[JournalEntry, ...]:
        """Delete the newest entries of a pair, and return them (() = there are none left)."""
        ...

    async def erase_steps(
        self, records: Collection[tuple[str, str]], token: str = "", correlation: str = ""
    ) -> tuple[int, str]:
        """Delete steps that name one of the records (flow, key); return how many, and where to go on ('' = that's all).

        Looks at the steps of one correlation id or, without it, at a page of all that there are.
        """
        ...

    async def purge_journal(self, before: datetime, token: str, limit: int) -> tuple[int, str]:
        """Delete entries older than `before` among the next `limit`, over all pairs that ever were.

        Returns how many, and where to go on ('' = that was the end). The token may be kept for days.
        """
        ...

    async def drop_correlations(self, before: datetime) -> tuple[str, ...]:
        """Drop the steps of whole months that ended before; return the months, such as '202410'."""
        ...

    async def delete_watermark(self, name: str) -> None:
        """Forget a watermark, if there is one."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """A change on its way. `id` is what duplicate detection compares, `session` is the pair's partition.

    `also` are further changes of that partition that travel along, on the backfill queue only.
    """

    id: str
    session: str
    change: Change
    not_before: datetime | None = None
    queue: Literal["changes", "backfill"] = "changes"
    also: tuple[Change, ...] = ()


class Bus(Protocol):
    """Where changes queue up."""

    async def send(self, messages: Sequence[Message]) -> None:
        """Put messages on their queues; return when the bus has them. Raises `Unavailable`."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


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
    """Everything that a sync may touch; built once in `wiring.py`.

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
