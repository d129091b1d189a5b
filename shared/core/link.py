"""What is remembered of a pair: how both records looked when last in step, what is under way, what is parked.

Digests, names and stamps; never a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from shared.core.model import Side


@dataclass(frozen=True, slots=True)
class Base:
    """Digests of one field on both sides when it was last in step, and a fingerprint of how the field is read."""

    dynamics: str
    sap: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class LineLink:
    """Two lines that are the same thing. `gone` marks a line that was removed on one side and dealt with."""

    dynamics: str
    sap: str
    base: Mapping[str, Base] = field(default_factory=dict)
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that was about to leave: written down before, struck out when its answer is known.

    `sent` holds the digest of each field as it would arrive ('legal_name', 'line 10.quantity'). While it is open, a
    target that holds exactly this has been written by us, late, and not by a person. A `draft` is a create that
    somebody has to approve: it is never repeated by itself.
    """

    side: Side
    kind: Literal["create", "update", "draft"]
    since: datetime
    sent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a field (or, with field '', the pair) is not in step and a person has to look.

    `cause` groups alike problems and holds no values ('clash', 'required', 'refused s4 R1/384'). `message` says what,
    where, found shape, expected, how to mend. `seen` are the digests of both sides when it was judged: the same
    values are not tried again, unless the `context`, a digest of the target's status and of the mapping, has changed.
    `discarded` says who took it off the list and why ('' = it is on the list).
    """

    field: str
    side: Side | Literal[""]
    cause: str
    message: str
    seen: tuple[str, str] = ("", "")
    since: datetime | None = None
    discarded: str = ""
    context: str = ""


type Status = Literal["claimed", "linked", "retired", "merged"]


@dataclass(frozen=True, slots=True)
class Link:
    """Two records that are the same thing, how each looked when last in step, and what is under way.

    One to one, and of the objects, not of a flow. `sap` is '' until the SAP record's number is known. `recent` are
    the last hour's writes as (when, 'side field', digest). `born` are both records' creation stamps: a key with
    another stamp is another record. `etag` is the state store's ('' = not stored yet).
    """

    pair: str
    dynamics: str
    sap: str = ""
    status: Status = "claimed"
    base: Mapping[str, Base] = field(default_factory=dict)
    lines: tuple[LineLink, ...] = ()
    parked: tuple[Problem, ...] = ()
    intents: tuple[Intent, ...] = ()
    recent: tuple[tuple[datetime, str, str], ...] = ()
    versions: Mapping[Side, int] = field(default_factory=dict)
    born: Mapping[Side, datetime] = field(default_factory=dict)
    linked_at: datetime | None = None
    claimed_by: str = ""
    claimed_until: datetime | None = None
    etag: str = ""

    def key(self, side: Side) -> str:
        """Return the record's key on `side`."""
        return self.dynamics if side == "dynamics" else self.sap


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What one sync did to one pair: who asked, what was decided and why, which fields moved. Names and digests."""

    at: datetime
    correlation: str
    cause: str
    side: Side
    outcome: str
    reason: str
    asked_by: str = ""
    writes: tuple[str, ...] = ()  # 'sap create', 'dynamics update'
    fields: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # 'sap legal_name' -> digests before, after
    notes: tuple[str, ...] = ()
