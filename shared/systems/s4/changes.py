"""Which records were touched since a watermark: stamps where SAP has them, days where it has not. Pure.

SAP tells no deletions here. The watermark is JSON: {"high": newest stamp seen} and, within a pass, where to go on.
A pass is repeatable: what it delivers twice is harmless, what it would skip is not.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from shared.errors import Unavailable
from shared.ports import Page, Touched
from shared.systems.s4 import codec
from shared.systems.s4.objects import Structure
from shared.systems.s4.reading import Entity, rows

PAGE_ROWS = 500
OVERLAP = timedelta(minutes=5)  # a change becomes visible after its stamp: by as long as its transaction runs
# A time without a zone jumps back an hour each autumn; and the stamp's system may be ahead of the one that is asked.
DAY_OVERLAP = timedelta(minutes=65)


@dataclass(frozen=True, slots=True)
class Question:
    """One page to ask for: `address` below the service root, and what `answer` needs of the watermark."""

    address: str
    mark: Mapping[str, Any]


def begin(structure: Structure, now: datetime) -> str:
    """Return the first watermark: everything older is the backfill's work."""
    if structure.quality.changes.by == "stamp":
        return json.dumps({"high": now.isoformat()})
    return json.dumps({"day": now.date().isoformat(), "high": ""})


def ask(structure: Structure, watermark: str) -> Question:
    """Return the address of the next page."""
    mark: dict[str, Any] = json.loads(watermark)
    by_stamp = structure.quality.changes.by == "stamp"
    query = _by_stamp(structure, mark) if by_stamp else _by_day(structure, mark)
    return Question(f"{structure.header.set}?{query}&$top={PAGE_ROWS}&$skip={mark.get('skip', 0)}", mark)


def answer(structure: Structure, question: Question, body: Entity, now: datetime) -> Page:
    """Return the page that came back. Raises Unavailable when it is not what the metadata says."""
    found = rows(body) or []
    more = len(found) >= PAGE_ROWS or bool(body.get("__next"))
    try:
        if structure.quality.changes.by == "stamp":
            return _stamped(structure, question.mark, found, more=more and bool(found))
        return _dated(structure, question.mark, found, now, more=more and bool(found))
    except (KeyError, ValueError) as error:
        raise Unavailable(f"s4: the changes of {structure.name} are not as the metadata says: {error}") from error


def _by_stamp(structure: Structure, mark: Mapping[str, Any]) -> str:
    (column,) = structure.quality.changes.columns
    since = datetime.fromisoformat(mark["at"]) if "at" in mark else datetime.fromisoformat(mark["high"]) - OVERLAP
    condition = f"{column} ge {codec.stamp(since)}"
    order = f"{column},{structure.key}"
    return f"$select={structure.key},{column}&$filter={codec.escape(condition)}&$orderby={order}"


def _stamped(structure: Structure, mark: Mapping[str, Any], found: list[Entity], *, more: bool) -> Page:
    """Go on at the last row's stamp: a record changed meanwhile moves to the end and shifts no other one away."""
    (column,) = structure.quality.changes.columns
    stamps = [codec.moment(row[column]) for row in found]
    touched = tuple(
        Touched(str(row[structure.key]), version=codec.milliseconds(stamp))
        for row, stamp in zip(found, stamps, strict=True)
    )
    high = max([datetime.fromisoformat(mark["high"]), *stamps]).isoformat()
    if not more:
        return Page(touched, json.dumps({"high": high}), more=False)
    at = stamps[-1].isoformat()
    skip = mark.get("skip", 0) + len(found) if mark.get("at") == at else 0  # a whole page of one and the same stamp
    return Page(touched, json.dumps({"high": high, "at": at, "skip": skip}), more=True)


def _by_day(structure: Structure, mark: Mapping[str, Any]) -> str:
    sweep = structure.quality.changes
    since = codec.day(date.fromisoformat(mark["day"]) - timedelta(days=1))  # the day may be another in SAP's zone
    condition = f"{sweep.columns[0]} ge {since} or {sweep.born[0]} ge {since}"
    chosen = ",".join((structure.key, *sweep.columns, *sweep.born))
    return f"$select={chosen}&$filter={codec.escape(condition)}&$orderby={structure.key}"


def _dated(structure: Structure, mark: Mapping[str, Any], found: list[Entity], now: datetime, *, more: bool) -> Page:
    """Ordered by key, `$skip` loses nothing here: days only grow, so no row leaves the result meanwhile."""
    sweep = structure.quality.changes
    since = (datetime.fromisoformat(mark["high"]) - DAY_OVERLAP).isoformat() if mark["high"] else ""
    moments = [max(local(row, sweep.columns), local(row, sweep.born)) for row in found]
    touched = tuple(
        Touched(str(row[structure.key]))
        for row, moment in zip(found, moments, strict=True)
        if not moment or moment >= since
    )
    newest = max([mark.get("newest", mark["high"]), *moments])
    day = mark.get("next_day", now.date().isoformat())
    if not more:
        return Page(touched, json.dumps({"day": day, "high": newest}), more=False)
    going = {**mark, "newest": newest, "next_day": day, "skip": mark.get("skip", 0) + len(found)}
    return Page(touched, json.dumps(going), more=True)


def local(row: Entity, columns: tuple[str, ...]) -> str:
    """Return day and time of SAP's own zone as comparable text, '' when SAP has none."""
    if not row.get(columns[0]):
        return ""
    time = codec.read_value(codec.TIME, row.get(columns[1])) or "23:59:59"
    return f"{codec.moment(row[columns[0]]).astimezone(UTC).date().isoformat()}T{time}"
