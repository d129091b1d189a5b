"""Reads what an operator asks for. Pure: every body that is not quite right is a `BadRequest` that says what is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from shared.core.model import SIDES, Side
from shared.errors import BadRequest

BODY_BYTES_MAX = 50_000  # a change with its choices has to fit into a message
TEXT_CHARACTERS_MAX = 1_000
KEY_COUNT_MAX = 1_000
CHOICE_COUNT_MAX = 100
DIGITS_MAX = 18  # a whole number of 64 bits; a longer amount is typed as text

type Typed = str | int | bool | Decimal | None


@dataclass(frozen=True, slots=True)
class Selected:
    """Which parked records: by `keys`, by `cause` ('clash', or a group's 'clash: city'), or by both."""

    flow: str
    keys: tuple[str, ...] = ()
    cause: str = ""
    side: Side | Literal[""] = ""
    deleted: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, repr=False)  # a typed value is not for logs
class Pick:
    """What is to count for a field: a side or, with `typed`, a value in the form of that side."""

    field: str
    take: Side
    seen: tuple[str, str]
    typed: tuple[Typed, ...] | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A flow or a system, and why."""

    name: str
    reason: str = ""


def replayed(body: bytes) -> Selected:
    """Read {"flow": "s4/account", "keys": ["…"]} or {"flow": …, "cause": "clash"}, maybe with "side" and "deleted"."""
    return _selected(_object(body, {"flow", "key", "keys", "cause", "side", "deleted"}))


def discarded(body: bytes) -> Selected:
    """Read {"flow": "s4/account", "keys": ["…"], "reason": "test data"}."""
    found = _object(body, {"flow", "key", "keys", "cause", "side", "reason"})
    _text(found, "reason")
    return _selected(found)


def paused(body: bytes) -> Named:
    """Read {"name": "s4/order", "reason": "month-end closing"}."""
    found = _object(body, {"name", "reason"})
    return Named(_text(found, "name"), _text(found, "reason"))


def resumed(body: bytes) -> Named:
    """Read {"name": "s4/order"}."""
    return Named(_text(_object(body, {"name"}), "name"))


def picks(body: bytes) -> tuple[Pick, ...]:
    """Read {"fields": {"city": {"take": "sap", "seen": ["k1:…", "k1:…"]}}}.

    `take` is dynamics, sap or value; with value comes "value" (a list for a field on several columns) and, if it is
    typed as SAP has it, "as": "sap".
    """
    fields = _object(body, {"fields"}).get("fields")
    if not isinstance(fields, dict) or not 1 <= len(fields) <= CHOICE_COUNT_MAX:
        raise BadRequest(f"fields must be an object of 1 to {CHOICE_COUNT_MAX} parked fields, each with its choice")
    return tuple(_pick(_clean(name, "a field's name"), said) for name, said in fields.items())


def path(text: str) -> tuple[str, str]:
    """Split 's4/account/1000001' into flow and key."""
    flow, _, key = _clean(text, "the path").rpartition("/")
    if not flow or not key:
        raise BadRequest("the path must be FLOW/KEY, such as s4/account/1000001")
    return flow, key


def parameter(text: str | None) -> str:
    """Return a query parameter, '' when it is not there."""
    return _clean(text, "a parameter") if text else ""


def _selected(found: Mapping[str, Any]) -> Selected:
    keys = found.get("keys", [found["key"]] if "key" in found else [])
    if not isinstance(keys, list) or len(keys) > KEY_COUNT_MAX:
        raise BadRequest(f"keys must be a list of at most {KEY_COUNT_MAX} record keys")
    if "key" in found and "keys" in found:
        raise BadRequest("give key or keys, not both")
    cause = _text(found, "cause") if "cause" in found else ""
    if not keys and not cause:
        raise BadRequest("say which records: keys, or a cause as ops/parked lists it")
    side, deleted = found.get("side", ""), found.get("deleted", False)
    if side not in ("", *SIDES) or not isinstance(deleted, bool):
        raise BadRequest("side must be dynamics or sap, deleted true or false")
    reason = found.get("reason", "")
    return Selected(_text(found, "flow"), tuple(_clean(k, "a key") for k in keys), cause, side, deleted, reason)


def _pick(field: str, said: Any) -> Pick:  # noqa: ANN401 -- what JSON may hold
    if not isinstance(said, dict) or said.keys() - {"take", "seen", "value", "as"}:
        raise BadRequest(f"{field}: a choice has the members take and seen, and with take value: value, as")
    seen = said.get("seen")
    if not isinstance(seen, list) or [type(one) for one in seen] != [str, str]:
        raise BadRequest(f"{field}: seen must be the two digests that the clash was shown with")
    dynamics, sap = (_clean(one, f"{field}: seen") for one in seen)
    take = said.get("take")
    if take in SIDES and not said.keys() & {"value", "as"}:
        return Pick(field, take, (dynamics, sap))
    side = said.get("as", "dynamics")
    if take != "value" or "value" not in said or side not in SIDES:
        raise BadRequest(f"{field}: take must be dynamics, sap, or value with a value; as must be dynamics or sap")
    value = said["value"]
    values = value if isinstance(value, list) else [value]
    return Pick(field, side, (dynamics, sap), tuple(_typed(one, field) for one in values))


def _typed(value: Any, field: str) -> Typed:  # noqa: ANN401 -- what JSON may hold
    if isinstance(value, str):
        _encodable(value, field)
        return value
    if value is None or isinstance(value, bool) or (isinstance(value, int | Decimal) and _is_amount(Decimal(value))):
        return value
    raise BadRequest(f"{field}: a value is a text, a number of business, true, false or null")


def _is_amount(number: Decimal) -> bool:
    return abs(number.adjusted()) <= DIGITS_MAX and len(number.as_tuple().digits) <= DIGITS_MAX


def _object(body: bytes, known: set[str]) -> dict[str, Any]:
    if len(body) > BODY_BYTES_MAX:
        raise BadRequest(f"the body has {len(body)} bytes, at most {BODY_BYTES_MAX} are read")
    try:
        found = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body must be JSON in UTF-8") from error
    if not isinstance(found, dict) or found.keys() - known:
        raise BadRequest(f"the body must be an object with no other members than {', '.join(sorted(known))}")
    return found


def _no_number(name: str) -> None:
    raise ValueError(name)


def _text(found: Mapping[str, Any], name: str) -> str:
    return _clean(found.get(name), name)


def _clean(value: Any, what: str) -> str:  # noqa: ANN401 -- what JSON may hold
    if not isinstance(value, str) or not value.strip() or len(value) > TEXT_CHARACTERS_MAX:
        raise BadRequest(f"{what} must be a text of 1 to {TEXT_CHARACTERS_MAX} characters")
    _encodable(value, what)
    if any(ord(character) < ord(" ") for character in value):
        raise BadRequest(f"{what} must be without control characters")
    return value.strip()


def _encodable(value: str, what: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(f"{what} must be text: half of a surrogate pair is none") from error
