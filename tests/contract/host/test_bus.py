"""Service Bus triggers on the local host, over the local bus and the real SDK."""

import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

import dev.servicebus
from dev.host import Host, start

APP = Path(__file__).parent / "host_apps" / "bus"
LOCK_SECONDS = 5
DELIVERIES_MAX = 3
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OPTIONS = {"lock_duration_seconds": LOCK_SECONDS, "max_delivery_count": DELIVERIES_MAX}
QUEUES = {"ordered": {**OPTIONS, "requires_session": True}, **dict.fromkeys(("plain", "raw", "batch", "in"), OPTIONS)}


@dataclass(frozen=True, slots=True)
class Scene:
    """A host, its bus and the journal of what its functions saw."""

    host: Host
    connection: str
    journal: Path

    def send(self, queue: str, *messages: ServiceBusMessage) -> None:
        with (
            ServiceBusClient.from_connection_string(self.connection) as client,
            client.get_queue_sender(queue) as sender,
        ):
            for message in messages:
                sender.send_messages(message)

    def lines(self, event: str, ids: Sequence[str] = ()) -> list[dict]:
        return [
            line
            for line in map(json.loads, self.journal.read_text().splitlines())
            if line["event"] == event and (not ids or line.get("message_id") in ids)
        ]

    def wait_for(self, found: Callable[[], bool], what: str, seconds: float = 30) -> None:
        limit = time.monotonic() + seconds
        while not found():
            assert time.monotonic() < limit, f"{what} not seen within {seconds} s\n{self.host.log()[-3000:]}"
            time.sleep(0.05)

    def ended(self, messages: Sequence[ServiceBusMessage], seconds: float = 30) -> list[dict]:
        ids = [str(message.message_id) for message in messages]
        self.wait_for(lambda: len(self.lines("ended", ids)) >= len(ids), f"the end of {len(ids)}", seconds)
        return self.lines("ended", ids)


def message(body: object = "x", **options: object) -> ServiceBusMessage:
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return ServiceBusMessage(text, **{"message_id": uuid.uuid4().hex, **options})


def settings(bus: dev.servicebus.Bus, journal: Path) -> dict[str, str]:
    return {"SESSIONS_QUEUE": "ordered", "Bus": bus.connection_string, "JOURNAL": str(journal)}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("bus")
    journal = folder / "journal"
    journal.touch()
    with (
        dev.servicebus.start(folder / "data", QUEUES) as bus,
        start(APP, settings(bus, journal)) as host,
    ):
        yield Scene(host, bus.connection_string, journal)


def most_at_once(began: list[dict], ended: list[dict]) -> int:
    changes = sorted([(line["at"], 1) for line in began] + [(line["at"], -1) for line in ended])
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def test_a_session_is_in_order_and_sessions_run_side_by_side(scene: Scene) -> None:
    sent = [message({"wait": 0.1}, session_id=f"order-{number % 6}") for number in range(24)]
    scene.send("ordered", *sent)
    ended = scene.ended(sent)
    assert len(ended) == len(sent)
    for session in {line["session_id"] for line in ended}:
        expected = [each.message_id for each in sent if each.session_id == session]
        assert [line["message_id"] for line in ended if line["session_id"] == session] == expected
    began = scene.lines("began", [str(each.message_id) for each in sent])
    assert 1 < most_at_once(began, ended) <= 4, "maxConcurrentSessions is 4"


def test_a_queue_without_sessions_runs_as_many_calls_as_allowed(scene: Scene) -> None:
    sent = [message({"wait": 0.5}) for _ in range(12)]
    scene.send("plain", *sent)
    ended = scene.ended(sent)
    began = scene.lines("began", [str(each.message_id) for each in sent])
    assert most_at_once(began, ended) == 4, "maxConcurrentCalls is 4"
    assert len(began) == len(sent)


