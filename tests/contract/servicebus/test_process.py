"""The bus as a process: its command line, its death and return, and the port to look inside."""

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusSender, ServiceBusSubQueue
from azure.servicebus.exceptions import ServiceBusError

from dev.servicebus import Bus, start
from tests.contract.servicebus.running import WAIT_SECONDS, open_links

QUEUES = {
    "work": {"requires_session": True, "duplicate_detection_window_seconds": 300},
    "plain": {"max_delivery_count": 5},
}


def counts(bus: Bus) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = httpx.get(f"{bus.admin_url}/queues").raise_for_status().json()
    return found


def kill(bus: Bus) -> None:
    bus.process.kill()
    bus.process.wait(WAIT_SECONDS)


def test_a_killed_bus_comes_back_with_everything_but_its_locks(tmp_path: Path) -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    with start(tmp_path, QUEUES) as bus, open_links(bus) as links:
        sender = links.sender("plain")
        sender.send_messages([ServiceBusMessage(name) for name in ("locked", "deferred", "dead", "done")])
        sender.schedule_messages(ServiceBusMessage("later"), due)
        links.sender("work").send_messages(ServiceBusMessage("a1", session_id="a", message_id="1"))
        receiver = links.receiver("plain", max_wait_time=WAIT_SECONDS)
        locked, deferred, dead, done = (next(receiver) for _ in range(4))
        receiver.abandon_message(locked)
        assert next(receiver).delivery_count == 1
        receiver.defer_message(deferred)
        receiver.dead_letter_message(dead, reason="BadSchema")
        receiver.complete_message(done)
        links.receiver("work", session_id="a").session.set_state("half way")
        kill(bus)

    with start(tmp_path, QUEUES) as bus, open_links(bus) as links:
        assert counts(bus) == {
            "work": {"active": 1, "scheduled": 0, "deferred": 0, "dead_letter": 0, "locked": 0},
            "plain": {"active": 1, "scheduled": 1, "deferred": 1, "dead_letter": 1, "locked": 0},
        }
        links.sender("work").send_messages(ServiceBusMessage("repeat", session_id="b", message_id="1"))
        assert counts(bus)["work"]["active"] == 1
        session = links.receiver("work", session_id="a", max_wait_time=WAIT_SECONDS)
        assert session.session.get_state() == b"half way"
        assert str(next(session)) == "a1"
        receiver = links.receiver("plain", max_wait_time=WAIT_SECONDS)
        again = next(receiver)
        assert (str(again), again.delivery_count) == ("locked", 1)
        (found,) = receiver.receive_deferred_messages(deferred.sequence_number or 0)
        assert str(found) == "deferred"
        grave = links.receiver("plain", sub_queue=ServiceBusSubQueue.DEAD_LETTER, max_wait_time=WAIT_SECONDS)
        assert next(grave).dead_letter_reason == "BadSchema"


def send_until_it_dies(sender: ServiceBusSender, halfway: threading.Event) -> int:
    """Send one message after the other; returns how many were acknowledged."""
    for acknowledged in range(10_000):
        try:
            sender.send_messages(ServiceBusMessage(str(acknowledged)))
        except ServiceBusError:
            return acknowledged
        if acknowledged == 50:
            halfway.set()
    pytest.fail("the bus was not killed")


def test_every_acknowledged_send_survives_a_kill_in_the_middle_of_sending(tmp_path: Path) -> None:
    halfway = threading.Event()
    with start(tmp_path, QUEUES) as bus, open_links(bus) as links:

        def kill_halfway() -> None:
            halfway.wait(WAIT_SECONDS)
            bus.process.kill()

        killer = threading.Thread(target=kill_halfway)
        killer.start()
        acknowledged = send_until_it_dies(links.sender("plain"), halfway)
        killer.join()

    assert acknowledged > 50
    with start(tmp_path, QUEUES) as bus:
        # one more may be on file: the bus died between keeping it and saying so
        assert counts(bus)["plain"]["active"] in {acknowledged, acknowledged + 1}


def test_the_bus_ends_in_order_when_asked(tmp_path: Path) -> None:
    with start(tmp_path, QUEUES) as bus, open_links(bus) as links:
        links.sender("plain").send_messages(ServiceBusMessage("a"))
        bus.process.terminate()
        assert bus.process.wait(WAIT_SECONDS) == 0


def test_the_product_queues_are_the_default(tmp_path: Path) -> None:
    with start(tmp_path) as bus:
        assert list(counts(bus)) == ["changes", "backfill", "dataverse-events"]


def test_a_mistake_in_the_definitions_is_named(tmp_path: Path) -> None:
    file = tmp_path / "queues.json"
    file.write_text(json.dumps({"work": {"lock_seconds": 5, "max_delivery_count": 0}}))
    command = [sys.executable, "-m", "dev.servicebus", "--port", "0", "--data", str(tmp_path), "--queues", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == 1
    assert "work.lock_seconds" in ended.stderr
    assert "work.max_delivery_count" in ended.stderr


def test_a_second_bus_on_the_same_data_says_so_and_ends(tmp_path: Path) -> None:
    with start(tmp_path, QUEUES):
        command = [sys.executable, "-m", "dev.servicebus", "--port", "0", "--data", str(tmp_path)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == 1
    assert "database is locked" in ended.stderr


def test_an_unknown_fault_or_page_is_refused(tmp_path: Path) -> None:
    with start(tmp_path, QUEUES) as bus:
        wrong = httpx.post(f"{bus.admin_url}/faults", json={"explode": True, "refuse_sends": -1})
        assert wrong.status_code == 400
        assert {tuple(error["loc"]) for error in wrong.json()} == {("explode",), ("refuse_sends",)}
        assert httpx.get(f"{bus.admin_url}/nope").status_code == 404


def test_a_client_that_speaks_nonsense_does_no_harm(tmp_path: Path) -> None:
    with start(tmp_path, QUEUES) as bus:
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{bus.port}/")
        with open_links(bus) as links:
            links.sender("plain").send_messages(ServiceBusMessage("a"))
        assert counts(bus)["plain"]["active"] == 1
