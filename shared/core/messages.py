"""How a change travels: its partition, its message id, its JSON. Pure.

The partition is the Service Bus session and the table partition at once, so that work on one pair meets in one place.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, get_args

import orjson

from shared.core.model import Cause, Change, Side

PARTITIONS = 128
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAMESPACE = uuid.UUID("9a3f5b0e-6f0c-5d0a-9b7e-1c2d3e4f5a6b")


def canonical(key: str) -> str:
    """Return the one spelling of a record key: a GUID in lower case and without braces, everything else as it is."""
    bare = key.strip().removeprefix("{").removesuffix("}")
    return bare.lower() if _GUID.fullmatch(bare) else key


def partition(pair: str, pair_key: str) -> str:
    """Return 'dataverse.account@s4.100.BusinessPartner|017' for the pair of objects and the pair's Dynamics key."""
    number = int.from_bytes(blake2b(pair_key.encode(), digest_size=4).digest()) % PARTITIONS
    return f"{pair}|{number:03d}"


def born_in_sap(pair: str, sap_key: str) -> str:
    """Return the Dynamics key that a record born in SAP gets: the same on every attempt, so a create is repeatable."""
    return str(uuid.uuid5(_NAMESPACE, f"{pair}|{sap_key}"))


def message_id(pair: str, change: Change) -> str:
    """Return 32 hex digits. A repeat of the same hint is dropped by the bus; a deliberate repeat has a new origin.

    The attempt takes part: a scheduled retry is no duplicate of its original, but the same retry sent twice after a
    crash is.
    """
    parts = (pair, change.side, change.key, change.cause, change.origin, str(change.attempt), str(change.deleted))
    return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def encode(change: Change) -> bytes:
    """Return the message body. Members at their default are left out: one version back can read it."""
    return orjson.dumps(_members(change))


def encode_all(changes: Sequence[Change]) -> bytes:
    """Return the body of a message of several changes: a list, where one change stands as `encode` writes it."""
    return encode(changes[0]) if len(changes) == 1 else orjson.dumps([_members(change) for change in changes])


def _members(change: Change) -> dict[str, Any]:
    body = asdict(change)
    defaults = asdict(Change(flow="", side="dynamics", key="", origin="", correlation=""))
    return {k: v for k, v in body.items() if k in _ALWAYS or v != defaults[k]}


_ALWAYS = ("flow", "side", "key", "origin", "correlation")


def decode(body: bytes) -> Change:
    """Read a message body; members that this version does not know are ignored. Raises ValueError."""
    return _change(orjson.loads(body))


def decode_all(body: bytes) -> tuple[Change, ...]:
    """Read a message body of one change or of several. Raises ValueError."""
    found: Any = orjson.loads(body)
    return tuple(_change(each) for each in (found if isinstance(found, list) else [found]))


def _change(found: Any) -> Change:  # noqa: ANN401 -- a JSON value
    if not isinstance(found, dict) or not all(isinstance(found.get(k), str) for k in _ALWAYS):
        raise ValueError(f"a change needs the text members {', '.join(_ALWAYS)}")
    if found["side"] not in get_args(Side.__value__):
        raise ValueError(f"side is {found['side']!r}, expected dynamics or sap")
    if found.get("cause", "event") not in get_args(Cause.__value__):
        raise ValueError(f"cause is {found['cause']!r}, expected one of {', '.join(get_args(Cause.__value__))}")
    known = {k: v for k, v in found.items() if k in Change.__slots__}
    if isinstance(seen := known.get("first_seen"), str):
        known["first_seen"] = datetime.fromisoformat(seen)
    return Change(**known)


def retried(change: Change, now: datetime) -> Change:
    """Return the next attempt of a change; the first sight travels with it."""
    return replace(change, attempt=change.attempt + 1, first_seen=change.first_seen or now)
