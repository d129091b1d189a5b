"""What Dataverse posts, well formed and spoiled, by webhook and by queue: the right answer, and the right effect."""

import json
from collections.abc import Callable
from uuid import uuid4

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from dev.cloud import WEBHOOK_SECRET
from tests.flows.bodies import Body, context, entity, pairs, reference, wire
from tests.flows.conftest import NEXT_SECRET
from tests.flows.office import Office

EVENTS = "dataverse/events"
MEGABYTE = 1024 * 1024
LARGE = ("InputParameters", "ParentContext", "PreEntityImages", "PostEntityImages")  # dropped above 256 KB


def create(row: str, **other: object) -> Body:
    return context("Create", "account", row, **other)


def old_writer(row: str) -> bytes:
    """Return the body as older servers write it: a byte-order mark, escaped slashes, a date in the user's zone."""
    body = create(row, OperationCreatedOn="/Date(1506409448000-0700)/")
    return b"\xef\xbb\xbf" + wire(body).replace(b"/", b"\\/")


def stripped(row: str) -> bytes:
    return wire({name: value for name, value in create(row).items() if name not in LARGE})


def newer(row: str) -> bytes:
    odd: Body = {"Unheard": {"of": [1, None, {"__type": "Guid:#System", "__value": row}]}, "SharedVariables": None}
    return wire({"A": None, **create(row, **odd, Depth="1", InputParameters=[None, 7, {"key": 3}]), "Zz": 1e400})


def twice(row: str) -> bytes:
    return wire(json.dumps(create(row)))


def mangled(row: str) -> bytes:
    """Return text that was read as Windows-1252 and written again, and a byte that no decoder takes."""
    name = "Žagars & Šūna SIA".encode().decode("cp1252", errors="replace")
    return wire(create(row, OrganizationName=name)).replace(b"of no matter", b"of no m\xfftter")


def boxed(row: str) -> bytes:
    guid = {"__type": "Guid:#System", "__value": row.upper()}
    return wire(create(row, PrimaryEntityId=guid, PrimaryEntityName=" Account "))


def plain_objects(row: str) -> bytes:
    return wire(
        create(row, SharedVariables={"IsAutoTransact": True}, InputParameters={"Target": entity("account", row)})
    )


def without_most(row: str) -> bytes:
    return wire({"MessageName": "Update", "PrimaryEntityName": "account", "PrimaryEntityId": row})


