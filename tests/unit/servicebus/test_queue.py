"""The rules of a queue without sessions: order, locks, settlement, dead letters."""

import pytest

from dev.servicebus.queues.queue import Queue
from dev.servicebus.queues.refusals import InvalidArgument, MessageLockLost, MessageNotFound, NotAllowed
from tests.unit.servicebus.queues import Clock, dead_letters, drain, lock, make_queue, receive, text, texts


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> Queue:
    return make_queue(clock, max_delivery_count=3, lock_duration_seconds=60)


def test_messages_come_out_in_the_order_they_went_in(queue: Queue) -> None:
    assert queue.send([text("a"), text("b")]) == [1, 2]
    queue.send([text("c")])

    assert drain(queue) == ["a", "b", "c"]


def test_a_locked_message_is_nobody_elses_and_gone_once_completed(queue: Queue) -> None:
    queue.send([text("a")])
    held = lock(queue)

    assert receive(queue) is None
    queue.settle(held.token, "completed")
    assert not queue.messages


def test_settling_twice_is_a_lost_lock(queue: Queue) -> None:
    queue.send([text("a")])
    held = lock(queue)
    queue.settle(held.token, "completed")

    with pytest.raises(MessageLockLost):
        queue.settle(held.token, "completed")


def test_an_abandoned_message_comes_back_to_its_place_with_one_more_delivery(queue: Queue) -> None:
    queue.send([text("a"), text("b")])
    queue.settle(lock(queue).token, "abandoned", {"colour": "red"})

    again = receive(queue)
    assert again is not None
    assert (again.content, again.delivery_count, again.amended) == (b"a", 1, {"colour": "red"})


def test_a_released_message_comes_back_uncounted(queue: Queue) -> None:
    queue.send([text("a")])
    queue.settle(lock(queue).token, "released")

    assert lock(queue).message.delivery_count == 0


@pytest.mark.parametrize("way", ["abandoned", "expired"])
def test_the_last_failed_delivery_makes_a_dead_letter(queue: Queue, clock: Clock, way: str) -> None:
    queue.send([text("earlier"), text("a")])
    queue.settle(lock(queue).token, "completed")
    for _ in range(3):
        assert not dead_letters(queue)
        held = lock(queue)
        if way == "abandoned":
            queue.settle(held.token, "abandoned")
        else:
            clock.turn(seconds=60)
            queue.advance()

    (dead,) = dead_letters(queue)
    assert not queue.messages
    assert dead.amended["DeadLetterReason"] == "MaxDeliveryCountExceeded"
    assert (dead.delivery_count, dead.dead_letter_source) == (3, "q")
    assert (dead.sequence, dead.enqueued_sequence) == (1, 2)


def test_a_dead_letter_keeps_the_reasons_it_was_given(queue: Queue) -> None:
    queue.send([text("a")])
    queue.settle(
        lock(queue).token, "suspended", {"DeadLetterReason": "BadSchema", "DeadLetterErrorDescription": "no x"}
    )

    (dead,) = dead_letters(queue)
    assert dead.amended == {"DeadLetterReason": "BadSchema", "DeadLetterErrorDescription": "no x"}


def test_a_dead_letter_is_delivered_for_ever_and_cannot_be_dead_lettered(queue: Queue) -> None:
    queue.send([text("a")])
    queue.settle(lock(queue).token, "suspended")
    grave = queue.dead_letters
    assert isinstance(grave, Queue)
    for _ in range(5):
        grave.settle(lock(grave).token, "abandoned")

    with pytest.raises(NotAllowed):
        grave.settle(lock(grave).token, "suspended")
    assert len(grave.messages) == 1


def test_an_unknown_deferred_number_locks_none_of_the_others(queue: Queue) -> None:
    queue.send([text("a")])
    queue.settle(lock(queue).token, "defered")

    with pytest.raises(MessageNotFound):
        queue.receive_deferred([1, 99])
    assert not queue.locks


def test_peeking_shows_every_state_and_locks_nothing(queue: Queue, clock: Clock) -> None:
    queue.send([text("deferred"), text("locked"), text("scheduled", scheduled_ms=clock() + 1_000), text("active")])
    queue.settle(lock(queue).token, "defered")
    lock(queue)

    assert texts(queue.peek(1, 10)) == ["deferred", "locked", "scheduled", "active"]
    assert texts(queue.peek(2, 2)) == ["locked", "scheduled"]
    assert drain(queue) == ["active"]


def test_expiring_the_locks_by_hand_is_as_if_their_time_had_come(queue: Queue) -> None:
    queue.send([text("a")])
    lock(queue)
    queue.expire_locks()

    assert lock(queue).message.delivery_count == 1


def test_an_unknown_disposition_leaves_the_lock_alone(queue: Queue) -> None:
    queue.send([text("a")])
    held = lock(queue)

    with pytest.raises(InvalidArgument, match="known: completed"):
        queue.settle(held.token, "deferred")
    queue.settle(held.token, "completed")