def test_a_message_is_told_as_the_service_bus_extension_tells_it(scene: Scene) -> None:
    sent = message(
        '{"ü": 1}',
        session_id="told",
        correlation_id="c-1",
        subject="changed",
        content_type="application/json",
        reply_to="there",
        application_properties={"text": "ü", "number": 7, "yes": True, "part": 1.5, "id": uuid.UUID(int=1)},
    )
    scene.send("ordered", sent)
    (told,) = scene.ended([sent])
    assert told["body"].encode("latin-1").decode() == '{"ü": 1}'
    assert told["session_id"] == "told"
    assert told["delivery_count"] == 1, "AMQP counts from 0, .NET from 1"
    assert told["sequence_number"] > 0
    assert uuid.UUID(told["lock_token"])
    assert (told["correlation_id"], told["subject"], told["label"]) == ("c-1", "changed", "changed")
    assert (told["content_type"], told["reply_to"]) == ("application/json", "there")
    expected = {"text": "ü", "number": 7, "yes": True, "part": 1.5, "id": str(uuid.UUID(int=1))}
    assert told["application_properties"] == told["user_properties"] == expected
    assert told["scheduled_enqueue_time_utc"] is None, "the extension does not hand it to Python"


@pytest.mark.parametrize("name", ["Diagnostic-Id", "traceparent"])
def test_the_trace_context_of_a_message_is_handed_over(scene: Scene, name: str) -> None:
    sent = message(application_properties={name: TRACE})
    scene.send("plain", sent)
    scene.ended([sent])
    assert scene.lines("began", [str(sent.message_id)])[0]["trace_parent"] == TRACE


def test_a_failure_abandons_and_the_message_comes_again_before_the_next(scene: Scene) -> None:
    sent = [message({"fail": 1}, session_id="again"), message(session_id="again")]
    scene.send("ordered", *sent)
    ended = scene.ended(sent)
    assert [line["message_id"] for line in ended] == [each.message_id for each in sent]
    assert [line["delivery_count"] for line in ended] == [2, 1]


def test_what_fails_too_often_reaches_the_function_of_the_dead_letter_queue(scene: Scene) -> None:
    sent = message({"fail": 99})
    scene.send("plain", sent)
    scene.wait_for(lambda: bool(scene.lines("dead", [str(sent.message_id)])), "the dead letter")
    (dead,) = scene.lines("dead", [str(sent.message_id)])
    assert dead["application_properties"]["DeadLetterReason"] == "MaxDeliveryCountExceeded"
    counts = [line["delivery_count"] for line in scene.lines("failed", [str(sent.message_id)])]
    assert counts == list(range(1, DELIVERIES_MAX + 1))


def test_a_binary_message_arrives_as_its_bytes(scene: Scene) -> None:
    sent = message(b"\xef\xbb\xbf\xff\x00")
    scene.send("raw", sent)
    assert scene.ended([sent])[0]["body"].encode("latin-1") == b"\xef\xbb\xbf\xff\x00"


def test_a_text_that_is_no_utf8_is_replaced_as_dotnet_does(scene: Scene) -> None:
    sent = message(b"a\xffb")
    scene.send("plain", sent)
    assert scene.ended([sent])[0]["body"].encode("latin-1").decode() == "a\ufffdb"


def test_a_batch_function_gets_many_messages_each_with_its_properties(scene: Scene) -> None:
    sent = [message(f"body {number}", application_properties={"number": number}) for number in range(20)]

    def got() -> list[dict]:
        return [each for line in scene.lines("batch") for each in line["messages"]]

    scene.send("batch", *sent)
    scene.wait_for(lambda: len(got()) >= len(sent), "the batches")
    assert len(got()) == len(sent)
    for number, each in enumerate(sorted(got(), key=lambda told: told["sequence_number"])):
        assert each["message_id"] == sent[number].message_id
        assert (each["body"], each["application_properties"]) == (f"body {number}", {"number": number})
        assert each["delivery_count"] == 1


