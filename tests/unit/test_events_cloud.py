"""Reading CloudEvents 1.0: structured, batched and binary, and only what a notification is good for."""

from typing import Any

import pytest

from shared.errors import BadRequest
from shared.triggers.events.cloud import EVENT_COUNT_MAX, WrongVersion, parse
from tests.flows.bodies import SOURCE, cloud_event, wire

STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BATCHED = {"content-type": "application/cloudevents-batch+json; charset=UTF-8"}


def binary(event: dict[str, Any], **other: str) -> dict[str, str]:
    """Return the headers of binary mode."""
    names = ("id", "type", "source", "specversion", "time")
    return {"content-type": "application/json", **{f"ce-{name}": event[name] for name in names}, **other}


def test_a_structured_event_says_which_object_was_touched() -> None:
    body = cloud_event("SalesOrder", "ItemDeleted", "4711")
    (found,) = parse(STRUCTURED, b"\xef\xbb\xbf" + wire(body))
    assert (found.object, found.key, found.source, found.id) == ("SalesOrder", "4711", SOURCE, body["id"])
    assert not found.deleted  # an item went: the order changed


@pytest.mark.parametrize("content_type", ["application/json", "application/cloudevents+json", "text/plain", ""])
def test_the_body_says_that_it_is_an_event_whatever_its_content_type(content_type: str) -> None:
    (found,) = parse({"content-type": content_type}, wire(cloud_event("Product", "Deleted", "TG11")))
    assert (found.object, found.key, found.deleted) == ("Product", "TG11", True)


def test_a_batch_holds_many_or_none() -> None:
    events = [cloud_event("BusinessPartner", "Changed", str(number)) for number in range(3)]
    assert [one.key for one in parse(BATCHED, wire(events))] == ["0", "1", "2"]
    assert [one.key for one in parse({"content-type": "application/json"}, wire(events))] == ["0", "1", "2"]
    assert parse(BATCHED, b"[]") == ()


def test_binary_mode_has_its_attributes_in_headers_and_the_data_as_body() -> None:
    event = cloud_event("BusinessPartner", "Created", "1000001")
    (found,) = parse(binary(event), wire(event["data"]))
    assert (found.object, found.key, found.id) == ("BusinessPartner", "1000001", event["id"])


def test_headers_of_binary_mode_are_percent_decoded() -> None:
    # CloudEvents HTTP binding 1.0.2, 3.1.3.2: space, quote, percent and non-ASCII arrive as %XX
    event = cloud_event("BusinessPartner", "Created", "1", source="/default/sap.s4.beh/Münster 100%25")
    headers = binary(event, **{"ce-source": "/default/sap.s4.beh/M%C3%BCnster%20100%2525"})
    (found,) = parse(headers, wire(event["data"]))
    assert found.source == "/default/sap.s4.beh/Münster 100%25"


@pytest.mark.parametrize("version", ["0.3", "1", "1.1", "2.0", ""])
def test_another_version_is_told_apart(version: str) -> None:
    event = cloud_event("BusinessPartner", "Changed", "1", specversion=version)
    for headers, body in ((STRUCTURED, wire(event)), (BATCHED, wire([event])), (binary(event), wire(event["data"]))):
        with pytest.raises(WrongVersion):
            parse(headers, body)


@pytest.mark.parametrize("data", [None, "4711", [], {}, {"SalesOrder": None}, {"SalesOrder": ["4711"]}, {"Other": "1"}])
def test_an_event_without_a_key_has_none(data: object) -> None:
    (found,) = parse(STRUCTURED, wire(cloud_event("SalesOrder", "Changed", "4711", data=data)))
    assert found.key == ""


@pytest.mark.parametrize("kind", ["com.example.SalesOrder.Changed.v1", "sap", "sap.s4", "", "sap...."])
def test_a_type_of_another_form_names_no_object(kind: str) -> None:
    (found,) = parse(STRUCTURED, wire(cloud_event("SalesOrder", "Changed", "4711", type=kind)))
    assert found.object == ""
    assert found.key == ""


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"7", b'"x"', b"[1]", b"{}", b'{"a":' * 50_000, b"9" * 6_000, b"x" * (1024 * 1024 + 1),
        wire({**cloud_event("SalesOrder", "Changed", "1"), "id": 7}),
        b'{"id": "\\ud800", "type": "t", "source": "s", "specversion": "1.0"}',  # half a character: no text at all
        wire([cloud_event("SalesOrder", "Changed", "1")] * (EVENT_COUNT_MAX + 1)),
    ],
)  # fmt: skip
def test_what_is_no_event_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest):
        parse(STRUCTURED, body)


def test_a_batch_that_is_no_list_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="array"):
        parse(BATCHED, wire(cloud_event("SalesOrder", "Changed", "1")))
