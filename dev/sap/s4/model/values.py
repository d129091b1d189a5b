"""The forms in which OData V2 JSON carries values, and the Python values behind them.

Text is `str` ("" when unset), a flag `bool`, a decimal `Decimal`, both date types an aware UTC `datetime` or None, a
time a `timedelta`, a guid a `UUID` or None. Nothing here knows an entity; URL literals live in `query.literals`.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

type Value = str | bool | int | Decimal | datetime | timedelta | UUID | None
type Row = dict[str, Value]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
UNSET: dict[str, Value] = {
    "String": "",
    "Boolean": False,
    "Decimal": Decimal(0),
    "Double": Decimal(0),
    "Int16": 0,
    "Byte": 0,
    "DateTime": None,
    "DateTimeOffset": None,
    "Time": timedelta(),
    "Guid": None,
}
_TICKS = re.compile(r"/Date\((-?\d+)(?:([+-])(\d{4}))?\)/", re.ASCII)
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)  # [MS-ODATA] 2.2.2: no exponent, no blank, no separators


def parse_stamp(text: str) -> datetime:
    """'/Date(1735689600000)/', '/Date(1735689600123+0000)/' or ISO text to an aware UTC datetime."""
    if match := _TICKS.fullmatch(text):
        return EPOCH + timedelta(milliseconds=int(match[1]))
    return parse_iso(text)


def parse_iso(text: str) -> datetime:
    """'2025-01-01T00:00:00' and '2025-01-01T00:00:00.1234567Z' to UTC; without a zone it is UTC."""
    if not _ISO.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_duration(text: str) -> timedelta:
    """'PT12H34M56S' to a timedelta."""
    match = _DURATION.fullmatch(text)
    if match is None or text == "PT":
        raise ValueError(text)
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def ticks(moment: datetime) -> int:
    """Milliseconds since 1970, negative before it."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _decimal(value: object) -> Decimal:
    if value is None:
        return Decimal(0)
    # A number where the format wants text is what the gateway's reader stumbles over, so it is refused here too.
    if not isinstance(value, str):
        raise TypeError(value)
    if not _DECIMAL.fullmatch(value):
        raise ValueError(value)
    return Decimal(value)


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _flag(value: object) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _int(value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    return value


def _unless_null[T](read: Callable[[str], T]) -> Callable[[object], T | None]:
    def reader(value: object) -> T | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise TypeError(value)
        return read(value)

    return reader


_READERS: dict[str, Callable[[object], Value]] = {
    "String": _text,
    "Boolean": _flag,
    "Decimal": _decimal,
    "Double": _decimal,
    "Int16": _int,
    "Byte": _int,
    "DateTime": _unless_null(lambda text: parse_stamp(text).replace(hour=0, minute=0, second=0, microsecond=0)),
    "DateTimeOffset": _unless_null(parse_stamp),
    "Time": lambda value: _unless_null(parse_duration)(value) or timedelta(),
    "Guid": _unless_null(UUID),
}


def from_json(edm: str, value: object) -> Value:
    """Read one JSON value of the Edm type, e.g. `from_json("Decimal", "12.50")`.

    Raises TypeError for a JSON type that the reader cannot take at all, ValueError for a value that is none.
    """
    return _READERS[edm](value)


def duration(value: timedelta) -> str:
    """Write a timedelta as 'PT12H34M56S'."""
    seconds = int(value.total_seconds())
    return f"PT{seconds // 3600:02}H{seconds // 60 % 60:02}M{seconds % 60:02}S"


_WRITERS: dict[str, Callable[[Any], object]] = {
    "DateTime": lambda moment: f"/Date({ticks(moment)})/",
    "DateTimeOffset": lambda moment: f"/Date({ticks(moment)}+0000)/",
    "Time": duration,
    "Guid": str,
}


def to_json(edm: str, value: Value, decimals: int | None) -> object:
    """Write one value; `decimals` are those of its currency or unit, None without one."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        return decimal_text(value, decimals)
    return _WRITERS[edm](value) if edm in _WRITERS else value


def decimal_text(value: Decimal, decimals: int | None) -> str:
    """'12.50' with two decimals; digits beyond them stay, and without a unit zero is '0'."""
    if decimals is None:
        return format(value, "f") if value else "0"
    shown = max(decimals, -_exponent(value.normalize()))
    return format(value.quantize(Decimal(1).scaleb(-shown)), "f")


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
