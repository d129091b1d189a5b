"""The sweep: change tracking tells which rows were touched since a token, and which were deleted.

A line's change touches its header. The deletion of a line names only the line, which nobody can map any more; it moves
the header's totals, so the header is reported by itself. Rows that merely became invisible to us are not reported.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal

from shared.errors import BadMapping
from shared.ports import Page, Touched
from shared.systems.dataverse.codec import Shape
from shared.systems.dataverse.objects import Table
from shared.systems.dataverse.values import version
from shared.systems.dataverse.web.refusals import refusal
from shared.systems.dataverse.web.wire import Wire
from shared.systems.replies import Reply, json_object

# A token older than the organisation's expirechangetrackingindays (7 days unless changed) is refused. The code differs
# between versions, so any refusal of a token as a bad request counts: reading everything again is always right.
EXPIRED = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one table is: `link` continues it ('' = from the start); `full` while its first full read goes on."""

    link: str = ""
    full: bool = True


async def page(wire: Wire, shape: Shape, watermark: str, page_size: int | None, now: Callable[[], datetime]) -> Page:
    """Return one page of touched rows; '' begins with a full read that reports every row.

    The watermark is JSON: a mark for each table, and whose turn it is. An expired token gives an empty page that starts
    afresh (watermark '', more).
    """
    # Lines come first: what their full read misses, the headers' full read that begins later has seen.
    tables = [*([shape.line.table] if shape.line else []), shape.table]
    marks, turn = _load(watermark, len(tables))
    table, mark = tables[turn], marks[turn]
    parent = f"_{table.parent}_value" if table is not shape.table else ""
    reply = await _ask(wire, table, mark, parent, page_size)
    if reply.status_code in EXPIRED and not mark.full:
        return Page((), "", more=True)
    what = f"dataverse: changes of {table.set}"
    if reply.status_code >= HTTPStatus.MULTIPLE_CHOICES:
        raise refusal(what, reply, writes=False, now=now)
    body = json_object(what, reply, writes=False)
    rows = body.get("value", ())
    touched = _headers(rows, parent, full=mark.full) if parent else _touched(rows, table)
    if next_link := body.get("@odata.nextLink"):
        marks[turn] = replace(mark, link=wire.local(next_link))
        return Page(touched, _dump(marks, turn), more=True, full="page" if mark.full else "")
    delta_link = body.get("@odata.deltaLink")
    if not delta_link:
        raise BadMapping(f"{what}: no delta token came; switch on change tracking for {table.name}")
    marks[turn] = Mark(wire.local(delta_link), full=False)
    turn = (turn + 1) % len(tables)
    last: Literal["page", "whole"] = "page" if mark.link else "whole"
    return Page(touched, _dump(marks, turn), more=turn > 0, full=last if mark.full else "")


async def _ask(wire: Wire, table: Table, mark: Mark, parent: str, page_size: int | None) -> Reply:
    select = ",".join(filter(None, (table.key, parent)))
    prefer = ["odata.track-changes"] if mark.full else []
    prefer += [f"odata.maxpagesize={page_size}"] if page_size else []
    path = mark.link or f"{table.set}?$select={select}"
    return await wire.alone(wire.request("GET", path, Prefer=",".join(prefer)))


def _touched(rows: list[Mapping[str, Any]], table: Table) -> tuple[Touched, ...]:
    found: dict[str, Touched] = {}
    for row in rows:
        deleted = _deleted(row)
        key = str(deleted or row.get(table.key, "")).lower()
        if key:
            found[key] = Touched(key, deleted=bool(deleted), version=None if deleted else version(row))
    return tuple(found.values())


def _headers(rows: list[Mapping[str, Any]], parent: str, *, full: bool) -> tuple[Touched, ...]:
    """Return the headers of touched lines. In the full read none: the headers' own reports them all."""
    keys = [] if full else [str(row[parent]).lower() for row in rows if row.get(parent) and not _deleted(row)]
    return tuple(Touched(key) for key in dict.fromkeys(keys))


def _deleted(row: Mapping[str, Any]) -> str:
    """Return the key of a deleted row: {'@odata.context': '…/$deletedEntity', 'id': …, 'reason': 'deleted'}."""
    gone = "$deletedEntity" in str(row.get("@odata.context", "")) or "@removed" in row or row.get("reason") == "deleted"
    key = str(row.get("id") or row.get("@odata.id") or row.get("@id") or "") if gone else ""
    return key.rpartition("(")[2].rstrip(")")  # some say …/accounts(guid)


def _load(watermark: str, tables: int) -> tuple[list[Mark], int]:
    try:
        said = json.loads(watermark)
        marks, turn = [Mark(str(each["link"]), bool(each["full"])) for each in said["marks"]], int(said["turn"])
    except (ValueError, KeyError, TypeError):
        marks, turn = [], 0
    # Another number of tables: the flow's selection changed, so its tokens mean something else.
    return (marks, turn) if len(marks) == tables and 0 <= turn < tables else ([Mark()] * tables, 0)


def _dump(marks: list[Mark], turn: int) -> str:
    return json.dumps({"marks": [asdict(mark) for mark in marks], "turn": turn}, separators=(",", ":"))
