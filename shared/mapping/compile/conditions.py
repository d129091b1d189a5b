"""Conditions as data: {statecode: {in: [1, 3]}, name: {present: true}} becomes a predicate on a record. Pure.

All columns of a condition must hold. {any: [...]} and {all: [...]} hold conditions. None and '' are the same absence;
comparisons with an absent value are false, `not` of one is true.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.core.model import Column, Scalar, Values
from shared.mapping.compile.constants import Constant, constant, kind_of
from shared.mapping.schema import closest

type Path = tuple[str | int, ...]
type Complain = Callable[[Path, str], None]
type Predicate = Callable[[Values], bool]
type Test = Callable[[Scalar], bool]

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_OPERATORS = ("in", "not", "present", *_ORDER)


@dataclass(frozen=True, slots=True)
class Condition:
    """A predicate with the columns that it reads, and what it says (for fingerprints)."""

    columns: tuple[str, ...]
    holds: Predicate
    about: object


def condition(data: Mapping[str, Any], columns: Mapping[str, Column], complain: Complain, path: Path) -> Condition:
    """Build a condition; what does not fit the columns is complained of at its place, and never holds."""
    reader = _Reader(columns, complain)
    holds = reader.condition(data, path)
    return Condition(tuple(reader.seen), holds, data)


class _Reader:
    def __init__(self, columns: Mapping[str, Column], complain: Complain) -> None:
        self.columns = columns
        self.complain = complain
        self.seen: dict[str, None] = {}

    def condition(self, data: object, path: Path) -> Predicate:
        if not isinstance(data, Mapping):
            self.complain(path, f"found {data!r}, expected a condition such as {{statecode: 1}}")
            return _never
        parts = [self._part(str(name), test, (*path, name)) for name, test in data.items()]
        if len(parts) == 1:
            return parts[0]
        return lambda values: all(part(values) for part in parts)

    def _part(self, name: str, test: object, path: Path) -> Predicate:
        if name in ("any", "all"):
            return self._several(name, test, path)
        column = self.columns.get(name)
        if column is None:
            self.complain(path, f"unknown column {name!r}{closest(name, self.columns)}")
            return _never
        self.seen[name] = None
        check = self._test(test, column, path)
        return lambda values: check(values.get(name))

    def _several(self, name: str, data: object, path: Path) -> Predicate:
        if not isinstance(data, list | tuple) or not data:
            self.complain(path, f"found {data!r}, expected a list of conditions")
            return _never
        parts = [self.condition(one, (*path, at)) for at, one in enumerate(data)]
        hold = any if name == "any" else all
        return lambda values: hold(part(values) for part in parts)

    def _test(self, test: object, column: Column, path: Path) -> Test:
        if not isinstance(test, Mapping):
            wanted = self._constant(test, column, path)
            return _absent if wanted in (None, "") else lambda value: value == wanted
        checks = [self._operator(str(name), given, column, (*path, name)) for name, given in test.items()]
        return lambda value: all(check(value) for check in checks)

    def _operator(self, name: str, given: object, column: Column, path: Path) -> Test:
        if name in _ORDER:
            return self._order(name, given, column, path)
        match name, given:
            case "in", list() | tuple():
                tests = [self._test(one, column, (*path, at)) for at, one in enumerate(given)]
                return lambda value: any(test(value) for test in tests)
            case "not", _:
                unwanted = self._test(given, column, path)
                return lambda value: not unwanted(value)
            case "present", bool():
                return lambda value: _absent(value) is not given
            case _:
                what = closest(name, _OPERATORS) if name not in _OPERATORS else ", expected a list, or true or false"
                self.complain(path, f"found {name}: {given!r}{what}")
                return _absent

    def _order(self, name: str, given: object, column: Column, path: Path) -> Test:
        compare, limit = _ORDER[name], self._constant(given, column, path)
        if kind_of(column) in ("text", "flag") or limit is None:
            self.complain(path, f"{name} compares numbers and days, and this column is {column.type}")
        return lambda value: _comparable(value, limit) and compare(value, limit)

    def _constant(self, value: object, column: Column, path: Path) -> Scalar:
        try:
            return constant(_single(value), column)
        except ValueError as e:
            self.complain(path, str(e))
            return None


def _single(value: object) -> Constant:
    if isinstance(value, str | int | bool | None):
        return value
    raise ValueError(f"found {value!r}, expected one value")


def _absent(value: Scalar) -> bool:
    return value is None or value == ""


def _comparable(value: Scalar, limit: Scalar) -> bool:
    """Days and instants do not compare with each other, nor anything with text or with nothing."""
    number = (int, Decimal)
    alike = type(value) is type(limit) or (isinstance(value, number) and isinstance(limit, number))
    return alike and value is not None


def _never(_values: Values) -> bool:
    return False
