"""One change, start to finish. Everything else in this package serves the lines of `sync`.

    gather    read both records as they are now, their link, and the links they refer to     (steps/gathering.py)
    decide    what should happen, and why                                                    (pure, decide.py)
    apply     at most one write a side, SAP first; claimed or guarded by an etag             (writes, steps/effects.py)
    remember  the link, how both records look now, and the journal, in one transaction       (state)

A crash between any two steps is harmless: the change comes back, gather sees what is done already, and decide goes on
from there. It looks at the pair, never at a direction: from the same facts it decides the same, whichever side spoke.
"""

from dataclasses import replace

from shared.core.model import OTHER, SIDES, Change
from shared.core.plan import Facts, Later, Plan, Skip, Sync, Wait
from shared.decide import decide
from shared.decision.rows import contexts
from shared.errors import NotYet, Outdated
from shared.mapping.flow import Flow
from shared.ports import App
from shared.steps.dispatch import dispatch
from shared.steps.effects import apply
from shared.steps.gathering import find_link, read_pair, resolve
from shared.steps.outcome import Outcome
from shared.steps.remembering import keep
from shared.steps.twins import find_twins, join_lost_create
from shared.steps.waiting import CHOICE_WAIT, hold, tell_waiters, wake
from shared.telemetry import clocked, timed


async def sync(change: Change, app: App) -> Plan:
    """Bring the pair that `change` points to into step. Raises `shared.errors`; `settlement.py` says what then."""
    flow = app.flows[change.flow]
    facts = await timed("gather", gather(change, flow, app))
    plan = clocked("decide", decide, facts, flow)
    outcome = await timed("apply", apply(plan, facts, flow, app))
    await timed("remember", remember(outcome, flow, app))
    return outcome.plan


async def gather(change: Change, flow: Flow, app: App) -> Facts:
    """Read all that the decision may depend on."""
    link = await find_link(change, flow, app)
    link, records = await read_pair(change, link, flow, app)
    traits = {side: app.traits(flow, side) for side in SIDES}
    facts = Facts(
        change=change,
        now=app.now(),
        records=records,
        link=link,
        seal=app.seal,
        limits=app.limits,
        longest={side: traits[side].longest_transaction_seconds for side in SIDES},
        users={side: traits[side].users for side in SIDES},
        context=contexts(records.values(), flow, app.seal),
    )
    source = records[change.side]
    alone = source is not None and records[OTHER[change.side]] is None
    if source and alone and (link is None or link.status == "claimed") and flow.takes[change.side](source.values):
        facts = replace(facts, twins=await find_twins(source, change.side, flow, app))
    facts = await join_lost_create(facts, flow, app)
    return replace(facts, linked=await resolve(facts, flow, app))


async def remember(outcome: Outcome, flow: Flow, app: App) -> None:
    """Keep what is certain now, tell who waits, and only then raise what went wrong."""
    change, plan = outcome.facts.change, outcome.plan
    made = await keep(outcome, flow, app)
    if made is not None:
        await wake(made, flow, app)
    if outcome.error is not None:
        raise outcome.error
    match plan:
        case Later(reason, until, stale_read):
            raise (Outdated if stale_read else NotYet)(reason, until=until)
        case Wait(missing, reason):
            await hold(change, missing, app)
            if change.choices:  # the note keeps no choice, so the message stays
                raise NotYet(reason, until=outcome.facts.now + CHOICE_WAIT)
        case Sync(missing=missing):
            await hold(change, missing, app)
        case Skip(reason, out_of_scope=True) if change.cause == "reference":
            await tell_waiters(change, reason, app)
        case _:
            pass
    if outcome.again:
        again = replace(change, cause="again", origin=f"{change.origin} again", attempt=0, choices=())
        await dispatch([again], app)
