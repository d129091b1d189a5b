"""What a received message becomes for the runtime: its body, and the trigger metadata that the real host gives.

The metadata names and forms are those of the Service Bus extension (ServiceBusTriggerBindingStrategy): the `...Utc`
times carry no zone, the delivery count is one more than AMQP's, `Label` repeats `Subject`, `UserProperties` repeats
`ApplicationProperties`. What that extension does not hand to Python (scheduled time, dead-letter reason, state, lock
expiry) is not handed over here either: the reasons of a dead letter are among its application properties.
"""

import base64
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

from azure.functions.meta import Datum
from azure.servicebus import ServiceBusReceivedMessage

from dev.host.runtime import json_datum

_NEVER = "9999-12-31T23:59:59.9999999"
_TRACE_PROPERTIES = ("Diagnostic-Id", "traceparent")


def body_bytes(message: ServiceBusReceivedMessage) -> bytes:
    """Give the bytes of the data sections; a value body is its text."""
    body = message.body
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    try:
        return b"".join(body)
    except TypeError:
        return str(message).encode()


def one(message: ServiceBusReceivedMessage, data_type: str | None) -> tuple[Datum, dict[str, Datum]]:
    """Give one message: text unless the dataType is binary (what is no UTF-8 in a text is replaced, as in .NET)."""
    metadata = {name: json_datum(value) for name, value in properties(message).items() if value is not None}
    return _body([body_bytes(message)], data_type)[0], metadata


def many(messages: Sequence[ServiceBusReceivedMessage], data_type: str | None) -> tuple[Datum, dict[str, Datum]]:
    """Give a batch: a collection of bodies, and each property as an array named `...Array`."""
    each = [properties(message) for message in messages]
    metadata = {f"{name}Array": json_datum([values[name] for values in each]) for name in each[0]}
    bodies = [datum.value for datum in _body([body_bytes(message) for message in messages], data_type)]
    if _is_binary(data_type):
        return Datum(SimpleNamespace(bytes=bodies), "collection_bytes"), metadata
    return Datum(SimpleNamespace(string=bodies), "collection_string"), metadata


def by_hand(text: str | None) -> tuple[Datum, dict[str, Datum]]:
    """Make a message that no queue has held, for a function that is fired by hand."""
    metadata = {
        "MessageId": str(uuid.uuid4()),
        "DeliveryCount": 1,
        "SequenceNumber": 0,
        "EnqueuedTimeUtc": _local(datetime.now(UTC)),
        "ApplicationProperties": {},
        "UserProperties": {},
    }
    return Datum(text or "", "string"), {name: json_datum(value) for name, value in metadata.items()}


def properties(message: ServiceBusReceivedMessage) -> dict[str, Any]:
    """Give the trigger metadata of a message; None for what it does not have."""
    application = {_text(name): _json_value(value) for name, value in (message.application_properties or {}).items()}
    enqueued, expires = message.enqueued_time_utc, message.expires_at_utc
    return {
        "DeliveryCount": (message.delivery_count or 0) + 1,
        "DeadLetterSource": message.dead_letter_source,
        "LockToken": str(message.lock_token) if message.lock_token else None,
        "ExpiresAtUtc": _local(expires) if expires else _NEVER,
        "ExpiresAt": expires.isoformat() if expires else f"{_NEVER}+00:00",
        "EnqueuedTimeUtc": _local(enqueued) if enqueued else None,
        "EnqueuedTime": enqueued.isoformat() if enqueued else None,
        "MessageId": message.message_id,
        "ContentType": message.content_type,
        "ReplyTo": message.reply_to,
        "SequenceNumber": message.sequence_number,
        "To": message.to,
        "Subject": message.subject,
        "Label": message.subject,
        "CorrelationId": message.correlation_id,
        "ApplicationProperties": application,
        "UserProperties": application,
        "SessionId": message.session_id,
        "ReplyToSessionId": message.reply_to_session_id,
        "PartitionKey": message.partition_key,
    }


def trace_parent(message: ServiceBusReceivedMessage) -> str | None:
    """Find the W3C trace parent that the sender put on the message."""
    application = {_text(name): value for name, value in (message.application_properties or {}).items()}
    found = next((application[name] for name in _TRACE_PROPERTIES if name in application), None)
    return None if found is None else _text(found)


def _body(bodies: Sequence[bytes], data_type: str | None) -> list[Datum]:
    if _is_binary(data_type):
        return [Datum(body, "bytes") for body in bodies]
    return [Datum(body.decode(errors="replace"), "string") for body in bodies]


def _is_binary(data_type: str | None) -> bool:
    return (data_type or "").lower() == "binary"


def _local(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _text_or_base64(value: bytes) -> str:
    """Read an AMQP text, which the SDK gives as bytes; what cannot be text is base64, as JSON.NET writes binary."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _json_value(value: object) -> object:
    match value:
        case bytes():
            return _text_or_base64(value)
        case None | bool() | int() | float() | str():
            return value
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return {_text(name): _json_value(member) for name, member in value.items()}
        case list() | tuple():
            return [_json_value(member) for member in value]
    return str(value)
