"""Business calculations that a mapping may name with `calc:`. Pure, typed, exact, tested by name.

An argument is a column in the row's order; one that may be absent says so (`| None`), otherwise an absent argument
makes the result absent. A calculation has no way back.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

from shared.core.values import rounded
from shared.mapping.verbs import Kind


def credit_used_percent(open_amount: Decimal | None, limit: Decimal) -> Decimal | None:
    """Return the share of a credit limit in use: 25, 200 -> 12.50. Absent without a limit; nothing open is 0.00."""
    if not limit:
        return None
    return rounded((open_amount or Decimal()) / limit * 100, 2)


def line_net_amount(quantity: Decimal, unit_price: Decimal, discount_percent: Decimal | None) -> Decimal:
    """Return quantity x unit price less discount in percent: 3, 19.99, 10 -> 53.97 (document currency, 2 decimals)."""
    factor = 1 - (discount_percent or Decimal()) / 100
    return rounded(quantity * unit_price * factor, 2)


def net_unit_price(unit_price: Decimal, discount_amount: Decimal | None, quantity: Decimal) -> Decimal | None:
    """Return the price of one unit after a line's discount amount: 20.00, 3.00, 2 -> 18.50. Absent for no quantity.

    Dynamics' `manualdiscountamount` is for the whole line, SAP's price condition for one unit.
    """
    if not quantity:
        return None
    return rounded(unit_price - (discount_amount or Decimal()) / quantity, 2)


@dataclass(frozen=True, slots=True)
class Calculation:
    """A function with what the loader must know of it: kinds of its arguments, which may be absent, kind it gives."""

    function: Callable[..., Any]
    takes: tuple[Kind, ...]
    optional: tuple[bool, ...]
    gives: Kind


_KINDS: Mapping[type, Kind] = {
    str: "text",
    bool: "flag",
    int: "int",
    Decimal: "decimal",
    date: "date",
    datetime: "instant",
}


def describe(function: Callable[..., Any]) -> Calculation:
    """Read a function's annotations: (Decimal, Decimal | None) -> Decimal."""
    hints = get_type_hints(function)
    gives = _kind(hints.pop("return"))[0]
    arguments = [_kind(hint) for hint in hints.values()]
    return Calculation(function, tuple(kind for kind, _ in arguments), tuple(may for _, may in arguments), gives)


def _kind(hint: object) -> tuple[Kind, bool]:
    options = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    found = next(option for option in options if option is not types.NoneType)
    return _KINDS[found], types.NoneType in options


FUNCTIONS: Mapping[str, Calculation] = MappingProxyType(
    {f.__name__: describe(f) for f in (credit_used_percent, line_net_amount, net_unit_price)}
)
