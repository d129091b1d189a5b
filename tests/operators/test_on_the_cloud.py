"""Operators at work on the running local cloud: why is a record not in step, mend it, see it leave the list."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from dev.cloud import start
from tests.flows.bodies import context, wire
from tests.flows.office import Office

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with start(tmp_path_factory.mktemp("operators")) as running, closing(Office(running)) as found:
        yield found


def clashed(office: Office, name: str) -> tuple[str, str]:
    """Return both keys of a customer whose city was changed on both sides."""
    key, number = office.linked_account(name)
    office.quiet()
    with office.events_lost():
        office.edit_account(key, address1_city="Berlin")
        office.edit_city(number, "Hamburg")
    office.ops("sync", {"flow": "account", "side": "dynamics", "keys": [key]})
    office.until(lambda: office.parked(key, "city"), "the clash is parked")
    return key, number


def test_a_clash_is_found_shown_decided_and_gone(office: Office) -> None:
    key, number = clashed(office, "Streit AG")
    groups = office.ops("parked?flow=account&cause=clash")["groups"]
    assert [one["cause"] for one in groups] == ["clash: city"]
    assert key in groups[0]["keys"]
    told = office.ops(f"parked/s4/account/{number}")
    assert told["link"]["dynamics"] == key
    assert f"ops/clashes/s4/account/{key}" in told["problems"][0]["what_to_do"]

    (shown,) = office.ops(f"clashes/s4/account/{number}")["fields"]
    assert (shown["dynamics"], shown["sap"]) == ("Berlin", "Hamburg")
    choice = {"fields": {"city": {"take": "value", "value": "Rostock", "seen": shown["seen"]}}}
    answer = office.ask_ops(f"clashes/s4/account/{key}", choice)
    assert answer.status_code == 202, answer.text
    office.until(lambda: not office.parked(key, "city"), "the choice is carried out")
    assert office.account(key)["address1_city"] == "Rostock"
    assert office.address(number)["CityName"] == "Rostock"
    entry = office.pair(key)["journal"][0]
    assert (entry["cause"], entry["asked_by"], entry["correlation"]) == (
        "resolve",
        "function key",
        answer.json()["correlation"],
    )
    assert key not in [one["key"] for one in office.ops("parked?flow=account")["records"]]
    assert office.ask_ops(f"parked/s4/account/{key}").status_code == 404
    office.quiet()
    assert office.ask_ops(f"clashes/s4/account/{key}", choice).status_code == 400  # it is no parked field any more


def test_a_choice_about_old_values_is_a_409(office: Office) -> None:
    key, number = clashed(office, "Wankel KG")
    (shown,) = office.ops(f"clashes/account/{key}")["fields"]
    with office.events_lost():
        office.edit_city(number, "Kiel")
    choice = {"fields": {"city": {"take": "dynamics", "seen": shown["seen"]}}}
    answer = office.ask_ops(f"clashes/account/{key}", choice)
    assert (answer.status_code, "city moved" in answer.json()["message"]) == (409, True)
    assert office.address(number)["CityName"] == "Kiel"


def test_what_is_discarded_leaves_the_list_and_a_replay_brings_it_back(office: Office) -> None:
    key, _ = clashed(office, "Filiale GmbH")
    answer = office.ask_ops("discard", {"flow": "account", "keys": [key], "reason": "closed branch"})
    assert (answer.status_code, answer.json()["discarded"]) == (200, 1)
    assert key not in [one["key"] for one in office.ops("parked?flow=account")["records"]]
    assert office.pair(key)["journal"][0]["reason"] == "closed branch"
    steps = office.ops(f"correlations/{answer.json()['correlation']}")["received"]
    assert [one["what"] for one in steps] == ["discarded by function key: closed branch"]
    office.ops("sync", {"flow": "account", "side": "dynamics", "keys": [key], "replay": True})
    office.until(lambda: key in [one["key"] for one in office.ops("parked?flow=account")["records"]], "it is back")


def test_a_record_that_never_came_to_be_is_mended_and_replayed(office: Office) -> None:
    key = office.new_account("Ohne Land", address1_country="Atlantis")
    office.until(lambda: office.ops(f"parked/account/{key}"), "it is parked")
    with office.events_lost():
        office.edit_account(key, address1_country="Germany")
    (group,) = [one for one in office.ops("parked?flow=account")["groups"] if key in one["keys"]]
    answer = office.ask_ops("replay", {"flow": "account", "cause": group["cause"]})
    assert (answer.status_code, answer.json()["enqueued"]) == (202, group["count"])
    office.until(lambda: office.pair(key).get("status") == "linked", "it is linked")
    office.until(lambda: office.ask_ops(f"parked/account/{key}").status_code == 404, "it left the list")


def test_a_paused_flow_keeps_its_changes_and_catches_up_when_it_resumes(office: Office) -> None:
    key, number = office.linked_account("Pause OHG")
    office.quiet()
    assert office.ask_ops("pause", {"name": "s4", "reason": "upgrade"}).status_code == 200
    assert office.ops("status")["paused"]["s4"]["reason"] == "upgrade"
    office.edit_account(key, address1_city="Jena")
    office.until(lambda: office.bus("queues")["changes"]["scheduled"], "the change is kept")
    assert office.address(number)["CityName"] == "Walldorf"
    answer = office.ask_ops("resume", {"name": "s4"})
    assert "s4/account" in answer.json()["sweeps"]
    office.until(lambda: office.address(number)["CityName"] == "Jena", "the sweep has found it")
    assert office.ops("status")["paused"] == {}
    assert office.ask_ops("resume", {"name": "s4"}).status_code == 400


def send(office: Office, queue: str, body: bytes, **more: Any) -> None:
    with (
        ServiceBusClient.from_connection_string(office.cloud.settings["ServiceBus"]) as client,
        client.get_queue_sender(queue) as sender,
    ):
        sender.send_messages(ServiceBusMessage(body, **more))


def test_a_dead_letter_is_recorded_shown_and_discarded(office: Office) -> None:
    send(office, "changes", b"nonsense", session_id="s", message_id="dead-1")
    told = office.until(lambda: office.ops("parked/dead/changes/dead-1"), "the letter is recorded")
    assert "MaxDeliveryCountExceeded" in told["problems"][0]["message"]
    before = office.ops("status")["dead_letters"]
    assert office.ops("replay", {"flow": "dead/changes", "key": "dead-1"})["unreadable"] == ["dead-1"]
    answer = office.ask_ops("discard", {"flow": "dead/changes", "key": "dead-1", "reason": "a test"})
    assert answer.status_code == 200
    assert office.ops("status")["dead_letters"] == before - 1
    assert office.bus("queues")["changes"]["dead_letter"] == 0


def test_a_change_of_a_later_version_is_kept_and_touches_nothing(office: Office) -> None:
    key = office.unheard_account("Tot GmbH")
    change = {"flow": "s4/account", "side": "dynamics", "key": key, "origin": "o", "correlation": "c"}
    send(office, "backfill", json.dumps([{**change, "cause": "later"}]).encode(), session_id="s", message_id="dead-2")
    office.until(lambda: office.ops("parked/dead/backfill/dead-2"), "the letter is recorded")
    assert office.pair(key) == {}


def test_a_dead_event_of_another_organisation_keeps_only_its_ids(office: Office) -> None:
    key, _ = office.linked_account("Kopie AG")
    body = wire(context("Update", "account", key, OrganizationId="00000000-0000-0000-0000-0000000000ff"))
    send(office, "dataverse-events", body, message_id="dead-3")
    told = office.until(lambda: office.ops("parked/dead/dataverse-events/dead-3"), "the letter is recorded")
    assert key in told["problems"][0]["message"]
    assert "organisation" in told["problems"][0]["message"]
    assert office.ops("replay", {"flow": "dead/dataverse-events", "key": "dead-3"})["enqueued"] == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("replay", {"flow": "s4/invoice", "keys": ["1"]}),
        ("replay", {"flow": "account", "keys": ["nobody"]}),
        ("replay", []),
        ("discard", {"flow": "account", "keys": ["1"]}),
        ("discard", {"flow": "account", "keys": ["nobody"], "reason": "r"}),
        ("clashes/account/nobody", {"fields": {"city": {"take": "sap", "seen": ["a", "b"]}}}),
        ("clashes/nobody", {"fields": {"city": {"take": "sap", "seen": ["a", "b"]}}}),
        ("clashes/account/1", {"fields": {}}),
        ("pause", {"name": "s5", "reason": "r"}),
        ("pause", {"name": "s4"}),
        ("resume", {}),
    ],
)
def test_what_cannot_be_asked_is_a_400_with_the_reason(office: Office, path: str, body: Any) -> None:
    answer = office.ask_ops(path, body)
    assert answer.status_code == 400, answer.text
    assert len(answer.json()["message"]) > 10


@pytest.mark.parametrize("path", ["parked/account/nobody", "clashes/account/nobody", "parked/dead/changes/1"])
def test_what_is_not_there_is_a_404(office: Office, path: str) -> None:
    assert office.ask_ops(path).status_code == 404


@pytest.mark.parametrize("path", ["parked?flow=nobody", "parked/account", "clashes/x", "parked?cause=%00"])
def test_a_wrong_question_is_a_400(office: Office, path: str) -> None:
    assert office.ask_ops(path).status_code == 400


@pytest.mark.parametrize("path", ["parked", "parked/a/b", "replay", "discard", "clashes/a/b", "pause", "resume"])
def test_nobody_asks_without_a_key(office: Office, path: str) -> None:
    for method in ("GET", "POST"):
        answer = office.http.request(method, f"{office.cloud.api}/ops/{path}")
        assert answer.status_code in (401, 404)
