"""The values that a column can hold, and their two wire forms: JSON and the key in an address.

Amounts stay Decimal, moments are aware UTC datetimes, identifiers lower-case text; a lookup is a `Ref`.
"""

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

import orjson


class Ref(NamedTuple):
    """A lookup's value, e.g. ``Ref("account", "7d3e...")``."""

    table: str
    id: str


type Value = str | bool | int | Decimal | datetime | date | Ref | None
type Row = dict[str, Value]
type Json = object


def is_guid(text: str) -> bool:
    """Whether the text is an identifier in the 8-4-4-4-12 form, in any case."""
    try:
        return len(text) == 36 and str(uuid.UUID(text)) == text.lower()  # noqa: PLR2004 - the form's own length
    except ValueError:
        return False


def stamp(moment: datetime) -> str:
    """Write a moment the way the Web API does: ``2026-01-31T12:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _exotic(value: object) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"{type(value).__name__} has no JSON form")


def to_json(value: object) -> bytes:
    """Serialise with exact decimals: ``Decimal("1.50")`` is written as 1.50."""
    return orjson.dumps(value, default=_exotic)
