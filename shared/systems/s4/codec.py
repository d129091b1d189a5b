"""How a value stands in OData V2 JSON and in addresses, and how it stands with us. Pure.

It does not convert business values: no zeros are added or stripped, "PC" stays "PC". Unset text is "" with SAP and None
with us; an unset decimal is 0 and stays 0, for SAP has no absence of a number.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from urllib.parse import quote
from uuid import UUID

from shared.core.model import Column, Scalar

TIME = Column("time")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TICKS = re.compile(r"/Date\((-?\d+)(?:[+-]\d{1,4})?\)/")
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


def read_value(column: Column, raw: object) -> Scalar:
    """Return what a JSON value means: '/Date(1735689600000)/' in a date column -> date(2025, 1, 1), '' -> None.

    Raises ValueError when it is not what the column's type says.
    """
    return None if raw is None or raw == "" else _READ.get(column.type, _read_text)(raw)


def write_value(column: Column, value: Scalar) -> object:
    """Return what to put into JSON: Decimal('12.50') -> '12.50', None in a text column -> ''.

    A decimal gets no more places than its column's Scale, the most that a server has to take (CSDL, attribute Scale):
    Dataverse says '1.5000000000' for a quantity of three places. Only zeros are left out.
    """
    if value is None:
        return {"flag": False, "text": "", "lookup": ""}.get(column.type)
    written = _WRITE.get(column.type, _write_text)(value)
    if column.type != "decimal" or column.scale is None:
        return written
    whole, _, places = str(written).partition(".")
    places = places[: column.scale] + places[column.scale :].rstrip("0")
    return f"{whole}.{places}" if places else whole


def literal(column: Column, value: Scalar) -> str:
    """Return the literal for `$filter`, not yet percent-encoded: "O'Brien" -> "'O''Brien'"."""
    if value is None:
        return "''" if column.type in ("text", "lookup") else "null"
    return _LITERAL.get(column.type, _text_literal)(value)


def key_predicate(keys: Mapping[str, str]) -> str:
    """Return {'Customer': '1', 'CompanyCode': '1710'} as "(Customer='1',CompanyCode='1710')", percent-encoded."""
    if len(keys) == 1:
        return f"({_text_key(*keys.values())})"
    return f"({','.join(f'{name}={_text_key(value)}' for name, value in keys.items())})"


def escape(expression: str) -> str:
    """Percent-encode a query expression; what OData itself writes with stays readable."""
    return quote(expression, safe="'(),:/=$*-._")


def stamp(moment: datetime) -> str:
    """Return an instant as a literal to compare with: "datetimeoffset'2025-01-01T00:00:00.123Z'"."""
    return f"datetimeoffset'{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z'"


def day(value: date) -> str:
    """Return a day as a literal to compare with: "datetime'2025-01-01T00:00:00'"."""
    return f"datetime'{value.isoformat()[:10]}T00:00:00'"


def moment(raw: object) -> datetime:
    """Return an instant: '/Date(1735689600123+0000)/' or ISO text, to aware UTC. Raises ValueError.

    The number counts milliseconds since 1970 in UTC whatever offset stands behind it.
    """
    if ticks := _TICKS.fullmatch(str(raw)):
        return _EPOCH + int(ticks[1]) * _MILLISECOND
    found = datetime.fromisoformat(str(raw))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def milliseconds(value: datetime) -> int:
    """Return milliseconds since 1970: the number in '/Date(...)/'."""
    return (value - _EPOCH) // _MILLISECOND


def _read_text(raw: object) -> str:
    if isinstance(raw, dict | list):
        raise ValueError("expected a plain value")  # noqa: TRY004 -- callers know one error for a bad value
    return str(raw)


def _read_flag(raw: object) -> bool:
    flags = {"true": True, "x": True, "1": True, "false": False, "0": False}
    if (text := str(raw).lower()) not in flags:
        raise ValueError("expected true or false")
    return flags[text]


def _read_decimal(raw: object) -> Decimal:
    if isinstance(raw, float):
        raise ValueError("a float is no amount")  # noqa: TRY004 -- callers know one error for a bad value
    try:
        return Decimal(str(raw).strip())
    except InvalidOperation as error:
        raise ValueError("expected a decimal number") from error


def _read_time(raw: object) -> str:
    if found := _DURATION.fullmatch(str(raw)):
        return ":".join((part or "0").zfill(2) for part in found.groups())
    raise ValueError("expected a time such as PT12H34M56S")


def _instant(value: Scalar) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return moment(value)


def _write_text(value: Scalar) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _write_decimal(value: Scalar) -> str:
    return f"{_read_decimal(value):f}"


def _write_time(value: Scalar) -> str:
    if found := _CLOCK.fullmatch(str(value)):
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return f"PT{hours:02}H{minutes:02}M{seconds:02}S"
    raise ValueError("expected a time such as 12:34:56")


def _text_literal(value: Scalar) -> str:
    return "'" + _write_text(value).replace("'", "''") + "'"


def _text_key(value: str) -> str:
    return quote(_text_literal(value), safe="'")


_READ: Mapping[str, Callable[[object], Scalar]] = {
    "flag": _read_flag,
    "int": lambda raw: int(str(raw)),
    "choice": lambda raw: int(str(raw)),
    "decimal": _read_decimal,
    "date": lambda raw: moment(raw).date(),
    "instant": moment,
    "time": _read_time,
    "guid": lambda raw: str(UUID(str(raw))),
}
_WRITE: Mapping[str, Callable[[Scalar], object]] = {
    "flag": bool,
    "int": lambda value: int(str(value)),
    "choice": lambda value: int(str(value)),
    "decimal": _write_decimal,
    "date": lambda value: f"/Date({milliseconds(_instant(value))})/",
    "instant": lambda value: f"/Date({milliseconds(_instant(value))}+0000)/",
    "time": _write_time,
}
_LITERAL: Mapping[str, Callable[[Scalar], str]] = {
    "flag": lambda value: "true" if value else "false",
    "int": str,
    "choice": str,
    "decimal": lambda value: f"{_write_decimal(value)}M",
    "date": lambda value: day(_instant(value)),
    "instant": lambda value: stamp(_instant(value)),
    "time": lambda value: f"time'{_write_time(value)}'",
    "guid": lambda value: f"guid'{value}'",
}
