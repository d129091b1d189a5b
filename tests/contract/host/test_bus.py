"""Service Bus triggers on the local host, over the local bus and the real SDK."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import dev.servicebus
from dev.host import start
from tests.contract.host.scene import APP, DELIVERIES_MAX, LOCK_SECONDS, QUEUES, Scene, message, settings
from tests.contract.servicebus.running import open_links

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
AT_ONCE = 4  # maxConcurrentSessions and maxConcurrentCalls of the app


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("bus")
    with (
        dev.servicebus.start(folder / "data", QUEUES) as bus,
        start(APP, settings(bus, folder)) as host,
        open_links(bus) as links,
    ):
        yield Scene(host, bus, folder, links)


def most_at_once(began: list[dict], ended: list[dict]) -> int:
    changes = sorted([(line["at"], 1) for line in began] + [(line["at"], -1) for line in ended])
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def test_a_session_is_in_order_and_sessions_run_side_by_side(scene: Scene, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    sent = [message({"until": str(gate)}, session_id=f"order-{number % 6}") for number in range(24)]
    scene.send("ordered", *sent)
    scene.until(lambda: len(scene.began(sent)) == AT_ONCE, "as many sessions at once as allowed")
    gate.touch()
    ended = scene.ended(sent)
    for session in {line["session_id"] for line in ended}:
        expected = [each.message_id for each in sent if each.session_id == session]
        assert [line["message_id"] for line in ended if line["session_id"] == session] == expected
    assert most_at_once(scene.began(sent), ended) == AT_ONCE


def test_a_queue_without_sessions_runs_as_many_calls_as_allowed(scene: Scene, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    sent = [message({"until": str(gate)}) for _ in range(12)]
    scene.send("plain", *sent)
    scene.until(lambda: len(scene.began(sent)) == AT_ONCE, "as many calls at once as allowed")
    gate.touch()
    ended = scene.ended(sent)
    assert most_at_once(scene.began(sent), ended) == AT_ONCE
    assert len(scene.began(sent)) == len(sent)


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
    assert scene.began([sent])[0]["trace_parent"] == TRACE


def test_a_failure_abandons_and_the_message_comes_again_before_the_next(scene: Scene) -> None:
    sent = [message({"fail": 1}, session_id="again"), message(session_id="again")]
    scene.send("ordered", *sent)
    ended = scene.ended(sent)
    assert [line["message_id"] for line in ended] == [each.message_id for each in sent]
    assert [line["delivery_count"] for line in ended] == [2, 1]


def test_what_fails_too_often_reaches_the_function_of_the_dead_letter_queue(scene: Scene) -> None:
    sent = message({"fail": 99})
    scene.send("plain", sent)
    scene.until(lambda: bool(scene.lines("dead", [sent])), "the dead letter")
    (dead,) = scene.lines("dead", [sent])
    assert dead["application_properties"]["DeadLetterReason"] == "MaxDeliveryCountExceeded"
    counts = [line["delivery_count"] for line in scene.lines("failed", [sent])]
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
    scene.until(lambda: len(got()) >= len(sent), "the batches")
    assert len(got()) == len(sent)
    for number, each in enumerate(sorted(got(), key=lambda told: told["sequence_number"])):
        assert each["message_id"] == sent[number].message_id
        assert (each["body"], each["application_properties"]) == (f"body {number}", {"number": number})
        assert each["delivery_count"] == 1


def test_an_output_binding_sends_a_message(scene: Scene) -> None:
    mark = uuid.uuid4().hex
    scene.send("in", message(mark))
    scene.until(lambda: any(line["body"] == mark for line in scene.lines("ended")), "the forwarded message")


def test_locks_of_messages_and_sessions_are_renewed_while_a_function_runs(scene: Scene) -> None:
    sent = [message({"wait": LOCK_SECONDS * 1.8}), message({"wait": LOCK_SECONDS * 1.8}, session_id="long")]
    scene.send("plain", sent[0])
    scene.send("ordered", sent[1])
    after = message(session_id="long")
    scene.send("ordered", after)
    scene.ended([*sent, after])
    for each in sent:
        assert len(scene.began([each])) == 1, "a lost lock would bring it again"


def test_a_function_is_fired_by_hand_with_a_message_of_its_own(scene: Scene) -> None:
    mark = uuid.uuid4().hex
    url, headers = f"{scene.host.url}/admin/functions/plain", {"x-functions-key": scene.host.key}
    assert httpx.post(url, headers=headers, json={"input": mark}).status_code == 202
    scene.until(lambda: any(line["body"] == mark for line in scene.lines("ended")), "the run by hand")
    assert httpx.post(url, headers=headers, content=b"[").status_code == 400
