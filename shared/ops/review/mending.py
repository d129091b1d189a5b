"""Parked records are tried again, or taken off the list with a reason.

Nothing is mended here: a replay is a change like any other, and what is discarded comes back when its values move.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import batched
from typing import Any

from shared.core.link import JournalEntry, Problem
from shared.core.model import Change
from shared.errors import BadRequest, Stale
from shared.ops.intake import take_in
from shared.ops.review.asked import Selected
from shared.ops.review.letters import DEAD, changes_in
from shared.ops.review.parked import alike, entry_of, link_of, list_named, on_list
from shared.ports import App, Parked, Step

STALE_MAX = 3
BATCH = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and under which fresh id: it is the correlation id of all that follows."""

    run: str
    by: str


async def replay(which: Selected, asked: Asked, app: App) -> dict[str, Any]:
    """Enqueue parked records once more; each is judged anew, and what was refused is sent again."""
    entries, missing = await _selected(which, app)
    changes: list[Change] = []
    unreadable: list[str] = []
    for entry in entries:
        again = await _again(entry, which, app)
        changes += [
            replace(c, origin=f"{asked.run} {c.side} {c.key}", correlation=asked.run, asked_by=asked.by) for c in again
        ]
        if not again:
            unreadable.append(entry.key)
    for some in batched(changes, BATCH, strict=False):
        await take_in(some, app)
    for entry in entries:
        if entry.flow in DEAD and entry.key not in unreadable:  # from here on its change speaks for itself
            await app.state.unpark(entry.flow, entry.side, entry.key)
    told = {"enqueued": len(changes), "correlation": asked.run, "not_parked": missing}
    return told | ({"unreadable": unreadable} if unreadable else {})


async def discard(which: Selected, asked: Asked, app: App) -> dict[str, Any]:
    """Take records off the list until their values move. The journal of the link keeps who did it, and why."""
    entries, missing = await _selected(which, app)
    said = f"{asked.by}: {which.reason}"

    def mark(problem: Problem) -> Problem:
        mine = not problem.discarded and alike(problem, which.cause)
        return replace(problem, discarded=said) if mine else problem

    for some in batched(entries, BATCH, strict=False):
        await asyncio.gather(*(_discard(entry, mark, which, asked, app) for entry in some))
    return {"discarded": len(entries), "correlation": asked.run, "not_parked": missing}


async def _discard(entry: Parked, mark: Callable[[Problem], Problem], which: Selected, asked: Asked, app: App) -> None:
    at, notes = app.now(), tuple(p.message for p in entry.open if alike(p, which.cause))
    note = JournalEntry(at, asked.run, "discard", entry.side, "discarded", which.reason, asked.by, notes=notes)
    await _mark_link(entry, mark, note, app)
    if entry.flow in DEAD:
        await app.state.unpark(entry.flow, entry.side, entry.key)
    else:
        await app.state.park(replace(entry, problems=tuple(map(mark, entry.problems)), letter=""))
    step = Step(at, entry.flow, entry.side, entry.key, f"discarded by {asked.by}: {which.reason}")
    await app.state.note(asked.run, [step])


async def _selected(which: Selected, app: App) -> tuple[list[Parked], list[str]]:
    """Return the entries that are meant, and the keys that are not on the list. Raises `BadRequest` if none is."""
    name = list_named(which.flow, app)
    missing: list[str] = []
    found: list[Parked] = []
    if not which.keys:
        found = [entry for entry in await on_list(name, app) if which.side in ("", entry.side)]
    for key in which.keys:
        try:
            found.append(await entry_of(name, key, which.side, app))
        except BadRequest:
            missing.append(key)
    once = {(e.side, e.key): e for e in found if any(alike(p, which.cause) for p in e.open)}
    if not once:
        raise BadRequest(f"no such record of {name} is parked: GET ops/parked?flow={name} tells what is")
    return list(once.values()), missing


async def _again(entry: Parked, which: Selected, app: App) -> list[Change]:
    """Return the changes that ask for a record once more; none for a letter that cannot be read."""
    if entry.letter or entry.flow in DEAD:
        try:
            found = changes_in(entry, app)
        except ValueError:
            return []
        return [
            replace(c, cause="replay" if c.key else c.cause, attempt=0, first_seen=None, pair_key="") for c in found
        ]
    gone = entry.gone
    if which.deleted:
        gone = next((p.side for p in entry.open if p.cause == "gone" and p.side), gone or entry.side)
    link = await link_of(entry, app) if gone else None
    side, key = (gone, link.key(gone)) if gone and link else (entry.side, entry.key)
    return [Change(entry.flow, side, key, "", "", cause="replay", deleted=bool(gone))]


async def _mark_link(entry: Parked, mark: Callable[[Problem], Problem], note: JournalEntry, app: App) -> None:
    for _ in range(STALE_MAX):
        link = await link_of(entry, app)
        if link is None or not link.etag:
            return
        try:
            await app.state.save(replace(link, parked=tuple(map(mark, link.parked))), note)
        except Stale:
            continue
        return
    raise Stale(f"{entry.flow} {entry.key} is being written by another worker: try again")
