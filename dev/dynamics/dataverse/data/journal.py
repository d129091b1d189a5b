"""Committed edits on disk, so that an organisation outlives its process.

One line of JSON for each commit, written before the answer goes out. Values are written by their column's type and read
back the same way. System jobs are not kept: what was undelivered at the end is lost, as events can be.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from dev.dynamics.dataverse.core.values import Ref, Row, Value
from dev.dynamics.dataverse.data.store import Edit, Store, Tombstone
from dev.dynamics.dataverse.model.metadata import Column, Table


def _pack(value: Value) -> object:
    if isinstance(value, Ref):
        return list(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _unpack(column: Column, value: object) -> Value:
    if value is None:
        return None
    if isinstance(value, list):
        return Ref(*value)
    if column.type == "DateTime":
        return (date if column.edm == "Edm.Date" else datetime).fromisoformat(str(value))
    if column.type in {"Money", "Decimal", "Double"}:
        return Decimal(str(value))
    return value if isinstance(value, (str, bool, int)) else None


def _row(table: Table, packed: dict[str, object] | None) -> Row | None:
    if packed is None:
        return None
    return {name: _unpack(table.columns[name], packed.get(name)) for name in table.columns}


@dataclass(slots=True)
class Journal:
    """The file of commits; ``replay`` first, then ``append``."""

    file: Path

    def replay(self, store: Store) -> int:
        """Put every commit back; a torn last line, from a crash while writing, is dropped. Gives how many."""
        if not self.file.exists():
            return 0
        count, kept = 0, 0
        with self.file.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                for table, row_id, packed, version, at in json.loads(line):
                    row = _row(store.model.tables[table], packed)
                    store.restore(table, row_id, row, Tombstone(version, datetime.fromisoformat(at)))
                count, kept = count + 1, kept + len(line)
        with self.file.open("rb+") as file:
            file.truncate(kept)
        return count

    def append(self, edits: Sequence[Edit]) -> None:
        """Write one commit."""
        items = []
        for edit in edits:
            row = None if edit.after is None else {name: _pack(value) for name, value in edit.after.items()}
            tomb = edit.tombstone_after
            version = tomb.version if tomb else int(str((edit.after or {}).get("versionnumber")))
            moment = tomb.at.isoformat() if tomb else "1970-01-01T00:00:00+00:00"
            items.append([edit.table, edit.id, row, version, moment])
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab") as file:
            file.write(json.dumps(items, separators=(",", ":")).encode() + b"\n")
