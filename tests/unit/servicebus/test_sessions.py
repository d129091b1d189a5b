"""The rules of sessions, on a clock that the test turns."""

import pytest

from dev.servicebus.queues.message import Session
from dev.servicebus.queues.queue import Queue
from dev.servicebus.queues.refusals import MessageLockLost, NotAllowed, SessionLockLost, SessionTaken
from tests.unit.servicebus.queues import Clock, make_queue, text, texts


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> Queue:
    return make_queue(clock, requires_session=True, max_delivery_count=3, lock_duration_seconds=60)


def drain(queue: Queue, session: Session) -> list[str]:
    found = []
    while (message := queue.receive(session, delete=True)) is not None:
        found.append(message.content.decode())
    return found


def test_a_message_without_a_session_is_refused(queue: Queue) -> None:
    with pytest.raises(NotAllowed, match="SessionId was not set"):
        queue.send([text("a", session="s"), text("b")])

    assert not queue.messages


def test_a_session_gives_its_own_messages_in_order(queue: Queue) -> None:
    queue.send([text("a1", session="a"), text("b1", session="b"), text("a2", session="a")])

    assert drain(queue, queue.accept("a", "me")) == ["a1", "a2"]


def test_a_held_session_is_refused_to_others_until_it_is_released(queue: Queue) -> None:
    session = queue.accept("a", "me")
    with pytest.raises(SessionTaken):
        queue.accept("a", "you")

    queue.release(session, "me")
    assert queue.accept("a", "you").owner == "you"


def test_a_held_session_is_not_the_next_even_when_more_comes_in(queue: Queue) -> None:
    queue.send([text("a1", session="a")])
    queue.accept("a", "me")
    assert queue.accept_next("you") is None

    queue.send([text("a2", session="a")])
    assert queue.accept_next("you") is None


def test_peeking_can_be_limited_to_a_session(queue: Queue) -> None:
    queue.send([text("a1", session="a"), text("b1", session="b")])

    assert texts(queue.peek(1, 10, session_id="b")) == ["b1"]
    assert texts(queue.peek(1, 10)) == ["a1", "b1"]


def test_who_lost_a_session_cannot_release_it_for_its_new_owner(queue: Queue, clock: Clock) -> None:
    session = queue.accept("a", "me")
    clock.turn(seconds=60)
    session = queue.accept("a", "you")
    queue.release(session, "me")

    assert session.owner == "you"


def test_the_next_session_is_the_one_that_is_free_the_longest(queue: Queue) -> None:
    queue.send([text("b1", session="b"), text("a1", session="a"), text("b2", session="b")])
    first = queue.accept_next("me")
    second = queue.accept_next("you")

    assert first is not None
    assert second is not None
    assert (first.session_id, second.session_id) == ("b", "a")
    assert queue.accept_next("third") is None
    queue.release(first, "me")
    again = queue.accept_next("third")
    assert again is not None
    assert again.session_id == "b"


def test_a_session_without_anything_to_deliver_is_not_next(queue: Queue, clock: Clock) -> None:
    queue.send([text("later", session="a", scheduled_ms=clock() + 5_000), text("old", session="b", ttl_ms=1_000)])
    clock.turn(seconds=1)
    assert queue.accept_next("me") is None

    clock.turn(seconds=4)
    session = queue.accept_next("me")
    assert session is not None
    assert drain(queue, session) == ["later"]


def test_releasing_a_session_gives_its_messages_back_uncounted(queue: Queue) -> None:
    queue.send([text("a1", session="a")])
    session = queue.accept("a", "me")
    queue.receive(session)
    queue.release(session, "me")

    message = queue.receive(queue.accept("a", "you"))
    assert message is not None
    assert message.delivery_count == 0


