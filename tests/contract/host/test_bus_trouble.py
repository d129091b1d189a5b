"""Service Bus triggers when the bus goes away, the host stops, or a function takes too long."""

import shutil
from contextlib import ExitStack
from pathlib import Path

import dev.servicebus
from dev.host import start
from tests.contract.host.scene import APP, QUEUES, Scene, message, settings
from tests.contract.host.state import is_stopping
from tests.contract.servicebus.running import open_links
from tests.waiting import until


def test_pumps_come_back_when_the_bus_does(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with dev.servicebus.start(tmp_path / "data", QUEUES) as bus, open_links(bus) as links:
            host = stack.enter_context(start(APP, settings(bus, tmp_path)))
            scene = Scene(host, bus, tmp_path, links)
            before = [message(), message(session_id="before")]
            scene.send("plain", before[0])
            scene.send("ordered", before[1])
            scene.ended(before)
        scene.until(lambda: "again in" in host.log(), "the lost connection")
        with dev.servicebus.start(tmp_path / "data", QUEUES, port=bus.port) as bus, open_links(bus) as links:
            scene = Scene(host, bus, tmp_path, links)
            after = [message(), message(session_id="after")]
            scene.send("plain", after[0])
            scene.send("ordered", after[1])
            scene.ended(after)
            assert host.stop() == 0


def test_a_stop_lets_a_running_message_end_and_takes_no_other(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first, second = message({"until": str(gate)}, session_id="s"), message(session_id="s")
    with (
        dev.servicebus.start(tmp_path / "data", QUEUES) as bus,
        start(APP, settings(bus, tmp_path)) as host,
        open_links(bus) as links,
    ):
        scene = Scene(host, bus, tmp_path, links)
        scene.send("ordered", first, second)
        scene.until(lambda: bool(scene.began()), "the first message")
        host.process.terminate()
        until(lambda: is_stopping(host), "the stop")
        gate.touch()
        assert host.stop() == 0
        assert [line["message_id"] for line in scene.lines("ended")] == [first.message_id]
        assert (scene.counts("ordered")["active"], scene.counts("ordered")["locked"]) == (1, 0)


def test_a_function_over_its_time_abandons_what_the_worker_had_and_starts_anew(tmp_path: Path) -> None:
    shutil.copytree(APP, tmp_path / "app")
    (tmp_path / "app" / "host.json").write_text('{"version": "2.0", "functionTimeout": "00:00:02"}')
    queues = {name: {**options, "lock_duration_seconds": 300} for name, options in QUEUES.items()}
    with (
        dev.servicebus.start(tmp_path / "data", queues) as bus,
        start(tmp_path / "app", settings(bus, tmp_path)) as host,
        open_links(bus) as links,
    ):
        scene = Scene(host, bus, tmp_path, links)
        scene.send("plain", message({"wait": 60}))
        scene.until(lambda: len(scene.began()) >= 2, "the second delivery, long before the lock's end")
    first, second = scene.began()[:2]
    assert (first["delivery_count"], second["delivery_count"]) == (1, 2)
    assert first["pid"] != second["pid"]
