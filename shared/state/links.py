"""Links and their journal: insert-only or If-Match, and saves of a partition together in one transaction.

What arrives together is committed together; a save that fails takes no other with it (one by one then). Reads are
point reads, also when several arrive together: the service answers a query for several row keys by scanning the whole
partition, journal included.
"""

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from shared.core.link import JournalEntry, Link
from shared.core.messages import PARTITIONS
from shared.core.model import Side
from shared.errors import NeedsPerson, Stale, SyncError
from shared.state import keys, rows
from shared.state.coalesce import Coalescer
from shared.state.rows import Operation

if TYPE_CHECKING:  # importing it imports azure
    from shared.state.store import Store

TABLE = "links"
OPERATIONS_MAX = 100  # in one entity group transaction, each row once (Table service)
TRANSACTION_BYTES_MAX = 1_000_000  # the service takes 4 MiB; aiohttp warns that sending more than 1 MiB blocks the loop

type Save = tuple[Operation, ...]


class Links:
    """The `links` table."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._saves: Coalescer[str, Save, list[str]] = Coalescer(self._commit, most=OPERATIONS_MAX)
        # Entries of one instant: the suffix keeps them apart, and those of this worker in their order.
        self._suffixes = keys.suffixes(secrets.token_hex(2), down=True)

    async def get(self, pair: str, side: Side, key: str) -> Link | None:
        """Return a link by the record's key on either side."""
        if side == "dynamics":
            return await self._by_dynamics(pair, key)
        found = await self._store.get(TABLE, rows.partition_of(pair, key), keys.key("s", key))
        if found is None:
            return None
        way_back, _ = found
        link = await self._by_dynamics(pair, way_back["dynamics"])
        if link is None:
            return Link(pair, way_back["dynamics"], way_back["sap"])
        return link if link.sap else replace(link, sap=way_back["sap"])  # claimed for a create: here is its outcome

    async def home(self, pair: str, sap: str) -> str:
        """Return where a way-back row leads."""
        found = await self._store.get(TABLE, rows.partition_of(pair, sap), keys.key("s", sap))
        return str(found[0]["dynamics"]) if found else ""

    async def save(self, link: Link, entry: JournalEntry | None) -> Link:
        """Write a link and its journal entry, all or nothing."""
        row = rows.link_row(link)
        save: Save = (Operation("update", row, link.etag) if link.etag else Operation("insert", row),)
        if entry is not None:
            save += (Operation("insert", rows.journal_row(link, entry, next(self._suffixes))),)
        etag, *_ = await self._saves(row["PartitionKey"], save)
        return replace(link, etag=etag)

    async def bind(self, link: Link) -> None:
        """Insert the way-back row."""
        row = rows.way_back_row(link)
        try:
            await self._saves(row["PartitionKey"], (Operation("insert", row),))
        except Stale:
            found = await self._store.get(TABLE, row["PartitionKey"], row["RowKey"])
            if found is None or found[0]["dynamics"] != row["dynamics"]:
                raise

    async def unbind(self, link: Link) -> None:
        """Take the way-back row away if it is this pair's."""
        row = rows.way_back_row(link)
        found = await self._store.get(TABLE, row["PartitionKey"], row["RowKey"])
        if found is not None and found[0]["dynamics"] == row["dynamics"]:
            await self._store.delete(TABLE, row, found[1])

    async def page(self, pair: str, token: str, limit: int) -> tuple[tuple[Link, ...], str]:
        """Return a page of a pair's links, partition by partition; the token is 'number|last row key'."""
        number, _, last = token.partition("|")
        found: list[Link] = []
        for at in range(int(number or 0), PARTITIONS):
            first, end = keys.rows_below("d")
            within = (f"{last}!" if last else first, end)  # '!' is the first character after the end of a key
            partition = keys.key(pair, f"{at:03d}")
            rows_found = await self._store.query(TABLE, partition, limit - len(found), within)
            found += [rows.link_from(row, row["etag"]) for row in rows_found]
            if len(found) >= limit:
                return tuple(found), f"{at}|{rows_found[-1]['RowKey']}"
            last = ""
        return tuple(found), ""

    async def journal(self, pair: str, dynamics: str, limit: int) -> tuple[JournalEntry, ...]:
        """Return the newest entries first."""
        within = keys.rows_below(keys.key("j", dynamics))
        found = await self._store.query(TABLE, rows.partition_of(pair, dynamics), limit, within)
        return tuple(rows.journal_from(row) for row in found)

    async def erase(self, link: Link) -> None:
        """Delete the `d|` row while it has the link's etag."""
        await self._store.delete(TABLE, rows.link_row(link), link.etag)

    async def erase_journal(self, pair: str, dynamics: str, limit: int) -> tuple[JournalEntry, ...]:
        """Delete the newest entries of a pair."""
        within = keys.rows_below(keys.key("j", dynamics))
        found = await self._store.query(TABLE, rows.partition_of(pair, dynamics), limit, within)
        await self._store.delete_all(TABLE, found)
        return tuple(rows.journal_from(row) for row in found)

    async def purge_journal(self, before: datetime, token: str, limit: int) -> tuple[int, str]:
        """Delete old entries, partition by partition; the token is 'partition, line feed, last row key'."""
        partition, _, last = token.partition("\n")
        if not last:
            partition = await self._store.partition_after(TABLE, partition)
            if not partition:
                return 0, ""
        first, end = keys.rows_below("j")
        within = (f"{last}!" if last else first, end)
        found = await self._store.query(TABLE, partition, limit, within, only_keys=True)
        old = [row for row in found if keys.is_older(row["RowKey"], before)]
        await self._store.delete_all(TABLE, old)
        return len(old), f"{partition}\n{found[-1]['RowKey'] if len(found) == limit else ''}"

    async def close(self) -> None:
        """Wait for what is under way."""
        await self._saves.close()

    async def _by_dynamics(self, pair: str, key: str) -> Link | None:
        found = await self._store.get(TABLE, rows.partition_of(pair, key), keys.key("d", key))
        return found and rows.link_from(*found)

    async def _commit(self, _partition: str, saves: Sequence[Save]) -> Sequence[list[str] | Exception]:
        outcomes: list[list[str] | Exception] = []
        for group in transactions(saves):
            outcomes += await self._together(group)
        return outcomes

    async def _together(self, group: Sequence[Save]) -> Sequence[list[str] | Exception]:
        if len(group) == 1:
            return [await self._alone(group[0])]
        try:
            etags = iter(await self._store.commit(TABLE, [operation for save in group for operation in save]))
        except (Stale, NeedsPerson):  # one row's fault: let it fail alone
            return await asyncio.gather(*(self._alone(save) for save in group))
        except SyncError as error:  # nobody's fault, everybody's lot
            return [error] * len(group)
        return [[next(etags) for _ in save] for save in group]

    async def _alone(self, save: Save) -> list[str] | Exception:
        try:
            return await self._store.commit(TABLE, save)
        except SyncError as error:
            return error


def transactions(saves: Sequence[Save]) -> Iterator[list[Save]]:
    """Split saves, in their order, into groups that one transaction holds: count, size, no row twice."""
    group: list[Save] = []
    taken: set[str] = set()
    size = 0
    for save in saves:
        names = {operation.row["RowKey"] for operation in save}
        cost = sum(rows.size(operation.row) for operation in save)
        full = len(taken) + len(names) > OPERATIONS_MAX or size + cost > TRANSACTION_BYTES_MAX
        if group and (full or taken & names):
            yield group
            group, taken, size = [], set(), 0
        group.append(save)
        taken |= names
        size += cost
    if group:
        yield group
