"""Table Storage in memory, as strict as the service about what a key and a property may be."""

import itertools
import re
from collections.abc import Sequence
from typing import Any

from shared.errors import Stale
from shared.state.rows import Operation, Row, size

# Azure Table service data model: keys of 1 KiB without / \ # ? and control characters, properties of 64 KiB,
# entities of 1 MiB and 252 properties.
KEY = re.compile(r"[^/\\#?\x00-\x1f\x7f-\x9f]{0,512}")
PROPERTY_BYTES_MAX = 64 * 1024
ENTITY_BYTES_MAX = 1024 * 1024
PROPERTIES_MAX = 252


class StrictTable:
    """What `shared.state.store.Store` offers. A row that the service would refuse is a defect."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str], tuple[Row, str]] = {}
        self._etags = (f"etag {number}" for number in itertools.count(1))

    async def get(self, table: str, partition: str, row: str) -> tuple[dict[str, Any], str] | None:
        _key(partition), _key(row)
        found = self.rows.get((table, partition, row))
        return (dict(found[0]), found[1]) if found else None

    async def query(
        self, table: str, partition: str, limit: int, within: tuple[str, str] | None = None
    ) -> list[dict[str, Any]]:
        _key(partition)
        first, last = within or ("", "\U0010ffff")
        found = sorted(
            (name, row)
            for name, row in self.rows.items()
            if name[0] == table and partition in ("", name[1]) and first <= name[2] < last
        )
        return [dict(row) | {"etag": etag} for _, (row, etag) in found[:limit]]

    async def commit(self, table: str, operations: Sequence[Operation]) -> list[str]:
        for one in operations:
            self._allow(table, one)
        return [self._write(table, one) for one in operations]

    async def delete(self, table: str, row: Row, etag: str = "") -> None:
        self.rows.pop((table, row["PartitionKey"], row["RowKey"]), None)

    async def close(self) -> None:
        pass

    def _allow(self, table: str, one: Operation) -> None:
        row = one.row
        _key(row["PartitionKey"]), _key(row["RowKey"])
        assert size(row) <= ENTITY_BYTES_MAX, "the row is too large"
        assert len(row) <= PROPERTIES_MAX, "the row has too many properties"
        for name, value in row.items():
            held = value.encode("utf-16-le") if isinstance(value, str) else value
            assert isinstance(held, int) or len(held) <= PROPERTY_BYTES_MAX, f"property {name} is too long"
        held = self.rows.get((table, row["PartitionKey"], row["RowKey"]))
        if (one.kind == "insert" and held) or (one.kind == "update" and (held is None or held[1] != one.etag)):
            raise Stale("another one was first")

    def _write(self, table: str, one: Operation) -> str:
        etag = next(self._etags)
        self.rows[table, one.row["PartitionKey"], one.row["RowKey"]] = dict(one.row), etag
        return etag


def _key(text: str) -> None:
    assert KEY.fullmatch(text), f"no key: {text!r}"
