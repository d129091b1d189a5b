"""Records that refer to a record without a link: they are noted, and woken when the link appears (law 18).

Note, then look again: between the look that found no link and the note, the link may have appeared, and its maker has
found nobody to wake.
"""

from collections.abc import Iterable
from dataclasses import replace

from shared.core.model import SIDES, Change, Link, Problem, Reference
from shared.dispatch import dispatch
from shared.errors import Stale
from shared.mapping.flow import Flow
from shared.ports import App, Parked


async def hold(change: Change, missing: Iterable[Reference], app: App) -> None:
    """Note that the change waits, ask for what it waits for, and look again. Raises `Stale` if a link is there now."""
    for reference in missing:
        await app.state.wait(reference, change, app.now())
        asked = Change(
            flow=reference.flow,
            side=reference.side,
            key=reference.key,
            origin=f"{change.flow} {change.side} {change.key} {change.origin} {change.attempt}",
            correlation=change.correlation,
            cause="reference",
            bulk=change.bulk,
        )
        await dispatch([asked], app)
        link = await app.state.link(app.flows[reference.flow].pair, reference.side, reference.key)
        if link is not None and link.status == "linked":
            raise Stale(f"{reference.flow} {reference.key} was linked just now")


async def wake(link: Link, flow: Flow, app: App) -> None:
    """Enqueue everybody who waited for either record of a new link."""
    names = [other.name for other in app.flows.values() if other.pair == flow.pair]
    references = [Reference(name, side, link.key(side)) for name in names for side in SIDES]
    for reference, waiter, _ in await app.state.waiters(references):
        # the etag makes the wake of this very link one message, and that of a later link another
        woken = replace(waiter, cause="wake", origin=f"{waiter.origin} {link.etag}", attempt=0)
        await dispatch([woken], app)
        await app.state.unwait(reference, waiter)


async def tell_waiters(change: Change, reason: str, app: App) -> None:
    """Park who waits for a record that does not take part. They stay noted: should it be linked one day, they wake."""
    reference = Reference(change.flow, change.side, change.key)
    for _, waiter, since in await app.state.waiters([reference]):
        message = f"refers to {change.flow} {change.key}, which will not be linked: {reason}"
        problem = Problem("", waiter.side, "reference", message, since=since)
        await app.state.park(Parked(waiter.flow, waiter.side, waiter.key, (problem,), waiter.correlation))
