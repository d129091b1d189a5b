"""Digests instead of values: what the state store keeps of a field. Pure.

Keyed, because an unkeyed digest of a phone number is the phone number. The key's id stands before the digest, so that
keys can be rotated: an old digest is compared with the old key while that key is still known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import blake2b

from shared.core.model import Scalar, Value

_DIGEST_BYTES = 9


def plain(value: Value) -> str:
    """Return one text for equal business values: 12.50 is 12.5, None is '', and ('', None) is as absent as ''."""
    if isinstance(value, tuple):
        parts = [_scalar(v) for v in value]
        return "\x1e".join(parts) if any(parts) else ""
    return _scalar(value)


def _scalar(value: Scalar) -> str:
    match value:
        case None | "":
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            text = f"{Decimal(value):f}"  # not normalize(): that rounds to the context's 28 digits
            text = text.rstrip("0").rstrip(".") if "." in text else text
            return "0" if text == "-0" else text
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()


def same(one: Value, other: Value) -> bool:
    """Return whether these are the same business value."""
    return one == other or plain(one) == plain(other)


def empty(value: Value) -> bool:
    """Return whether this is the absence of a value. A false flag and a zero are values."""
    return plain(value) == ""


@dataclass(frozen=True, slots=True)
class Seal:
    """The digest keys: `current` names the one that new digests are made with."""

    current: str
    keys: Mapping[str, bytes]

    def digest(self, value: Value, like: str = "") -> str:
        """Return 'k1:cXkD3…' for a value, made with the key that `like` was made with if that is known."""
        name = like.partition(":")[0]
        name = name if name in self.keys else self.current
        return f"{name}:{blake2b(plain(value).encode(), key=self.keys[name], digest_size=_DIGEST_BYTES).hexdigest()}"

    def matches(self, value: Value, digest: str) -> bool:
        """Return whether `digest` is this value's; one that was made with a forgotten key matches nothing."""
        return self.digest(value, digest) == digest

    def knows(self, digest: str) -> bool:
        """Return whether this digest can still be compared."""
        return digest.partition(":")[0] in self.keys
