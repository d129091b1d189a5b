"""What a decision sees, and what it can say. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.core.digest import Seal
from shared.core.link import Link, Problem, Status
from shared.core.model import Change, Record, Reference, Side, Write


@dataclass(frozen=True, slots=True)
class Limits:
    """What the policy counts against.

    `skew_seconds`: two stamps closer than this do not say who was last. `writes_per_hour`: more to one pair are two
    automations at work. `line_count_max`: lines of one document. `stale_records`: so many records of a flow that show
    an older state than was seen before are a restored database.
    """

    skew_seconds: int = 120
    writes_per_hour: int = 60
    line_count_max: int = 1_000
    stale_records: int = 20


@dataclass(frozen=True, slots=True)
class Twin:
    """A record on the other side that may be this one: found by its `birthmark` or by a match key.

    `elsewhere` is the key of the record that it already belongs to ('' when it is free), `rival` that of another record
    on the asking side with the same match key.
    """

    record: Record
    birthmark: bool
    elsewhere: str = ""
    rival: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision may depend on. If it is not in here, the decision cannot see it.

    `longest` are the seconds for which a create may still commit after its answer was lost, `users` our own technical
    users, `context` what else a refusal may have hung on (the record's status, the mapping): by side. `linked` answers
    the references.
    """

    change: Change
    now: datetime
    records: Mapping[Side, Record | None]
    link: Link | None
    seal: Seal
    limits: Limits = field(default_factory=Limits)
    twins: tuple[Twin, ...] = ()
    linked: Mapping[Reference, str] = field(default_factory=dict)
    longest: Mapping[Side, int] = field(default_factory=dict)
    users: Mapping[Side, frozenset[str]] = field(default_factory=dict)
    context: Mapping[Side, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing to do. `out_of_scope`: this record does not take part, so nobody needs to wait for it."""

    reason: str
    out_of_scope: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: look again at `until`. `stale_read`: because a system showed an older state than was seen before."""

    reason: str
    until: datetime
    stale_read: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Required references have no link yet."""

    missing: tuple[Reference, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Park:
    """A person has to look at the pair. `link` is what has to be kept of it (None: nothing is known yet)."""

    problems: tuple[Problem, ...]
    link: Link | None = None

    @property
    def reason(self) -> str:
        """Return the problems' sentences."""
        return "; ".join(p.message for p in self.problems)


@dataclass(frozen=True, slots=True)
class Sync:
    """Bring the pair into step: at most one write a side, and what has to be parked meanwhile.

    `twin` is the record to link with first. `missing` are optional references left out until their link appears.
    `status` is what the link becomes. No writes means: only remember that the pair is in step.
    """

    reason: str
    status: Status = "linked"
    writes: Mapping[Side, Write] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    missing: tuple[Reference, ...] = ()
    twin: Record | None = None


type Plan = Skip | Later | Wait | Park | Sync