def test_an_expired_session_loses_its_messages_and_counts_them(queue: Queue, clock: Clock) -> None:
    queue.send([text("a1", session="a"), text("a2", session="a")])
    message = queue.receive(queue.accept("a", "me"))
    assert message is not None
    assert message.lock is not None
    token = message.lock.token
    clock.turn(seconds=60)

    with pytest.raises(MessageLockLost):
        queue.settle(token, "completed")
    assert queue.lost_owners == ["me"]
    session = queue.accept_next("you")
    assert session is not None
    assert [m.delivery_count for m in (queue.receive(session), queue.receive(session)) if m is not None] == [1, 0]


def test_renewing_a_session_keeps_its_messages_locked(queue: Queue, clock: Clock) -> None:
    queue.send([text("a1", session="a")])
    message = queue.receive(queue.accept("a", "me"))
    assert message is not None
    assert message.lock is not None
    clock.turn(seconds=59)
    assert queue.renew_session("a") == clock() + 60_000 == message.locked_until_ms

    clock.turn(seconds=59)
    queue.settle(message.lock.token, "completed")
    assert not queue.lost_owners
    assert not queue.messages


def test_a_message_of_a_session_is_not_renewed_by_itself(queue: Queue) -> None:
    queue.send([text("a1", session="a")])
    message = queue.receive(queue.accept("a", "me"))
    assert message is not None
    assert message.lock is not None

    with pytest.raises(NotAllowed):
        queue.renew(message.lock.token)


def test_a_session_that_nobody_holds_cannot_be_renewed_or_written(queue: Queue, clock: Clock) -> None:
    queue.accept("a", "me")
    clock.turn(seconds=60)

    with pytest.raises(SessionLockLost):
        queue.renew_session("a")
    with pytest.raises(SessionLockLost):
        queue.set_session_state("a", b"x")


def test_a_state_outlives_its_holder_and_is_found_by_its_age(queue: Queue, clock: Clock) -> None:
    session = queue.accept("a", "me")
    queue.set_session_state("a", b"here I stopped")
    queue.release(session, "me")
    queue.send([text("b1", session="b")])
    clock.turn(seconds=10)

    assert queue.accept("a", "you").state == b"here I stopped"
    assert queue.session_ids() == ["a", "b"]
    assert queue.session_ids(updated_after_ms=clock() - 10_001) == ["a"]
    assert queue.session_ids(updated_after_ms=clock() - 10_000) == []


def test_a_session_with_nothing_left_is_forgotten(queue: Queue) -> None:
    queue.send([text("a1", session="a")])
    session = queue.accept("a", "me")
    drain(queue, session)
    queue.set_session_state("a", b"x")
    queue.set_session_state("a", None)
    queue.release(session, "me")

    assert list(queue.sessions) == []


def test_the_same_message_id_in_another_session_is_a_duplicate(clock: Clock) -> None:
    queue = make_queue(clock, requires_session=True, duplicate_detection_window_seconds=300)
    queue.send([text("a1", session="a", message_id="1"), text("b1", session="b", message_id="1")])

    assert queue.session_ids() == ["a"]


def test_a_poisonous_message_leaves_its_session_for_the_dead_letters(queue: Queue) -> None:
    queue.send([text("bad", session="a"), text("good", session="a")])
    session = queue.accept("a", "me")
    for _ in range(3):
        message = queue.receive(session)
        assert message is not None
        assert message.lock is not None
        queue.settle(message.lock.token, "abandoned")

    assert drain(queue, session) == ["good"]
    grave = queue.dead_letters
    assert isinstance(grave, Queue)
    assert drain(grave, grave.sessions.lane) == ["bad"]


def test_expiring_the_locks_by_hand_ends_every_session(queue: Queue) -> None:
    queue.send([text("a1", session="a")])
    queue.receive(queue.accept("a", "me"))
    queue.expire_locks()

    assert queue.lost_owners == ["me"]
    message = queue.receive(queue.accept("a", "you"))
    assert message is not None
    assert message.delivery_count == 1
