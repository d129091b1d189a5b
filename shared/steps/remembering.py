"""What is kept after a sync: the link with its journal entry in one transaction, and the list of what is parked."""

from dataclasses import replace

from shared.core.link import JournalEntry, Link, Problem
from shared.core.model import SIDES, Choice
from shared.core.plan import Park, Skip, Sync
from shared.decision.learning import known_before, learn, listed_again, with_problems, with_writes, without_old_intents
from shared.decision.rows import contexts
from shared.errors import Unconfirmed
from shared.mapping.flow import Flow
from shared.ports import App
from shared.steps.outcome import Outcome
from shared.steps.waiting import list_parked, listed


async def keep(outcome: Outcome, flow: Flow, app: App) -> Link | None:
    """Save what is certain now. Returns the link if this sync made it; a pair that did not move costs no write."""
    before = outcome.stored
    after = _link_after(outcome, flow)
    if after is None:
        await _park_without_link(outcome, app)
        return None
    # first: once the link forgets a problem, nobody would ask again
    await _strike_from_list(outcome, before, after, app)
    moved = _moved(before, after) or bool(outcome.writes)
    saved = await app.state.save(after, _entry(outcome, before, after)) if moved else after
    if after.parked:
        linked = after.status in ("linked", "retired")
        change = outcome.facts.change
        where = replace(change, side="dynamics", key=after.dynamics) if linked else change
        await list_parked(change, where, after.parked, app)  # each time: the link may know more than the list
    made = moved and saved.status == "linked" and (before is None or before.status != "linked")
    return saved if made else None


def _link_after(outcome: Outcome, flow: Flow) -> Link | None:
    facts, plan = outcome.facts, outcome.plan
    if isinstance(plan, Park):
        link = outcome.link or plan.link
        status = plan.link.status if plan.link and not outcome.writes else None
        return link and _settled(replace(link, status=status or link.status), plan.problems, outcome, flow)
    if not isinstance(plan, Sync):
        return None
    link = outcome.link
    if link is None:
        return None
    both = all((record := facts.records[side]) is not None and record.key == link.key(side) for side in SIDES)
    if both and outcome.bound and plan.status == "linked":
        link = replace(learn(link, facts, flow), status="linked", linked_at=link.linked_at or facts.now)
    elif plan.status == "retired" and outcome.error is None:
        born = {side: record.created_at for side, record in facts.records.items() if record and record.created_at}
        link = replace(link, status="retired", born={**link.born, **born})  # its key may come again on another record
    problems = tuple(outcome.problems) if outcome.problems or outcome.error is None else link.parked
    return _settled(link, problems, outcome, flow)


def _settled(link: Link, problems: tuple[Problem, ...], outcome: Outcome, flow: Flow) -> Link:
    """Let go of the claim; an open intent stays only where a write's outcome is unknown."""
    facts = outcome.facts
    if facts.change.cause == "replay":
        link = replace(link, parked=listed_again(link.parked))
    context = contexts((facts.records[side] for side in SIDES), flow, facts.seal)
    problems = tuple(p if p.context or not p.side else replace(p, context=context[p.side]) for p in problems)
    link = with_writes(with_problems(link, problems), facts, outcome.written)
    if not isinstance(outcome.error, Unconfirmed):
        link = without_old_intents(link, facts)
    return replace(link, claimed_until=None)


def _moved(before: Link | None, after: Link) -> bool:
    if before is None:
        return True
    if any(after.versions.get(side, seen) < seen for side, seen in before.versions.items()):
        return True  # a person has accepted an older state
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
        notes=(*(f"{c.field}: chosen {_choice(c)}" for c in change.choices), *outcome.notes, *_told(after)),
    )


def _choice(choice: Choice) -> str:
    return choice.take if choice.typed is None else "a typed value"


def _told(link: Link) -> list[str]:
    return [p.message for p in link.parked if not p.discarded]


async def _park_without_link(outcome: Outcome, app: App) -> None:
    change, plan = outcome.facts.change, outcome.plan
    if isinstance(plan, Park):
        problems = known_before(plan.problems, await listed(change, app))
        await list_parked(change, change, listed_again(problems) if change.cause == "replay" else problems, app)
    elif isinstance(plan, Skip) and plan.out_of_scope:
        await app.state.unpark(change.flow, change.side, change.key)
        link = outcome.facts.link
        if link is not None and link.parked:
            await app.state.unpark(change.flow, "dynamics", link.dynamics)


async def _strike_from_list(outcome: Outcome, before: Link | None, after: Link, app: App) -> None:
    """Take a pair off the list of parked records. Once it is linked, it stands there under its Dynamics key only."""
    flow = outcome.facts.change.flow
    newly = before is None or before.status == "claimed"
    if newly and after.status in ("linked", "retired"):
        await app.state.unpark(flow, "sap", after.sap)
    if not after.parked and (newly or (before is not None and before.parked)):
        await app.state.unpark(flow, "dynamics", after.dynamics)
