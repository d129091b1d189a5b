"""The rows of all entity sets in memory, with transactions that undo themselves and number ranges that leave gaps.

It knows keys and nothing else: no rule, no user, no event. All access is from one event loop and never awaits inside a
transaction, which is what makes an operation atomic.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dev.sap.s4.model.edm import SETS
from dev.sap.s4.model.values import Row, Value

type Key = tuple[object, ...]

NUMBER_RANGES = {
    "partner": 1000001,
    "address": 23001,
    "person": 30001,
    "customer": 5000001,
    "relation": 401,
    "order": 4711,
    "delivery": 80000001,
    "invoice": 90000001,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One row before and after; None on a side where it does not exist."""

    set_name: str
    key: Key
    before: Row | None
    after: Row | None


class Store:
    """Rows by set and key. Rows are replaced, never changed in place, so a kept reference is an old image."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[Key, Row]] = {name: {} for name in SETS}
        self._indexes: dict[str, dict[str, dict[Value, dict[Key, None]]]] = {name: {} for name in SETS}
        self._changes: list[Change] | None = None
        self._numbers = dict(NUMBER_RANGES)
        self._last_stamp = datetime.min.replace(tzinfo=UTC)

    def rows(self, set_name: str) -> list[Row]:
        """Return all rows of a set in the order of their creation."""
        return list(self._rows[set_name].values())

    def get(self, set_name: str, *key: object) -> Row | None:
        """Return the row with that key."""
        return self._rows[set_name].get(key)

    def select(self, set_name: str, equal: Mapping[str, Value]) -> list[Row]:
        """Return the rows that hold all these values, by the most selective index."""
        if not equal:
            return self.rows(set_name)
        keys = min((self._index(set_name, name).get(value, {}) for name, value in equal.items()), key=len)
        found = (self._rows[set_name][key] for key in keys)
        return [row for row in found if all(row[name] == wanted for name, wanted in equal.items())]

    def put(self, set_name: str, row: Row) -> None:
        """Insert or replace; a row equal to the one held is no change."""
        key = SETS[set_name].key_of(row)
        before = self._rows[set_name].get(key)
        if before != row:
            self._set(Change(set_name, key, before, row))

    def remove(self, set_name: str, row: Row) -> None:
        """Take the row out."""
        key = SETS[set_name].key_of(row)
        self._set(Change(set_name, key, self._rows[set_name].get(key), None))

    @contextmanager
    def transaction(self) -> Iterator[list[Change]]:
        """Collect the changes made inside; on any exception they are undone. Transactions do not nest."""
        if self._changes is not None:
            raise RuntimeError("a transaction is open already")
        changes: list[Change] = []
        self._changes = changes
        try:
            yield changes
        except BaseException:
            self._changes = None
            for change in reversed(changes):
                self._set(Change(change.set_name, change.key, change.after, change.before))
            raise
        finally:
            self._changes = None

    def number(self, name: str) -> str:
        """Draw the next number of a range; a number is not given back when its transaction fails."""
        self._numbers[name] += 1
        return str(self._numbers[name] - 1)

    def stamp(self) -> datetime:
        """Return the current time in UTC, later than any stamp before."""
        self._last_stamp = max(datetime.now(UTC), self._last_stamp + timedelta(microseconds=1))
        return self._last_stamp

    def _index(self, set_name: str, field: str) -> dict[Value, dict[Key, None]]:
        index = self._indexes[set_name].get(field)
        if index is None:
            index = self._indexes[set_name][field] = {}
            for key, row in self._rows[set_name].items():
                index.setdefault(row[field], {})[key] = None
        return index

    def _set(self, change: Change) -> None:
        if self._changes is not None:
            self._changes.append(change)
        for field, index in self._indexes[change.set_name].items():
            if change.before is not None and change.after is not None and change.before[field] == change.after[field]:
                continue  # the row keeps its place among the others
            if change.before is not None:
                index.get(change.before[field], {}).pop(change.key, None)
            if change.after is not None:
                index.setdefault(change.after[field], {})[change.key] = None
        rows = self._rows[change.set_name]
        if change.after is None:
            rows.pop(change.key, None)
        else:
            rows[change.key] = change.after
