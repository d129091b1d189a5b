"""The way-back row, from an SAP key to its pair: written insert-only, so that an SAP record belongs to one pair."""

from dataclasses import replace

from shared.core.link import Link
from shared.errors import NotYet, Stale
from shared.ports import App
from shared.steps.twins import never_made


async def bind(link: Link, app: App) -> None:
    """Write the row of a pair that knows its SAP key. Raises `Stale` when the record belongs to another pair."""
    try:
        await app.state.bind(link)
    except Stale:
        if not await _left_behind(link, app):
            raise
        await app.state.bind(link)


async def _left_behind(link: Link, app: App) -> bool:
    """Take away the row of a pair that is over or has another record by now: a restored SAP gives numbers twice."""
    owner = await app.state.home(link.pair, link.sap)
    other = await app.state.link(link.pair, "dynamics", owner) if owner else None
    if other is None or (other.sap in ("", link.sap) and other.status != "retired"):
        return False
    await app.state.unbind(Link(link.pair, owner, link.sap))
    return True


async def set_free(pair: str, sap: str, app: App) -> None:
    """Let go of an SAP record whose link stands for a Dynamics row that never came into being."""
    link = await app.state.link(pair, "sap", sap)
    if link is None or not never_made(link):
        return
    if link.claimed_until is not None and link.claimed_until > app.now():
        raise NotYet("another worker is writing this pair", until=link.claimed_until)
    if link.etag:  # a worker that creates the row now wins or loses by it
        await app.state.save(replace(link, sap=""))
    await app.state.unbind(link)
