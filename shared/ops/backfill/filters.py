"""What a person, or a mapping's `when`, says about columns, as terms that a system can be asked. Pure.

Written as in mapping files: {"statecode": 0, "accountnumber": {"ge": "1000", "lt": "2000"}, "key": {"in": ["1", "2"]}}.
All must hold. `any` and `all` are for mapping files only.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from shared.core.model import Side
from shared.errors import BadRequest
from shared.mapping.flow import Flow
from shared.ports import Term

KEY = "key"  # stands for the record's own key, whatever its column is called
VALUE_COUNT_MAX = 200  # all of them travel in one address
type Plain = str | int | bool | None
type Order = Literal["gt", "ge", "lt", "le"]


def terms(conditions: Mapping[str, Any]) -> tuple[Term, ...]:
    """Return the terms of a filter. Raises `BadRequest` saying what was found and what is allowed."""
    return tuple(term for column, test in conditions.items() for term in _terms(column, test))


def scope(flow: Flow, side: Side) -> tuple[Term, ...]:
    """Return what of the flow's own condition can be asked on this side; the rest is judged record by record."""
    found: list[Term] = []
    for column, test in flow.when.get(side, {}).items():
        if "." in column or column in ("any", "all"):
            continue  # a column of a part or of a referred row, or an alternative
        try:
            found += _terms(column, test)
        except BadRequest:
            continue
    return tuple(found)


def _terms(column: str, test: object) -> list[Term]:
    name = "" if column == KEY else column
    if column in ("any", "all", ""):
        raise BadRequest(f"filter: found {column!r}, expected a column; several columns must all hold")
    if not isinstance(test, Mapping):
        return [Term(name, "in", _values(column, [test]))]
    if not test:
        raise BadRequest(f"filter: {column} has no condition")
    return [_term(column, name, str(how), given) for how, given in test.items()]


def _term(column: str, name: str, how: str, given: object) -> Term:
    match how:
        case "present" if isinstance(given, bool):
            return Term(name, "not" if given else "in", (None,))
        case "in" if isinstance(given, list | tuple):
            return Term(name, "in", _values(column, given))
        case "not":
            return Term(name, "not", _values(column, given if isinstance(given, list | tuple) else [given]))
        case "gt" | "ge" | "lt" | "le":
            (value,) = _values(column, [given])
            if value is None or isinstance(value, bool):
                raise BadRequest(f"filter: {column} {how} {given!r}: expected a text or a number to compare with")
            return Term(name, how, (value,))
        case _:
            orders = ", ".join(get_args(Order.__value__))
            raise BadRequest(
                f"filter: {column} has {how}: {given!r}, expected a value, in: [...], not, present: true, or {orders}"
            )


def _values(column: str, given: list[object] | tuple[object, ...]) -> tuple[Plain, ...]:
    if not 0 < len(given) <= VALUE_COUNT_MAX:
        raise BadRequest(f"filter: {column} has {len(given)} values, expected 1 to {VALUE_COUNT_MAX}")
    found: list[Plain] = []
    for value in given:
        if not isinstance(value, str | int | bool | None):
            raise BadRequest(f"filter: {column}: found {value!r}, expected text, a whole number, true, false or null")
        found.append(value)
    return tuple(found)
