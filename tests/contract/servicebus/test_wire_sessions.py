"""The real SDK, sync and aio, speaks to the local bus: queues with sessions."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusClient, ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient as AioClient
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from tests.contract.servicebus.running import WAIT_SECONDS, Links, RunningBus

A_MOMENT_SECONDS = 0.5  # how long a receiver waits to find that there is nothing


def send(links: Links, queue: str, *names: str) -> None:
    """Send messages whose session is the first letter of their name."""
    links.sender(queue).send_messages([ServiceBusMessage(name, session_id=name[0]) for name in names])


def test_a_session_is_received_in_order_with_its_id(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("sessions")
    send(links, queue, "a1", "b1", "a2")
    receiver = links.receiver(queue, session_id="a", max_wait_time=WAIT_SECONDS)
    got = [next(receiver), next(receiver)]
    assert [(str(message), message.session_id) for message in got] == [("a1", "a"), ("a2", "a")]
    for message in got:
        receiver.complete_message(message)

    assert bus.counts(queue)["active"] == 1


def test_a_held_session_is_refused_and_free_after_closing(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("sessions")
    send(links, queue, "a1")
    with links.client.get_queue_receiver(queue, session_id="a") as holder:
        assert holder.session.session_id == "a"
        with pytest.raises(SessionCannotBeLockedError), links.client.get_queue_receiver(queue, session_id="a"):
            pass
    receiver = links.receiver(queue, session_id="a", max_wait_time=WAIT_SECONDS)
    assert next(receiver).delivery_count == 0


def test_next_available_gives_each_receiver_another_session_and_then_none(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("sessions")
    send(links, queue, "a1")
    send(links, queue, "b1")

    def accept_next() -> str:
        receiver = links.receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=A_MOMENT_SECONDS)
        return str(receiver.session.session_id)

    assert [accept_next(), accept_next()] == ["a", "b"]
    with pytest.raises(OperationTimeoutError):
        accept_next()


def test_session_state_is_kept_and_the_lock_renewed(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("sessions")
    with links.client.get_queue_receiver(queue, session_id="a") as receiver:
        assert receiver.session.get_state() is None
        receiver.session.set_state("half way")
        until = receiver.session.locked_until_utc
        assert until is not None
        assert abs(until - datetime.now(UTC) - timedelta(seconds=60)) < timedelta(seconds=WAIT_SECONDS)
        assert receiver.session.renew_lock() >= until
    receiver = links.receiver(queue, session_id="a")
    assert receiver.session.get_state() == b"half way"
    receiver.session.set_state(None)
    assert receiver.session.get_state() is None


def test_the_service_says_when_a_session_is_lost(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("sessions")
    send(links, queue, "a1")
    receiver = links.receiver(queue, session_id="a", max_wait_time=WAIT_SECONDS)
    message = next(receiver)
    bus.fault(expire_locks=True)
    with pytest.raises(SessionLockLostError):
        receiver.session.renew_lock()
    with pytest.raises(SessionLockLostError):
        receiver.complete_message(message)
    again = links.receiver(queue, session_id="a", max_wait_time=WAIT_SECONDS)
    assert next(again).delivery_count == 1


def test_a_receiver_that_listens_is_told_that_its_session_is_lost(bus: RunningBus, links: Links) -> None:
    receiver = links.receiver(bus.fresh("sessions"), session_id="a")
    bus.fault(expire_locks=True)
    with pytest.raises(SessionLockLostError):
        receiver.receive_messages(1, max_wait_time=WAIT_SECONDS)


def test_a_broken_connection_keeps_its_session_until_the_lock_expires(bus: RunningBus) -> None:
    queue = bus.fresh("sessions")
    with ServiceBusClient.from_connection_string(bus.connection_string, retry_total=0) as impatient:
        send(Links(impatient), queue, "a1")
        lost = impatient.get_queue_receiver(queue, session_id="a", max_wait_time=WAIT_SECONDS)
        assert str(next(lost)) == "a1"
        bus.fault(drop_connections=True)
        with pytest.raises(SessionCannotBeLockedError), impatient.get_queue_receiver(queue, session_id="a"):
            pass
        bus.fault(expire_locks=True)
        with impatient.get_queue_receiver(queue, session_id="a", max_wait_time=WAIT_SECONDS) as receiver:
            assert next(receiver).delivery_count == 1
        lost.close()


def test_deferred_and_scheduled_messages_of_a_session(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("sessions")
    send(links, queue, "a1")
    due = datetime.now(UTC) + timedelta(seconds=0.5)
    links.sender(queue).schedule_messages(ServiceBusMessage("a2", session_id="a"), due)
    receiver = links.receiver(queue, session_id="a", max_wait_time=WAIT_SECONDS)
    first = next(receiver)
    receiver.defer_message(first)
    second = next(receiver)
    (deferred,) = receiver.receive_deferred_messages(first.sequence_number or 0)
    assert (str(deferred), str(second)) == ("a1", "a2")
    receiver.complete_message(deferred)
    receiver.complete_message(second)
    assert receiver.peek_messages(5, sequence_number=1) == []


def test_dead_letters_of_a_session_queue_are_received_without_a_session(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("sessions")
    send(links, queue, "a1")
    receiver = links.receiver(queue, session_id="a", max_wait_time=WAIT_SECONDS)
    receiver.dead_letter_message(next(receiver), reason="BadSchema")
    grave = links.receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER, max_wait_time=WAIT_SECONDS)
    dead = next(grave)
    assert (str(dead), dead.session_id, dead.dead_letter_reason) == ("a1", "a", "BadSchema")


def test_the_sessions_of_a_queue_are_listed(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("sessions")
    assert list(links.client.list_queue_sessions(queue)) == []
    send(links, queue, "b1")
    send(links, queue, "a1")

    assert list(links.client.list_queue_sessions(queue)) == ["a", "b"]


def test_a_message_without_a_session_is_refused(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("sessions")
    sender = links.sender(queue)
    with pytest.raises(ServiceBusError, match="SessionId was not set"):
        sender.send_messages(ServiceBusMessage("a"))
    with pytest.raises(ServiceBusError, match="SessionId was not set"):
        sender.schedule_messages(ServiceBusMessage("a"), datetime.now(UTC))
    assert bus.counts(queue)["active"] == 0


def test_a_receiver_of_the_wrong_kind_is_refused(bus: RunningBus, links: Links) -> None:
    with (
        pytest.raises(ServiceBusError, match="requires sessions"),
        links.client.get_queue_receiver(bus.fresh("sessions")),
    ):
        pass
    with (
        pytest.raises(ServiceBusError, match="does not require sessions"),
        links.client.get_queue_receiver(bus.fresh("plain"), session_id="a"),
    ):
        pass


def test_the_same_message_id_in_two_sessions_is_a_duplicate(bus: RunningBus, links: Links) -> None:
    queue = bus.fresh("session-duplicates")
    sender = links.sender(queue)
    sender.send_messages(ServiceBusMessage("a1", session_id="a", message_id="1"))
    sender.send_messages(ServiceBusMessage("b1", session_id="b", message_id="1"))

    assert bus.counts(queue)["active"] == 1


async def test_many_sessions_are_worked_off_at_once_by_the_async_sdk(bus: RunningBus) -> None:
    queue = bus.fresh("sessions")
    done: dict[str, list[str]] = {}

    async with AioClient.from_connection_string(bus.connection_string) as client:

        async def work() -> None:
            async with client.get_queue_receiver(
                queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=WAIT_SECONDS
            ) as receiver:
                for message in await receiver.receive_messages(5, max_wait_time=WAIT_SECONDS):
                    done.setdefault(str(message.session_id), []).append(str(message))
                    await receiver.complete_message(message)

        workers = [asyncio.create_task(work()) for _ in range(8)]  # they wait for sessions that do not exist yet
        async with client.get_queue_sender(queue) as sender:
            for session in "abcdefgh":
                batch = [ServiceBusMessage(f"{session}{number}", session_id=session) for number in range(5)]
                await sender.send_messages(batch)
        await asyncio.wait_for(asyncio.gather(*workers), 60)

    assert done == {session: [f"{session}{number}" for number in range(5)] for session in "abcdefgh"}
    assert bus.counts(queue)["active"] == 0
