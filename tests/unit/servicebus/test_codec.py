"""Messages as bytes: what the bus reads of them, what it adds, and that it leaves the rest alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proton import Data, Described, Message, symbol, timestamp, ulong

from dev.servicebus.amqp.codec import decode_map, encode_map, parse, render, sections, unpack
from dev.servicebus.queues.message import Message as Queued
from dev.servicebus.queues.refusals import MalformedMessage


def encoded(**fields: object) -> bytes:
    """Encode a message as another client would, e.g. `encoded(id="1", body=b"x")`."""
    message: Any = Message(inferred=True)
    for name, value in fields.items():
        setattr(message, name, value)
    raw: bytes = message.encode()
    return raw


def decoded(raw: bytes) -> Any:
    """Read a message as another client would."""
    message = Message()
    message.decode(raw)
    return message


def envelope(*bodies: bytes, **properties: object) -> bytes:
    """Encode a batch: every Data section is a message."""
    head = encoded(body=None, **properties)
    raw = b"".join(section for code, section in sections(head) if code < 0x75)
    for body in bodies:
        data = Data()
        data.put_object(Described(ulong(0x75), body))
        raw += data.encode()
    return raw


def test_a_queue_learns_id_session_lifetime_and_schedule() -> None:
    at = 1_700_000_000_000
    annotations = {symbol("x-opt-scheduled-enqueue-time"): timestamp(at)}
    message = parse(encoded(id="m1", group_id="s1", ttl=5, annotations=annotations, body=b"x"))

    assert (message.message_id, message.session_id, message.ttl_ms, message.scheduled_ms) == ("m1", "s1", 5_000, at)


def test_a_lifetime_beyond_32_bits_is_read_from_the_expiry() -> None:
    message = parse(encoded(id="m1", creation_time=1_000, expiry_time=9_000_000, body=b"x"))

    assert message.ttl_ms == 8_999_000_000


@pytest.mark.parametrize(("given_id", "kept"), [(ulong(7), "7"), (b"\x01\xff", "01ff"), ("seven", "seven")])
def test_message_ids_of_every_type_compare_as_text(given_id: object, kept: str) -> None:
    assert parse(encoded(id=given_id, body=b"x")).message_id == kept


def test_a_message_without_an_id_is_given_one() -> None:
    message = parse(encoded(subject="s", body=b"x"))
    sent = decoded(message.content)

    assert message.message_id
    assert (sent.id, sent.subject, bytes(sent.body)) == (message.message_id, "s", b"x")


def test_what_was_sent_goes_out_byte_for_byte() -> None:
    raw = encoded(id="m1", properties={"k": 1.5}, body=b"\x00\xffx", priority=7, durable=True)
    message = parse(raw)
    message.sequence, message.delivery_count = 12, 2
    bare = [part for part in sections(raw) if part[0] > 0x72]

    out = render(message)
    assert [part for part in sections(out) if part[0] > 0x72] == bare
    read = decoded(out)
    assert (read.priority, read.durable, read.delivery_count) == (7, True, 2)
    assert read.annotations[symbol("x-opt-sequence-number")] == 12


def test_amendments_go_over_what_the_sender_set_and_touch_nothing_else() -> None:
    message = parse(encoded(id="m1", properties={"k": 1, "colour": "blue"}, body=b"x"))
    message.amended = {"DeadLetterReason": "BadSchema", "colour": "red"}
    read = decoded(render(message))

    assert read.properties == {"k": 1, "colour": "red", "DeadLetterReason": "BadSchema"}
    assert bytes(read.body) == b"x"


def test_amendments_survive_being_stored() -> None:
    properties = {"text": "ü", "number": 5, "bytes": b"\x00", "flag": True}

    assert decode_map(encode_map(properties)) == properties


def test_a_batch_is_known_by_its_shape_whatever_its_envelope_copies() -> None:
    inner = [encoded(id=str(number), body=b"x") for number in range(3)]

    assert unpack(envelope(*inner)) == inner
    assert unpack(envelope(*inner, id="0", group_id="s", properties={"k": "v"})) == inner


def test_a_message_of_several_data_sections_is_no_batch() -> None:
    raw = envelope(b"part 1", b"\x00\x53\x75", id="m1")

    assert unpack(raw) == [raw]
    assert [code for code, _ in sections(render(parse(raw)))] == [0x70, 0x72, 0x73, 0x75, 0x75]


@given(st.binary(max_size=60))
def test_nonsense_is_refused_and_nothing_else(raw: bytes) -> None:
    try:
        message = parse(raw)
    except MalformedMessage:
        return
    assert isinstance(message, Queued)


@given(st.integers(0, 80), st.integers(0, 255))
def test_a_damaged_message_is_refused_or_read(at: int, value: int) -> None:
    raw = bytearray(encoded(id="m1", group_id="s1", ttl=5, properties={"k": "v"}, body=b"0123456789"))
    raw[at % len(raw)] = value
    try:
        message = parse(bytes(raw))
    except MalformedMessage:
        return
    message.amended = {"DeadLetterReason": "Damaged"}
    assert render(message)


def test_a_message_cut_short_is_refused() -> None:
    raw = encoded(id="m1", body=b"0123456789")

    with pytest.raises(MalformedMessage):
        parse(raw[:-1])
    with pytest.raises(MalformedMessage):
        parse(b"\x00" * 5_000)