def test_an_output_binding_sends_a_message(scene: Scene) -> None:
    mark = uuid.uuid4().hex
    scene.send("in", message(mark))
    scene.wait_for(lambda: any(line["body"] == mark for line in scene.lines("ended")), "the forwarded message")


def test_locks_of_messages_and_sessions_are_renewed_while_a_function_runs(scene: Scene) -> None:
    sent = [message({"wait": LOCK_SECONDS * 1.8}), message({"wait": LOCK_SECONDS * 1.8}, session_id="long")]
    scene.send("plain", sent[0])
    scene.send("ordered", sent[1])
    after = message(session_id="long")
    scene.send("ordered", after)
    scene.ended([*sent, after])
    for each in sent:
        assert len(scene.lines("began", [str(each.message_id)])) == 1, "a lost lock would bring it again"


def test_a_function_is_fired_by_hand_with_a_message_of_its_own(scene: Scene) -> None:
    mark = uuid.uuid4().hex
    url, headers = f"{scene.host.url}/admin/functions/plain", {"x-functions-key": scene.host.key}
    assert httpx.post(url, headers=headers, json={"input": mark}).status_code == 202
    scene.wait_for(lambda: any(line["body"] == mark for line in scene.lines("ended")), "the run by hand")
    assert httpx.post(url, headers=headers, content=b"[").status_code == 400


def test_pumps_come_back_when_the_bus_does(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.touch()
    with dev.servicebus.start(tmp_path / "data", QUEUES) as bus:
        port = bus.port
        hosting = start(APP, settings(bus, journal))
        host = hosting.__enter__()
        try:
            scene = Scene(host, bus.connection_string, journal)
            before = [message(), message(session_id="before")]
            scene.send("plain", before[0])
            scene.send("ordered", before[1])
            scene.ended(before)
        except BaseException:
            hosting.__exit__(None, None, None)
            raise
    try:
        scene.wait_for(lambda: "again in" in host.log(), "the lost connection")
        with dev.servicebus.start(tmp_path / "data", QUEUES, port=port):
            after = [message(), message(session_id="after")]
            scene.send("plain", after[0])
            scene.send("ordered", after[1])
            scene.ended(after)
            assert host.stop() == 0
    finally:
        hosting.__exit__(None, None, None)


def test_a_stop_lets_a_running_message_end_and_takes_no_other(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.touch()
    with dev.servicebus.start(tmp_path / "data", QUEUES) as bus:
        first, second = message({"wait": 2}, session_id="s"), message(session_id="s")
        with start(APP, settings(bus, journal)) as host:
            scene = Scene(host, bus.connection_string, journal)
            scene.send("ordered", first, second)
            scene.wait_for(lambda: bool(scene.lines("began")), "the first message")
            assert host.stop() == 0
        assert [line["message_id"] for line in scene.lines("ended")] == [first.message_id]
        with start(APP, settings(bus, journal)) as host:
            again = Scene(host, bus.connection_string, journal)
            again.ended([first, second])
    assert len(scene.lines("began")) == 2, "the first was completed before the host ended"


def test_a_function_over_its_time_abandons_what_the_worker_had_and_starts_anew(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.touch()
    shutil.copytree(APP, tmp_path / "app")
    (tmp_path / "app" / "host.json").write_text('{"version": "2.0", "functionTimeout": "00:00:02"}')
    queues = {name: {**options, "lock_duration_seconds": 60} for name, options in QUEUES.items()}
    with (
        dev.servicebus.start(tmp_path / "data", queues) as bus,
        start(tmp_path / "app", settings(bus, journal)) as host,
    ):
        scene = Scene(host, bus.connection_string, journal)
        sent = message({"wait": 60})
        scene.send("plain", sent)
        scene.wait_for(lambda: len(scene.lines("began")) >= 2, "the second delivery, long before the lock's end")
    first, second = scene.lines("began")[:2]
    assert (first["delivery_count"], second["delivery_count"]) == (1, 2)
    assert first["pid"] != second["pid"]
