"""The bus that simulations run on: sessions, deliveries, and time by its clock. What every bus does is a contract."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from shared.core.model import Change
from shared.ports import Message
from tests.sim.memory_bus import DELIVERIES_MAX, MemoryBus


def message(key: str, session: str = "s") -> Message:
    return Message(uuid4().hex, session, Change("s4/account", "sap", key, "o-1", "corr-1"))


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2024, 3, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def test_memory_holds_a_session_while_one_of_its_messages_is_worked_on() -> None:
    bus = MemoryBus(Clock())
    await bus.send([message("1", session="a"), message("2", session="a"), message("3", session="b")])
    first, second = bus.receive(), bus.receive()
    assert first is not None
    assert second is not None
    assert (first.message.change.key, second.message.change.key) == ("1", "3")
    assert bus.receive() is None
    bus.complete(first)
    third = bus.receive()
    assert third is not None
    assert third.message.change.key == "2"


async def test_memory_delivers_again_what_was_abandoned_until_it_is_a_dead_letter() -> None:
    bus = MemoryBus(Clock())
    await bus.send([message("1")])
    for number in range(1, DELIVERIES_MAX + 1):
        delivery = bus.receive()
        assert delivery is not None
        assert delivery.deliveries == number
        bus.abandon(delivery)
    assert bus.receive() is None
    assert [dead.change.key for dead in bus.dead_letters] == ["1"]


async def test_memory_forgets_ids_after_the_window_and_tells_when_the_next_message_is_due() -> None:
    clock = Clock()
    bus = MemoryBus(clock)
    assert bus.next_due() is None
    sent = message("1")
    later = clock.now + timedelta(minutes=3)
    await bus.send([replace(sent, not_before=later)])
    assert bus.receive() is None
    assert bus.next_due() == later
    clock.now = later
    await bus.send([sent])
    assert bus.receive() is not None
    assert bus.receive() is None
    clock.now += timedelta(minutes=2)
    await bus.send([replace(sent, session="other")])
    assert bus.receive() is not None
