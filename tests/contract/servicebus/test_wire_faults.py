"""The real SDK speaks to the local bus: what goes wrong, and what is refused."""

from datetime import UTC, datetime

import pytest
from azure.servicebus import (
    ServiceBusClient,
    ServiceBusMessage,
)
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageNotFoundError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusError,
)
from proton import Message
from proton.utils import BlockingConnection

from tests.contract.servicebus.running import (
    WAIT_SECONDS,
    Links,
    RunningBus,
    receive_exactly,
    send,
)

A_MOMENT_SECONDS = 0.5  # how long a receiver listens to find that there is nothing


def test_a_plain_amqp_client_that_minds_its_credit_can_send_any_number(bus: RunningBus) -> None:
    queue = bus.fresh("plain")
    connection = BlockingConnection(f"amqp://127.0.0.1:{bus.bus.port}", allowed_mechs="ANONYMOUS")
    try:
        sender = connection.create_sender(queue)
        for number in range(700):
            sender.send(Message(id=str(number), body=b"x"), timeout=WAIT_SECONDS)
    finally:
        connection.close()

    assert bus.counts(queue)["active"] == 700


def test_a_message_beyond_the_limit_of_the_service_is_refused(bus: RunningBus, links: Links) -> None:
    sender = links.sender(bus.fresh("plain"))
    with pytest.raises(MessageSizeExceededError):
        sender.schedule_messages(ServiceBusMessage(b"x" * 300_000), datetime.now(UTC))


def test_an_unknown_deferred_number_is_not_found(bus: RunningBus, links: Links) -> None:
    receiver = links.receiver(bus.fresh("plain"))
    with pytest.raises(MessageNotFoundError):
        receiver.receive_deferred_messages(99)


def test_the_service_says_when_a_lock_is_lost(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    send(links, queue, ServiceBusMessage("a"))
    receiver = links.receiver(queue)
    (message,) = receive_exactly(receiver)
    bus.fault(expire_locks=True)
    with pytest.raises(MessageLockLostError):
        receiver.renew_message_lock(message)
    with pytest.raises(MessageLockLostError):
        receiver.complete_message(message)
    (again,) = receive_exactly(receiver)
    assert again.delivery_count == 1
    receiver.complete_message(again)


def test_an_unknown_queue_is_not_found(links: Links) -> None:
    with pytest.raises(MessagingEntityNotFoundError):
        send(links, "nope", ServiceBusMessage("a"))
    with pytest.raises(MessagingEntityNotFoundError), links.client.get_queue_receiver("nope") as receiver:
        receiver.receive_messages(1, max_wait_time=A_MOMENT_SECONDS)


def test_a_refused_send_is_an_error_at_the_sender_and_no_message(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    bus.fault(refuse_sends=1)
    with pytest.raises(ServiceBusError, match="server-busy"):
        send(links, queue, ServiceBusMessage("refused"))
    send(links, queue, ServiceBusMessage("taken"))

    assert bus.counts(queue)["active"] == 1


def test_a_dropped_send_succeeds_and_is_lost(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("plain")
    bus.fault(drop_next_sends=1)
    send(links, queue, ServiceBusMessage("lost"), ServiceBusMessage("kept"))

    receiver = links.receiver(queue)
    assert [str(message) for message in receive_exactly(receiver)] == ["kept"]


def test_a_send_whose_answer_is_lost_is_repeated_by_the_sdk_and_kept_once(bus: RunningBus) -> None:
    queue = bus.fresh("duplicates")
    with ServiceBusClient.from_connection_string(bus.connection_string, retry_backoff_factor=0.1) as patient:
        bus.fault(lose_next_answers=1)
        send(Links(patient), queue, ServiceBusMessage("a", message_id="1"))

    assert bus.counts(queue)["active"] == 1


def test_the_sdk_gets_over_dropped_connections(bus: RunningBus) -> None:
    queue = bus.fresh("plain")
    with (
        ServiceBusClient.from_connection_string(bus.connection_string, retry_backoff_factor=0.1) as patient,
        patient.get_queue_sender(queue) as sender,
    ):
        sender.send_messages(ServiceBusMessage("before"))
        bus.fault(drop_connections=True)
        sender.send_messages(ServiceBusMessage("after"))

    assert bus.counts(queue)["active"] == 2


def test_nothing_is_sent_to_a_dead_letter_queue_directly(bus: RunningBus, links: Links) -> None:
    """Service Bus documentation, "Overview of dead-letter queues": only the dead-letter operation fills one."""
    queue = bus.fresh("plain")
    with pytest.raises(ServiceBusError, match="dead-letter operation"):
        send(links, f"{queue}/$DeadLetterQueue", ServiceBusMessage("x"))
    assert bus.counts(queue)["dead_letter"] == 0
