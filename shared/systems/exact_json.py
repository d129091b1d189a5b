"""JSON whose amounts keep their digits: Decimal both ways, never a float."""

import json
from decimal import Decimal
from typing import Any

import orjson

NUMBER_DIGITS_MAX = 60


def loads_exact(body: bytes) -> Any:  # noqa: ANN401 -- JSON is whatever the server sends
    """Parse JSON with amounts as Decimal: b'{"price": 10.10}' -> {'price': Decimal('10.10')}. Raises ValueError."""
    return json.loads(body.removeprefix(b"\xef\xbb\xbf"), parse_float=Decimal, parse_constant=_no_constant)


def dumps_exact(value: object) -> bytes:
    """Write JSON with a Decimal as the same digits: {'price': Decimal('10.10')} -> b'{"price":10.10}'.

    Dates must be text already: each system has its own form. Raises TypeError or ValueError.
    """
    return orjson.dumps(value, default=_number, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is no JSON number")


def _number(value: object) -> orjson.Fragment:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} has no JSON form here; the codec writes dates as text")
    if not value.is_finite() or abs(value.adjusted()) > NUMBER_DIGITS_MAX:
        raise ValueError("an amount must be a finite number of ordinary size")
    return orjson.Fragment(format(value, "f"))
