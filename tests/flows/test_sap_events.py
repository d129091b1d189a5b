"""What SAP's event sender posts: the handshake, the three modes of CloudEvents, and what is no reason to pause."""

import base64
from typing import Any
from uuid import uuid4

import pytest

from dev.cloud import WEBHOOK_SECRET
from tests.flows.bodies import cloud_event, wire
from tests.flows.conftest import NEXT_SECRET
from tests.flows.office import Office

EVENTS = "sap/events"
STRUCTURED = "application/cloudevents+json; charset=utf-8"
BATCHED = "application/cloudevents-batch+json; charset=utf-8"


def moved(office: Office, name: str, city: str) -> tuple[str, str]:
    """Return a linked pair whose city was corrected in SAP, and nobody has heard of it yet."""
    key, number = office.linked_account(name)
    office.quiet()
    with office.events_lost():
        office.edit_city(number, city)
    return key, number


def arrived(office: Office, key: str, city: str) -> None:
    office.until(lambda: office.account(key)["address1_city"] == city, f"Dynamics shows {city}")


def test_a_structured_event_brings_the_change(office: Office) -> None:
    key, number = moved(office, "Strukturiert GmbH", "Ulm")
    answer = office.post(EVENTS, wire(cloud_event("BusinessPartner", "Changed", number)), content_type=STRUCTURED)
    assert (answer.status_code, answer.json()) == (202, {"message": "1 enqueued"})
    arrived(office, key, "Ulm")


def test_a_batch_brings_its_changes_once_each(office: Office) -> None:
    first = moved(office, "Stapel Eins GmbH", "Kiel")
    second = moved(office, "Stapel Zwei GmbH", "Jena")
    events = [cloud_event("BusinessPartner", "Changed", number) for _, number in (first, second, first, first)]
    answer = office.post(EVENTS, wire(events), content_type=BATCHED)
    assert (answer.status_code, answer.json()) == (202, {"message": "2 enqueued"})
    arrived(office, first[0], "Kiel")
    arrived(office, second[0], "Jena")


def test_a_binary_event_brings_the_change(office: Office) -> None:
    key, number = moved(office, "Binär GmbH", "Gera")
    event = cloud_event("BusinessPartner", "Changed", number)
    headers = {f"ce_{name}": str(event[name]) for name in ("id", "type", "source", "specversion", "time")}
    answer = office.post(EVENTS, wire(event["data"]), **headers)
    assert (answer.status_code, answer.json()) == (202, {"message": "1 enqueued"})
    arrived(office, key, "Gera")


@pytest.mark.parametrize("mode", ["structured", "binary", "batched"])
def test_the_simulated_system_is_understood_in_each_of_its_modes(office: Office, mode: str) -> None:
    key, number = office.linked_account(f"Modus {mode} GmbH")
    hooks = office.erp("webhooks", method="GET")
    headers = {"x-webhook-secret": WEBHOOK_SECRET}
    only = {"types": ["none"]}  # kept out of the way of the usual one but for this test's event
    made = office.erp("webhooks", {"url": hooks[0]["url"], "headers": headers, "mode": mode, **only})
    assert made["state"] == "ready"  # the handshake went well
    office.erp("events/send", cloud_event("BusinessPartner", "Changed", number, type="none"))

    def standing() -> Any:
        return next(hook for hook in office.erp("webhooks", method="GET") if hook["id"] == made["id"])

    office.until(lambda: standing()["delivered"] == 1, "it was taken, though of an unknown type")
    assert standing()["failures"] == 0
    assert office.pair(key)["status"] == "linked"


def test_a_handshake_is_answered_for_known_origins_only(office: Office) -> None:
    def shake(**headers: str) -> Any:
        given = {f"WebHook-Request-{name}": value for name, value in headers.items()}
        return office.http.options(f"{office.cloud.api}/{EVENTS}", headers=given)

    allowed = shake(Origin="eventmesh.example", Rate="120")
    assert allowed.status_code == 200
    assert allowed.headers["WebHook-Allowed-Origin"] == "eventmesh.example"
    assert allowed.headers["WebHook-Allowed-Rate"] == "120"
    assert "POST" in allowed.headers["Allow"]
    assert shake(Origin="EventMesh.Example").status_code == 200  # host names have no case
    for refused in (shake(), shake(Origin=""), shake(Origin="eventmesh.example.evil"), shake(Origin="*")):
        assert refused.status_code == 403
        assert "WebHook-Allowed-Origin" not in refused.headers


@pytest.mark.parametrize("version", ["0.3", "2.0"])
def test_another_version_of_cloudevents_is_a_415(office: Office, version: str) -> None:
    event = cloud_event("BusinessPartner", "Changed", "1000001", specversion=version)
    assert office.post(EVENTS, wire(event), content_type=STRUCTURED).status_code == 415
    assert office.post(EVENTS, wire([event]), content_type=BATCHED).status_code == 415


@pytest.mark.parametrize(
    "event",
    [
        cloud_event("BillingDocument", "Created", "90000001"),
        cloud_event("BusinessPartner", "Changed", "1", data=None),
        cloud_event("BusinessPartner", "Changed", "1", data={"SomethingElse": "1"}),
        cloud_event("BusinessPartner", "Changed", "1", type="com.example.greeting"),
    ],
    ids=["unknown object", "no data", "no key", "unknown type"],
)
def test_what_no_flow_reads_is_taken_all_the_same(office: Office, event: dict[str, Any]) -> None:
    answer = office.post(EVENTS, wire(event), content_type=STRUCTURED)
    assert (answer.status_code, answer.json()) == (202, {"message": "0 enqueued"})


def test_a_partner_that_is_not_there_is_looked_for_and_let_go(office: Office) -> None:
    answer = office.post(EVENTS, wire(cloud_event("BusinessPartner", "Created", "9999999")), content_type=STRUCTURED)
    assert answer.status_code == 202
    office.quiet()
    assert office.ask_ops("links/account/9999999").status_code == 404


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[", b"7", b"{}", b"9" * 6_000], ids=["empty", "{", "[", "7", "{}", "long"]
)
def test_an_unreadable_body_is_a_400_that_says_why(office: Office, body: bytes) -> None:
    answer = office.post(EVENTS, body, content_type=STRUCTURED)
    assert answer.status_code == 400
    assert len(answer.json()["message"]) > 15


def test_every_way_to_give_the_secret_opens_and_nothing_else_does(office: Office) -> None:
    body = wire(cloud_event("BillingDocument", "Created", str(uuid4())))
    url = f"{office.cloud.api}/{EVENTS}"

    def status(query: str = "", **headers: str) -> int:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return office.http.post(url + query, content=body, headers={"content-type": STRUCTURED, **given}).status_code

    for secret in (WEBHOOK_SECRET, NEXT_SECRET):
        basic = base64.b64encode(f"eventmesh:{secret}".encode()).decode()
        assert status(x_webhook_secret=secret) == status(f"?code={secret}") == 202
        assert status(Authorization=f"Bearer {secret}") == status(Authorization=f"basic {basic}") == 202
    for wrong in ("", "Bearer", "Bearer wrong", "Basic ???", "Basic bm9jb2xvbg==", f"Digest {WEBHOOK_SECRET}"):
        assert status(Authorization=wrong) == 401
    assert status() == status("?code=") == status(x_webhook_secret="wrong") == 401
    assert status(Authorization="Bearer wrong", x_webhook_secret=WEBHOOK_SECRET) == 202
