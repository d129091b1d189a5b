"""What every `Bus` does, the real one over AMQP and the one in memory, and what only the real one has to cope with."""

import asyncio
import gc
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient

from dev.servicebus import Bus as RunningBus
from dev.servicebus import start
from shared.bus.servicebus import ServiceBus
from shared.core.messages import decode, message_id, retried
from shared.core.model import Change
from shared.errors import NeedsPerson, Unavailable
from shared.ports import Bus, Message
from shared.telemetry.operation import trace_id_of
from tests.contract.servicebus.running import WAIT_SECONDS
from tests.sim.memory_bus import MemoryBus

PAIR = "dataverse.account@s4.100.BusinessPartner"
QUEUES = {
    "changes": {"requires_session": True, "duplicate_detection_window_seconds": 300},
    "backfill": {"requires_session": True},
}


def change(key: str = "1000", origin: str = "o-1") -> Change:
    return Change("s4/account", "sap", key, origin, "corr-1", first_seen=datetime(2024, 3, 9, tzinfo=UTC))


def message(key: str = "1000", origin: str = "", session: str = "s") -> Message:
    """Make a message of its own; tests share a server that remembers ids."""
    found = change(key, origin or uuid4().hex)
    return Message(message_id(PAIR, found), session, found)


@pytest.fixture(name="shared_server", scope="module")
def shared_server_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBus]:
    with start(tmp_path_factory.mktemp("bus"), QUEUES) as server:
        yield server


@pytest.fixture(name="server")
async def server_fixture(shared_server: RunningBus) -> RunningBus:
    return await emptied(shared_server)


async def emptied(server: RunningBus) -> RunningBus:
    """Take away what another test may have left; what it scheduled is far away."""
    for queue in QUEUES:
        await received(server, queue)
    return server


@asynccontextmanager
async def connected(server: RunningBus) -> AsyncIterator[ServiceBus]:
    bus = ServiceBus(server.connection_string)
    try:
        yield bus
    finally:
        await bus.close()


async def received(server: RunningBus, queue: str = "changes") -> list[ServiceBusReceivedMessage]:
    """Take all that can be taken now, session by session."""
    found: list[ServiceBusReceivedMessage] = []
    async with (
        httpx.AsyncClient(base_url=server.admin_url) as admin,
        ServiceBusClient.from_connection_string(server.connection_string, retry_total=0) as client,
    ):
        while active := (await admin.get("/queues")).json()[queue]["active"]:
            async with client.get_queue_receiver(
                queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=WAIT_SECONDS
            ) as receiver:
                for one in await receiver.receive_messages(active, max_wait_time=0.3):
                    await receiver.complete_message(one)
                    found.append(one)
    return found


@dataclass(frozen=True)
class Both:
    """A bus, and how to see what can be received from it now, as (session, change)."""

    bus: Bus
    take: Callable[[str], Awaitable[Sequence[tuple[str, Change]]]]


@pytest.fixture(name="both", params=["service bus", "memory"])
async def both_fixture(request: pytest.FixtureRequest) -> AsyncIterator[Both]:
    if request.param == "memory":
        memory = MemoryBus(lambda: datetime.now(UTC))

        async def take_memory(queue: str) -> Sequence[tuple[str, Change]]:
            found = []
            while delivery := memory.receive(queue):
                memory.complete(delivery)
                found.append((delivery.message.session, delivery.message.change))
            return found

        yield Both(memory, take_memory)
        return
    server = await emptied(request.getfixturevalue("shared_server"))

    async def take(queue: str) -> Sequence[tuple[str, Change]]:
        return [(str(one.session_id), decode(b"".join(one.body))) for one in await received(server, queue)]

    async with connected(server) as bus:
        yield Both(bus, take)


# --------------------------------------------------------------------------------------------------------- every bus


async def test_messages_arrive_in_their_session_in_order(both: Both) -> None:
    sent = [message(str(n), session="one" if n % 2 else "two") for n in range(10)]
    await both.bus.send(sent)
    found = await both.take("changes")
    for session in ("one", "two"):
        assert [c for s, c in found if s == session] == [m.change for m in sent if m.session == session]


async def test_queues_are_kept_apart(both: Both) -> None:
    await both.bus.send([message("1"), replace(message("2"), queue="backfill"), message("3")])
    assert [c.key for _, c in await both.take("backfill")] == ["2"]
    assert [c.key for _, c in await both.take("changes")] == ["1", "3"]


async def test_a_repeat_is_dropped_on_changes_and_kept_on_backfill(both: Both) -> None:
    for queue in ("changes", "backfill"):
        again = replace(message("1"), queue=queue)  # type: ignore[arg-type]  one of the two literals
        await both.bus.send([again, again])
        await both.bus.send([replace(again, session="another")])
    assert len(await both.take("changes")) == 1
    assert len(await both.take("backfill")) == 3


async def test_a_scheduled_retry_is_no_repeat_of_its_original_but_of_itself(both: Both) -> None:
    original = message("1")
    later = retried(original.change, datetime.now(UTC))
    retry = Message(message_id(PAIR, later), "s", later, not_before=datetime.now(UTC) + timedelta(hours=1))
    await both.bus.send([original])
    await both.bus.send([retry])
    await both.bus.send([replace(retry, not_before=None)])
    assert [c for _, c in await both.take("changes")] == [original.change]


