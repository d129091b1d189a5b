r"""What PartitionKeys and RowKeys look like. Pure: encodes, and knows no table.

Table Storage forbids `/ \ # ?` and control characters in a key and allows 1 KiB of UTF-16, which is 512 characters
(Azure Table service data model). A key is made of parts with `|` between them, so that all rows of a kind lie in one
range of the row keys.
"""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from shared.core.messages import canonical

PART_LENGTH_MAX = 200  # two long parts, a time and a suffix stay below 512 characters
_OUTSIDE = re.compile(r"[^A-Za-z0-9._@-]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST = 10**17 - 1  # microseconds: the year 5138


def part(text: str) -> str:
    """Return one part of a key: 'Müller/1' -> 'M=C3=BCller=2F1'.

    Never ambiguous: `=` itself is encoded, and `=h`, which no encoding yields, marks the hash of what is too long.
    """
    encoded = _OUTSIDE.sub(lambda match: "".join(f"={byte:02X}" for byte in match[0].encode()), canonical(text))
    if len(encoded) <= PART_LENGTH_MAX:
        return encoded
    return f"=h{blake2b(encoded.encode(), digest_size=32).hexdigest()}"


def key(*parts: str) -> str:
    """Return the parts as one key: ('d', '1000/A') -> 'd|1000=2FA'."""
    return "|".join(part(text) for text in parts)


def rows_below(prefix: str) -> tuple[str, str]:
    """Return the range [first, last) of row keys that begin with `prefix` and `|`; `}` is what follows `|` in ASCII."""
    return f"{prefix}|", f"{prefix}}}"


def newest_first(at: datetime) -> str:
    """Return 17 digits that sort later times first."""
    return f"{_LATEST - _microseconds(at):017d}"


def is_older(row_key: str, before: datetime) -> bool:
    """Return whether a key that ends in `newest_first` and a suffix, 'j|k|91…-0001', is of an earlier time."""
    return row_key.rpartition("|")[2][:17] > newest_first(before)


def oldest_first(at: datetime) -> str:
    """Return 17 digits that sort as the times do."""
    return f"{_microseconds(at):017d}"


def suffixes(worker: str, *, down: bool = False) -> Iterator[str]:
    """Yield what keeps rows of one instant apart: those of one worker in their order, `down` for newest first."""
    numbers = itertools.count(0xFFFFFFFF, -1) if down else itertools.count()
    return (f"{number:08x}{worker}" for number in numbers)


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
