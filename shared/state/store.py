"""The one place that talks to Azure Table Storage, and the one that turns its errors into ours.

Rows in, rows out: what they mean is not known here. Imported at the adapter's first use, because the SDK takes about
100 ms to import. Tables come into being when a write finds that one is missing.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import batched, groupby
from typing import Any

from azure.core import MatchConditions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpTransport
from azure.data.tables import TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.errors import NeedsPerson, NotAllowed, Stale, SyncError, Throttled, Unavailable, Unconfirmed
from shared.state.rows import Operation, Row

KEYS = ["PartitionKey", "RowKey"]
NOT_FOUND = 404
TRANSACTION_ROWS = 100  # in one entity group transaction (Table service)
PAGE_ROWS = 1_000  # what the service returns at most in one answer (Query Entities)
CONNECT_SECONDS = 5
READ_SECONDS = 20
BUSY_SECONDS = 5.0  # when the service says that it is busy and names no time
# A connection that was closed while idle is worth a second try. What a busy or sick service says is for the bus to
# re-schedule: the SDK would sleep as long as Retry-After asks, inside an invocation.
RETRIES: dict[str, Any] = {"retry_total": 2, "retry_connect": 1, "retry_read": 1, "retry_status": 0}
# 400 and 413: the service does not take this row, now or later.
ERRORS: dict[int, type[SyncError]] = {
    400: NeedsPerson,
    401: NotAllowed,
    403: NotAllowed,
    404: Stale,
    409: Stale,
    412: Stale,
    413: NeedsPerson,
}


class Store:
    """Tables of one account whose names begin with `prefix`; belongs to the event loop that first uses it."""

    def __init__(
        self,
        connection_string: str,
        *,
        endpoint: str,
        credential: AsyncTokenCredential | None,
        prefix: str,
        transport: AsyncHttpTransport[Any, Any] | None,
    ) -> None:
        logging.getLogger("azure").setLevel(logging.WARNING)  # INFO costs 0.8 ms a record and tells keys
        transport = transport or AioHttpTransport(
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            use_env_settings=False,  # aiohttp would look for proxies and a .netrc file, in a thread, on every request
        )
        options = {"transport": transport, **RETRIES}
        if connection_string:
            self._service = TableServiceClient.from_connection_string(connection_string, **options)
        else:
            self._service = TableServiceClient(endpoint, credential=credential, **options)
        self._prefix = prefix
        self._tables: dict[str, TableClient] = {}

    async def get(self, table: str, partition: str, row: str) -> tuple[dict[str, Any], str] | None:
        """Return a row and its etag, None when there is no such row."""
        with translated(f"read {table} {partition} {row}", writes=False):
            try:
                found = await self._table(table).get_entity(partition, row)
            except ResourceNotFoundError:
                return None
            return dict(found), str(found.metadata["etag"])

    async def query(
        self,
        table: str,
        partition: str,
        limit: int,
        within: tuple[str, str] | None = None,
        *,
        only_keys: bool = False,
    ) -> list[dict[str, Any]]:
        """Return the first `limit` rows of a partition in the order of their keys, `within` [first, last) if given.

        The partition '' means the whole table: for tables that are small by nature.
        """
        chosen = f"PartitionKey eq '{partition}'" if partition else "PartitionKey ge ''"  # encoded keys hold no quotes
        if within:
            chosen += f" and RowKey ge '{within[0]}' and RowKey lt '{within[1]}'"
        found: list[dict[str, Any]] = []
        with translated(f"query {table} {partition}", writes=False):
            try:
                columns = KEYS if only_keys else None
                pages = min(limit, PAGE_ROWS)
                async for row in self._table(table).query_entities(chosen, results_per_page=pages, select=columns):
                    found.append(dict(row) | {"etag": str(row.metadata["etag"])})
                    if len(found) >= limit:
                        break
            except ResourceNotFoundError:  # the table was never written to
                return []
        return found

    async def partition_after(self, table: str, partition: str) -> str:
        """Return the next PartitionKey in use after one that need not exist, '' when there is none: one seek."""
        with translated(f"look into {table}", writes=False):
            try:
                after = self._table(table).query_entities(
                    f"PartitionKey gt '{partition}'", results_per_page=1, select=KEYS
                )
                async for row in after:
                    return str(row["PartitionKey"])
            except ResourceNotFoundError:
                return ""
        return ""

    async def keys_page(self, table: str, token: str) -> tuple[list[dict[str, Any]], str]:
        """Return the keys of the next rows of a whole table, and the token of the next page ('' = the last)."""
        with translated(f"look through {table}", writes=False):
            found = self._table(table).query_entities("PartitionKey ge ''", results_per_page=PAGE_ROWS, select=KEYS)
            pages = found.by_page(continuation_token=json.loads(token) if token else None)
            try:
                page = [dict(row) async for row in await anext(pages)]
            except (StopAsyncIteration, ResourceNotFoundError):
                return [], ""
        more: Any = pages.continuation_token  # type: ignore[attr-defined]  # {'PartitionKey': …, 'RowKey': …} or None
        return page, json.dumps(more) if more else ""

    async def delete_all(self, table: str, rows: Sequence[Row]) -> None:
        """Delete rows, those of a partition together; one that is not there any more is no matter."""
        client = self._table(table)
        for partition, mine in groupby(rows, key=lambda row: row["PartitionKey"]):
            for some in batched(mine, TRANSACTION_ROWS, strict=False):
                bare = [{name: row[name] for name in KEYS} for row in some]
                with translated(f"delete in {table} {partition}", writes=True):
                    try:
                        await client.submit_transaction([("delete", row) for row in bare])
                    except TableTransactionError as error:
                        if error.status_code != NOT_FOUND:
                            raise
                        for row in bare:
                            await client.delete_entity(row["PartitionKey"], row["RowKey"])

    async def tables(self, begin: str) -> list[str]:
        """Return the names of the tables that begin so, without the prefix of all."""
        with translated("list tables", writes=False):
            names = [table.name async for table in self._service.list_tables()]
        mine = self._prefix + begin
        return sorted(name.removeprefix(self._prefix) for name in names if name.startswith(mine))

    async def drop(self, table: str) -> None:
        """Delete a table with all its rows."""
        with translated(f"drop {table}", writes=True):
            await self._service.delete_table(self._prefix + table)

    async def commit(self, table: str, operations: Sequence[Operation]) -> list[str]:
        """Do all or nothing, at most 100 operations on different rows of one partition; return the new etags."""
        first = operations[0].row
        with translated(f"write {table} {first['PartitionKey']} {first['RowKey']}", writes=True):
            try:
                return await self._commit(table, operations)
            except (ResourceNotFoundError, TableTransactionError) as error:
                if "TableNotFound" not in str(error):
                    raise
            await self._service.create_table_if_not_exists(self._prefix + table)
            return await self._commit(table, operations)

    async def delete(self, table: str, row: Row, etag: str = "") -> None:
        """Delete a row, if given only while it has this etag; one that is not there is no matter."""
        matching = _matching(etag) if etag else {}
        with translated(f"delete {table} {row['PartitionKey']} {row['RowKey']}", writes=True):
            await self._table(table).delete_entity(row["PartitionKey"], row["RowKey"], **matching)

    async def close(self) -> None:
        """Close connections."""
        await self._service.close()

    async def _commit(self, table: str, operations: Sequence[Operation]) -> list[str]:
        client = self._table(table)
        if len(operations) == 1:
            return [await _alone(client, operations[0])]
        answers = await client.submit_transaction([_in_transaction(operation) for operation in operations])
        return [str(answer.get("etag", "")) for answer in answers]

    def _table(self, name: str) -> TableClient:
        if name not in self._tables:
            self._tables[name] = self._service.get_table_client(self._prefix + name)
        return self._tables[name]


async def _alone(client: TableClient, operation: Operation) -> str:
    row = operation.row
    match operation.kind:
        case "insert":
            answer = await client.create_entity(row)
        case "put":
            answer = await client.upsert_entity(row, mode=UpdateMode.REPLACE)
        case "update":
            answer = await client.update_entity(row, mode=UpdateMode.REPLACE, **_matching(operation.etag))
    return str(answer["etag"])


def _in_transaction(operation: Operation) -> tuple[str, Row, dict[str, Any]]:
    match operation.kind:
        case "insert":
            return "create", operation.row, {}
        case "put":
            return "upsert", operation.row, {"mode": UpdateMode.REPLACE}
        case "update":
            return "update", operation.row, {"mode": UpdateMode.REPLACE, **_matching(operation.etag)}


def _matching(etag: str) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


@contextmanager
def translated(action: str, *, writes: bool) -> Iterator[None]:
    """Raise our errors in place of the SDK's; `action` says what was tried."""
    try:
        yield
    except AzureError as error:
        raise _ours(error, action, writes=writes) from error


def _ours(error: AzureError, action: str, *, writes: bool) -> SyncError:
    status = error.status_code if isinstance(error, HttpResponseError) else None
    said = f"state: {action}: {status or type(error).__name__}: {str(error).splitlines()[0]}"
    if "TableBeingDeleted" in str(error):  # a 409 that is no conflict: a month's table is being dropped
        return Unavailable(said)
    if status in ERRORS:
        return ERRORS[status](said)
    if status in (429, 503):
        return Throttled(said, wait_seconds=_wait_seconds(error))
    # No answer, or one that leaves it open (500 OperationTimedOut, 504): a write may have happened. The SDK names a
    # connection that broke after the request left "request error", so that name proves nothing.
    return Unconfirmed(said) if writes else Unavailable(said)


def _wait_seconds(error: AzureError) -> float:
    response = getattr(error, "response", None)
    after = response.headers.get("Retry-After", "") if response is not None else ""
    return float(after) if after.isdecimal() else BUSY_SECONDS
