"""The S/4 simulator's business events: handshake, modes, redelivery, and events that go astray."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dev.sap.s4 import Running, start
from tests.waiting import until
from tests.webhook import Receiver, receiving

PARTNER = "API_BUSINESS_PARTNER"
PATH = "A_BusinessPartner('17100001')"
CREATED = "sap.s4.beh.businesspartner.v1.BusinessPartner.Created.v1"
CHANGED = "sap.s4.beh.businesspartner.v1.BusinessPartner.Changed.v1"
NEW = {"BusinessPartnerCategory": "2", "OrganizationBPName1": "New"}


@pytest.fixture(scope="module")
def system() -> Iterator[Running]:
    with start(event_backoff_seconds=0.01) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as told:
        told.status = 202
        yield told


def hook(s4: Running, receiver: Receiver, **more: object) -> dict[str, Any]:
    described: dict[str, Any] = s4.sim("POST", "webhooks", {"url": receiver.url, **more})
    return described


def change(s4: Running, term: str = "CHANGED") -> None:
    assert s4.client(PARTNER).patch(PATH, json={"SearchTerm2": term}).status_code == 204


def test_every_write_raises_an_event_after_the_handshake(s4: Running, receiver: Receiver) -> None:
    assert hook(s4, receiver)["state"] == "ready"
    assert receiver.asked[0]["webhook-request-origin"] == "eventmesh.example"
    number = s4.client(PARTNER).post("A_BusinessPartner", json=NEW).json()["d"]["BusinessPartner"]
    s4.sim("POST", "edit", {"set": "A_BusinessPartner", "key": number, "values": {"SearchTerm1": "X"}})
    until(lambda: len(receiver.got) == 2, "2 deliveries")
    assert sorted([body["type"] for body in receiver.bodies()]) == [CHANGED, CREATED]
    headers, body = receiver.got[0].headers, receiver.got[0].body
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert (body["specversion"], body["data"]) == ("1.0", {"BusinessPartner": number})


def test_nothing_is_sent_without_an_allowed_origin(s4: Running, receiver: Receiver) -> None:
    for allowed in (None, "somebody.else"):
        receiver.allowed = allowed
        assert hook(s4, receiver)["state"] == "refused"
    change(s4)
    assert hook(s4, receiver, exempt=True)["state"] == "ready"
    change(s4, "AGAIN")
    until(lambda: len(receiver.got) == 1, "1 deliveries")
    assert [each["backlog"] for each in s4.sim("GET", "webhooks")] == [2, 2, 0]


def test_binary_and_batched_modes_follow_cloudevents(s4: Running, receiver: Receiver) -> None:
    hook(s4, receiver, mode="binary")
    change(s4)
    until(lambda: len(receiver.got) == 1, "1 deliveries")
    headers, body = receiver.got[0].headers, receiver.got[0].body
    assert (headers["ce-type"], headers["ce-specversion"], body) == (CHANGED, "1.0", {"BusinessPartner": "17100001"})
    s4.sim("DELETE", "webhooks")
    hook(s4, receiver, mode="batched")
    change(s4, "B")
    until(lambda: len(receiver.got) == 2, "2 deliveries")
    assert receiver.got[1].headers["content-type"].startswith("application/cloudevents-batch+json")
    assert [each["type"] for each in receiver.got[1].body] == [CHANGED]


def test_a_webhook_may_ask_for_a_bearer_token(s4: Running, receiver: Receiver) -> None:
    issuer = f"{s4.url}/sap/bc/sec/oauth2/token"
    hook(s4, receiver, oauth={"token_url": issuer, "client_id": "SYNC_CLIENT", "client_secret": "sync-secret"})
    change(s4)
    until(lambda: len(receiver.got) == 1, "1 deliveries")
    assert receiver.got[0].headers["authorization"].startswith("Bearer ")


def test_a_failed_delivery_is_repeated_with_the_same_id(s4: Running, receiver: Receiver) -> None:
    hook(s4, receiver)
    receiver.answers = [503, 500]
    change(s4)
    until(lambda: len(receiver.got) == 3, "3 deliveries")
    assert len({body["id"] for body in receiver.bodies()}) == 1


def test_a_webhook_pauses_after_failures_and_can_be_resumed(s4: Running, receiver: Receiver) -> None:
    s4.sim("POST", "settings", {"event_pause_after": 2})
    hook(s4, receiver)
    receiver.answers = [500, 500]
    change(s4)
    until(lambda: s4.sim("GET", "webhooks")[0]["state"] == "paused", "state paused")
    change(s4, "LATER")
    s4.sim("POST", "webhooks/1/resume")
    until(lambda: s4.sim("GET", "webhooks")[0]["delivered"] == 2, "delivered 2")


def test_410_stops_a_webhook(s4: Running, receiver: Receiver) -> None:
    hook(s4, receiver)
    receiver.answers = [410]
    change(s4)
    until(lambda: s4.sim("GET", "webhooks")[0]["state"] == "gone", "state gone")


def test_events_are_duplicated_dropped_held_and_released(s4: Running, receiver: Receiver) -> None:
    hook(s4, receiver)
    s4.sim("POST", "faults", {"events": {"duplicate": 2, "hold": True, "reorder": True}})
    change(s4, "A")
    change(s4, "B")
    assert (s4.sim("GET", "events")["held"], receiver.got) == (2, [])
    s4.sim("DELETE", "faults")
    s4.sim("POST", "faults", {"events": {"duplicate": 2}})
    assert s4.sim("POST", "events/release") == {"released": 2}
    until(lambda: len(receiver.got) == 6, "6 deliveries")
    assert len({body["id"] for body in receiver.bodies()}) == 2
    s4.sim("POST", "faults", {"events": {"drop": 1}})
    change(s4, "C")
    assert s4.sim("GET", "webhooks")[0]["backlog"] == 0


def test_the_command_line_announces_itself_and_sends_its_events(receiver: Receiver) -> None:
    command = [sys.executable, "-m", "dev.sap.s4", "--port", "0", "--seed-data", "--user", "U", "--password", "P"]
    command += ["--events", receiver.url, "--events-header", "x-key=secret"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # our own words
        try:
            assert process.stdout is not None
            said, _, url = process.stdout.readline().strip().rpartition(" ")
            assert said == "s4 ready"
            body = {"set": "A_BusinessPartner", "key": "17100001", "values": {"SearchTerm2": "X"}}
            httpx.post(f"{url}/sim/edit", json=body).raise_for_status()
            until(lambda: len(receiver.got) == 1, "1 deliveries")
            assert receiver.got[0].headers["x-key"] == "secret"
            path = f"{url}/sap/opu/odata/sap/{PARTNER}/A_BusinessPartner/$count"
            assert httpx.get(path, auth=("U", "P")).text == "3"
        finally:
            process.terminate()


def test_order_events_name_items_and_status(s4: Running) -> None:
    client = s4.client("API_SALES_ORDER_SRV")
    body = {
        "SalesOrderType": "OR", "SalesOrganization": "1710", "DistributionChannel": "10", "OrganizationDivision": "00",
        "SoldToParty": "17100001", "to_Item": [{"Material": "TG11", "RequestedQuantity": "1"}],
    }  # fmt: skip
    order = client.post("A_SalesOrder", json=body).json()["d"]["SalesOrder"]
    client.post(f"A_SalesOrder('{order}')/to_Item", json={"Material": "TG11", "RequestedQuantity": "1"})
    s4.sim("POST", f"deliver/{order}")
    raised = [each["type"].split(".")[-2] for each in s4.sim("GET", "events")["raised"]]
    assert raised[:3] == ["Created", "Changed", "ItemCreated"]
    assert {"OvrlDelivStsChgd", "OvrlSDProcStsChgd", "ItmDelivStsChgd"} <= set(raised)