SPOILED: dict[str, Callable[[str], bytes]] = {
    each.__name__: each for each in (old_writer, stripped, newer, twice, mangled, boxed, plain_objects, without_most)
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_a_strange_but_readable_body_syncs_the_row_as_it_is(office: Office, spoil: Callable[[str], bytes]) -> None:
    name = f"Žagars & Šūna {spoil.__name__}"
    key = office.unheard_account(name)
    extra = {"x_ms_dynamics_msg_size_exceeded": "true"} if spoil is stripped else {}
    answer = office.post(EVENTS, spoil(key), **extra)
    assert (answer.status_code, answer.json()) == (202, {"message": "1 enqueued"})
    number = office.until(lambda: office.number(key), "the number is back")
    assert office.partner(number)["OrganizationBPName1"] == name


REFUSED: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \r\n",
    "cut": wire(create(str(uuid4())))[:-20],
    "not json": b"<html>Service unavailable</html>",
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "no members": b"{}",
    "no row": wire(create("not a guid")),
    "an empty row": wire(create("00000000-0000-0000-0000-000000000000", OutputParameters=[])),
    "no message": wire(create(str(uuid4()), MessageName=None)),
    "deep": b'{"a":' * 100_000,
    "a long number": b'{"Depth": ' + b"9" * 5_000 + b"}",
    "utf-16": json.dumps(create(str(uuid4()))).encode("utf-16"),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_an_unreadable_body_is_a_400_that_says_why(office: Office, body: bytes) -> None:
    answer = office.post(EVENTS, body)
    assert answer.status_code == 400
    assert len(answer.json()["message"]) > 15


def test_a_body_larger_than_any_event_is_a_413(office: Office) -> None:
    assert office.post(EVENTS, wire(create(str(uuid4()), Filler="x" * MEGABYTE))).status_code == 413


def test_a_delete_names_its_row_by_a_reference_only(office: Office) -> None:
    key, number = office.linked_account("Gelöscht per Verweis GmbH")
    with office.events_lost():
        office.crm("delete", {"table": "account", "id": key})
    body = context("Delete", "account", key, target=reference("account", key), PostEntityImages=[])
    assert office.post(EVENTS, wire(body)).json() == {"message": "1 enqueued"}
    office.until(lambda: office.partner(number)["BusinessPartnerIsBlocked"], "SAP has blocked it")


def test_a_delete_that_is_not_true_retires_nobody(office: Office) -> None:
    key, number = office.linked_account("Totgesagt GmbH")
    assert office.post(EVENTS, wire(context("Delete", "account", key, target=reference("account", key)))).is_success
    office.quiet()
    assert office.pair(key)["status"] == "linked"
    assert not office.partner(number)["BusinessPartnerIsBlocked"]


def test_a_line_names_its_order_by_an_image_and_without_one_enqueues_nothing(office: Office) -> None:
    order, line = str(uuid4()), str(uuid4())
    image = {"Attributes": pairs(salesorderid=reference("salesorder", order))}
    known = context(
        "Delete", "salesorderdetail", line, reference("salesorderdetail", line), PreEntityImages=pairs(b=image)
    )
    assert office.post(EVENTS, wire(known)).json() == {"message": "1 enqueued"}
    unknown = context("Delete", "salesorderdetail", line, reference("salesorderdetail", line))
    assert office.post(EVENTS, wire(unknown)).json() == {"message": "0 enqueued"}


@pytest.mark.parametrize("table", ["contact", "new_customactivity", "none"])
def test_a_table_that_no_flow_reads_is_taken_and_enqueues_nothing(office: Office, table: str) -> None:
    answer = office.post(EVENTS, wire(context("Update", table, str(uuid4()))))
    assert (answer.status_code, answer.json()) == (202, {"message": "0 enqueued"})


def test_our_own_write_is_recognised_by_its_tag_also_in_an_ancestor(office: Office) -> None:
    tagged = pairs(tag="dynamics-sap-sync")
    row = str(uuid4())
    for body in (
        context("Update", "account", row, SharedVariables=tagged),
        context(
            "Update",
            "account",
            row,
            ParentContext={"SharedVariables": [], "ParentContext": {"SharedVariables": tagged}},
        ),
    ):
        assert office.post(EVENTS, wire(body)).json() == {"message": "0 enqueued"}
    other = context("Update", "account", row, SharedVariables=pairs(tag="somebody-else"))
    assert office.post(EVENTS, wire(other)).json() == {"message": "1 enqueued"}
    deeper = context("Update", "account", row, SharedVariables=tagged, Depth=2)  # a plug-in went on from our write
    assert office.post(EVENTS, wire(deeper)).json() == {"message": "1 enqueued"}


def test_both_secrets_open_while_one_is_replaced_and_nothing_else_does(office: Office) -> None:
    body = wire(context("Update", "contact", str(uuid4())))
    url = f"{office.cloud.api}/{EVENTS}"

    def status(headers: dict[str, str] | None = None, query: str = "") -> int:
        return office.http.post(url + query, content=body, headers=headers or {}).status_code

    for secret in (WEBHOOK_SECRET, NEXT_SECRET):
        assert status({"x-webhook-secret": secret}) == status({}, f"?code={secret}") == 202
    both = f"{WEBHOOK_SECRET},{NEXT_SECRET}"
    for wrong in ("", "wrong", WEBHOOK_SECRET[:-1], f"{WEBHOOK_SECRET}x", WEBHOOK_SECRET.upper(), both):
        assert status({"x-webhook-secret": wrong}) == 401
    assert status({}, "?code=wrong") == status({}, "?code=") == status({}) == 401


def test_a_copied_environment_is_turned_away(office: Office) -> None:
    key = office.unheard_account("Kopie der Fertigung GmbH")
    answer = office.post(EVENTS, wire(create(key, OrganizationId=str(uuid4()))))
    assert answer.status_code == 403
    assert "organisation" in answer.json()["message"]
    office.quiet()
    assert not office.number(key)


def test_dataverse_may_post_to_the_queue_instead(office: Office) -> None:
    key = office.unheard_account("Über die Warteschlange GmbH")
    send(office, wire(create(key)))
    office.until(lambda: office.number(key), "the number is back")


def test_what_cannot_be_read_from_the_queue_is_shown_as_a_dead_letter_and_holds_nobody_up(office: Office) -> None:
    before = dead_letters(office)
    key = office.unheard_account("Hinter dem Unlesbaren GmbH")
    send(office, b"\x40not json", wire(create(key, OrganizationId=str(uuid4()))), wire(create(key)))
    office.until(lambda: office.number(key), "the number is back")
    office.until(lambda: dead_letters(office) == before + 2, "both are shown")


def dead_letters(office: Office) -> int:
    """Return how many dead letters operators see that are about no record."""
    return int(office.ops("status")["dead_letters"])


def send(office: Office, *bodies: bytes) -> None:
    with (
        ServiceBusClient.from_connection_string(office.cloud.settings["ServiceBus"]) as client,
        client.get_queue_sender("dataverse-events") as sender,
    ):
        sender.send_messages([ServiceBusMessage(body, content_type="application/json") for body in bodies])


def test_the_organisation_itself_posts_to_the_queue_beside_the_webhook(office: Office) -> None:
    queue = {"connection": office.cloud.settings["ServiceBus"], "queue": "dataverse-events", "tables": ["account"]}
    office.crm("webhooks", {**queue, "messages": ["Delete"]})
    key, number = office.linked_account("Doppelt gemeldet GmbH")
    before = office.bus("queues")["dataverse-events"]["dead_letter"]
    office.crm("delete", {"table": "account", "id": key})
    office.until(lambda: office.pair(number).get("status") == "retired", "the pair is retired")
    office.quiet()
    assert office.bus("queues")["dataverse-events"] == dict.fromkeys(
        ("active", "scheduled", "deferred", "locked"), 0
    ) | {"dead_letter": before}
    retired = [entry["writes"] for entry in office.pair(number)["journal"] if entry["writes"] == ["sap retire"]]
    assert len(retired) == 1
