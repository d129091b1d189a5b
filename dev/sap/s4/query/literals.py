"""OData V2 literals as they stand in URLs: in key predicates, in $filter, and written into links."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import quote
from uuid import UUID

from dev.sap.s4.model.edm import EntitySet
from dev.sap.s4.model.values import Row, Value, duration, parse_duration, parse_iso

PATTERN = (
    r"(?:datetimeoffset|datetime|time|guid)?'(?:[^']|'')*'"
    r"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?[MmLlDdFf]?\b"
    r"|(?:true|false|null)\b"
)
NUMERIC = frozenset({"Decimal", "Double", "Int16", "Byte"})
_ZONE = re.compile(r"(Z|[+-]\d\d:\d\d)$")
_PREFIXED = re.compile(r"(datetimeoffset|datetime|time|guid)?'((?:[^']|'')*)'", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Literal:
    """A value and its Edm type; every number is a Decimal, `null` has the type Null."""

    edm: str
    value: Value

    def fits(self, edm: str) -> bool:
        """Tell whether a property of that type may be compared with this literal."""
        return self.edm in {edm, "Null"} or (self.edm == "Decimal" and edm in NUMERIC)


def parse(text: str) -> Literal:
    """Read one literal, e.g. `10.5M`, `'O''Brien'`, `datetime'2025-01-01T00:00:00'`; ValueError if it is none."""
    match = _PREFIXED.fullmatch(text)
    if match is None:
        return _bare(text)
    prefix, inner = match[1], match[2].replace("''", "'")
    match prefix:
        case "datetimeoffset":
            if not _ZONE.search(inner):
                raise ValueError(text)
            return Literal("DateTimeOffset", parse_iso(inner))
        case "datetime":
            if _ZONE.search(inner):  # an offset belongs to datetimeoffset only
                raise ValueError(text)
            return Literal("DateTime", parse_iso(inner))
        case "time":
            return Literal("Time", parse_duration(inner))
        case "guid":
            return Literal("Guid", UUID(inner))
        case _:
            return Literal("String", inner)


def _bare(text: str) -> Literal:
    if text in {"true", "false"}:
        return Literal("Boolean", text == "true")
    if text == "null":
        return Literal("Null", None)
    if not re.fullmatch(PATTERN, text):
        raise ValueError(text)
    return Literal("Decimal", Decimal(text.rstrip("MmLlDdFf")))


def iso(moment: datetime, digits: int) -> str:
    """'2025-01-01T12:00:00.1234567' with 0 or 7 fractional digits."""
    shown = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{shown}.{moment.microsecond:06}0" if digits else shown


def write(edm: str, value: Value) -> str:
    """Write the literal for a link, percent-encoded: `'O''Brien'` becomes `'O%27%27Brien'`."""
    if isinstance(value, datetime):
        fraction = 7 if value.microsecond else 0
        shown = iso(value, fraction) + ("Z" if edm == "DateTimeOffset" else "")
        return f"{edm.lower()}'{quote(shown, safe='')}'"
    if isinstance(value, timedelta):
        return f"time'{duration(value)}'"
    if isinstance(value, UUID):
        return f"guid'{value}'"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return f"{value}M"
    doubled = str(value).replace("'", "''")
    return f"'{quote(doubled, safe='')}'"


def key_predicate(entity_set: EntitySet, row: Row) -> str:
    """Write `('1')` for one key field, `(BusinessPartner='1',AddressID='22')` for several."""
    shown = {name: write(entity_set.fields[name].edm, row[name]) for name in entity_set.keys}
    if len(shown) == 1:
        return f"({next(iter(shown.values()))})"
    return "(" + ",".join(f"{name}={literal}" for name, literal in shown.items()) + ")"


def etag(entity_set: EntitySet, row: Row) -> str | None:
    """Write the weak etag, None where the set has none.

    For example `W/"datetimeoffset'2025-01-01T12%3A00%3A00.1234560Z'"`.
    """
    moment = row[entity_set.etag_field] if entity_set.etag_field else None
    if not isinstance(moment, datetime):
        return None
    return f"W/\"datetimeoffset'{quote(iso(moment, 7) + 'Z', safe='')}'\""
