"""Finds the record on the other side that may be this one, before anything is created.

Birthmarks first, because they were written in the create itself; then the mapping's match keys in order. The first
look with a hit ends the search; what it means that a hit is linked elsewhere, or that there are two, `decide` says.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from shared.core.digest import plain
from shared.core.link import Link
from shared.core.messages import born_in_sap
from shared.core.model import OTHER, SIDES, Answer, Record, Scalar, Side
from shared.core.plan import Facts, Twin
from shared.errors import NotYet, Refused, Stale
from shared.mapping.flow import Flow
from shared.ports import App


@dataclass(frozen=True, slots=True)
class Look:
    """How a candidate was found: by `birthmark` or by a match key; `rival` bears the same on the asking side."""

    birthmark: bool
    rival: str = ""


async def find_twins(source: Record, side: Side, flow: Flow, app: App) -> tuple[Twin, ...]:
    """Return the candidates (at most 3) of the first look that finds any."""
    async for birthmark, column, records in _looks(source, side, flow, app):
        if records:
            look = Look(birthmark, await _rival(source, side, column, flow, app))
            return tuple([await _twin(r, source, side, flow, app, look) for r in records])
    return ()


async def _rival(source: Record, side: Side, column: str, flow: Flow, app: App) -> str:
    """Return the key of another record on this side with the same mark or match key: people copy records, mark and all.

    From the other side these would be two matches; nothing is guessed from this side either.
    """
    held = source.values.get(column) if column else None
    if not plain(held):
        return ""
    alike = await app.system(flow, side).find(flow.selections[side], {column: held})
    return next((r.key for r in alike if r.key != source.key), "")


async def find_marked(source: Record, side: Side, flow: Flow, app: App) -> bool:
    """Return whether a record with this one's birthmark is there: the last look before a create leaves."""
    system, selection = app.system(flow, OTHER[side]), flow.selections[OTHER[side]]
    return any([await system.find(selection, where) for where in _marks_named_by(source, side, flow)])


async def join_lost_create(facts: Facts, flow: Flow, app: App) -> Facts:
    """Join what a create in SAP whose answer was lost has made with its claim, if the Dynamics record is gone by now.

    Only a delete that is told retires it; until then nobody may take it for a new SAP record, and make its account
    a second time.
    """
    change, link = facts.change, facts.link
    source = facts.records[change.side]
    if link is not None and change.deleted and source is None:
        orphan = await _orphan(link, change.side, flow, app)
        made = {**facts.records, "sap": orphan}
        return replace(facts, link=replace(link, sap=orphan.key), records=made) if orphan else facts
    if link is None and change.side == "sap" and source is not None and not facts.twins:
        claim = await _claim_of(source, flow, app)
        return replace(facts, link=replace(claim, sap=source.key)) if claim else facts
    return facts


async def _orphan(link: Link, side: Side, flow: Flow, app: App) -> Record | None:
    """Return what a create whose answer was lost has made for a record that was deleted meanwhile."""
    if link.status != "claimed" or link.key(OTHER[side]) or not any(i.kind != "update" for i in link.intents):
        return None
    looks = _marks_named_by(Record(link.key(side), {}), side, flow)
    found = [await app.system(flow, OTHER[side]).find(flow.selections[OTHER[side]], where) for where in looks]
    return next((record for records in found for record in records), None)


async def _claim_of(made: Record, flow: Flow, app: App) -> Link | None:
    """Return the claim, or the retired pair, for which an SAP record without a link was made: it bears its mark."""
    held = "" if flow.birthmark.holds or not flow.birthmark.sap else plain(made.values.get(flow.birthmark.sap))
    link = await app.state.link(flow.pair, "dynamics", held.lower()) if _is_guid(held) else None
    return link if link and link.status in ("claimed", "retired") and link.sap in ("", made.key) else None


def is_another(link: Link | None, side: Side, record: Record | None, flow: Flow) -> bool:
    """Return whether a record bears the key of one whose pair is over: a restored SAP gives numbers twice (law 5).

    A pair that was over before both of its records were ever seen together has no stamp: there the mark tells.
    """
    if link is None or record is None or link.status != "retired":
        return False
    if side in link.born:
        return record.created_at not in (None, link.born[side])
    told = side == "sap" and flow.birthmark.sap and not flow.birthmark.holds
    return bool(told) and plain(record.values.get(flow.birthmark.sap)) != link.dynamics


def never_made(link: Link) -> bool:
    """Return whether a link stands for a Dynamics row that its system refused: the SAP record is still nobody's."""
    refused = link.status == "claimed" and link.dynamics == born_in_sap(link.pair, link.sap)
    return refused and not any(intent.kind != "update" for intent in link.intents)


