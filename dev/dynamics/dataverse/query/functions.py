"""The query functions of Dataverse, ``Microsoft.Dynamics.CRM.In`` and its kin, as a table.

Each takes how to get the column, its values (comparable, of the column's type), the time and the asking user, and
gives a test. The functions that need fiscal calendars or hierarchies are not simulated.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dev.dynamics.dataverse.query.terms import Getter, Test, comparable

type Function = Callable[[Getter, list[Any], datetime, str], Test]


def _known(get: Getter, test: Callable[[Any], bool]) -> Test:
    """Test a column where it is not null."""
    return lambda row: (value := comparable(get(row))) is not None and test(value)


def _day(moment: datetime) -> tuple[str, str]:
    start = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return start.isoformat(), (start + timedelta(days=1)).isoformat()


def _span(unit_seconds: int, direction: int) -> Function:
    """Build Last/NextX functions: within so many units before or after now."""

    def function(get: Getter, values: list[Any], now: datetime, _user: str) -> Test:
        edge = now + direction * timedelta(seconds=unit_seconds * int(values[0]))
        low, high = sorted((edge, now))
        return _known(get, lambda value: low.isoformat() <= value <= high.isoformat())

    return function


def _older(unit_seconds: int) -> Function:
    def function(get: Getter, values: list[Any], now: datetime, _user: str) -> Test:
        edge = (now - timedelta(seconds=unit_seconds * int(values[0]))).isoformat()
        return _known(get, lambda value: value < edge)

    return function


def _on_day(offset_days: int) -> Function:
    def function(get: Getter, _values: list[Any], now: datetime, _user: str) -> Test:
        low, high = _day(now + timedelta(days=offset_days))
        return _known(get, lambda value: low <= value < high)

    return function


def _on(get: Getter, values: list[Any], _now: datetime, _user: str) -> Test:
    return _known(get, lambda value: str(value)[:10] == str(values[0])[:10])


def _chosen(get: Getter, values: list[Any]) -> Test:
    wanted = {str(value) for value in values}
    return lambda row: bool(wanted & set(str(get(row) or "").split(",")))


def _negate(function: Function) -> Function:
    def negated(get: Getter, values: list[Any], now: datetime, user: str) -> Test:
        inner = function(get, values, now, user)
        return lambda row: not inner(row)

    return negated


def _in(get: Getter, values: list[Any], _now: datetime, _user: str) -> Test:
    wanted = set(values)
    return _known(get, lambda value: value in wanted)


def _between(get: Getter, values: list[Any], _now: datetime, _user: str) -> Test:
    return _known(get, lambda value: values[0] <= value <= values[1])


MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604800
FUNCTIONS: Final[Mapping[str, Function]] = {
    "In": _in,
    "NotIn": _negate(_in),
    "Between": _between,
    "NotBetween": _negate(_between),
    "On": _on,
    "NotOn": _negate(_on),
    "OnOrAfter": lambda get, values, _now, _user: _known(get, lambda value: str(value)[:10] >= str(values[0])[:10]),
    "OnOrBefore": lambda get, values, _now, _user: _known(get, lambda value: str(value)[:10] <= str(values[0])[:10]),
    "Today": _on_day(0),
    "Yesterday": _on_day(-1),
    "Tomorrow": _on_day(1),
    "LastXHours": _span(HOUR, -1),
    "LastXDays": _span(DAY, -1),
    "LastXWeeks": _span(WEEK, -1),
    "NextXHours": _span(HOUR, 1),
    "NextXDays": _span(DAY, 1),
    "NextXWeeks": _span(WEEK, 1),
    "OlderThanXMinutes": _older(MINUTE),
    "OlderThanXHours": _older(HOUR),
    "OlderThanXDays": _older(DAY),
    "EqualUserId": lambda get, _values, _now, user: _known(get, lambda value: value == user),
    "NotEqualUserId": lambda get, _values, _now, user: lambda row: comparable(get(row)) != user,
    "ContainValues": lambda get, values, _now, _user: _chosen(get, values),
    "DoesNotContainValues": lambda get, values, _now, _user: lambda row: not _chosen(get, values)(row),
}
