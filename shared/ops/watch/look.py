"""What an operator can see: a pair with its journal, what is parked and why, a correlation id's steps, the totals."""

from dataclasses import asdict
from typing import Any

from shared.core.link import JournalEntry, Link, Problem
from shared.core.messages import canonical
from shared.core.model import SIDES, Side
from shared.errors import BadRequest
from shared.ops.intake import flow_named
from shared.ops.review.letters import DEAD
from shared.ops.review.pause import pauses
from shared.ports import App, Parked

JOURNAL_COUNT = 50
STEP_COUNT = 500
PARKED_COUNT = 1_000
WAITER_COUNT = 10_000


async def pair(flow: str, key: str, app: App) -> dict[str, Any]:
    """Return a pair by either key, with its newest journal entries; digests are left out, names tell enough."""
    name = flow_named(flow, app)
    full = app.flows[name]
    for side in SIDES:
        link = await app.state.link(full.pair, side, key)
        if link is not None:
            journal = await app.state.journal(full.pair, link.dynamics, JOURNAL_COUNT)
            return {"flow": name, **link_view(link), "journal": [_entry(one) for one in journal]}
    looks = [await app.state.parked_one(name, side, canonical(key)) for side in SIDES]
    parked = [one for one in looks if one is not None]
    waits = await _waits(name, key, app)
    if parked or waits:
        told = {"waits_for": waits} if waits else {}
        status = "unlinked" if parked else "waiting"
        return {"flow": name, "status": status, **told, "parked": [_parked(one) for one in parked], "journal": []}
    raise BadRequest(f"{name} knows no record {key!r}: it was never synced, or it is outside the mapping's scope")


async def _waits(flow: str, key: str, app: App) -> list[dict[str, Any]]:
    """Return what a record waits for, and since when: ops/links/FLOW/KEY of that tells why it is not there yet."""
    found = await app.state.waiting(WAITER_COUNT)
    mine = [(r, since) for r, waiter, since in found if (waiter.flow, waiter.key) == (flow, canonical(key))]
    return [{"flow": r.flow, "side": r.side, "key": r.key, "since": since.isoformat()} for r, since in mine]


async def correlation(key: str, app: App) -> dict[str, Any]:
    """Return all that happened under a correlation id: what came in, and the journal of the pairs that it touched."""
    steps = await app.state.steps(key, STEP_COUNT)
    if not steps:
        raise BadRequest(f"no step is known for the correlation id {key!r}")
    done = []
    for flow, side, record in dict.fromkeys((s.flow, s.side, s.key) for s in steps):
        done += [{"flow": flow, **one} for one in await _journal(flow, side, record, key, app)]
    received = [{"at": s.at.isoformat(), "flow": s.flow, "side": s.side, "key": s.key, "what": s.what} for s in steps]
    note = "" if done else "no write was needed, or the change is still under way, or it is parked"
    return {"correlation": key, "received": received, "done": done, **({"note": note} if note else {})}


async def _journal(flow: str, side: Side, record: str, correlation_id: str, app: App) -> list[dict[str, Any]]:
    full = app.flows.get(flow)
    link = await app.state.link(full.pair, side, record) if full else None
    if full is None or link is None:
        return []
    entries = await app.state.journal(full.pair, link.dynamics, JOURNAL_COUNT)
    return [_entry(one) for one in entries if one.correlation == correlation_id]


async def status(app: App) -> dict[str, Any]:
    """Return flows, how many of their records are parked and why, when they were last swept, and what is paused.

    `dead_letters` are only those that belong to no flow; the others stand among their flow's parked records.
    """
    flows = {}
    for name, flow in sorted(app.flows.items()):
        parked = [one for one in await app.state.parked(name, PARKED_COUNT) if one.open]
        causes: dict[str, int] = {}
        for one in parked:
            for problem in one.open:
                causes[problem.cause] = causes.get(problem.cause, 0) + 1
        flows[name] = {
            "pair": flow.pair,
            "parked": len(parked),
            "causes": causes,
            "last_sweep": await app.state.watermark(f"schedule/{name}") or None,
        }
    dead = [one for queue in DEAD for one in await app.state.parked(queue, PARKED_COUNT)]
    return {"now": app.now().isoformat(), "flows": flows, "paused": await pauses(app), "dead_letters": len(dead)}


def link_view(link: Link) -> dict[str, Any]:
    """Return a link as an operator reads it."""
    return {
        "dynamics": link.dynamics,
        "sap": link.sap,
        "status": link.status,
        "linked_at": link.linked_at.isoformat() if link.linked_at else None,
        "under_way": [f"{i.side} {i.kind} since {i.since.isoformat()}" for i in link.intents],
        "fields_in_step": sorted(link.base),
        "lines": [{"dynamics": k.dynamics, "sap": k.sap, "gone": k.gone} for k in link.lines],
        "parked": [problem_view(p) for p in link.parked],
    }


def _entry(entry: JournalEntry) -> dict[str, Any]:
    told = asdict(entry)
    return {**told, "at": entry.at.isoformat(), "fields": sorted(entry.fields)}


def _parked(parked: Parked) -> dict[str, Any]:
    return {"side": parked.side, "key": parked.key, "problems": [problem_view(p) for p in parked.problems]}


def problem_view(problem: Problem) -> dict[str, Any]:
    """Return a problem as an operator reads it."""
    since = problem.since.isoformat() if problem.since else None
    return {
        "field": problem.field,
        "side": problem.side,
        "cause": problem.cause,
        "message": problem.message,
        "since": since,
        **({"discarded": problem.discarded} if problem.discarded else {}),
    }
