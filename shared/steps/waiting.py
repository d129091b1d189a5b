"""Records that have to wait: for the link of another record that they refer to (law 18), or for a person.

The first are noted, and woken when the link appears. Note, then look again: between the look that found no link and
the note, the link may have appeared, and its maker has found nobody to wake. The second are parked: on a list.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from shared.core.link import Link, Problem
from shared.core.model import SIDES, Change, Reference
from shared.decision.learning import known_before
from shared.errors import Stale
from shared.mapping.flow import Flow
from shared.ports import App, Parked, Step
from shared.steps.dispatch import dispatch

CHOICE_WAIT = timedelta(seconds=60)  # a choice holds a value, which no note keeps: its message itself comes again


async def hold(change: Change, missing: Iterable[Reference], app: App) -> None:
    """Note that the change waits, ask for what it waits for, and look again. Raises `Stale` if a link is there now."""
    for reference in missing:
        await app.state.wait(reference, replace(change, choices=()), app.now())  # no value is ever stored
        asked = Change(
            flow=reference.flow,
            side=reference.side,
            key=reference.key,
            origin=f"{change.flow} {change.side} {change.key} {change.origin} {change.attempt}",
            correlation=change.correlation,
            cause="reference",
            bulk=change.bulk,
        )
        step = Step(app.now(), asked.flow, asked.side, asked.key, f"asked for by {change.flow} {change.key}")
        await app.state.note(change.correlation, [step])
        await dispatch([asked], app)
        link = await app.state.link(app.flows[reference.flow].pair, reference.side, reference.key)
        if link is not None and link.status == "linked":
            await app.state.unwait(reference, change)
            raise Stale(f"{reference.flow} {reference.key} was linked just now")


async def wake(link: Link, flow: Flow, app: App) -> None:
    """Enqueue everybody who waited for either record of a new link."""
    names = [other.name for other in app.flows.values() if other.pair == flow.pair]
    references = [Reference(name, side, link.key(side)) for name in names for side in SIDES]
    for reference, waiter, _ in await app.state.waiters(references):
        # the etag makes the wake of this very link one message, and that of a later link another
        woken = replace(waiter, cause="wake", origin=f"{waiter.origin} {link.etag}", attempt=0, first_seen=None)
        await dispatch([woken], app)
        await app.state.unwait(reference, waiter)


async def tell_waiters(change: Change, reason: str, app: App) -> None:
    """Park who waits for a record that does not take part. They stay noted: should it be linked one day, they wake."""
    reference = Reference(change.flow, change.side, change.key)
    for _, waiter, since in await app.state.waiters([reference]):
        if not needs(waiter, reference, app):
            continue
        message = f"refers to {change.flow} {change.key}, which will not be linked: {reason}"
        await park(waiter, Problem("", waiter.side, "reference", message, since=since), app)


def needs(waiter: Change, reference: Reference, app: App) -> bool:
    """Return whether a record cannot do without the reference; what is optional is left out, and nobody is told."""
    flow = app.flows[waiter.flow]
    fields = (*flow.rows.fields, *(flow.lines.rows.fields if flow.lines else ()))
    return any(field.required and field.reference == reference.flow for field in fields)


async def park(change: Change, problem: Problem, app: App, letter: str = "") -> None:
    """Put a record on the list for a problem of the whole pair that is none of its values.

    The link is told too, and lets go of it when the pair is in step: that takes the record off the list. A problem that
    is known already costs no write to the link. Raises `Stale` when another worker is writing the pair.
    """
    link = await app.state.link(app.flows[change.flow].pair, change.side, change.key)
    if link is None or link.status == "claimed":
        await list_parked(change, change, known_before([problem], await listed(change, app)), app, letter)
        return
    others = (p for p in link.parked if (p.field, p.side) != (problem.field, problem.side))
    problems = (*others, *known_before([problem], link.parked))
    if problems != link.parked:
        await app.state.save(replace(link, parked=problems))
    await list_parked(change, replace(change, side="dynamics", key=link.dynamics), problems, app, letter)


async def listed(change: Change, app: App) -> tuple[Problem, ...]:
    """Return the problems that the list has of a record: without a link, nothing else knows them."""
    found = await app.state.parked_one(change.flow, change.side, change.key)
    return found.problems if found else ()


async def list_parked(change: Change, where: Change, problems: tuple[Problem, ...], app: App, letter: str = "") -> None:
    """Put a record on the list under its own key, or, once it is linked, under the pair's Dynamics key (`where`)."""
    gone = change.side if change.deleted else ""
    parked = Parked(where.flow, where.side, where.key, problems, change.correlation, change.attempt, gone, letter)
    await app.state.park(parked)
