"""Parked records: what is on the list, grouped by cause, and what a person does about it. `mending.py` does it."""

import re
from collections.abc import AsyncIterator
from typing import Any

from shared.core.link import Link, Problem
from shared.core.model import SIDES, Side
from shared.errors import BadRequest
from shared.ops.intake import flow_named
from shared.ops.review.letters import DEAD
from shared.ops.watch.look import link_view, problem_view
from shared.ports import App, Parked

PARKED_COUNT = 10_000  # of one flow
SHOWN_COUNT = 200
EXAMPLE_COUNT = 5

# The way out, by how a cause begins; the problem's own message says what and where.
WHAT_TO_DO: tuple[tuple[str, str], ...] = (
    ("clash", "GET ops/clashes/FLOW/KEY shows both values; POST there says which one counts"),
    ("form", "declare the form in the mapping, or correct the value: POST ops/clashes/FLOW/KEY writes both sides"),
    (
        "refused",
        "correct the value where it is owned, its own event syncs it; or mend the refusing system, then replay",
    ),
    ("fight", "make one of the automations leave the field alone, then replay"),
    ("overwritten", "look at the system's change documents, enter what was lost, then discard"),
    ("gone", "if it was deleted, replay with deleted: true; if it only cannot be read for now, replay later"),
    ("duplicate", "merge the records, or leave the match key on one of them, then replay"),
    ("copy", "remove the mark from the copy, then replay"),
    ("came back", "replay to link the two again, or discard"),
    ("key reused", "replay if it is the right record, or discard"),
    ("merged", "decide which record survives, then replay that one"),
    ("stale read", "find out whether a database was restored; replay when the system is current"),
    ("waited too long", "see why the record that the message names is not linked; its link wakes this one"),
    ("reference", "see why the record that the message names takes no part; its link wakes this one"),
    (
        "dead letter",
        "look for the defect in the log; once mended replay, or sync the record if the letter was unreadable",
    ),
    ("", "correct the value as the message says, its own event syncs it; or replay"),
)


def group(problem: Problem) -> str:
    """Return what alike problems have in common, keys and values left out: 'refused s4 R1/384: line.quantity'."""
    field = re.sub(r"^line [^.]+", "line", problem.field)
    cause = problem.cause
    if re.fullmatch(r"refused \w+", cause):  # no code: the system's words, less what varies
        words = re.sub(r"'[^']*'|\"[^\"]*\"|\S*\d\S*", "…", problem.message.partition(": ")[2])
        cause = f"{cause} {words[:120].strip()}"
    return f"{cause}: {field}" if field else cause


def alike(problem: Problem, cause: str) -> bool:
    """Return whether a problem has this cause: 'clash', or a group's 'clash: city' ('' = any)."""
    return cause in ("", problem.cause, group(problem))


async def listing(flow: str, cause: str, app: App) -> dict[str, Any]:
    """Return what is parked, the most frequent cause first; `flow` and `cause` narrow it down ('' = all)."""
    names = [list_named(flow, app)] if flow else [*sorted(app.flows), *DEAD]
    groups: dict[tuple[str, str], list[tuple[Parked, Problem]]] = {}
    records: list[dict[str, Any]] = []
    for name in names:
        for entry in await on_list(name, app):
            mine = [p for p in entry.open if alike(p, cause)]
            for problem in mine:
                groups.setdefault((name, group(problem)), []).append((entry, problem))
            if mine:
                records.append({**_named(entry), "problems": [problem_view(p) for p in mine]})
    largest = sorted(groups.items(), key=lambda one: -len(one[1]))
    told = [_group(name, cause, found) for (name, cause), found in largest]
    return {"count": len(records), "groups": told, "records": records[:SHOWN_COUNT]}


async def show(flow: str, key: str, app: App) -> dict[str, Any]:
    """Return one parked record by either side's key, with its link as it is now, and what to do."""
    entry = await entry_of(list_named(flow, app), key, "", app)
    problems = [{**problem_view(p), "what_to_do": what_to_do(p, entry)} for p in entry.open]
    link = await link_of(entry, app)
    more = {"correlation": entry.correlation, "attempts": entry.attempts, "link": link_view(link) if link else None}
    return {**_named(entry), "problems": problems, **more}


def what_to_do(problem: Problem, entry: Parked) -> str:
    """Return the way out of a problem."""
    text = next(text for cause, text in WHAT_TO_DO if problem.cause.startswith(cause))
    return text.replace("FLOW", entry.flow).replace("KEY", entry.key)


def list_named(name: str, app: App) -> str:
    """Return the name of a list: a flow's full name, or that of dead letters without a flow."""
    return name if name in DEAD else flow_named(name, app)


async def on_list(name: str, app: App) -> list[Parked]:
    """Return a list's records that nobody has discarded."""
    return [entry for entry in await app.state.parked(name, PARKED_COUNT) if entry.open]


async def entry_of(name: str, key: str, side: Side | str, app: App) -> Parked:
    """Return the entry of a record, by its own key or that of its partner. Raises `BadRequest` if it has none."""
    async for key_side, at in _places(name, key, side, app):
        entry = await app.state.parked_one(name, key_side, at)
        if entry is not None and entry.open:
            return entry
    more = "" if name in DEAD else f": GET ops/links/{name}/{key} tells how it stands"
    raise BadRequest(f"{name} {key} is not parked{more}")


async def link_of(entry: Parked, app: App) -> Link | None:
    """Return the link of a parked record."""
    flow = app.flows.get(entry.flow)
    return await app.state.link(flow.pair, entry.side, entry.key) if flow else None


async def _places(name: str, key: str, side: Side | str, app: App) -> AsyncIterator[tuple[Side, str]]:
    sides = [one for one in SIDES if side in ("", one)]
    for one in sides:
        yield one, key
    for one in sides if name in app.flows else ():
        link = await app.state.link(app.flows[name].pair, one, key)
        if link is not None:
            yield "dynamics", link.dynamics


def _named(entry: Parked) -> dict[str, Any]:
    return {"flow": entry.flow, "side": entry.side, "key": entry.key}


def _group(name: str, cause: str, found: list[tuple[Parked, Problem]]) -> dict[str, Any]:
    since = min((p.since for _, p in found if p.since), default=None)
    return {
        "flow": name,
        "cause": cause,
        "count": len(found),
        "since": since.isoformat() if since else None,
        "message": found[0][1].message,
        "what_to_do": what_to_do(found[0][1], found[0][0]),
        "keys": [entry.key for entry, _ in found[:EXAMPLE_COUNT]],
    }
