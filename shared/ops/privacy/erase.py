"""Erases what the state holds of one record, and says what it did and what it cannot reach.

It touches neither Dynamics nor SAP. While the record lives there, its next change, sweep or reconcile finds it again
and links it anew (by its birthmark or match key): so it is deleted, or made anonymous, there first.

A change of the pair that is under way meanwhile: one that holds a live claim is let finish (`Stale`: ask again); one
that has only read finds its link gone when it saves, reads again, and does as above.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.core.link import Link
from shared.core.messages import born_in_sap, canonical
from shared.core.model import OTHER, SIDES, Side
from shared.errors import BadRequest, Stale
from shared.mapping.flow import Flow
from shared.ops.privacy import findings
from shared.ops.review.letters import DEAD
from shared.ports import App, Parked
from shared.telemetry import event

PROOFS = "erasures"
ROUNDS = 3
JOURNAL_PAGE = 100
JOURNAL_PAGES_MAX = 1_000
LIST_COUNT_MAX = 10_000
SCAN_TIME = timedelta(seconds=100)  # an HTTP function must answer within 230 s

REMAINS = (
    "the records in Dynamics and SAP themselves: while they exist, the next change, sweep or reconcile links them anew",
    "messages on the Service Bus that name a key, until they are worked off; the only values there are typed choices",
    "pages of keys of the last two reconciles of each flow, until two more have run",
    "addresses of operators' requests in Application Insights, this one too, until the workspace's retention ends",
    "journals and notes of other records that mention a key, until their own retention ends",
)


@dataclass
class Found:
    """What is known of the subject: its pair's flows, its key on each side, and what was deleted so far, by kind."""

    flows: Mapping[str, Flow]
    pair: str
    side: Side
    keys: dict[Side, str]
    gone: Counter[str] = field(default_factory=Counter)
    correlations: set[str] = field(default_factory=set)

    @property
    def records(self) -> set[tuple[str, str]]:
        """Return (flow, key) of all that is meant."""
        return {(flow, key) for flow in self.flows for key in self.keys.values()}


async def erase(side: str, table: str, key: str, app: App, asked_by: str) -> dict[str, Any]:
    """Erase the traces of a record: ('dynamics', 'account', GUID) or ('sap', 'BusinessPartner', '1000001').

    Raises `BadRequest` for an object that no flow knows, `Stale` while a change of the pair is under way. May be
    repeated: what is gone is not there, and the rest goes.
    """
    chosen, flows = _meant(side, table, key, app)
    key = canonical(key.strip())
    gone: Counter[str] = Counter()
    complete = True
    notes: list[str] = []
    for pair in sorted({flow.pair for flow in flows.values()}):
        mine = {name: flow for name, flow in flows.items() if flow.pair == pair}
        found = Found(mine, pair, chosen, {chosen: key})
        again = await _erase_pair(found, app)
        complete = await _erase_all_steps(found, app) and not again and complete
        notes += await _left(found, app, again=again)
        gone += found.gone
    if not complete:
        notes.append("not all correlation steps were looked through: repeat this, or they are dropped with their month")
    told = {"erased": {kind: count for kind, count in sorted(gone.items()) if count}, "complete": complete}
    await _record(chosen, table, key, told, app, asked_by)
    return {**told, "remains": [*notes, *REMAINS]}


async def _record(side: Side, table: str, key: str, told: dict[str, Any], app: App, asked_by: str) -> None:
    """Keep the proof: who erased what kind of record when, its key as a digest only. Retention ends it, too."""
    subject = {"side": side, "table": table, "subject": app.seal.digest(key)}
    proof = {"at": app.now().isoformat(), "by": asked_by, **subject, **told}
    await app.state.set_watermark(f"{PROOFS}/{app.now():%Y%m%d%H%M%S%f}", json.dumps(proof))
    event("erased", side=side, table=table, subject=subject["subject"], total=sum(told["erased"].values()))


def _meant(side: str, table: str, key: str, app: App) -> tuple[Side, dict[str, Flow]]:
    chosen = next((one for one in SIDES if one == side), None)
    if chosen is None or not key.strip():
        raise BadRequest("the path must be ops/subjects/dynamics/TABLE/KEY or ops/subjects/sap/OBJECT/KEY")
    flows = {n: f for n, f in app.flows.items() if f.selections[chosen].object.lower() == table.lower()}
    if not flows:
        known = sorted({flow.selections[chosen].object for flow in app.flows.values()})
        raise BadRequest(f"no flow syncs {table!r} of {side}; there are {', '.join(known)}")
    pairs = {flow.pair for flow in flows.values()}
    return chosen, {name: flow for name, flow in app.flows.items() if flow.pair in pairs}


