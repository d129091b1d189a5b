"""Messages as bytes: reads what a queue must know of a message, and writes what a receiver must see.

The bare message (properties, application properties, body, footer) goes through byte for byte; only a dead letter or a
settlement that changes properties has its application properties written anew. Section codes: AMQP 1.0, part 3.2.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Final
from uuid import uuid4

from proton import Data, DataException, Described, int32, symbol, timestamp, ubyte, uint, ulong

from dev.servicebus.queues.message import Message
from dev.servicebus.queues.refusals import MalformedMessage

HEADER, DELIVERY_ANNOTATIONS, ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES = 0x70, 0x71, 0x72, 0x73, 0x74
DATA, SEQUENCE, VALUE, FOOTER = 0x75, 0x76, 0x77, 0x78
MESSAGE_ID, ABSOLUTE_EXPIRY, CREATION, GROUP_ID = 0, 8, 9, 10  # places in the properties section
STATES: Final = {"active": 0, "deferred": 1, "scheduled": 2}

type Section = tuple[int, bytes]  # its code, and the whole of it with its descriptor

_FIXED_WIDTHS: Final = {4: 0, 5: 1, 6: 2, 7: 4, 8: 8, 9: 16}
_SIZE_WIDTHS: Final = {0xA: 1, 0xC: 1, 0xE: 1, 0xB: 4, 0xD: 4, 0xF: 4}


def _skip(raw: bytes, at: int) -> int:
    """Find the end of the value that begins at `at`; raises IndexError or KeyError on nonsense."""
    code = raw[at]
    if code == 0:  # a described value: first the descriptor, then the value
        return _skip(raw, _skip(raw, at + 1))
    kind = code >> 4
    if kind in _FIXED_WIDTHS:
        return at + 1 + _FIXED_WIDTHS[kind]
    width = _SIZE_WIDTHS[kind]
    return at + 1 + width + int.from_bytes(raw[at + 1 : at + 1 + width], "big")


def sections(raw: bytes) -> list[Section]:
    """Cut an encoded message into its sections; raises MalformedMessage."""
    found = []
    at = 0
    with _malformed():
        while at < len(raw):
            small = raw[at : at + 2] == b"\x00\x53"
            if not small and raw[at : at + 2] != b"\x00\x80":
                raise MalformedMessage(f"A message section was expected at byte {at}.")
            code = raw[at + 2] if small else int.from_bytes(raw[at + 2 : at + 10], "big")
            end = _skip(raw, at + (3 if small else 10))
            if end > len(raw) or not HEADER <= code <= FOOTER:
                raise MalformedMessage(f"The section at byte {at} is cut short or unknown.")
            found.append((code, raw[at:end]))
            at = end
    return found


@contextlib.contextmanager
def _malformed() -> Iterator[None]:
    try:
        yield
    except (IndexError, KeyError, RecursionError, TypeError, ValueError, DataException) as error:
        raise MalformedMessage(f"The bytes are no AMQP message: {error!r}.") from error


def owned(value: object) -> object:
    """Copy binaries, which Proton hands out as views into memory that it is about to free."""
    match value:
        case memoryview():
            return bytes(value)
        case dict():
            return {owned(key): owned(item) for key, item in value.items()}
        case list():
            return [owned(item) for item in value]
    return value


def _decode(section: bytes) -> object:
    data = Data()
    data.decode(section)
    data.rewind()
    data.next()
    described = data.get_object()
    return owned(described.value if isinstance(described, Described) else described)


def _encode(code: int, value: object) -> bytes:
    data = Data()
    data.put_object(Described(ulong(code), value))  # type: ignore[arg-type]  # any value that AMQP has
    encoded: bytes = data.encode()
    return encoded


def encode_map(properties: Mapping[str, object]) -> bytes:
    """Write application properties as their section."""
    return _encode(APPLICATION_PROPERTIES, dict(properties))


def decode_map(section: bytes) -> dict[str, object]:
    """Read an application properties section."""
    decoded = _decode(section)
    return {str(key): value for key, value in decoded.items()} if isinstance(decoded, dict) else {}


def _list(section: bytes, length: int) -> list[object]:
    """Read a section that is a list; the places that the sender left off are None."""
    decoded = _decode(section)
    values = decoded if isinstance(decoded, list) else []
    return values + [None] * (length - len(values))


def parse(raw: bytes) -> Message:
    """Read a sender's message; one without an id is given one, as the service does. Raises MalformedMessage."""
    message = Message(content=raw)
    with _malformed():
        parts = sections(raw)
        for code, section in parts:
            if code == HEADER:
                message.ttl_ms = _whole(_list(section, 5)[2]) or None
            elif code == ANNOTATIONS:
                annotations = _decode(section)
                if isinstance(annotations, dict):
                    message.scheduled_ms = _whole(annotations.get(symbol("x-opt-scheduled-enqueue-time")))
            elif code == PROPERTIES:
                properties = _list(section, 13)
                message.message_id = _text(properties[MESSAGE_ID])
                message.session_id = _text(properties[GROUP_ID])
                expiry, creation = _whole(properties[ABSOLUTE_EXPIRY]), _whole(properties[CREATION])
                if expiry is not None and creation is not None:  # for lives too long for the header's 32 bits
                    message.ttl_ms = max(1, expiry - creation)
            elif code == APPLICATION_PROPERTIES:
                decode_map(section)  # now, when the sender can still be told, rather than when it must be amended
        if message.message_id is None:
            message.message_id = uuid4().hex
            message.content = _with_id(parts, message.message_id)
    return message


