"""What Dataverse's errors mean: one table by code, and which column of ours a message is about.

Codes: Microsoft's "Web service error codes" and the Web API error pages. A body is optional: gateways answer HTML.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from shared.core.model import Column, Values
from shared.errors import BadMapping, Complaint, NotAllowed, Refused, Stale, SyncError, Throttled, Unavailable
from shared.systems.exact_json import loads_exact
from shared.systems.replies import Reply, failure, utc_now

ROW_ABSENT = frozenset({"0x80040217", "0x80060891"})  # no row with this id, with these key values
KEY_TAKEN = "0x80040237"  # a row with this id is there
ALTERNATE_KEY_TAKEN = "0x80060892"

CODES: Mapping[str, type[SyncError]] = {
    KEY_TAKEN: Stale,
    "0x80060882": Stale,  # ConcurrencyVersionMismatch
    ALTERNATE_KEY_TAKEN: Refused,
    "0x80040333": Refused,  # a duplicate detection rule
    "0x80060883": BadMapping,  # optimistic concurrency is not enabled for the table
    "0x8006088d": BadMapping,  # the same, another wording
    "0x8006088a": BadMapping,  # query syntax, or an alternate key that is not active
    "0x80060888": BadMapping,  # an unknown table, column or segment
    "0x80072321": Throttled,  # execution time
    "0x80072322": Throttled,  # number of requests
    "0x80072326": Throttled,  # concurrent requests
    "0x80040220": NotAllowed,  # a privilege is missing
    "0x80072560": NotAllowed,  # not a member of the organisation
}
MESSAGE_MAX = 500

_NOISE = re.compile(r"^Error identified in Payload .*?InnerException : ", re.DOTALL)
_TYPE_NAMES = re.compile(r"(?:[A-Z]\w+\.)+\w+(?:Exception)?:\s*")


@dataclass(frozen=True, slots=True)
class Fault:
    """The body of an error: ('0x80040217', 'account With Id = … Does Not Exist'); both '' where there is none."""

    code: str
    message: str


def fault(reply: Reply) -> Fault:
    """Read an error's body, whatever it is."""
    try:
        error = loads_exact(reply.content)["error"]
        code, message = str(error.get("code") or ""), str(error.get("message") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return Fault("", "")
    if re.fullmatch(r"-\d+", code):  # the signed form of the SDKs
        code = f"0x{int(code) + 2**32:08x}"
    return Fault(code.lower(), message)


def absent(reply: Reply) -> bool:
    """Return whether a read's answer says that the row is not there (and not that the table or the server is not)."""
    return reply.status_code == HTTPStatus.NOT_FOUND and fault(reply).code in ROW_ABSENT


@dataclass(frozen=True, slots=True)
class Sent:
    """What we wrote to one row, to find out which column a message is about. `line` names a line ('' = the header)."""

    table: str
    columns: Mapping[str, Column]
    values: Values
    line: str = ""


def refusal(
    what: str,
    reply: Reply,
    *,
    writes: bool,
    sent: Sequence[Sent] = (),
    now: Callable[[], datetime] = utc_now,
) -> SyncError:
    """Return the error that an answer means; the server's words go into the complaint, they may quote values."""
    said = fault(reply)
    words = _plain(said.message)
    kind = _kind(reply.status_code, said.code, writes=writes)
    column, line = meant(said.message, sent)
    complaint = Complaint(said.code or str(reply.status_code), words, column, line)
    shown = f"{said.code} {words}" if kind in (BadMapping, NotAllowed) else said.code
    return failure(what, reply, writes=writes, message=shown, complaints=(complaint,), kind=kind, now=now)


def _kind(status: int, code: str, *, writes: bool) -> type[SyncError] | None:
    if status == HTTPStatus.NOT_FOUND and code not in CODES:
        if not code:
            return Unavailable  # a gateway's page: the table is not to blame
        return Refused if writes else BadMapping  # a row that we refer to is not there
    if status in (400, 405, 413, 414, 501) and not writes:
        return CODES.get(code, BadMapping)  # a query that this organisation does not understand
    return CODES.get(code)


def meant(message: str, sent: Sequence[Sent]) -> tuple[str, str]:
    """Return the column of ours that a message names, and its line: "The length of the 'name' attribute …" -> 'name'.

    A column counts when it is quoted, or when its name cannot be an ordinary word, or when the message holds the key
    that we wrote into a lookup. A line is named only where no other line has that column.
    """
    spoken = [each for each in sent if re.search(rf"\b{re.escape(each.table)}\b", message)] or list(sent)
    found = [
        (place, each.line, name) for each in spoken for name in each.values if (place := _named(message, each, name))
    ]
    if not found:
        return "", ""
    place, line, name = min(found)
    lines = {other for _, other, column in found if column == name}
    return name, line if len(lines) == 1 else ""


def _named(message: str, sent: Sent, name: str) -> int:
    """Return where the message names a column, counted from 1 (0 = it does not)."""
    column = sent.columns.get(name, Column())
    aliases = {name, name.removeprefix("_").removesuffix("_value"), column.bind} - {""}
    for alias in aliases:
        word = re.escape(alias)
        plain = rf"|(?<![\w'])({word})\b" if re.search(r"[_\d]", alias) else ""
        if found := re.search(rf"['\"\[]{word}(?:@odata\.bind)?['\"\]]{plain}", message):
            return found.start() + 1
    value = sent.values[name]
    if column.type in ("lookup", "guid") and isinstance(value, str):
        return message.lower().find(value.lower()) + 1
    return 0


def _plain(message: str) -> str:
    """Return the words for people: without the service's stack of type names, and not endless."""
    text = _NOISE.sub("", message)
    return " ".join(_TYPE_NAMES.sub("", text).split())[:MESSAGE_MAX]
