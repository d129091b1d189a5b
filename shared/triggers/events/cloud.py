"""Reads CloudEvents 1.0 over HTTP: structured, batched and binary mode, as S/4HANA and Event Mesh send them.

S/4's business events are notifications: the data holds the key and nothing else, so nothing else is used.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from shared.errors import BadRequest

BODY_BYTES_MAX = 1024 * 1024
EVENT_COUNT_MAX = 1_000
TEXT_CHARACTERS_MAX = 1_000  # of an attribute or a key: it travels in messages and rows, which are bounded
BATCH = "application/cloudevents-batch+json"


class WrongVersion(BadRequest):
    """The event is of a CloudEvents version that this receiver does not speak: 415."""


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One event: `type` 'sap.s4.beh.salesorder.v1.SalesOrder.Created.v1', `data` {'SalesOrder': '4711'}."""

    id: str
    type: str
    source: str
    data: Mapping[str, Any]

    @property
    def object(self) -> str:
        """Return the business object, 'SalesOrder' ('' when the type is not of S/4's form)."""
        parts = self.type.split(".")
        return parts[-3] if len(parts) >= 3 and self.type.startswith("sap.") else ""  # noqa: PLR2004 -- Object.Operation.v1

    @property
    def key(self) -> str:
        """Return the object's key as S/4 writes it, in external form ('4711')."""
        key = self.data.get(self.object)
        text = str(key) if isinstance(key, str | int) and not isinstance(key, bool) else ""
        return text if text.strip() and _is_text(text) else ""

    @property
    def deleted(self) -> bool:
        """Return whether the event says that the object itself was deleted (an item's deletion changes the object)."""
        return self.type.split(".")[-2:-1] == ["Deleted"]


def parse(headers: Mapping[str, str], body: bytes) -> tuple[CloudEvent, ...]:
    """Read one request. `headers` have lower-case names. Raises `BadRequest`, or `WrongVersion` for another version."""
    if len(body) > BODY_BYTES_MAX:
        raise BadRequest(f"the body has {len(body)} bytes, at most {BODY_BYTES_MAX} are taken")
    content = headers.get("content-type", "").partition(";")[0].strip().lower()
    found = _json(body)
    if "ce-id" in headers or "ce-specversion" in headers:
        attributes: dict[str, Any] = {k.removeprefix("ce-"): unquote(v) for k, v in headers.items() if k[:3] == "ce-"}
        return (_event({**attributes, "data": found}),)
    if content == BATCH or isinstance(found, list):
        if not isinstance(found, list) or len(found) > EVENT_COUNT_MAX:
            raise BadRequest(f"a batch is a JSON array of at most {EVENT_COUNT_MAX} events")
        return tuple(_event(one) for one in found)
    return (_event(found),)


def _json(body: bytes) -> Any:  # noqa: ANN401 -- the sender decides
    try:
        return json.loads(body.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError, too
        raise BadRequest("the body is not JSON") from error


def _is_text(value: object) -> bool:
    """Return whether this is text that can travel on: half a character, as JSON allows it, cannot, nor a novel."""
    return isinstance(value, str) and value.isprintable() and len(value) <= TEXT_CHARACTERS_MAX


def _event(found: Any) -> CloudEvent:  # noqa: ANN401 -- the sender decides
    if not isinstance(found, dict):
        raise BadRequest("an event is a JSON object")
    missing = [name for name in ("id", "type", "source", "specversion") if not _is_text(found.get(name))]
    if missing:
        raise BadRequest(f"the event lacks {', '.join(missing)}: printable, at most {TEXT_CHARACTERS_MAX} characters")
    if found["specversion"] != "1.0":
        raise WrongVersion("CloudEvents 1.0 is spoken here")
    data = found.get("data")
    return CloudEvent(found["id"], found["type"], found["source"], data if isinstance(data, dict) else {})
