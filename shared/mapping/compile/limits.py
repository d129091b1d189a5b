"""What forbids to write a carried value to a column: the column's own limits, then the row's `check`. Pure.

Messages tell the shape of a personal value, never the value.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from shared.core.model import OTHER, SIDES, Column, Scalar, Side, Value
from shared.core.values import has_scale, shape
from shared.mapping.compile.conditions import Complain, Path
from shared.mapping.compile.constants import PYTHON, Constant, constant, kind_of
from shared.mapping.compile.rows import Bound
from shared.mapping.flow import Failure
from shared.mapping.verbs import Unfit

type Problems = Callable[[Side, Value], tuple[Failure, ...]]
type Limit = Callable[[Value], Unfit | None]


def failure(bound: Bound, value: object, why: Unfit) -> Failure:
    """Return the sentence for a person: field, found shape, expected, how to mend."""
    found = shape(value) if bound.row.personal or value is None else repr(value)
    return Failure(why.rule, f"{bound.name}: found {found}, expected {why.expected}; {why.mend}")


def limits(bound: Bound, complain: Complain, path: Path) -> Problems:
    """Return what judges a carried value before it is written to a side."""
    by_side = {side: tuple(_limits(bound, side, complain, (*path, "check"))) for side in SIDES if bound.writes[side]}

    def problems(side: Side, value: Value) -> tuple[Failure, ...]:
        found = (limit(value) for limit in by_side.get(side, ()))
        return tuple(failure(bound, value, why) for why in found if why is not None)

    return problems


def fits_type(value: Scalar, column: Column) -> Unfit | None:
    """Return why the value's Python type is not the column's (None when it is): a float is never an amount."""
    wanted = PYTHON[kind_of(column)]
    if type(value) is wanted or (wanted is Decimal and type(value) is int):
        if isinstance(value, datetime) and value.tzinfo is None:
            return Unfit("type", "an instant with a time zone", "this is a defect of the connector: report it")
        return None
    if isinstance(value, float):
        return Unfit("float", "an exact amount", "decode JSON with parse_float=Decimal")
    return Unfit("type", f"{column.type} ({wanted.__name__})", "correct the record, or put a verb into the row")


def _limits(bound: Bound, side: Side, complain: Complain, path: Path) -> Iterator[Limit]:
    columns = [bound.columns[side][name] for name in bound.writes[side]]
    check = bound.row.check
    if check.required in (True, side):
        yield _required(OTHER[side])
    yield from (
        _column(column, at, name) for at, (name, column) in enumerate(zip(bound.writes[side], columns, strict=True))
    )
    if check.max_length is not None:
        yield _max_length(check.max_length)
    if check.pattern is not None:
        try:
            yield _pattern(re.compile(check.pattern))
        except re.error as e:
            complain((*path, "pattern"), f"not a regular expression: {e}")
    read = _reader(columns[0], complain, path)
    for name, compare in _BOUNDS.items():
        bound_value = read(getattr(check, name), name)
        if bound_value is not None:
            yield _bounded(compare, bound_value, name)
    if check.in_:
        allowed = frozenset(read(value, "in") for value in check.in_)
        yield _among(allowed)


_BOUNDS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {"min": lambda v, m: v >= m, "max": lambda v, m: v <= m}


def _reader(column: Column, complain: Complain, path: Path) -> Callable[[Constant, str], Scalar]:
    def read(value: Constant, name: str) -> Scalar:
        try:
            return constant(value, column)
        except ValueError as e:
            complain((*path, name), str(e))
            return None

    return read


def _required(source: Side) -> Limit:
    why = Unfit("required", "a value", f"fill it in {source}, or drop `required` from the row")
    return lambda value: why if not _text(value) else None


def _column(column: Column, at: int, name: str) -> Limit:
    def limit(value: Value) -> Unfit | None:
        part = value[at] if isinstance(value, tuple) else value
        if part is None or part == "":
            return None
        return fits_type(part, column) or _fits_size(part, column, name)

    return limit


def _fits_size(part: Scalar, column: Column, name: str) -> Unfit | None:
    if isinstance(part, str) and column.max_length is not None and len(part) > column.max_length:
        return Unfit("length", f"at most {column.max_length} characters for {name}", "shorten it")
    if isinstance(part, Decimal) and not part.is_finite():
        return Unfit("number", "a finite amount", "correct it")
    if isinstance(part, Decimal) and column.scale is not None and not has_scale(part, column.scale):
        return Unfit("rounding", f"at most {column.scale} decimals for {name}", "correct it, or round it in the row")
    return None


def _max_length(most: int) -> Limit:
    why = Unfit("length", f"at most {most} characters", "shorten it")
    return lambda value: why if len(_text(value)) > most else None


def _pattern(pattern: re.Pattern[str]) -> Limit:
    why = Unfit("pattern", f"text like {pattern.pattern}", "correct it")
    return lambda value: why if (text := _text(value)) and not pattern.fullmatch(text) else None


def _bounded(compare: Callable[[Decimal, Decimal], bool], limit: Scalar, name: str) -> Limit:
    why = Unfit(name, f"{name} {limit}", "correct it")

    def judge(value: Value) -> Unfit | None:
        if not isinstance(value, type(limit)) and not isinstance(value, int | Decimal):
            return None  # absent, or refused as the wrong type
        return None if compare(value, limit) else why  # type: ignore[arg-type]  # same kind: checked at load and above

    return judge


def _among(allowed: frozenset[Scalar]) -> Limit:
    names = ", ".join(sorted(str(value) for value in allowed))
    why = Unfit("in", f"one of {names}", "correct it")
    return lambda value: None if not _text(value) or value in allowed else why


def _text(value: Value) -> str:
    if isinstance(value, tuple):
        return "".join(_text(part) for part in value)
    return "" if value is None else str(value)
