"""Senders that come together share a batch; each is told of its own messages, and nobody suffers from another's end."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.bus.servicebus import ServiceBus
from shared.core.model import Change
from shared.errors import SyncError, Unavailable
from shared.ports import Message


class Lossy:
    """In place of the AMQP senders: takes what it is told to, and can hold sends back."""

    def __init__(self) -> None:
        self.sends: list[tuple[str, list[str]]] = []
        self.takes = 1_000_000
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, queue: str, messages: Sequence[Message]) -> tuple[int, SyncError | None]:
        self.sends.append((queue, [message.id for message in messages]))
        self.started.set()
        await self.gate.wait()
        taken = min(self.takes, len(messages))
        return taken, None if taken == len(messages) else Unavailable("the bus took no more")

    async def close(self) -> None:
        pass


class Bus(ServiceBus):
    def __init__(self) -> None:
        super().__init__()
        self.lossy = Lossy()

    @property
    def _senders(self) -> Lossy:  # type: ignore[override]  the seam that this test uses
        return self.lossy


def message(name: str) -> Message:
    return Message(name, "s", Change("s4/account", "sap", name, name, "c"))


async def test_those_who_come_together_share_one_send() -> None:
    bus = Bus()
    await asyncio.gather(*(bus.send([message(f"{name}1"), message(f"{name}2")]) for name in "abc"))
    assert bus.lossy.sends == [("changes", ["a1", "a2", "b1", "b2", "c1", "c2"])]


async def test_those_who_come_while_a_send_is_under_way_share_the_next() -> None:
    bus = Bus()
    bus.lossy.gate.clear()
    first = asyncio.create_task(bus.send([message("a")]))
    await bus.lossy.started.wait()
    others = [asyncio.create_task(bus.send([message(name)])) for name in "bc"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    bus.lossy.gate.set()
    await asyncio.gather(first, *others)
    assert bus.lossy.sends == [("changes", ["a"]), ("changes", ["b", "c"])]


async def test_only_callers_whose_messages_did_not_all_leave_are_told_so() -> None:
    bus = Bus()
    bus.lossy.takes = 3
    sends = (bus.send([message(f"{name}1"), message(f"{name}2")]) for name in "abc")
    outcomes = await asyncio.gather(*sends, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), Unavailable, Unavailable]


async def test_a_sender_who_gives_up_in_the_middle_leaves_the_others_messages_to_the_others() -> None:
    bus = Bus()
    bus.lossy.gate.clear()
    calls = [asyncio.create_task(bus.send([message(name)])) for name in "abc"]
    await bus.lossy.started.wait()
    calls[0].cancel()
    bus.lossy.gate.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, type(None), type(None)]
    assert bus.lossy.sends[-1] == ("changes", ["b", "c"])


async def test_who_gives_up_while_waiting_is_not_sent() -> None:
    bus = Bus()
    bus.lossy.gate.clear()
    first = asyncio.create_task(bus.send([message("a")]))
    await bus.lossy.started.wait()
    second = asyncio.create_task(bus.send([message("b")]))
    await asyncio.sleep(0)
    second.cancel()
    bus.lossy.gate.set()
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    await bus.send([message("c")])
    assert bus.lossy.sends == [("changes", ["a"]), ("changes", ["c"])]
