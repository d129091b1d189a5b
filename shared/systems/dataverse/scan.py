"""All keys and row versions of a table, page by page, without a column of the rows themselves.

Not change tracking: that tells what was touched, this tells what is there.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal, DecimalException
from http import HTTPStatus
from urllib.parse import quote

from shared.errors import BadMapping, BadRequest, Refused
from shared.mapping.schema import closest
from shared.ports import Scan, Term, Touched
from shared.systems.dataverse.codec import Shape
from shared.systems.dataverse.values import WRITERS, day_as_instant, version
from shared.systems.dataverse.web.refusals import refusal
from shared.systems.dataverse.web.wire import Wire
from shared.systems.replies import json_object
from shared.systems.terms import Value, expression

PAGE_ROWS = 5_000  # the most that Dataverse gives at once


async def page(
    wire: Wire, shape: Shape, where: Sequence[Term], token: str, *, page_size: int | None, now: Callable[[], datetime]
) -> Scan:
    """Return one page; the token is the address that the server gave for the next one."""
    table, what = shape.table, f"dataverse: keys of {shape.table.set}"
    condition = expression(where, lambda name, value: _spelled(shape, name, value))
    wanted = f"&$filter={quote(condition, safe="$()'/:-._~")}" if condition else ""
    path = token or f"{table.set}?$select={table.key},versionnumber{wanted}"
    reply = await wire.alone(wire.request("GET", path, Prefer=f"odata.maxpagesize={page_size or PAGE_ROWS}"))
    if reply.status_code >= HTTPStatus.MULTIPLE_CHOICES:
        error = refusal(what, reply, writes=False, now=now)
        if where and not token and isinstance(error, BadMapping | Refused):
            raise BadRequest(f"{error} (asked for: {condition})") from error
        raise error
    body = json_object(what, reply, writes=False)
    found = tuple(Touched(str(row[table.key]).lower(), version=version(row)) for row in body.get("value", ()))
    link = body.get("@odata.nextLink")
    return Scan(found, wire.local(link) if link else "")


def _spelled(shape: Shape, name: str, value: Value) -> tuple[str, str]:
    columns = {**shape.table.columns, **shape.columns}
    name = name or shape.table.key
    column = columns.get(name)
    if column is None or not column.filter:
        allowed = (each for each, what in columns.items() if what.filter)
        raise BadRequest(f"{shape.table.name}.{name} is no column to choose by{closest(name, allowed)}")
    path = name.replace(".", "/")
    if value is None:
        return path, "null"
    try:
        wire = day_as_instant(value, shape.zone) if name in shape.table.days else WRITERS[column.type](value)
    except (ValueError, TypeError, DecimalException) as error:
        raise BadRequest(f"{shape.table.name}.{name}: found {value!r}, expected {column.type}") from error
    if column.type == "text":
        return path, "'" + str(wire).replace("'", "''") + "'"
    if isinstance(wire, Decimal):
        return path, format(wire, "f")
    return path, str(wire).lower() if isinstance(wire, bool) else str(wire)
