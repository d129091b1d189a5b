"""The `State` port on Azure Table Storage: six tables, each written the way that its rows allow.

Nothing is imported from azure and nothing is connected before the first call, which happens in the worker's loop.
"""

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from itertools import batched
from typing import TYPE_CHECKING, Any

from shared.core.link import JournalEntry, Link
from shared.core.model import Change, Reference, Side
from shared.errors import Stale
from shared.ports import Parked, Step
from shared.state import keys, rows
from shared.state.links import Links
from shared.state.rows import Operation

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.pipeline.transport import AsyncHttpTransport

    from shared.state.store import Store

WATERMARKS_MAX = 10_000  # of one group
STEPS_MAX = 100_000  # of one correlation id in one month
WAITERS_MAX = 10_000  # of one reference; the sweep comes back to the rest


class TableState:
    """`connection_string`, or `endpoint` ('https://name.table.core.windows.net') and `credential`, reach the account.

    `prefix` goes before each table name (letters and digits, a letter first). `correlation_months` is how far back
    steps are looked for, this month included. `now` and `transport` are there to be replaced in tests.
    """

    def __init__(  # noqa: PLR0913  named options, each with its default
        self,
        connection_string: str = "",
        *,
        endpoint: str = "",
        credential: "AsyncTokenCredential | None" = None,
        prefix: str = "",
        correlation_months: int = 3,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        transport: "AsyncHttpTransport[Any, Any] | None" = None,
    ) -> None:
        self._account: dict[str, Any] = {
            "endpoint": endpoint,
            "credential": credential,
            "prefix": prefix,
            "transport": transport,
        }
        self._connection_string = connection_string
        self._correlation_months = correlation_months
        self._now = now
        self._opened: tuple[Store, Links] | None = None
        self._suffixes = keys.suffixes(secrets.token_hex(2))

    async def link(self, pair: str, side: Side, key: str) -> Link | None:
        """Return the link of a record: one point read by the Dynamics key, two by the SAP key."""
        return await self._links.get(pair, side, key)

    async def home(self, pair: str, sap: str) -> str:
        """Return the Dynamics key of an SAP key's way-back row, '' when there is none."""
        return await self._links.home(pair, sap)

    async def save(self, link: Link, entry: JournalEntry | None = None) -> Link:
        """Insert or update a link and its journal entry, together with others of its partition."""
        return await self._links.save(link, entry)

    async def bind(self, link: Link) -> None:
        """Insert the way-back row of `link.sap`."""
        await self._links.bind(link)

    async def unbind(self, link: Link) -> None:
        """Take the way-back row back, if it is this pair's."""
        await self._links.unbind(link)

    async def links(self, pair: str, token: str, limit: int) -> tuple[tuple[Link, ...], str]:
        """Return a page of all links of a pair of objects."""
        return await self._links.page(pair, token, limit)

    async def journal(self, pair: str, dynamics: str, limit: int) -> tuple[JournalEntry, ...]:
        """Return the newest journal entries of a pair, newest first."""
        return await self._links.journal(pair, dynamics, limit)

    async def wait(self, reference: Reference, waiter: Change, now: datetime) -> None:
        """Note a waiter; the first note stays."""
        try:
            await self._store.commit("waiting", [Operation("insert", rows.waiting_row(reference, waiter, now))])
        except Stale:
            return  # it waits already

    async def waiters(self, references: Sequence[Reference]) -> tuple[tuple[Reference, Change, datetime], ...]:
        """Return who waits, by reference in the order given."""
        queries = (self._store.query("waiting", rows.waited_for(r), WAITERS_MAX) for r in references)
        found = await asyncio.gather(*queries)
        return tuple(
            (reference, *rows.waiting_from(row))
            for reference, waiting in zip(references, found, strict=True)
            for row in waiting
        )

    async def waiting(self, limit: int) -> tuple[tuple[Reference, Change, datetime], ...]:
        """Return who waits for anything: a walk through a table that is small by nature."""
        found = await self._store.query("waiting", "", limit)
        return tuple((rows.reference_from(row), *rows.waiting_from(row)) for row in found)

    async def unwait(self, reference: Reference, waiter: Change) -> None:
        """Strike out a waiter."""
        await self._store.delete("waiting", rows.waiting_row(reference, waiter, self._now()))

    async def park(self, parked: Parked) -> None:
        """Insert or replace the entry of a parked record."""
        await self._store.commit("parked", [Operation("put", rows.parked_row(parked))])

    async def unpark(self, flow: str, side: Side, key: str) -> None:
        """Strike out the entry of a parked record."""
        await self._store.delete("parked", rows.parked_row(Parked(flow, side, key, (), "")))

    async def parked(self, flow: str, limit: int) -> tuple[Parked, ...]:
        """Return parked records of a flow in the order of side and key."""
        return tuple(rows.parked_from(row) for row in await self._store.query("parked", keys.key(flow), limit))

    async def parked_one(self, flow: str, side: Side, key: str) -> Parked | None:
        """Return the entry of one parked record: a point read."""
        row = rows.parked_row(Parked(flow, side, key, (), ""))
        found = await self._store.get("parked", str(row["PartitionKey"]), str(row["RowKey"]))
        return rows.parked_from(found[0]) if found else None

    async def note(self, correlation: str, steps: Sequence[Step]) -> None:
        """Add steps, all of one month at once."""
        by_table: dict[str, list[rows.Row]] = {}
        for step in steps:
            row = rows.step_row(correlation, step, next(self._suffixes))
            by_table.setdefault(f"correlations{step.at:%Y%m}", []).append(row)
        for table, found in by_table.items():
            for some in batched(found, 100, strict=False):
                await self._store.commit(table, [Operation("insert", row) for row in some])

    async def steps(self, correlation: str, limit: int) -> tuple[Step, ...]:
        """Return steps, oldest first, of the months that are looked in."""
        found: list[Step] = []
        for table in self._correlation_tables():
            if len(found) < limit:
                some = await self._store.query(table, keys.key(correlation), limit - len(found))
                found += [rows.step_from(row) for row in some]
        return tuple(found)

    async def watermark(self, name: str) -> str:
        """Return a watermark, '' when there is none."""
        row = rows.watermark_row(name, "")
        found = await self._store.get("watermarks", str(row["PartitionKey"]), str(row["RowKey"]))
        return rows.watermark_from(found[0]) if found else ""

    async def watermarks(self, group: str) -> Mapping[str, str]:
        """Return all watermarks of a group, by name."""
        found = await self._store.query("watermarks", keys.key(group), WATERMARKS_MAX)
        return {row["name"]: rows.watermark_from(row) for row in found}

    async def set_watermark(self, name: str, value: str) -> None:
        """Keep a watermark."""
        await self._store.commit("watermarks", [Operation("put", rows.watermark_row(name, value))])

    async def erase(self, link: Link) -> None:
        """Delete a link's row while it has the link's etag."""
        await self._links.erase(link)

    async def erase_journal(self, pair: str, dynamics: str, limit: int) -> tuple[JournalEntry, ...]:
        """Delete the newest journal entries of a pair."""
        return await self._links.erase_journal(pair, dynamics, limit)

    async def erase_steps(
        self, records: Collection[tuple[str, str]], token: str = "", correlation: str = ""
    ) -> tuple[int, str]:
        """Delete steps of records: of one correlation id, or of the next page of all months' tables."""
        ends = tuple(f"|{keys.key(flow, key)}" for flow, key in records)
        if correlation:
            count = 0
            for table in self._correlation_tables():
                found = await self._store.query(table, keys.key(correlation), STEPS_MAX, only_keys=True)
                count += await self._delete_ending(table, found, ends)
            return count, ""
        tables = await self._store.tables("correlations")
        begin, _, page_token = token.partition("\n")
        left = [table for table in tables if table >= begin]
        if not left:
            return 0, ""
        page, more = await self._store.keys_page(left[0], page_token if left[0] == begin else "")
        count = await self._delete_ending(left[0], page, ends)
        following = f"{left[0]}\n{more}" if more else f"{left[1]}\n" if len(left) > 1 else ""
        return count, following

    async def _delete_ending(self, table: str, found: Sequence[rows.Row], ends: tuple[str, ...]) -> int:
        mine = [row for row in found if row["RowKey"].endswith(ends)]
        await self._store.delete_all(table, mine)
        return len(mine)

    async def purge_journal(self, before: datetime, token: str, limit: int) -> tuple[int, str]:
        """Delete old journal entries, a page at a time."""
        return await self._links.purge_journal(before, token, limit)

    async def drop_correlations(self, before: datetime) -> tuple[str, ...]:
        """Drop the tables of the months that ended before."""
        tables = await self._store.tables("correlations")
        old = [name for name in tables if name.removeprefix("correlations") < f"{before:%Y%m}"]
        for name in old:
            await self._store.drop(name)
        return tuple(name.removeprefix("correlations") for name in old)

    async def delete_watermark(self, name: str) -> None:
        """Forget a watermark."""
        await self._store.delete("watermarks", rows.watermark_row(name, ""))

    async def close(self) -> None:
        """Finish what is under way and close connections; a call after this connects anew."""
        if self._opened is not None:
            store, links = self._opened
            self._opened = None
            await links.close()
            await store.close()

    @property
    def _store(self) -> "Store":
        return self._open()[0]

    @property
    def _links(self) -> Links:
        return self._open()[1]

    def _open(self) -> "tuple[Store, Links]":
        if self._opened is None:
            from shared.state.store import Store  # noqa: PLC0415  azure takes 100 ms of a cold start to import

            store = Store(self._connection_string, **self._account)
            self._opened = store, Links(store)
        return self._opened

    def _correlation_tables(self) -> list[str]:
        now = self._now()
        latest = now.year * 12 + now.month - 1
        months = (divmod(latest - back, 12) for back in reversed(range(self._correlation_months)))
        return [f"correlations{year:04d}{month + 1:02d}" for year, month in months]
