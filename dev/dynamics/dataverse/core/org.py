"""The organisation: its model, rows, clock, users and switches, in one place.

Everything that serves a request gets the `Org`; it has no behaviour beyond looking things up.
"""

import asyncio
import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.settings import Settings, User
from dev.dynamics.dataverse.core.values import Ref, Row, Value
from dev.dynamics.dataverse.data.store import Store
from dev.dynamics.dataverse.model.metadata import Model, Table
from dev.dynamics.dataverse.query.address import RowKey


@dataclass(slots=True)
class Clock:
    """The organisation's time; a test moves it forward through POST /sim/clock."""

    offset: timedelta = timedelta()

    def now(self) -> datetime:
        """Give the time, aware and in UTC."""
        return datetime.now(UTC) + self.offset


@dataclass(slots=True)
class Org:
    """One Dataverse environment. ``writing`` is held by whoever has a transaction open."""

    settings: Settings
    model: Model
    store: Store
    clock: Clock
    chance: random.Random
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    numbers: dict[str, int] = field(default_factory=dict)

    def now(self) -> datetime:
        """Give the organisation's time in whole seconds, as the database keeps it."""
        return self.clock.now().replace(microsecond=0)

    def new_id(self) -> str:
        """Give a fresh identifier from the seeded source of chance."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def next_number(self, series: str, start: int) -> int:
        """Give the next automatic number of a series."""
        self.numbers[series] = self.numbers.get(series, start - 1) + 1
        return self.numbers[series]

    def table_of_set(self, name: str) -> Table:
        """Find a table by its entity set name; names are case-sensitive."""
        if name not in self.model.sets:
            raise refuse("no segment", segment=name)
        return self.model.sets[name]

    def row_at(self, table: Table, key: RowKey) -> Row | None:
        """Find the row that a key addresses, or None."""
        if key.id is not None:
            return self.store.get(table.name, key.id)
        if key.key is None:
            raise refuse("bad key")
        values = {name: self._as_stored(table, name, value) for name, value in key.values.items()}
        return self.store.find(table, key.key, values)

    def _as_stored(self, table: Table, name: str, value: Value) -> Value:
        column = table.columns[name]
        return Ref(next(iter(column.to.values())), str(value)) if column.lookup else value

    def need_row(self, table: Table, key: RowKey) -> Row:
        """Find the row that a key addresses, or refuse with 404."""
        row = self.row_at(table, key)
        if row is None:
            raise missing(table, key)
        return row

    def user(self, user_id: str) -> User | None:
        """Find a configured user by systemuserid."""
        return next((user for user in self.settings.users if user.id == user_id), None)

    @property
    def organization(self) -> Row:
        """Give the one row of the organization table."""
        return self.store.rows["organization"][self.settings.organization_id]


def missing(table: Table, key: RowKey) -> Exception:
    """Build the 404 for a key that finds nothing; ids and alternate keys have codes of their own."""
    if key.id is not None:
        return refuse("no row", table=table.name, id=key.id)
    return refuse("no row by key", table=table.name)
