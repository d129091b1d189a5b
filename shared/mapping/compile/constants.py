"""Constants of a mapping file as values of a column. Pure.

A file holds text, whole numbers, true/false and null; a column may want a day or an amount. What is written in the
file arrives exactly as it is written, or it is refused.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal

from shared.core.model import Column, Scalar
from shared.core.values import exact
from shared.mapping.verbs import Kind

type Constant = str | int | bool | None

KINDS: Mapping[str, Kind] = {
    "text": "text",
    "guid": "text",
    "lookup": "text",
    "time": "text",
    "flag": "flag",
    "int": "int",
    "choice": "int",
    "decimal": "decimal",
    "date": "date",
    "instant": "instant",
}
PYTHON: Mapping[Kind, type] = {
    "text": str,
    "flag": bool,
    "int": int,
    "decimal": Decimal,
    "date": date,
    "instant": datetime,
}


def kind_of(column: Column) -> Kind:
    """Return the kind of value that a column holds: choice -> int, guid -> text."""
    return KINDS[column.type]


def constant(value: Constant, column: Column) -> Scalar:
    """Return the constant as the column holds it: '12.50' for a decimal is Decimal('12.50').

    Raises ValueError saying what was found and expected.
    """
    if value is None:
        return None
    kind = kind_of(column)
    try:
        made = _READ[kind](_written(value))
    except ValueError:
        raise ValueError(f"found {value!r}, expected {_EXPECTED[kind]}: the column is {column.type}") from None
    if isinstance(made, str) and column.max_length is not None and len(made) > column.max_length:
        raise ValueError(f"found {len(made)} characters, expected at most {column.max_length}")
    return made


def _written(value: Constant) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _int(text: str) -> int:
    if not re.fullmatch(r"0|-?[1-9][0-9]*", text):
        raise ValueError(text)
    return int(text)


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found


_READ: Mapping[Kind, Callable[[str], Scalar]] = {
    "text": str,
    "flag": _flag,
    "int": _int,
    "decimal": exact,
    "date": date.fromisoformat,
    "instant": _instant,
}
_EXPECTED: Mapping[Kind, str] = {
    "text": "a text",
    "flag": "true or false",
    "int": "a whole number",
    "decimal": "a plain decimal number such as 12.50",
    "date": "a day such as 2024-03-09",
    "instant": "an instant with its zone such as 2024-03-09T07:15:00Z",
}
