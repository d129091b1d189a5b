"""Single values as Dataverse writes them: keys, versions, days, points in time, amounts.

Readers raise ValueError or TypeError for what does not fit the column's type; the codec says which column it was.
"""

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from shared.core.model import Scalar
from shared.errors import BadRequest

HALF_DAY = timedelta(hours=12)
_ETAG = re.compile(r'^(?:W/)?"(\d+)"$')


def row_key(key: str) -> str:
    """Return a row's key in its one form; Dataverse keys are GUIDs."""
    try:
        return str(uuid.UUID(key))
    except ValueError:
        raise BadRequest(f"dataverse: a row's key is a GUID, not {len(key)} other characters") from None


def line_key(header: str, peer: str) -> str:
    """Return the key of a new line: the same for the same peer, so that a repeat is refused instead of doubled."""
    return str(uuid.uuid5(uuid.UUID(header), f"line|{peer}") if peer else uuid.uuid4())


def version(row: Mapping[str, Any]) -> int | None:
    """Return a row's version: its versionnumber, or the number in its etag 'W/"123"'."""
    number = row.get("versionnumber")
    if number is not None:
        return int(number)
    found = _ETAG.match(str(row.get("@odata.etag") or ""))
    return int(found.group(1)) if found else None


def instant(value: Any) -> datetime | None:  # noqa: ANN401 -- a JSON value
    """Return a point in time as aware UTC."""
    return None if value is None else _read_instant(value)


def _read_instant(value: Any) -> datetime:  # noqa: ANN401 -- a JSON value
    moment = datetime.fromisoformat(value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _read_whole(value: Any) -> int:  # noqa: ANN401 -- a JSON value
    number = int(value)
    if isinstance(value, bool) or number != Decimal(str(value)):
        raise ValueError
    return number


def _read_flag(value: Any) -> bool:  # noqa: ANN401 -- a JSON value
    if not isinstance(value, bool):
        raise TypeError
    return value


def _decimal(value: Any) -> Decimal:  # noqa: ANN401 -- a JSON value, or a value of ours
    if isinstance(value, bool | float):
        raise TypeError
    return Decimal(value)


READERS: Mapping[str, Callable[[Any], Scalar]] = {
    "text": str,
    "flag": _read_flag,
    "int": _read_whole,
    "choice": _read_whole,
    "decimal": _decimal,
    "date": lambda value: date.fromisoformat(value[:10]),
    "instant": _read_instant,
    "time": str,
    "guid": lambda value: str(value).lower(),
    "lookup": lambda value: str(value).lower(),
}


def day_reader(zone: tzinfo) -> Callable[[Any], Scalar]:
    """Return a reader for days that travel as points in time: '2026-02-28T23:00:00Z' is the 1st of March in Berlin.

    Each user's day begins at midnight where that user is, so the nearest midnight of the zone is what was meant.
    """
    return lambda value: (_read_instant(value) + HALF_DAY).astimezone(zone).date()


def day_as_instant(value: Scalar, zone: tzinfo) -> str:
    """Return the midnight of `zone` with which a day begins."""
    day = date.fromisoformat(_write_date(value))
    return _write_instant(datetime.combine(day, time(), zone))


def _write_instant(value: Scalar) -> str:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise TypeError
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _write_date(value: Scalar) -> str:
    if isinstance(value, str):
        return date.fromisoformat(value).isoformat()
    if isinstance(value, datetime) or not isinstance(value, date):
        raise TypeError
    return value.isoformat()


def _write_text(value: Scalar) -> str:
    if isinstance(value, bool | datetime | date | None):
        raise TypeError
    return format(value, "f") if isinstance(value, Decimal) else str(value)


WRITERS: Mapping[str, Callable[[Any], str | bool | int | Decimal]] = {
    "text": _write_text,
    "flag": _read_flag,
    "int": _read_whole,
    "choice": _read_whole,
    "decimal": _decimal,
    "date": _write_date,
    "instant": _write_instant,
    "time": _write_text,
    "guid": lambda value: str(uuid.UUID(str(value))),
    "lookup": lambda value: str(uuid.UUID(str(value))),
}
