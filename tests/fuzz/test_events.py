"""Events as senders spoil them: refused with the reason or taken, never lost with a 2xx, never the end of the rest."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadRequest, WrongEnvironment
from tests.flows.bodies import cloud_event, context, entity, pairs
from tests.fuzz.house import SECRET, House
from tests.fuzz.spoiled import FUZZ, header, posted, sent, spoiled, wild, written
from tests.laws.world import D1, D2, D3

HEADERS = {"x-webhook-secret": SECRET}
DATAVERSE = [
    context("Update", "account", D1),
    context("Create", "account", D2, PrimaryEntityId="00000000-0000-0000-0000-000000000000"),
    context("Delete", "account", D1, PreEntityImages=pairs(before={"Attributes": pairs(accountid=D1)})),
    context("Update", "orderline", D2, entity("orderline", D2, orderid={"Id": D3, "LogicalName": "order"})),
    context("Update", "contact", D1),
    json.dumps(context("Update", "account", D1)),
]
MATTERS = {"MessageName", "PrimaryEntityName", "PrimaryEntityId", "OrganizationId", "Depth"}
REFUSALS = (202, 400, 401, 403, 413, 415)
STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
CLOUD = [
    cloud_event("Partner", "Changed", "1000001"),
    cloud_event("Order", "ItemDeleted", "4711"),
    cloud_event("Partner", "Deleted", "1000001"),
    cloud_event("Nobody", "Changed", "1"),
]


def answered(house: House, name: str, **said: Any) -> int:
    """Return the status, which is never 5xx: the sender would come again for ever."""
    found = house.ask(name, **said)
    assert found.status in REFUSALS, found
    assert len(found.body["message"]) > 3, found
    house.work_off()
    return found.status


@FUZZ
@given(st.sampled_from(DATAVERSE).flatmap(posted))
def test_any_dataverse_event_is_taken_or_refused(body: bytes) -> None:
    answered(House(), "dataverse_events_received", body=body, headers=HEADERS)


@FUZZ
@given(st.data())
def test_members_that_say_nothing_about_who_and_which_row_spoil_no_event(data: st.DataObject) -> None:
    good = context("Update", "account", D1)
    names = data.draw(st.sets(st.sampled_from(sorted(good.keys() - MATTERS)), min_size=1, max_size=5))
    body = written(good | {name: data.draw(wild().filter(no_broken_json)) for name in names})
    house = House()
    found = house.ask("dataverse_events_received", body=body, headers=HEADERS)
    assert found.status == 202, found
    assert [change.key for change in house.changes()] == [D1]


def no_broken_json(value: Any) -> bool:
    try:
        json.loads(written(value))
    except (ValueError, RecursionError):
        return False
    return True


@FUZZ
@given(st.sampled_from(DATAVERSE).flatmap(posted))
def test_what_the_queue_of_events_cannot_take_is_refused_and_then_recorded_once(body: bytes) -> None:
    house = House()
    try:
        house.deliver("dataverse_events_queued", body)
    except (BadRequest, WrongEnvironment):
        house.deliver("dataverse_events_dead", body)
        house.deliver("dataverse_events_dead", body)
        assert len([name for name in house.table.rows if name[0] == "parked"]) == 1
    house.work_off()


@FUZZ
@given(st.sampled_from(CLOUD).flatmap(posted), st.sampled_from([STRUCTURED, BATCHED, "", "é", "text/plain; charset=x"]))
def test_any_structured_cloud_event_is_taken_or_refused(body: bytes, content_type: str) -> None:
    answered(House(), "sap_events_received", body=body, headers={**HEADERS, "content-type": content_type})


@FUZZ
@given(st.data())
def test_any_binary_cloud_event_is_taken_or_refused(data: st.DataObject) -> None:
    event = data.draw(st.sampled_from(CLOUD))
    names = ("id", "type", "source", "specversion", "time")
    headers = {f"ce-{name}": event[name] for name in names}
    for name in data.draw(st.sets(st.sampled_from([*headers, "ce-", "ce-data", "content-type"]), max_size=3)):
        headers[name] = data.draw(header())
    body = data.draw(posted(event["data"]))
    answered(House(), "sap_events_received", body=body, headers={**HEADERS, **headers})


@FUZZ
@given(st.lists(st.tuples(st.sampled_from(CLOUD), st.data()), min_size=1, max_size=3), st.data())
def test_a_good_event_among_spoiled_ones_is_enqueued_or_all_are_refused(others: Any, data: st.DataObject) -> None:
    good = [cloud_event("Partner", "Changed", str(2_000_000 + n)) for n in range(2)]
    batch = [*good, *(data.draw(spoiled(event)) for event, _ in others)]
    body = written(data.draw(st.permutations(batch)))
    house = House()
    found = house.ask("sap_events_received", body=body, headers={**HEADERS, "content-type": BATCHED})
    keys = {change.key for change in house.changes()}
    assert found.status in (202, 400, 403, 415), found
    assert found.status != 202 or {"2000000", "2000001"} <= keys, keys
    house.work_off()


@FUZZ
@given(st.data())
def test_what_else_an_event_carries_does_not_spoil_it(data: st.DataObject) -> None:
    kind, value = data.draw(st.sampled_from(["Order", "Partner"])), data.draw(wild().filter(no_broken_json))
    event = cloud_event(kind, "Changed", "4711")
    event |= {"time": value, "subject": value, "datacontenttype": value, "x": value}
    event["data"] = {"Other": value, kind: "4711"}
    house = House()
    headers = {**HEADERS, "content-type": STRUCTURED}
    found = house.ask("sap_events_received", body=written(event), headers=headers)
    assert found.status == 202, found
    assert [change.key for change in house.changes()] == ["4711"]


@FUZZ
@given(st.dictionaries(st.sampled_from(["WebHook-Request-Origin", "WebHook-Request-Rate", "x"]), header() | sent()))
def test_the_handshake_answers_with_headers_that_can_be_sent(headers: dict[str, str]) -> None:
    found = House().ask("sap_handshake", headers=headers)
    assert found.status in (200, 403), found
    for value in found.headers.values():
        assert value.isascii(), value  # servers refuse to send other ones, with a 500
        assert value.isprintable(), value
    if found.status == 200:
        rate = found.headers["webhook-allowed-rate"]
        assert rate == "*" or int(rate) > 0


@pytest.mark.parametrize("text", ["é", "=", "Zm9v!", base64.b64encode(b"\xff:\xfe").decode(), "", " ", "Zm9v\n"])
def test_a_basic_secret_that_is_no_base64_is_401(text: str) -> None:
    found = House().ask("sap_events_received", body=b"{}", headers={"Authorization": f"Basic {text}"})
    assert found.status == 401
