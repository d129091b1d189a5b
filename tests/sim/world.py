"""Two simulated systems, people who edit, and a network that misbehaves on a seed."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.model import Answer, Line, LineWrite, Record, Scalar, Selection, Side, Values
from shared.errors import Refused, Stale, Unavailable, Unconfirmed
from shared.ports import Page, Scan, Term, Touched, Traits
from tests.sim.terms import holds

LONGEST_SECONDS = 600
DOCUMENT = {"ordernumber", "ponumber"}


class Crash(BaseException):
    """The worker died here."""


@dataclass
class Clock:
    """The world's time, moved by hand."""

    at: datetime = datetime(2026, 3, 1, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Row:
    """One stored record, by column; lines by key."""

    values: dict[str, Scalar]
    lines: dict[str, dict[str, Scalar]] = field(default_factory=dict)
    version: int = 1
    created_at: datetime | None = None
    changed_at: datetime | None = None
    changed_by: str = "person"
    merged_into: str = ""
    lines_made: int = 0


@dataclass
class SimSystem:
    """A system as strict as the pipeline may rely on, and no stricter.

    `etags`: updates are guarded, else they are not and the answer shows what was there. `number` is the column that
    holds a key made by the system. `forms` changes what it is given, by column. `refuses` says no to a write.
    `late`: creates whose answer was lost and that commit later. `overwritten`: (key, column) that a person typed in the
    moment of a write that no etag guards; only the answer's image knows of it, and that answer may be lost.
    """

    side: Side
    clock: Clock
    etags: bool
    number: str = ""
    forms: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    refuses: Callable[[Mapping[str, Scalar]], str] = lambda _: ""
    rows: dict[str, Row] = field(default_factory=dict)
    late: list[Callable[[], None]] = field(default_factory=list)
    overwritten: list[tuple[str, str]] = field(default_factory=list)
    writes: int = 0
    deleted: list[str] = field(default_factory=list)
    next_number: int = 1_000_000
    page_rows: int = 5_000  # of a scan
    ahead_seconds: int = 0  # of the system's own clock

    # ------------------------------------------------------------------------------------------ what the port asks

    def traits(self, selection: Selection) -> Traits:
        return Traits(self.etags, self.side == "dynamics", LONGEST_SECONDS, frozenset({"engine"}))

    async def identity(self) -> str:
        return self.side

    async def read(self, selection: Selection, key: str) -> Record | None:
        return self._record(key) if key in self.rows else None

    async def find(self, selection: Selection, where: Mapping[str, Scalar]) -> tuple[Record, ...]:
        hits = [k for k, row in self.rows.items() if all(row.values.get(c) == v for c, v in where.items())]
        return tuple(self._record(k) for k in hits[:3])

    async def create(self, selection: Selection, values: Values, lines: Sequence[LineWrite], key: str = "") -> Answer:
        return Answer(self._record(self.commit_create(values, lines, key)))

    def commit_create(self, values: Values, lines: Sequence[LineWrite], key: str) -> str:
        if key in self.rows:
            raise Stale(f"{key} is taken")
        if reason := self.refuses(values):
            raise Refused(reason)
        self.writes += 1
        return self.put(key, dict(values), [dict(k.values) for k in lines], by="engine")

    async def update(self, selection: Selection, before: Record, values: Values, lines: Sequence[LineWrite]) -> Answer:
        row = self.rows.get(before.key)
        if row is None or (self.etags and before.etag != f"W/{row.version}"):
            raise Stale(before.key)
        if reason := self.refuses({**row.values, **values}):
            raise Refused(reason)
        held = None if self.etags else self._record(before.key)
        unread = [c for c, v in values.items() if row.values.get(c) not in (before.values.get(c), v)]
        self.overwritten += [(before.key, column) for column in unread]
        self.writes += 1
        self._touch(row, values, "engine")
        for line in lines:
            match line.kind:
                case "add":
                    self._add_line(row, dict(line.values))
                case "change":
                    row.lines[line.key].update(self._formed(line.values))
                case "remove":
                    row.lines.pop(line.key, None)
        return Answer(self._record(before.key), held)

    async def changes(self, selection: Selection, watermark: str) -> Page:
        gone = tuple(Touched(k, deleted=True) for k in self.deleted)
        found = self._of(selection)
        return Page((*gone, *(Touched(k, version=r.version) for k, r in found.items())), "1", more=False)

    async def scan(self, selection: Selection, where: Sequence[Term], token: str) -> Scan:
        rows = self._of(selection).items()
        meant = sorted(k for k, row in rows if k > token and all(holds(t, k, row.values) for t in where))
        page = meant[: self.page_rows]
        found = tuple(Touched(k, version=self.rows[k].version) for k in page)
        return Scan(found, page[-1] if len(meant) > len(page) else "")

    def _of(self, selection: Selection) -> dict[str, Row]:
        """Return the rows of one object: all lie in one table here."""
        documents = selection.object.lower() == "order"
        return {k: row for k, row in self.rows.items() if bool(DOCUMENT & row.values.keys()) == documents}

    async def close(self) -> None:
        pass

    # -------------------------------------------------------------------------------------------- what people do

    def put(self, key: str, values: Values, lines: Sequence[Mapping[str, Scalar]] = (), by: str = "person") -> str:
        if not key:
            self.next_number += 1
            key = str(self.next_number)
        row = Row({}, created_at=self._stamp(), changed_at=self._stamp(), changed_by=by)
        self.rows[key] = row
        row.values |= self._formed(values)
        if self.number:
            row.values[self.number] = key
        for line in lines:
            self._add_line(row, dict(line))
        self.clock.move(1)  # no two records are born in the same second
        return key

    def edit(self, key: str, **values: Any) -> None:
        self._touch(self.rows[key], values, "person")

    def delete(self, key: str) -> None:
        del self.rows[key]
        self.deleted.append(key)

    def _stamp(self) -> datetime:
        return self.clock() + timedelta(seconds=self.ahead_seconds)

    @property
    def all_there_is(self) -> tuple[dict[str, Row], list[str], int]:
        """What a backup holds."""
        return self.rows, self.deleted, self.next_number

    @all_there_is.setter
    def all_there_is(self, kept: tuple[dict[str, Row], list[str], int]) -> None:
        self.rows, self.deleted, self.next_number = kept

    def _touch(self, row: Row, values: Values, by: str) -> None:
        row.values |= self._formed(values)
        row.version += 1
        row.changed_at, row.changed_by = self._stamp(), by

    def _add_line(self, row: Row, values: dict[str, Scalar]) -> None:
        row.lines_made += 1
        key = str(10 * row.lines_made) if self.side == "sap" else str(values.pop("key"))
        row.lines[key] = {**self._formed(values), **({"SalesOrderItem": key} if self.side == "sap" else {})}

    def _formed(self, values: Values) -> dict[str, Scalar]:
        return {k: self.forms[k](v) if k in self.forms and isinstance(v, str) else v for k, v in values.items()}

    def _record(self, key: str) -> Record:
        row = self.rows[key]
        return Record(
            key=key,
            values=dict(row.values),
            etag=f"W/{row.version}" if self.etags else "",
            version=row.version,
            lines=tuple(Line(k, dict(v)) for k, v in row.lines.items()),
            created_at=row.created_at,
            changed_at=row.changed_at,
            changed_by=row.changed_by,
            merged_into=row.merged_into,
        )


@dataclass
class Weather:
    """When and how calls fail. Every call goes through `call`; in between, other workers and people get their turn."""

    dice: random.Random
    odds: float = 0.0
    crash_odds: float = 0.0
    meanwhile: Callable[[], None] = lambda: None
    knowledge_lost: Callable[[], None] = lambda: None

    async def call[T](
        self, work: Callable[[], Awaitable[T]], *, writes: bool, lose: Callable[[], None] | None = None
    ) -> T:
        for _ in range(self.dice.randrange(3)):
            await asyncio.sleep(0)
        self._crash()
        if self.dice.random() < self.odds:
            self.meanwhile()
        if self.dice.random() < self.odds:
            raise Unavailable("lost before")
        if lose is not None and self.dice.random() < self.odds:
            lose()  # the call is still under way and will commit later
            raise Unconfirmed("lost, commits later")
        result = await work()
        if self.dice.random() < self.odds:
            self.knowledge_lost()
            raise (Unconfirmed if writes else Unavailable)("lost after")
        self._crash()
        return result

    def _crash(self) -> None:
        if self.dice.random() < self.crash_odds:
            self.knowledge_lost()
            raise Crash


@dataclass
class Stormy:
    """A port whose calls pass through the weather."""

    inner: Any
    weather: Weather

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.inner, name)
        if name in ("traits", "identity", "side"):
            return attribute
        writes = name in ("create", "update")

        async def call(*args: Any, **kwargs: Any) -> Any:
            lose = None
            if name == "create":
                _, values, lines, *rest = args
                key = rest[0] if rest else kwargs.get("key", "")

                def lose() -> None:
                    def later() -> None:
                        try:
                            self.inner.commit_create(values, lines, key)
                        except (Stale, Refused):
                            return

                    self.inner.late.append(later)

            return await self.weather.call(lambda: attribute(*args, **kwargs), writes=writes, lose=lose)

        return call


def linked_pairs(state: Any, pair: str) -> Iterator[tuple[str, str]]:
    """Yield (dynamics, sap) of complete links."""
    for (name, _), link in state.rows.items():
        if name == pair and link.sap and link.status == "linked":
            yield link.dynamics, link.sap


__all__ = ["LONGEST_SECONDS", "Clock", "Crash", "Row", "SimSystem", "Stormy", "Weather", "linked_pairs", "replace"]
