"""What a queue does with time: locks that run out, schedules, ageing, the window of duplicate detection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dev.servicebus.queues.queue import Queue
from dev.servicebus.queues.refusals import InvalidArgument, MessageLockLost, MessageNotFound
from tests.unit.servicebus.queues import Clock, dead_letters, drain, lock, make_queue, receive, text, texts


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> Queue:
    return make_queue(clock, max_delivery_count=3, lock_duration_seconds=60)


def test_an_expired_lock_gives_the_message_back_and_counts(queue: Queue, clock: Clock) -> None:
    queue.send([text("a")])
    held = lock(queue)
    clock.turn(seconds=59.9)
    assert receive(queue) is None

    clock.turn(seconds=0.1)
    with pytest.raises(MessageLockLost):
        queue.settle(held.token, "completed")
    assert lock(queue).message.delivery_count == 1


def test_a_renewed_lock_lasts_its_whole_duration_again(queue: Queue, clock: Clock) -> None:
    queue.send([text("a")])
    held = lock(queue)
    clock.turn(seconds=50)
    assert queue.renew(held.token) == clock() + 60_000

    clock.turn(seconds=59)
    assert receive(queue) is None
    clock.turn(seconds=1)
    assert lock(queue).message.delivery_count == 1


def test_a_deferred_message_comes_only_by_its_number_and_stays_deferred_when_abandoned(queue: Queue) -> None:
    queue.send([text("a")])
    queue.settle(lock(queue).token, "defered")
    assert receive(queue) is None

    (message,) = queue.receive_deferred([1])
    assert message.lock is not None
    assert message.delivery_count == 1
    with pytest.raises(MessageNotFound):
        queue.receive_deferred([1])
    queue.settle(message.lock.token, "abandoned")
    assert receive(queue) is None
    (message,) = queue.receive_deferred([1], delete=True)
    assert not queue.messages


def test_a_scheduled_message_appears_on_time_at_the_end_with_a_new_number(queue: Queue, clock: Clock) -> None:
    (number,) = queue.send([text("later", scheduled_ms=clock() + 5_000)])
    queue.send([text("now")])
    assert [message.state for message in queue.peek(1, 10)] == ["scheduled", "active"]

    clock.turn(seconds=5)
    assert texts(queue.peek(1, 10)) == ["now", "later"]
    assert number not in queue.messages
    assert queue.agenda.next_due_ms is None
    assert drain(queue) == ["now", "later"]


def test_a_cancelled_message_never_appears(queue: Queue, clock: Clock) -> None:
    numbers = queue.send([text(name, scheduled_ms=clock() + 5_000) for name in "ab"])
    queue.cancel(numbers[:1])
    clock.turn(seconds=5)

    assert drain(queue) == ["b"]
    with pytest.raises(MessageNotFound):
        queue.cancel(numbers[1:])


def test_a_time_in_the_past_schedules_nothing(queue: Queue, clock: Clock) -> None:
    queue.send([text("a", scheduled_ms=clock() - 1)])

    assert drain(queue) == ["a"]


def test_an_aged_message_vanishes(queue: Queue, clock: Clock) -> None:
    queue.send([text("old", ttl_ms=1_000), text("young", ttl_ms=2_000)])
    clock.turn(seconds=1)

    assert drain(queue) == ["young"]
    assert not dead_letters(queue)


def test_a_scheduled_message_does_not_age_before_it_appears(queue: Queue, clock: Clock) -> None:
    queue.send([text("a", scheduled_ms=clock() + 5_000, ttl_ms=1_000)])
    clock.turn(seconds=4.9)
    assert [message.state for message in queue.peek(1, 10)] == ["scheduled"]

    clock.turn(seconds=1)
    assert drain(queue) == ["a"]


@given(st.permutations(range(9)), st.sets(st.integers(0, 8)))
def test_the_order_holds_whatever_comes_back_and_ages(back: list[int], aged: set[int]) -> None:
    clock = Clock()
    queue = make_queue(clock)
    queue.send([text(str(number), ttl_ms=1_000 if number in aged else None) for number in range(9)])
    held = [lock(queue) for _ in range(9)]
    for number in back:
        queue.settle(held[number].token, "released")
    clock.turn(seconds=1)

    assert drain(queue) == [str(number) for number in range(9) if number not in aged]


def test_the_shorter_of_two_lifetimes_counts_and_begins_when_the_message_appears(clock: Clock) -> None:
    queue = make_queue(clock, default_ttl_seconds=10, dead_letter_on_expiry=True)
    queue.send([text("long", ttl_ms=60_000), text("later", scheduled_ms=clock() + 5_000)])
    clock.turn(seconds=10)

    assert texts(queue.peek(1, 10)) == ["later"]
    (dead,) = dead_letters(queue)
    assert dead.amended["DeadLetterReason"] == "TTLExpiredException"
    clock.turn(seconds=60)
    queue.advance()
    assert texts(dead_letters(queue)) == ["long", "later"]


def test_a_locked_message_outlives_its_age_until_it_is_given_back(queue: Queue, clock: Clock) -> None:
    queue.send([text("a", ttl_ms=1_000)])
    held = lock(queue)
    clock.turn(seconds=2)
    queue.advance()
    assert queue.messages

    queue.settle(held.token, "abandoned")
    assert not queue.messages


def test_a_repeated_message_id_is_dropped_within_the_window_only(clock: Clock) -> None:
    queue = make_queue(clock, duplicate_detection_window_seconds=300)
    queue.send([text("first", message_id="1"), text("same batch", message_id="1"), text("other", message_id="2")])
    clock.turn(seconds=299)
    queue.send([text("repeat", message_id="1")])
    clock.turn(seconds=1)
    queue.send([text("much later", message_id="1")])

    assert drain(queue) == ["first", "other", "much later"]


def test_a_scheduled_and_even_a_cancelled_message_makes_a_repeat_a_duplicate(clock: Clock) -> None:
    queue = make_queue(clock, duplicate_detection_window_seconds=300)
    numbers = queue.send([text("later", message_id="1", scheduled_ms=clock() + 5_000)])
    queue.send([text("repeat", message_id="1")])
    queue.cancel(numbers)
    queue.send([text("after cancelling", message_id="1")])

    assert not queue.messages


def test_without_a_window_nothing_is_a_duplicate(queue: Queue) -> None:
    queue.send([text("a", message_id="1"), text("b", message_id="1")])

    assert drain(queue) == ["a", "b"]


def test_one_refused_message_refuses_its_whole_batch(queue: Queue) -> None:
    with pytest.raises(InvalidArgument):
        queue.send([text("a"), text("b", message_id="x" * 129)])

    assert not queue.messages
