"""How a change travels: its partition, its message id, its JSON. Pure.

The partition is the Service Bus session and the table partition at once, so that work on one pair meets in one place.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, get_args

import orjson

from shared.core.model import Cause, Change, Choice, Scalar, Side

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
    who = (pair, change.flow, change.side, change.key)
    parts = (*who, change.cause, change.origin, str(change.attempt), str(change.deleted))
    return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def encode(change: Change) -> bytes:
    """Return the message body. Members at their default are left out: one version back can read it.

    It does not know choices: to it, a change with choices is a plain sync, which leaves the parked field as it is.
    """
    return orjson.dumps(_members(change))


def encode_all(changes: Sequence[Change]) -> bytes:
    """Return the body of a message of several changes: a list, where one change stands as `encode` writes it."""
    return encode(changes[0]) if len(changes) == 1 else orjson.dumps([_members(change) for change in changes])


def _members(change: Change) -> dict[str, Any]:
    body = asdict(change)
    del body["choices"]
    defaults = asdict(Change(flow="", side="dynamics", key="", origin="", correlation=""))
    told = {k: v for k, v in body.items() if k in _ALWAYS or v != defaults[k]}
    if change.choices:
        told |= {"cause": "sync", "choices": [_chosen(choice) for choice in change.choices]}
    return told


def _chosen(choice: Choice) -> dict[str, object]:
    told: dict[str, object] = {"field": choice.field, "take": choice.take, "seen": choice.seen}
    return told if choice.typed is None else told | {"typed": [_tagged(value) for value in choice.typed]}


def _tagged(value: Scalar) -> object:
    match value:
        case Decimal():
            return {"decimal": str(value)}
        case datetime():
            return {"instant": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case plain:
            return plain


_ALWAYS = ("flow", "side", "key", "origin", "correlation")
_KINDS = {
    "deleted": bool,
    "attempt": int,
    "failures": int,
    "stale_reads": int,
    "first_seen": str,
    "pair_key": str,
    "asked_by": str,
    "bulk": bool,
}


def decode(body: bytes) -> Change:
    """Read a message body; members that this version does not know are ignored. Raises ValueError."""
    return _change(orjson.loads(body))


def decode_all(body: bytes) -> tuple[Change, ...]:
    """Read a message body of one change or of several. Raises ValueError, also for a list of none."""
    found: Any = orjson.loads(body)
    if found == []:
        raise ValueError("a list of no changes")
    return tuple(_change(each) for each in (found if isinstance(found, list) else [found]))


def _change(found: Any) -> Change:  # noqa: ANN401 -- a JSON value
    if not isinstance(found, dict) or not all(isinstance(found.get(k), str) for k in _ALWAYS):
        raise ValueError(f"a change needs the text members {', '.join(_ALWAYS)}")
    if found["side"] not in get_args(Side.__value__):
        raise ValueError(f"side is {found['side']!r}, expected dynamics or sap")
    if found.get("cause", "event") not in get_args(Cause.__value__):
        raise ValueError(f"cause is {found['cause']!r}, expected one of {', '.join(get_args(Cause.__value__))}")
    for name, kind in _KINDS.items():
        if type(found.get(name, kind())) is not kind:
            raise ValueError(f"{name} is a {type(found[name]).__name__}, expected {kind.__name__}")
    known = {k: v for k, v in found.items() if k in Change.__slots__}
    if seen := known.pop("first_seen", ""):
        known["first_seen"] = _instant(seen, "first_seen")
    if choices := known.pop("choices", ()):
        known |= {"cause": "resolve", "choices": _read_choices(choices)}
    return Change(**known)


def _instant(text: str, name: str) -> datetime:
    """Read a moment; one without a zone is none, and could be compared with no other."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ValueError(f"{name} is not a moment with its zone, such as 2026-03-01T08:00:00+00:00")
    return found


def _read_choices(found: Any) -> tuple[Choice, ...]:  # noqa: ANN401 -- what JSON may hold
    try:
        return tuple(_read_choice(one) for one in found)
    except (TypeError, KeyError, ValueError, ArithmeticError):  # which may quote a typed value
        raise ValueError("a choice needs field, take (dynamics or sap), seen (two digests), maybe typed") from None


def _read_choice(found: Any) -> Choice:  # noqa: ANN401 -- what JSON may hold
    dynamics, sap = found["seen"]
    if found["take"] not in get_args(Side.__value__):
        raise ValueError("take")
    typed = found.get("typed")
    values = None if typed is None else tuple(_untagged(value) for value in typed)
    return Choice(str(found["field"]), found["take"], (str(dynamics), str(sap)), values)


def _untagged(value: Any) -> Scalar:  # noqa: ANN401 -- what JSON may hold
    match value:
        case {"decimal": text}:
            return Decimal(text)
        case {"instant": text}:
            return _instant(text, "instant")
        case {"date": text}:
            return date.fromisoformat(text)
        case None | str() | bool() | int():
            return value
        case _:
            raise TypeError(type(value).__name__)


def retried(change: Change, now: datetime) -> Change:
    """Return the next attempt of a change; the first sight travels with it."""
    return replace(change, attempt=change.attempt + 1, first_seen=change.first_seen or now)