async def _looks(
    source: Record, side: Side, flow: Flow, app: App
) -> AsyncIterator[tuple[bool, str, tuple[Record, ...]]]:
    """Yield whether it was by birthmark, the column of the asking side that names the candidates, and these."""
    other = OTHER[side]
    marked = flow.birthmark.dynamics if side == "dynamics" else flow.birthmark.sap
    system, selection, mark = app.system(flow, other), flow.selections[other], flow.birthmark
    for key in _keys_named_by(source, side, flow):
        found = await system.read(selection, key)
        yield True, marked, (found,) if found else ()
    for where in _marks_named_by(source, side, flow):
        yield True, marked, await system.find(selection, where)
    for keys in flow.match:
        value = source.key if keys[side] == "" else _as_told(source, side, keys, flow)
        if plain(value) and (side != "dynamics" or keys[side] != mark.dynamics):
            yield False, keys[side], await system.find(selection, {keys[other]: value})


def _as_told(source: Record, side: Side, keys: Mapping[Side, str], flow: Flow) -> Scalar:
    """Return a match key's value as its row tells it: 'de 811 111 112' is looked for as 'DE811111112'."""
    ends = {each: (keys[each],) for each in SIDES}
    for field, says in zip(flow.rows.fields, flow.rows.carry[side](source.values, {}), strict=True):
        if all(field.columns.get(each) == ends[each] for each in SIDES) and isinstance(says, str):
            return says
    return source.values.get(keys[side])


def _keys_named_by(source: Record, side: Side, flow: Flow) -> list[str]:
    """Return keys of the other side that this record's birthmark, or its own key, stands for."""
    if side == "dynamics":
        number = plain(source.values.get(flow.birthmark.dynamics)) if flow.birthmark.dynamics else ""
        return [number] if number else []
    keys = [born_in_sap(flow.pair, source.key)] if "dynamics" in flow.create else []
    held = plain(source.values.get(flow.birthmark.sap)) if flow.birthmark.sap and not flow.birthmark.holds else ""
    return [*keys, held.lower()] if _is_guid(held) else keys


def _marks_named_by(source: Record, side: Side, flow: Flow) -> list[dict[str, Scalar]]:
    """Return what the other side's birthmark columns hold if they were written for this record."""
    mark = flow.birthmark
    if side == "dynamics":
        held = plain(source.values.get(mark.holds)) if mark.holds else source.key
        return [{mark.sap: held}] if mark.sap and held else []
    looks: list[dict[str, Scalar]] = [{mark.dynamics: source.key}] if mark.dynamics else []
    held = plain(source.values.get(mark.sap)) if mark.sap else ""
    if mark.holds and held:
        looks.append({mark.holds: held})
    return looks


async def _twin(record: Record, source: Record, side: Side, flow: Flow, app: App, look: Look) -> Twin:
    link = await app.state.link(flow.pair, OTHER[side], record.key)
    # a way-back row that was left behind leads to a pair that has another record by now
    known = link is not None and link.key(OTHER[side]) == record.key and not never_made(link)
    owner = link.key(side) if link is not None and known else ""
    if owner not in ("", source.key):
        return Twin(record, look.birthmark, owner)
    marked = _marked_for(record, source, side, flow)
    if look.birthmark:
        return Twin(record, look.birthmark, look.rival or marked)
    return Twin(record, look.birthmark, marked or await _bearer(record, source, side, flow, app), look.rival)


async def _bearer(record: Record, source: Record, side: Side, flow: Flow, app: App) -> str:
    """Return the key of a record on the asking side that already bears the candidate's mark: it was made for it."""
    for where in _marks_named_by(record, OTHER[side], flow)[:1]:
        found = await app.system(flow, side).find(flow.selections[side], where)
        return next((r.key for r in found if r.key != source.key), "")
    return ""


def _marked_for(record: Record, source: Record, side: Side, flow: Flow) -> str:
    """Return whom a candidate's mark names if that is not us: it is about to be linked there, or was."""
    mark = flow.birthmark
    column, ours = (mark.sap, source.key) if side == "dynamics" else (mark.dynamics, source.key)
    if side == "dynamics" and mark.holds:
        ours = plain(source.values.get(mark.holds))
    held = plain(record.values.get(column)) if column else ""
    return "" if held in ("", ours) else held


def _is_guid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def nothing_on_its_way(link: Link, twin: Record, facts: Facts) -> None:
    """Wait for a create of the same pair whose answer was lost: it may be about to make another twin."""
    for intent in link.intents:
        until = intent.since + timedelta(seconds=facts.longest.get(intent.side, 0))
        by_mark = any(t.birthmark and t.record.key == twin.key for t in facts.twins)
        if intent.kind == "create" and facts.now < until and not by_mark:
            raise NotYet("a create of this pair may still commit", until=until)


async def already_ours(link: Link, flow: Flow, app: App) -> Answer:
    """Accept a taken row id only if the row carries our mark: then an earlier attempt made it (law 5)."""
    found = await app.system(flow, "dynamics").read(flow.selections["dynamics"], link.dynamics)
    if found is None:
        raise Stale(f"row {link.dynamics} was there a moment ago")
    column = flow.birthmark.dynamics
    if column and plain(found.values.get(column)) != link.sap:
        raise Refused(f"row {link.dynamics} exists but belongs to another SAP record than {link.sap}")
    return Answer(found)
