"""What an update sends: which requests, in which order, and what each of them told.

Pure: it sends nothing. The first request carries the guard; in a change set the others stand or fall with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.core.model import LineWrite, Values
from shared.errors import BadMapping
from shared.systems.batch import Part
from shared.systems.dataverse.codec import Shape
from shared.systems.dataverse.values import row_key
from shared.systems.dataverse.web.refusals import Sent
from shared.systems.dataverse.web.wire import Wire

STATE = ("statecode", "statuscode")
ACTIVE = 0  # of every table: the state in which a row may be edited

type Step = tuple[Part, Sent]


@dataclass(frozen=True, slots=True)
class Guard:
    """The row that an update is about, and the version that it must still have."""

    key: str
    etag: str


def steps(
    wire: Wire, address: Callable[[str], str], table: Shape, guard: Guard, values: Values, lines: Sequence[LineWrite]
) -> list[Step]:
    """Return the requests of an update; `address` adds the tag to a path."""
    first, last = _in_order(values, bool(lines))
    row = address(f"{table.table.set}({guard.key})")

    def patch(body: Values, etag: str) -> Step:
        # A plain PATCH is an upsert: without If-Match it would bring a deleted row back.
        return wire.request("PATCH", row, table.body(body), If_Match=etag), Sent(table.table.name, table.columns, body)

    return [
        *(patch(body, "*" if place else guard.etag or "*") for place, body in enumerate(first)),
        *(_line_step(wire, address, table, guard.key, line) for line in lines),
        *(patch(body, "*") for body in last),
    ]


def sent(table: Shape, values: Values, lines: Sequence[LineWrite]) -> tuple[Sent, ...]:
    """Return what a create tells, header and lines."""
    header = Sent(table.table.name, table.columns, values)
    if table.line is None:
        return (header,)
    line = table.line
    return (header, *(Sent(line.table.name, line.columns, each.values, each.key or each.peer) for each in lines))


def _in_order(values: Values, has_lines: bool) -> tuple[list[Values], list[Values]]:  # noqa: FBT001 -- a fact of the update
    """Return the header's writes before and after those of the lines.

    Many states make a row read only, so a state that is left goes first, and one that is entered goes last.
    """
    state = {name: values[name] for name in STATE if name in values} if "statecode" in values else {}
    edits = {name: value for name, value in values.items() if name not in state}
    if not state or not (edits or has_lines):
        return [values], []
    if state["statecode"] == ACTIVE:
        return [state, *([edits] if edits else [])], []
    return [edits], [state]


def _line_step(wire: Wire, address: Callable[[str], str], table: Shape, header: str, line: LineWrite) -> Step:
    shaped = table.line
    if shaped is None:
        raise BadMapping(f"dataverse {table.table.name}: this flow selects no lines, so it cannot write them")
    told = Sent(shaped.table.name, shaped.columns, line.values, line.key or line.peer)
    if line.kind == "add":
        return wire.request("POST", address(shaped.table.set), table.add(line, header, bind=True)), told
    row = address(f"{shaped.table.set}({row_key(line.key)})")
    if line.kind == "remove":
        return wire.request("DELETE", row), told
    return wire.request("PATCH", row, shaped.body(line.values), If_Match="*"), told