async def _erase_pair(found: Found, app: App) -> bool:
    """Delete until nothing is left; return whether the pair was linked anew each time."""
    for _ in range(ROUNDS):
        link = await _look(found, app)
        await _erase_lists(found, app)
        await _erase_journal(found, app)
        for correlation in sorted(found.correlations):
            count, _ = await app.state.erase_steps(found.records, correlation=correlation)
            found.gone["correlation steps"] += count
        found.correlations.clear()
        try:
            await _erase_link(link, found, app)
        except Stale:  # a worker was first: what it wrote has to go, too
            continue
        if await app.state.link(found.pair, found.side, found.keys[found.side]) is None:
            return False
    return True


async def _look(found: Found, app: App) -> Link | None:
    """Return the link, and take in the other side's key. Raises `Stale` while it is claimed."""
    link = await app.state.link(found.pair, found.side, found.keys[found.side])
    if link is not None:
        if link.claimed_until is not None and link.claimed_until > app.now():
            raise Stale(f"a change of this record is under way: ask again after {link.claimed_until:%H:%M:%S} UTC")
        found.keys |= {one: link.key(one) for one in SIDES if link.key(one)}
    elif found.side == "sap":
        found.keys.setdefault("dynamics", born_in_sap(found.pair, found.keys["sap"]))  # that is how such a row is named
    return link


async def _erase_link(link: Link | None, found: Found, app: App) -> None:
    """Delete the row that the asked key leads to last, so that a repeat after a crash finds the other one."""
    if link is None:
        return
    order: tuple[Side, ...] = (OTHER[found.side], found.side)
    for row in order:
        if row == "dynamics" and link.etag:
            await app.state.erase(link)
            found.gone["links"] += 1
        if row == "sap" and link.sap:
            await app.state.unbind(link)
            found.gone["ways back"] += 1


async def _erase_journal(found: Found, app: App) -> None:
    if "dynamics" not in found.keys:
        return
    for _ in range(JOURNAL_PAGES_MAX):
        entries = await app.state.erase_journal(found.pair, found.keys["dynamics"], JOURNAL_PAGE)
        found.gone["journal entries"] += len(entries)
        found.correlations |= {entry.correlation for entry in entries if entry.correlation}
        if not entries:
            return


async def _erase_lists(found: Found, app: App) -> None:
    """Delete parked entries, dead letters and waits of the record, and what jobs and reconciles have noted of it."""
    async for entry in _parked(found, app):
        await app.state.unpark(entry.flow, entry.side, entry.key)
        found.gone["dead letters" if entry.flow in DEAD else "parked"] += 1
        found.correlations |= {entry.correlation} - {""}
    for reference, waiter, _ in await app.state.waiting(LIST_COUNT_MAX):
        if waiter.flow in found.flows and canonical(waiter.key) in found.keys.values():
            await app.state.unwait(reference, waiter)
            found.gone["waits"] += 1
            found.correlations |= {waiter.correlation} - {""}
    found.gone["findings"] += await findings.forget(set(found.flows), set(found.keys.items()), app)


async def _parked(found: Found, app: App) -> AsyncIterator[Parked]:
    for flow in found.flows:
        for side, key in found.keys.items():
            entry = await app.state.parked_one(flow, side, key)
            if entry is not None:
                yield entry
    for queue in DEAD:
        for entry in await app.state.parked(queue, LIST_COUNT_MAX):
            if _names(entry, found.keys.values()):
                yield entry


def _names(entry: Parked, keys: Collection[str]) -> bool:
    """Return whether a letter's body or its problem names one of the keys, as a word of its own."""
    said = base64.b64decode(entry.letter).decode(errors="replace") + " ".join(p.message for p in entry.problems)
    return any(re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", said, re.IGNORECASE) for key in keys)


async def _erase_all_steps(found: Found, app: App) -> bool:
    """Look through all months for steps that no journal entry led to; return whether there was time for all."""
    ends, token = app.now() + SCAN_TIME, ""
    while True:
        count, token = await app.state.erase_steps(found.records, token)
        found.gone["correlation steps"] += count
        if not token or app.now() > ends:
            return not token


async def _left(found: Found, app: App, *, again: bool) -> list[str]:
    waiting = await app.state.waiting(LIST_COUNT_MAX)
    for_it = [w for r, w, _ in waiting if r.flow in found.flows and canonical(r.key) in found.keys.values()]
    told = []
    if again:
        told.append("a change has linked the record anew meanwhile: delete it in the systems, then repeat this")
    if for_it:
        hours = round(app.wait_limit.total_seconds() / 3600)
        told.append(f"{len(for_it)} other records wait for this one; that is forgotten within {hours} h")
    return told
