"""The organisation's rows: versioned, keyed, indexed by lookup, with tombstones, and undoable by transaction.

Everything happens in one event loop, so a transaction is a list of edits to take back or to put on again, not a lock.
Rows are never changed in place: a new dict replaces the old one, so a reader may keep what it has. Knows no rules.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.values import Ref, Row, Value
from dev.dynamics.dataverse.model.metadata import Key, Model, Table

FIRST_VERSION: Final = 1_000_000  # a live organisation's counter does not start at one
LOG_SLACK: Final = 10_000  # superseded entries tolerated in a version log before it is rewritten


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of a deleted row."""

    version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Edit:
    """One row before and after; None is absent."""

    table: str
    id: str
    before: Row | None
    after: Row | None
    tombstone_before: Tombstone | None
    tombstone_after: Tombstone | None


def fold(value: Value) -> Value:
    """Make a value comparable as the database does: text without regard to case or trailing blanks."""
    return value.rstrip().casefold() if isinstance(value, str) else value


@dataclass(slots=True)
class Store:
    """All rows by table and id; ``now`` is the organisation's clock."""

    model: Model
    now: Callable[[], datetime]
    version: int = FIRST_VERSION
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    tombstones: dict[str, dict[str, Tombstone]] = field(default_factory=dict)
    _log: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    _keys: dict[tuple[str, tuple[str, ...]], dict[tuple[Value, ...], str]] = field(default_factory=dict)
    _links: dict[tuple[str, str], dict[Ref, dict[str, None]]] = field(default_factory=dict)
    _open: list[Edit] | None = None

    def __post_init__(self) -> None:
        """Give every table its shelves."""
        for name in self.model.tables:
            self.rows[name], self.tombstones[name], self._log[name] = {}, {}, []

    # reading

    def get(self, table: str, row_id: str) -> Row | None:
        """Give a row by its id, or None."""
        return self.rows[table].get(row_id)

    def find(self, table: Table, key: Key, values: Mapping[str, Value]) -> Row | None:
        """Give the row with these values of an alternate key, or None."""
        index = self._keys.get((table.name, key.columns), {})
        row_id = index.get(tuple(fold(values[column]) for column in key.columns))
        return self.rows[table.name][row_id] if row_id else None

    def linked(self, table: str, column: str, to: Ref) -> list[Row]:
        """Give the rows whose lookup points at a row, oldest first."""
        return [self.rows[table][row_id] for row_id in self._links.get((table, column), {}).get(to, {})]

    def changed_since(self, table: str, version: int) -> list[Row]:
        """Give the rows written after a version, in the order of their writing."""
        found: list[Row] = []
        for logged, row_id in reversed(self._log[table]):
            if logged <= version:
                break
            row = self.rows[table].get(row_id)
            if row is not None and row["versionnumber"] == logged:
                found.append(row)
        return found[::-1]

    def deleted_since(self, table: str, version: int) -> list[tuple[int, str]]:
        """Give version and id of rows deleted after a version, in the order of their deletion."""
        return sorted(
            (tomb.version, row_id) for row_id, tomb in self.tombstones[table].items() if tomb.version > version
        )

    # writing

    def put(self, table: Table, row: Row) -> Row:
        """Insert or replace a row under a new version; a clash of an Active key is refused."""
        row_id = str(row[table.id])
        before = self.rows[table.name].get(row_id)
        self._check_keys(table, row, row_id)
        self.version += 1
        after: Row = {**row, "versionnumber": self.version}
        self._do(Edit(table.name, row_id, before, after, self.tombstones[table.name].get(row_id), None))
        return after

    def remove(self, table: str, row_id: str) -> None:
        """Delete a row and leave a tombstone."""
        self.version += 1
        before = self.rows[table][row_id]
        self._do(Edit(table, row_id, before, None, None, Tombstone(self.version, self.now())))

    def begin(self) -> None:
        """Open a transaction."""
        self._open = []

    def end(self) -> list[Edit]:
        """Close the transaction and give its edits."""
        edits, self._open = self._open or [], None
        return edits

    def undo(self, edits: list[Edit]) -> None:
        """Take edits back, last first."""
        for edit in reversed(edits):
            self._set(edit.table, edit.id, edit.after, edit.before, edit.tombstone_before)

    def redo(self, edits: list[Edit]) -> None:
        """Put edits on again that were taken back; their versions stay."""
        for edit in edits:
            self._set(edit.table, edit.id, edit.before, edit.after, edit.tombstone_after)

    def all(self) -> Iterator[tuple[str, Row]]:
        """Give every row with its table."""
        for table, rows in self.rows.items():
            for row in rows.values():
                yield table, row

    def _do(self, edit: Edit) -> None:
        self._set(edit.table, edit.id, edit.before, edit.after, edit.tombstone_after)
        if edit.after is not None:
            self._log[edit.table].append((self.version, edit.id))  # neither undo nor redo logs: the order must hold
        if self._open is not None:
            self._open.append(edit)

    def _set(self, table: str, row_id: str, old: Row | None, new: Row | None, tomb: Tombstone | None) -> None:
        self._unindex(table, row_id, old)
        if new is None:
            self.rows[table].pop(row_id, None)
        else:
            self.rows[table][row_id] = new
            self._index(table, row_id, new)
        self.tombstones[table].pop(row_id, None)
        if tomb is not None:
            self.tombstones[table][row_id] = tomb

    def restore(self, table: str, row_id: str, row: Row | None, was: Tombstone) -> None:
        """Put back what a journal tells of a row: its state and version, or that it was deleted."""
        self._set(table, row_id, self.rows[table].get(row_id), row, None if row else was)
        self.version = max(self.version, was.version)
        if row is not None:
            self._log[table].append((was.version, row_id))

    def forget(self, table: str, row_id: str) -> None:
        """Drop a row without a trace, as the platform does with finished jobs."""
        self._set(table, row_id, self.rows[table].get(row_id), None, None)

    def compact(self, table: str) -> None:
        """Drop superseded entries of a table's version log; only between transactions, for undo relies on them."""
        if len(self._log[table]) > 2 * len(self.rows[table]) + LOG_SLACK:
            current = ((int(str(row["versionnumber"])), row_id) for row_id, row in self.rows[table].items())
            self._log[table] = sorted(current)

    def _check_keys(self, table: Table, row: Row, row_id: str) -> None:
        for key in table.keys.values():
            values = tuple(fold(row.get(column)) for column in key.columns)
            if None in values or key.status != "Active":
                continue  # a null in a key switches its uniqueness off
            if self._keys.get((table.name, key.columns), {}).get(values, row_id) != row_id:
                labels = ", ".join(table.columns[column].label for column in key.columns)
                raise refuse("key exists", labels=labels, key=key.name)

    def _index(self, table: str, row_id: str, row: Row) -> None:
        for key in self.model.tables[table].keys.values():
            values = tuple(fold(row.get(column)) for column in key.columns)
            if None not in values:
                self._keys.setdefault((table, key.columns), {})[values] = row_id
        for column, value in row.items():
            if isinstance(value, Ref) and value.table != "systemuser":
                self._links.setdefault((table, column), {}).setdefault(value, {})[row_id] = None

    def _unindex(self, table: str, row_id: str, row: Row | None) -> None:
        for key in self.model.tables[table].keys.values() if row else ():
            index = self._keys.get((table, key.columns), {})
            values = tuple(fold((row or {}).get(column)) for column in key.columns)
            if index.get(values) == row_id:
                del index[values]
        for column, value in (row or {}).items():
            if isinstance(value, Ref) and value.table != "systemuser":
                self._links[(table, column)][value].pop(row_id, None)
