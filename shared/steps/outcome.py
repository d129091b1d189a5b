"""What became of a plan, so far: passed from write to write, and kept at the end. Pure data, and two looks at it."""

from dataclasses import dataclass, field

from shared.core.link import Link, Problem
from shared.core.messages import born_in_sap
from shared.core.model import Side, Write
from shared.core.plan import Facts, Plan, Sync
from shared.errors import SyncError
from shared.mapping.flow import Flow


@dataclass(slots=True)
class Outcome:
    """What became of a plan: the facts and the link as they are now, what was written, and what went wrong.

    `stored` is the link as the state store has it. `written` are digests by 'side field'; `writes` names what was done
    ('sap create'). `error` ended the work early: what is confirmed is remembered before it is raised. `again`: SAP
    should hear of something that Dynamics did with our write. `bound`: the way-back row is known to be this pair's.
    `put_back` are fields where a person's value, typed in the moment of our write, stands again.
    """

    facts: Facts
    plan: Plan
    link: Link | None
    stored: Link | None
    written: dict[str, str] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    error: SyncError | None = None
    again: bool = False
    bound: bool = False
    put_back: set[tuple[Side, str]] = field(default_factory=set)


def new_link(facts: Facts, flow: Flow) -> Link:
    """Return the link that a pair gets; a record born in SAP has a Dynamics key before it has a row."""
    change = facts.change
    if change.side == "dynamics":
        erp = facts.records["sap"]
        return Link(flow.pair, change.key, erp.key if erp else "")
    crm = facts.records["dynamics"]
    return Link(flow.pair, crm.key if crm else born_in_sap(flow.pair, change.key), change.key)


def write_of(plan: Plan, side: Side) -> Write | None:
    """Return what a plan wants to tell a side."""
    return plan.writes.get(side) if isinstance(plan, Sync) else None