async def test_a_scheduled_message_arrives_when_its_time_has_come_and_not_before(both: Both) -> None:
    now = datetime.now(UTC)
    soon, never, past = now + timedelta(seconds=0.5), now + timedelta(hours=1), now - timedelta(hours=1)
    times = {"soon": soon, "never": never, "past": past}
    await both.bus.send([replace(message(f"scheduled {name}"), not_before=at) for name, at in times.items()])
    found: list[str] = []
    async with asyncio.timeout(60):
        while len(found) < 2:
            await asyncio.sleep(0.05)
            found += [c.key for _, c in await both.take("changes")]
    assert sorted(found) == ["scheduled past", "scheduled soon"]
    assert datetime.now(UTC) >= soon


async def test_nothing_to_send_is_nothing_sent(both: Both) -> None:
    await both.bus.send([])
    assert await both.take("changes") == []


async def test_many_senders_at_once_are_all_served(both: Both) -> None:
    sent = [[message(f"{n}-{m}", session=f"s{m}") for m in range(3)] for n in range(60)]
    await asyncio.gather(*(both.bus.send(messages) for messages in sent))
    found = await both.take("changes")
    assert {c.key for _, c in found} == {m.change.key for messages in sent for m in messages}
    assert len(found) == 180


async def test_a_closed_bus_may_be_closed_again(both: Both) -> None:
    await both.bus.send([message()])
    await both.bus.close()
    await both.bus.close()


# ------------------------------------------------------------------------------------------------------- service bus


async def test_a_message_carries_what_the_host_and_people_look_at(server: RunningBus) -> None:
    sent = message("Müller/1")
    async with connected(server) as bus:
        await bus.send([sent])
    [found] = await received(server)
    assert found.message_id == sent.id
    assert found.session_id == sent.session
    assert found.correlation_id == "corr-1"
    assert found.content_type == "application/json"
    properties = {
        name.decode() if isinstance(name, bytes) else name: value.decode() if isinstance(value, bytes) else value
        for name, value in (found.application_properties or {}).items()
    }
    assert str(properties.pop("Diagnostic-Id")).startswith(f"00-{trace_id_of('corr-1')}-")
    assert properties == {"flow": "s4/account", "side": "sap", "cause": "event", "attempt": 0}
    assert decode(b"".join(found.body)) == sent.change


async def test_more_than_a_batch_holds_is_sent_in_several(server: RunningBus) -> None:
    sent = [replace(message(f"{n}" + "x" * 60_000), queue="backfill") for n in range(40)]
    async with connected(server) as bus:
        await bus.send(sent)
    assert [decode(b"".join(one.body)) for one in await received(server, "backfill")] == [m.change for m in sent]


@pytest.fixture(name="broken_connections")
def broken_connections_fixture() -> Iterator[None]:
    """Let the library be: it leaves a socket that broke to the garbage collector, and that has to find it in time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.mark.usefixtures("broken_connections")
async def test_a_dropped_connection_is_made_anew_within_a_send(server: RunningBus) -> None:
    async with connected(server) as bus:
        await bus.send([message("before")])
        await break_bus(server, drop_connections=True)
        await bus.send([message("after")])
    assert [decode(b"".join(one.body)).key for one in await received(server)] == ["before", "after"]


@pytest.mark.usefixtures("broken_connections")
async def test_a_send_whose_answer_got_lost_is_repeated_and_arrives_once(server: RunningBus) -> None:
    async with connected(server) as bus:
        await bus.send([message("before")])
        await break_bus(server, lose_next_answers=1)
        await bus.send([message("a"), message("b")])
    assert [decode(b"".join(one.body)).key for one in await received(server)] == ["before", "a", "b"]


async def test_a_busy_bus_is_asked_twice_and_then_unavailable(server: RunningBus) -> None:
    async with connected(server) as bus:
        await break_bus(server, refuse_sends=1)
        await bus.send([message("patience")])
        await break_bus(server, refuse_sends=2)
        with pytest.raises(Unavailable):
            await bus.send([message("lost")])
        await bus.send([message("recovered")])
    assert [decode(b"".join(one.body)).key for one in await received(server)] == ["patience", "recovered"]


async def break_bus(server: RunningBus, **faults: object) -> None:
    async with httpx.AsyncClient(base_url=server.admin_url) as admin:
        (await admin.post("/faults", json=faults)).raise_for_status()


@pytest.mark.usefixtures("broken_connections")
async def test_a_bus_that_is_down_is_unavailable_to_each_caller_and_used_again_when_it_is_back(tmp_path: Path) -> None:
    with start(tmp_path, QUEUES) as server:
        bus = ServiceBus(server.connection_string)
        await bus.send([message("before")])
        server.process.kill()
        server.process.wait(timeout=10)
        outcomes = await asyncio.gather(*(bus.send([message(str(n))]) for n in range(3)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
    with start(tmp_path, QUEUES, server.port) as server:
        await bus.send([message("after")])
        await bus.close()
        assert [decode(b"".join(one.body)).key for one in await received(server)] == ["before", "after"]


async def test_a_queue_that_is_missing_is_named(tmp_path: Path) -> None:
    with start(tmp_path, {"changes": {"requires_session": True}}) as server:
        async with connected(server) as bus:
            with pytest.raises(Unavailable, match="queue backfill"):
                await bus.send([replace(message(), queue="backfill")])
            await bus.send([message()])


async def test_a_change_too_large_for_a_message_is_refused_before_anything_is_sent(server: RunningBus) -> None:
    async with connected(server) as bus:
        with pytest.raises(NeedsPerson, match="at most 100000 fit"):
            await bus.send([message("fits"), message("x" * 100_000)])
    assert await received(server) == []


def test_the_cloud_library_is_not_imported_before_the_first_message() -> None:
    code = "import sys, shared.bus.servicebus as b; b.ServiceBus('x'); print([m for m in sys.modules if 'azure' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
