"""What is kept after a sync: the link with its journal entry in one transaction, and the list of what is parked."""

from dataclasses import replace

from shared.core.model import SIDES, Change, JournalEntry, Link, Problem
from shared.core.plan import Facts, Park, Skip, Sync
from shared.decision.learning import learn, with_problems, with_writes, without_old_intents
from shared.errors import Unconfirmed
from shared.mapping.flow import Flow
from shared.ports import App, Parked
from shared.writing import Outcome


async def keep(outcome: Outcome, flow: Flow, app: App) -> Link | None:
    """Save what is certain now. Returns the link if this sync made it; a pair that did not move costs no write."""
    before = outcome.stored
    after = _link_after(outcome, flow)
    if after is None:
        await _park_without_link(outcome, app)
        return None
    if not _moved(before, after) and not outcome.writes:
        return None
    saved = await app.state.save(after, _entry(outcome, before, after))
    await _list_parked(outcome, before, saved, app)
    made = saved.status == "linked" and (before is None or before.status == "claimed")
    return saved if made else None


def _link_after(outcome: Outcome, flow: Flow) -> Link | None:
    facts, plan = outcome.facts, outcome.plan
    if isinstance(plan, Park):
        link = outcome.link or plan.link
        status = plan.link.status if plan.link and not outcome.writes else None
        return link and _settled(replace(link, status=status or link.status), plan.problems, outcome, facts)
    if not isinstance(plan, Sync):
        return None
    link = outcome.link
    if link is None:
        return None
    both = all((record := facts.records[side]) is not None and record.key == link.key(side) for side in SIDES)
    if both and outcome.bound and plan.status == "linked":
        link = replace(learn(link, facts, flow), status="linked", linked_at=link.linked_at or facts.now)
    elif plan.status == "retired" and outcome.error is None:
        link = replace(link, status="retired")
    problems = tuple(outcome.problems) if outcome.problems or outcome.error is None else link.parked
    return _settled(link, problems, outcome, facts)


def _settled(link: Link, problems: tuple[Problem, ...], outcome: Outcome, facts: Facts) -> Link:
    """Let go of the claim; an open intent stays only where a write's outcome is unknown."""
    link = with_writes(with_problems(link, problems), facts, outcome.written)
    if not isinstance(outcome.error, Unconfirmed):
        link = without_old_intents(link, facts)
    return replace(link, claimed_until=None)


def _moved(before: Link | None, after: Link) -> bool:
    if before is None:
        return True
    return replace(before, etag="", versions={}, recent=()) != replace(after, etag="", versions={}, recent=())


def _entry(outcome: Outcome, before: Link | None, after: Link) -> JournalEntry:
    change, plan = outcome.facts.change, outcome.plan
    reason = str(outcome.error) if outcome.error else getattr(plan, "reason", "")
    base = before.base if before else {}
    fields = {}
    for name, digest in outcome.written.items():
        side, _, row = name.partition(" ")
        old = base.get(row)
        fields[name] = (getattr(old, side) if old else "", digest)
    return JournalEntry(
        at=outcome.facts.now,
        correlation=change.correlation,
        cause=change.cause,
        side=change.side,
        outcome=type(outcome.error or plan).__name__.lower() if not outcome.writes else "applied",
        reason=reason,
        asked_by=change.asked_by,
        writes=tuple(outcome.writes),
        fields=fields,
        notes=(*outcome.notes, *(p.message for p in after.parked)),
    )


async def _park_without_link(outcome: Outcome, app: App) -> None:
    change, plan = outcome.facts.change, outcome.plan
    if isinstance(plan, Park):
        await app.state.park(_parked(change, plan.problems))
    elif isinstance(plan, Skip) and plan.out_of_scope:
        await app.state.unpark(change.flow, change.side, change.key)


async def _list_parked(outcome: Outcome, before: Link | None, after: Link, app: App) -> None:
    """Keep the list of parked records in step with the link: under the Dynamics key once the pair is linked."""
    change = outcome.facts.change
    linked = after.status in ("linked", "retired")
    if linked and (before is None or before.status == "claimed"):
        await app.state.unpark(change.flow, "sap", after.sap)
    if after.parked:
        where = replace(change, side="dynamics", key=after.dynamics) if linked else change
        await app.state.park(_parked(where, after.parked))
    elif before is None or before.parked or before.status == "claimed":
        await app.state.unpark(change.flow, "dynamics", after.dynamics)


def _parked(change: Change, problems: tuple[Problem, ...]) -> Parked:
    return Parked(change.flow, change.side, change.key, problems, change.correlation, change.attempt)
