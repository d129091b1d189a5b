"""What a bus still knows when it comes back: the queues on a file, closed and opened again."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dev.servicebus.queues.definition import QueueDefinition
from dev.servicebus.queues.message import Message
from dev.servicebus.queues.namespace import Namespace
from dev.servicebus.queues.queue import Queue
from dev.servicebus.store import Store
from tests.unit.servicebus.queues import Clock, text, texts

DEFINITIONS = {
    "plain": QueueDefinition(max_delivery_count=3, duplicate_detection_window_seconds=300),
    "sessions": QueueDefinition(requires_session=True),
}


class Life:
    """One life of a bus, from opening its file to closing it."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.store = Store(path)
        self.namespace = Namespace(DEFINITIONS, clock, self.store)
        self.store.load(self.namespace)
        self.plain = self.namespace.find("plain")
        self.sessions = self.namespace.find("sessions")
        self.dead = self.namespace.find("plain/$deadletterqueue")

    def close(self) -> None:
        self.store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bus.sqlite3"


def receive(queue: Queue) -> Message:
    message = queue.receive(queue.sessions.lane)
    assert message is not None
    return message


def settle(queue: Queue, message: Message, outcome: str, amendments: dict[str, object] | None = None) -> None:
    assert message.lock is not None
    queue.settle(message.lock.token, outcome, amendments)


def test_messages_come_back_in_order_with_their_numbers(path: Path, clock: Clock) -> None:
    with closing(Life(path, clock)) as life:
        life.plain.send([text(name, message_id=name) for name in "abc"])
        settle(life.plain, receive(life.plain), "completed")

    with closing(Life(path, clock)) as life:
        assert [(m.sequence, m.content) for m in life.plain.peek(1, 9)] == [(2, b"b"), (3, b"c")]
        assert life.plain.send([text("d", message_id="d")]) == [4]


def test_a_number_is_never_given_twice(path: Path, clock: Clock) -> None:
    with closing(Life(path, clock)) as life:
        life.plain.send([text("a", message_id="a")])
        settle(life.plain, receive(life.plain), "completed")

    with closing(Life(path, clock)) as life:
        assert life.plain.send([text("b", message_id="b")]) == [2]


def test_locks_are_forgotten_and_delivery_counts_are_not(path: Path, clock: Clock) -> None:
    with closing(Life(path, clock)) as life:
        life.plain.send([text("a", message_id="a")])
        settle(life.plain, receive(life.plain), "abandoned", {"colour": "red"})
        receive(life.plain)

    with closing(Life(path, clock)) as life:
        again = receive(life.plain)
        assert (again.delivery_count, again.amended) == (1, {"colour": "red"})


def test_scheduled_deferred_and_dead_messages_stay_what_they_are(path: Path, clock: Clock) -> None:
    with closing(Life(path, clock)) as life:
        life.plain.send([text(name, message_id=name) for name in ("deferred", "dead")])
        settle(life.plain, receive(life.plain), "defered")
        settle(life.plain, receive(life.plain), "suspended", {"DeadLetterReason": "BadSchema"})
        life.plain.send([text("later", message_id="later", scheduled_ms=clock() + 60_000)])

    clock.turn(seconds=30)
    with closing(Life(path, clock)) as life:
        assert life.plain.receive(life.plain.sessions.lane) is None
        assert texts(life.plain.receive_deferred([1])) == ["deferred"]
        dead = receive(life.dead)
        assert (dead.amended, dead.dead_letter_source) == ({"DeadLetterReason": "BadSchema"}, "plain")
        clock.turn(seconds=30)
        assert texts([receive(life.plain)]) == ["later"]


def test_what_fell_due_while_the_bus_was_down_happens_when_it_is_up(path: Path, clock: Clock) -> None:
    with closing(Life(path, clock)) as life:
        life.plain.send([text("later", message_id="1", scheduled_ms=clock() + 1_000)])
        life.plain.send([text("old", message_id="2", ttl_ms=1_000)])

    clock.turn(seconds=60)
    with closing(Life(path, clock)) as life:
        assert texts([receive(life.plain)]) == ["later"]
        assert life.plain.receive(life.plain.sessions.lane) is None


def test_the_duplicate_history_comes_back_and_ends_with_its_window(path: Path, clock: Clock) -> None:
    with closing(Life(path, clock)) as life:
        life.plain.send([text("a", message_id="1"), text("never again", message_id="2", ttl_ms=1)])
        settle(life.plain, receive(life.plain), "completed")

    clock.turn(seconds=299)
    with closing(Life(path, clock)) as life:
        life.plain.send([text("repeat", message_id="1")])
        assert not life.plain.messages

    clock.turn(seconds=1)
    with closing(Life(path, clock)) as life:
        life.plain.send([text("later", message_id="1")])
        assert texts([receive(life.plain)]) == ["later"]
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT count(*) FROM history").fetchone() == (1,)


def test_session_states_come_back_and_session_locks_do_not(path: Path, clock: Clock) -> None:
    with closing(Life(path, clock)) as life:
        for name in "ab":
            life.sessions.send([text(name, session=name)])
            life.sessions.accept(name, "me")
            life.sessions.set_session_state(name, b"half way")
        life.sessions.set_session_state("b", None)

    with closing(Life(path, clock)) as life:
        assert life.sessions.accept("a", "you").state == b"half way"
        assert life.sessions.accept("b", "you").state is None


def test_what_was_not_committed_never_happened(path: Path, clock: Clock, tmp_path: Path) -> None:
    as_it_died = tmp_path / "died.sqlite3"
    with closing(Life(path, clock)) as life:
        life.plain.send([text("promised", message_id="1")])
        life.store.commit()
        life.plain.send([text("not promised", message_id="2")])
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{as_it_died}{suffix}")

    with closing(Life(as_it_died, clock)) as life:
        assert texts(life.plain.peek(1, 9)) == ["promised"]
        assert not life.plain.duplicates.seen("2", clock())


def test_a_second_bus_on_the_same_file_is_refused(path: Path, clock: Clock) -> None:
    with closing(Life(path, clock)), pytest.raises(sqlite3.OperationalError, match="locked"):
        Store(path)


def test_queues_that_are_no_longer_defined_keep_their_messages(path: Path, clock: Clock) -> None:
    with closing(Life(path, clock)) as life:
        life.plain.send([text("a", message_id="a")])
    with closing(Store(path)) as store:
        store.load(Namespace({"sessions": DEFINITIONS["sessions"]}, clock, store))

    with closing(Life(path, clock)) as life:
        assert texts(life.plain.peek(1, 9)) == ["a"]
