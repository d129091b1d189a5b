"""The real SDK speaks to the local bus: queues without sessions."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from azure.servicebus import (
    ServiceBusMessage,
    ServiceBusMessageState,
    ServiceBusReceiveMode,
    ServiceBusReceiver,
    ServiceBusSubQueue,
)
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageBodyType
from azure.servicebus.exceptions import (
    MessageNotFoundError,
)

from tests.contract.servicebus.running import (
    WAIT_SECONDS,
    Links,
    RunningBus,
    receive_exactly,
    send,
)

A_MOMENT_SECONDS = 0.5  # how long a receiver listens to find that there is nothing


def dead_letters(links: Links, queue: str) -> ServiceBusReceiver:
    return links.receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER)


def test_everything_that_a_message_carries_arrives(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    properties: dict[str | bytes, int | float | bytes | bool | str | UUID] = {
        "k": "v",
        "n": 7,
        "f": 1.5,
        "b": True,
        "u": UUID(int=5),
    }
    sent = ServiceBusMessage(
        "hällo",
        message_id="m1",
        correlation_id="c1",
        subject="s1",
        content_type="application/json",
        reply_to="r",
        time_to_live=timedelta(minutes=5),
        application_properties=properties,
    )
    send(links, queue, sent)

    receiver = links.receiver(queue)
    (got,) = receive_exactly(receiver)
    assert (str(got), got.message_id, got.correlation_id, got.subject) == ("hällo", "m1", "c1", "s1")
    assert (got.content_type, got.reply_to, got.time_to_live) == ("application/json", "r", timedelta(minutes=5))
    assert got.application_properties == {b"k": b"v", b"n": 7, b"f": 1.5, b"b": True, b"u": UUID(int=5)}
    assert (got.sequence_number, got.delivery_count, got.state) == (1, 0, ServiceBusMessageState.ACTIVE)
    now = datetime.now(UTC)
    assert got.enqueued_time_utc is not None
    assert got.locked_until_utc is not None
    assert abs(got.enqueued_time_utc - now) < timedelta(seconds=WAIT_SECONDS)
    assert abs(got.locked_until_utc - now - timedelta(seconds=60)) < timedelta(seconds=WAIT_SECONDS)
    receiver.complete_message(got)
    assert bus.counts(queue)["active"] == 0


def test_bodies_of_every_kind_arrive(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    several = AmqpAnnotatedMessage(data_body=[b"part 1", b"\x00\xff"])
    send(links, queue, several, AmqpAnnotatedMessage(value_body={"a": [1, 2]}), ServiceBusMessage(b"x" * 200_000))

    receiver = links.receiver(queue, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE)
    parts, value, large = receive_exactly(receiver, 3)
    assert list(parts.body) == [b"part 1", b"\x00\xff"]
    assert (value.body_type, value.body) == (AmqpMessageBodyType.VALUE, {b"a": [1, 2]})
    assert len(b"".join(large.body)) == 200_000


def test_a_batch_is_received_as_its_messages_in_order(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    sender = links.sender(queue)
    batch = sender.create_message_batch()
    for number in range(50):
        batch.add_message(ServiceBusMessage(str(number), application_properties={"number": number}))
    sender.send_messages(batch)

    receiver = links.receiver(queue, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE)
    assert [str(message) for message in receive_exactly(receiver, 50)] == [str(number) for number in range(50)]
    assert bus.counts(queue)["active"] == 0


def test_every_way_to_settle_does_what_it_says(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    send(links, queue, *(ServiceBusMessage(name) for name in ("complete", "abandon", "defer", "bury")))
    receiver = links.receiver(queue)
    complete, abandon, defer, bury = receive_exactly(receiver, 4)
    assert bus.counts(queue) == {"active": 4, "scheduled": 0, "deferred": 0, "dead_letter": 0, "locked": 4}
    receiver.complete_message(complete)
    receiver.abandon_message(abandon)
    receiver.defer_message(defer)
    receiver.dead_letter_message(bury, reason="BadSchema", error_description="no x")

    (again,) = receive_exactly(receiver)
    assert (str(again), again.delivery_count) == ("abandon", 1)
    (deferred,) = receiver.receive_deferred_messages(defer.sequence_number or 0)
    assert (str(deferred), deferred.state) == ("defer", ServiceBusMessageState.DEFERRED)
    receiver.complete_message(deferred)
    receiver.complete_message(again)
    grave = dead_letters(links, queue)
    (dead,) = receive_exactly(grave)
    assert (str(dead), dead.dead_letter_reason, dead.dead_letter_error_description) == ("bury", "BadSchema", "no x")
    assert dead.dead_letter_source == queue
    grave.complete_message(dead)
    assert bus.counts(queue) == {"active": 0, "scheduled": 0, "deferred": 0, "dead_letter": 0, "locked": 0}


def test_a_message_that_fails_too_often_is_a_dead_letter(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    send(links, queue, ServiceBusMessage("poison"))
    receiver = links.receiver(queue)
    for expected in range(3):
        (message,) = receive_exactly(receiver)
        assert message.delivery_count == expected
        receiver.abandon_message(message)
    grave = dead_letters(links, queue)
    (dead,) = receive_exactly(grave)
    assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"


def test_a_lock_is_renewed(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    send(links, queue, ServiceBusMessage("a"))
    receiver = links.receiver(queue)
    (message,) = receive_exactly(receiver)
    before = message.locked_until_utc
    assert before is not None
    assert receiver.renew_message_lock(message) > before
    receiver.complete_message(message)


def test_a_scheduled_message_is_seen_by_peeking_only_and_can_be_cancelled(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    later = datetime.now(UTC) + timedelta(hours=1)
    sender, receiver = links.sender(queue), links.receiver(queue)
    kept, dropped = sender.schedule_messages([ServiceBusMessage("kept"), ServiceBusMessage("dropped")], later)
    sender.send_messages(ServiceBusMessage("by annotation", scheduled_enqueue_time_utc=later))
    peeked = receiver.peek_messages(10, sequence_number=1)
    assert [(str(m), m.state) for m in peeked] == [
        (name, ServiceBusMessageState.SCHEDULED) for name in ("kept", "dropped", "by annotation")
    ]
    assert [m.sequence_number for m in peeked][:2] == [kept, dropped]
    assert bus.counts(queue)["scheduled"] == 3

    sender.cancel_scheduled_messages(dropped)
    assert bus.counts(queue)["scheduled"] == 2
    with pytest.raises(MessageNotFoundError):
        sender.cancel_scheduled_messages(dropped)


def test_a_scheduled_message_comes_when_its_time_has_come(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    sender, receiver = links.sender(queue), links.receiver(queue)
    due = datetime.now(UTC) + timedelta(seconds=0.5)
    sender.schedule_messages(ServiceBusMessage("scheduled"), due)
    sender.send_messages(ServiceBusMessage("by annotation", scheduled_enqueue_time_utc=due))

    assert [str(message) for message in receive_exactly(receiver, 2)] == ["scheduled", "by annotation"]
    assert datetime.now(UTC) >= due


def test_an_aged_message_is_a_dead_letter_where_the_queue_says_so(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("ageing")
    send(links, queue, ServiceBusMessage("old"))
    grave = dead_letters(links, queue)
    (dead,) = receive_exactly(grave)
    assert (str(dead), dead.dead_letter_reason) == ("old", "TTLExpiredException")


def test_duplicates_are_dropped_silently_even_if_scheduled(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("duplicates")
    sender = links.sender(queue)
    later = datetime.now(UTC) + timedelta(hours=1)
    sender.schedule_messages(ServiceBusMessage("scheduled", message_id="1"), later)
    sender.send_messages(ServiceBusMessage("repeat", message_id="1"))
    sender.send_messages([ServiceBusMessage("new", message_id="2"), ServiceBusMessage("repeat", message_id="2")])
    sender.schedule_messages(ServiceBusMessage("repeat", message_id="2"), later)

    assert bus.counts(queue) == {"active": 1, "scheduled": 1, "deferred": 0, "dead_letter": 0, "locked": 0}


def test_receive_and_delete_leaves_nothing(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    send(links, queue, *(ServiceBusMessage(str(number)) for number in range(5)))
    receiver = links.receiver(queue, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE)
    assert [str(message) for message in receive_exactly(receiver, 5)] == list("01234")
    assert receiver.receive_messages(1, max_wait_time=A_MOMENT_SECONDS) == []
    assert bus.counts(queue)["active"] == 0


def test_prefetched_messages_go_back_uncounted_when_the_receiver_closes(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    send(links, queue, *(ServiceBusMessage(str(number)) for number in range(5)))
    with links.client.get_queue_receiver(queue, prefetch_count=10) as receiver:
        (first,) = receive_exactly(receiver)
        receiver.complete_message(first)
    receiver = links.receiver(queue)
    assert [(str(m), m.delivery_count) for m in receive_exactly(receiver, 4)] == [(number, 0) for number in "1234"]


def test_two_receivers_share_the_messages(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    one, two = links.receiver(queue), links.receiver(queue)
    send(links, queue, *(ServiceBusMessage(str(number)) for number in range(4)))
    got = receive_exactly(one, 2) + receive_exactly(two, 2)
    assert sorted(str(message) for message in got) == list("0123")


def test_an_address_is_found_without_regard_to_case(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    send(links, queue.upper(), ServiceBusMessage("a"))

    assert bus.counts(queue)["active"] == 1
