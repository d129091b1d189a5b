"""What a table row holds of a link, a journal entry, a waiter, a parked record and a step. Pure: JSON there and back.

A row is its keys, a few columns for people who look into the table, and the thing itself as compact JSON: members at
their default are left out, members that this version does not know are ignored, so that the version before can read
what this one wrote. JSON that outgrows a property is compressed and spread over numbered ones: a link with several
hundred lines holds some hundred thousand characters of digests.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter

from shared.core import messages
from shared.core.link import JournalEntry, Link
from shared.core.model import Change, Reference
from shared.errors import NeedsPerson
from shared.ports import Parked, Step
from shared.state import keys

type Row = dict[str, Any]  # text, small ints and bytes: what a property can be

VERSION = 1
TEXT_MAX = 30_000  # a text property holds 64 KiB of UTF-16 (Table service data model)
BINARY_MAX = 60_000  # a binary property holds 64 KiB
ENTITY_BYTES_MAX = 1_000_000  # an entity holds 1 MiB, names and keys included

_LINK = TypeAdapter(Link)
_ENTRY = TypeAdapter(JournalEntry)
_PARKED = TypeAdapter(Parked)
_STEP = TypeAdapter(Step)


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of one row. `update` needs the row's etag; `put` replaces whatever is there."""

    kind: Literal["insert", "update", "put"]
    row: Row
    etag: str = ""


def link_row(link: Link) -> Row:
    """Return the `d|` row of a link."""
    link = replace(link, dynamics=messages.canonical(link.dynamics), sap=messages.canonical(link.sap), etag="")
    row = _row(partition_of(link.pair, link.dynamics), keys.key("d", link.dynamics))
    row |= {"pair": link.pair, "dynamics": link.dynamics, "sap": link.sap, "status": link.status}
    return _fitting(row | _stored(_json(_LINK, link)), f"the link {link.pair} {link.dynamics}")


def link_from(row: Mapping[str, Any], etag: str) -> Link:
    """Read a `d|` row."""
    return replace(_LINK.validate_json(_found(row)), etag=etag)


def way_back_row(link: Link) -> Row:
    """Return the `s|` row that leads from the SAP key to the link."""
    row = _row(partition_of(link.pair, link.sap), keys.key("s", link.sap))
    return row | {"pair": link.pair, "sap": messages.canonical(link.sap), "dynamics": messages.canonical(link.dynamics)}


def journal_row(link: Link, entry: JournalEntry, suffix: str) -> Row:
    """Return the `j|` row of an entry; it lies in the link's partition so that both go in one transaction."""
    row_key = f"{keys.key('j', link.dynamics)}|{keys.newest_first(entry.at)}-{suffix}"
    row = _row(partition_of(link.pair, link.dynamics), row_key)
    row |= {"dynamics": messages.canonical(link.dynamics), "outcome": entry.outcome, "correlation": entry.correlation}
    return _fitting(row | _stored(_json(_ENTRY, entry)), f"the journal of {link.pair} {link.dynamics}")


def journal_from(row: Mapping[str, Any]) -> JournalEntry:
    """Read a `j|` row."""
    return _ENTRY.validate_json(_found(row))


def waiting_row(reference: Reference, waiter: Change, since: datetime) -> Row:
    """Return the row that says who waits for a reference."""
    row = _row(waited_for(reference), keys.key(waiter.flow, waiter.side, waiter.key))
    named = {"flow": reference.flow, "side": reference.side, "key": reference.key}
    return row | _stored(messages.encode(waiter)) | {"since": since.isoformat()} | named


def waiting_from(row: Mapping[str, Any]) -> tuple[Change, datetime]:
    """Read who waits, and since when."""
    return messages.decode(_found(row)), datetime.fromisoformat(row["since"])


def reference_from(row: Mapping[str, Any]) -> Reference:
    """Read what a waiting row waits for."""
    return Reference(row["flow"], row["side"], row["key"])


def parked_row(parked: Parked) -> Row:
    """Return the row of a parked record."""
    row = _row(keys.key(parked.flow), keys.key(parked.side, parked.key)) | {"key": parked.key}
    return _fitting(row | _stored(_json(_PARKED, parked)), f"the parked {parked.flow} {parked.side} {parked.key}")


def parked_from(row: Mapping[str, Any]) -> Parked:
    """Read a parked record."""
    return _PARKED.validate_json(_found(row))


def step_row(correlation: str, step: Step, suffix: str) -> Row:
    """Return the row of one step of a correlation id."""
    row_key = f"{keys.oldest_first(step.at)}-{suffix}|{keys.key(step.flow, step.key)}"
    return _row(keys.key(correlation), row_key) | _stored(_json(_STEP, step))


def step_from(row: Mapping[str, Any]) -> Step:
    """Read one step."""
    return _STEP.validate_json(_found(row))


def watermark_row(name: str, value: str) -> Row:
    """Return the row of a watermark; its partition is what stands before the first slash of the name."""
    row = _row(keys.key(name.partition("/")[0]), keys.key(name)) | {"name": name}
    return _fitting(row | _stored(value.encode()), f"the watermark {name}")


def watermark_from(row: Mapping[str, Any]) -> str:
    """Read a watermark."""
    return _found(row).decode()


def partition_of(pair: str, key: str) -> str:
    """Return the PartitionKey of a record's rows in `links`."""
    identity, _, number = messages.partition(pair, messages.canonical(key)).rpartition("|")
    return keys.key(identity, number)


def waited_for(reference: Reference) -> str:
    """Return the PartitionKey of those who wait for a reference."""
    return keys.key(reference.flow, reference.side, reference.key)


def size(row: Row) -> int:
    """Return what the row costs of an entity's limit, in bytes: text in UTF-16, binary as it travels, in base64."""
    return sum(8 + 2 * len(name) + _bytes(value) for name, value in row.items())


def _bytes(value: str | int | bytes) -> int:
    match value:
        case str():
            return 4 + len(value.encode("utf-16-le"))
        case bytes():
            return 4 + len(value) * 4 // 3
        case _:
            return 8


def _row(partition: str, row_key: str) -> Row:
    return {"PartitionKey": partition, "RowKey": row_key, "v": VERSION}


def _fitting(row: Row, what: str) -> Row:
    if (found := size(row)) > ENTITY_BYTES_MAX:
        raise NeedsPerson(
            f"{what} takes {found:,} bytes of state, a table row holds {ENTITY_BYTES_MAX:,}: "
            "fewer lines, or fewer mapped fields a line, would fit"
        )
    return row


def _json[T](kind: TypeAdapter[T], thing: T) -> bytes:
    return kind.dump_json(thing, exclude_defaults=True)


def _stored(text: bytes) -> Row:
    if len(text) <= TEXT_MAX:
        return {"data": text.decode()}
    packed = zlib.compress(text)
    starts = range(0, len(packed), BINARY_MAX)
    return {f"data{number:02d}": packed[start : start + BINARY_MAX] for number, start in enumerate(starts)}


def _found(row: Mapping[str, Any]) -> bytes:
    if "data" in row:
        return str(row["data"]).encode()
    chunks = sorted(name for name in row if name.startswith("data"))
    return zlib.decompress(b"".join(row[chunk] for chunk in chunks))
