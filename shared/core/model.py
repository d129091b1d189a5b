"""The nouns of the sync. Plain frozen data: nothing here does I/O or reads a clock.

Sides are `dynamics` and `sap` everywhere. A column is named as its connector names it ('name', 'address.Country',
'productid.productnumber'); a *field* is one row of a mapping: one business meaning on both sides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

type Side = Literal["dynamics", "sap"]
type Scalar = str | bool | int | Decimal | date | datetime | None
type Value = Scalar | tuple[Scalar, ...]  # a field on several columns is a tuple in the columns' order
type Values = Mapping[str, Scalar]

SIDES: tuple[Side, Side] = ("dynamics", "sap")
OTHER: Mapping[Side, Side] = {"dynamics": "sap", "sap": "dynamics"}

type Cause = Literal[
    "event", "sweep", "sync", "replay", "wake", "reference", "again", "backfill", "reconcile", "resolve"
]


@dataclass(frozen=True, slots=True, repr=False)  # a typed value is not for logs
class Choice:
    """What a person decided about one parked field ('city', 'line 6f1c.quantity').

    `take` is the side whose value counts; with `typed`, its columns get these values first, so that both sides are
    written. `seen` are the digests of both sides that the person saw: a choice about other values is refused (law 14).
    """

    field: str
    take: Side
    seen: tuple[str, str]
    typed: tuple[Scalar, ...] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A hint that record `key` on `side` was touched. It carries no data: the worker reads how things are now.

    `origin` is what message ids derive from (a webhook's OperationId, a CloudEvent's id, a run's id); `correlation`
    is the id a person follows; `attempt` counts re-schedulings of this origin, `failures` those whose end nobody
    could tell, `stale_reads` those in which a system showed an older state than was seen before; `pair_key` is the
    Dynamics key of the pair, known or (for a record born in SAP) derived: it names the partition. `bulk`: it and all
    that follows from it travel on the backfill queue, out of the way of people's changes. `choices` are a person's, for
    fields of this very pair: the only values that ever travel.
    """

    flow: str
    side: Side
    key: str
    origin: str
    correlation: str
    cause: Cause = "event"
    deleted: bool = False
    attempt: int = 0
    failures: int = 0
    stale_reads: int = 0
    first_seen: datetime | None = None
    pair_key: str = ""
    asked_by: str = ""
    bulk: bool = False
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """What a system's metadata says of a column.

    `type`: text, flag, int, decimal, date (a day), instant (aware UTC), time, guid, choice (int with fixed options),
    lookup (read as the other row's key; `bind` is the navigation property to write it by, `target` the set).
    `max_length` in characters; `scale` in decimals. `create`, `update`, `filter`: may it be sent in a create, in an
    update, used to find records.
    """

    type: Literal["text", "flag", "int", "decimal", "date", "instant", "time", "guid", "choice", "lookup"] = "text"
    max_length: int | None = None
    scale: int | None = None
    create: bool = True
    update: bool = True
    filter: bool = True
    bind: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What a flow reads of an object on one side: the same for read, find, create and update.

    `parts` says which row of a collection is meant: {'company': {'CompanyCode': ('1710',)}, 'tax': {'BPTaxType':
    ('DE0', 'GB0')}}: the first row, in the order of the listed values, that has one of them. `lines` names the
    collection of line items ('' when the object has none). Identity is the instance: build once, keep.
    """

    object: str
    columns: Mapping[str, Column]
    parts: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    lines: str = ""
    line_columns: Mapping[str, Column] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """One line item of a document as a system holds it now."""

    key: str
    values: Values


@dataclass(frozen=True, slots=True)
class Record:
    """One record as a system holds it now.

    `etag` guards the next write ('' when the system has none for this object). `version` orders states of one record
    where the system can tell (None otherwise): a read with an older one is stale. `changed_by` is the system's user
    id of the last change, `changed_at` its stamp (only where it has a zone and sub-day precision). `merged_into` is
    the key of the record that swallowed this one in a merge.
    """

    key: str
    values: Values
    etag: str = ""
    version: int | None = None
    lines: tuple[Line, ...] = ()
    created_at: datetime | None = None
    changed_at: datetime | None = None
    changed_by: str = ""
    merged_into: str = ""


@dataclass(frozen=True, slots=True)
class LineWrite:
    """What shall happen to one line: `key` is the line's own on the written side ('' when adding).

    `peer` is the other side's line key, so that an answer can be told apart.
    """

    kind: Literal["add", "change", "remove"]
    key: str
    values: Values
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """All that one sync wants to tell one side. `fields` are the header rows it comes from."""

    side: Side
    kind: Literal["create", "update", "retire"]
    values: Values
    lines: tuple[LineWrite, ...] = ()
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system says to an update: the record as it is `after` the write.

    `before` is the record as it was in the same breath just before the write, from systems without etags (None where
    an etag guarded the write). `notes` are the system's own warnings (SAP `sap-message`), to be kept in the journal.
    """

    after: Record
    before: Record | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """Another record that a record refers to: `key` on `side`, synced by `flow` (full name, 's4/account')."""

    flow: str
    side: Side
    key: str