def _with_id(parts: list[Section], message_id: str) -> bytes:
    found = next((_list(section, 1) for code, section in parts if code == PROPERTIES), [None])
    properties = [message_id, *found[1:]]
    return _join([*(part for part in parts if part[0] != PROPERTIES), (PROPERTIES, _encode(PROPERTIES, properties))])


def _join(parts: list[Section]) -> bytes:
    """Put sections in their order; a stable sort, so that several Data sections keep theirs."""
    return b"".join(section for _, section in sorted(parts, key=lambda part: part[0]))


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int) else None


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.hex()
    return str(int(value)) if isinstance(value, int) else str(value)


def unpack(raw: bytes) -> list[bytes]:
    """Give the messages of a batch, or the one message that it is.

    A batch is one whose body is Data sections that are messages each. The transfer says so in its message-format
    (0x80013700), which Proton does not pass on; so the shape has to tell. Senders copy properties of the first message
    into the envelope, where they mean nothing.
    """
    parts = sections(raw)
    bodies = [_data(section) for code, section in parts if code == DATA]
    if not bodies or any(code in (SEQUENCE, VALUE, FOOTER) for code, _ in parts):
        return [raw]
    return bodies if all(map(_is_message, bodies)) else [raw]


def _data(section: bytes) -> bytes:
    at = 3 if section[1] == 0x53 else 10  # noqa: PLR2004 - the constructor of a small unsigned long
    return section[at + 2 :] if section[at] == 0xA0 else section[at + 5 :]  # noqa: PLR2004 - binary with a short size


def _is_message(raw: bytes) -> bool:
    try:
        codes = [code for code, _ in sections(raw)]
    except MalformedMessage:
        return False
    return codes == sorted(codes) and any(code in (DATA, SEQUENCE, VALUE) for code in codes)


def render(message: Message, *, locked: bool = False) -> bytes:
    """Write a message for its receiver: header and annotations as the service sets them, the rest as it was sent."""
    durable, priority, ttl = None, None, None
    annotations: dict[object, object] = {}
    bare = []
    for code, section in sections(message.content):
        if code == HEADER:
            durable, priority, ttl, *_ = _list(section, 5)
        elif code == ANNOTATIONS:
            decoded = _decode(section)
            annotations = {symbol(str(k)): v for k, v in decoded.items()} if isinstance(decoded, dict) else {}
        elif code != DELIVERY_ANNOTATIONS:
            bare.append((code, section))
    header = [
        durable,
        None if not isinstance(priority, int) else ubyte(priority),
        None if not isinstance(ttl, int) else uint(ttl),
        None,
        uint(message.delivery_count),
    ]
    annotations[symbol("x-opt-sequence-number")] = message.sequence
    annotations[symbol("x-opt-enqueue-sequence-number")] = message.enqueued_sequence
    annotations[symbol("x-opt-enqueued-time")] = timestamp(message.enqueued_ms)
    annotations[symbol("x-opt-message-state")] = int32(STATES[message.state])
    if locked and message.locked_until_ms is not None:
        annotations[symbol("x-opt-locked-until")] = timestamp(message.locked_until_ms)
    if message.dead_letter_source is not None:
        annotations[symbol("x-opt-deadletter-source")] = message.dead_letter_source
    return _encode(HEADER, header) + _encode(ANNOTATIONS, annotations) + _join(_amend(bare, message.amended))


def _amend(bare: list[Section], amended: Mapping[str, object]) -> list[Section]:
    """Add application properties, over those that the sender set."""
    if not amended:
        return bare
    properties = dict(amended)
    for _, section in (part for part in bare if part[0] == APPLICATION_PROPERTIES):
        properties = decode_map(section) | properties
    rest = [part for part in bare if part[0] != APPLICATION_PROPERTIES]
    return [*rest, (APPLICATION_PROPERTIES, encode_map(properties))]
