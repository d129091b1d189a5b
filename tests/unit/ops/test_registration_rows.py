"""The rows that make Dataverse send events, and how they differ from what is there."""

from dataclasses import replace

import pytest

from shared.core.model import Column
from shared.errors import BadRequest
from shared.ops.registration.needs import Definition, Reading
from shared.ops.registration.rows import MESSAGES, Action, Found, Row, difference, queue, subscriptions, webhook

PREFIX = "sync: "
URL = "https://app.example/api/dataverse/events"
CONNECTION = (
    "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=aGVsbG8=;EntityPath=events"
)
HOOK = webhook(PREFIX, URL, "hush")
LINE = Reading("line", frozenset({"s4/order"}), {"quantity": Column("decimal"), "unit": Column()}, parent="documentid")
DEFINITION = Definition("line", "lineid", {}, {}, {}, {})
IDS = {("line", message): (f"m-{message}", f"f-{message}") for message in MESSAGES}


def wanted() -> list[Row]:
    return [HOOK, *subscriptions(HOOK.name, {"line": LINE}, {"line": DEFINITION}, IDS)]


def there(rows: list[Row]) -> list[Found]:
    return [Found(row.kind, f"id {n}", row.name, row.values, row.parent) for n, row in enumerate(rows)]


def verbs(actions: tuple[Action, ...]) -> list[tuple[str, str, str]]:
    return [(one.verb, one.kind, one.name.removeprefix(PREFIX)) for one in actions if one.verb != "unchanged"]


# --------------------------------------------------------------------------------------------------- as they shall be


def test_the_secret_goes_into_a_header_and_shows_in_no_representation() -> None:
    row = webhook(PREFIX, URL, 'a"<&b')
    setting = '<setting name="x-webhook-secret" value="a&quot;&lt;&amp;b" />'
    assert row.secrets == {"authvalue": f"<settings>{setting}</settings>"}
    assert row.values == {"contract": 8, "authtype": 5, "url": URL}
    assert "a&quot;" not in repr(row)
    assert "a&quot;" not in repr(difference([row], []))


@pytest.mark.parametrize(
    "url",
    ["http://app.example/x", "https://app.example/x?code=1", "https://u:p@app.example/x", "app.example", "https:///x"],
)
def test_an_address_that_would_leak_or_lead_nowhere_is_refused(url: str) -> None:
    with pytest.raises(BadRequest, match="--url must be"):
        webhook(PREFIX, url, "hush")


def test_a_simulator_on_this_machine_needs_no_tls() -> None:
    assert webhook(PREFIX, "http://127.0.0.1:7071/api/dataverse/events", "hush").values["contract"] == 8


def test_a_webhook_without_a_secret_is_refused() -> None:
    with pytest.raises(BadRequest, match="DATAVERSE_WEBHOOK_SECRETS must hold"):
        webhook(PREFIX, URL, "")


def test_a_queue_is_reached_by_a_key_that_shows_nowhere() -> None:
    row = queue(PREFIX, CONNECTION)
    assert row.values == {
        "contract": 6,
        "authtype": 2,
        "namespaceaddress": "sb://ns.servicebus.windows.net/",
        "path": "events",
        "saskeyname": "send",
        "messageformat": 2,
        "userclaim": 1,
    }
    assert row.secrets == {"saskey": "aGVsbG8="}
    assert "aGVsbG8" not in repr(row) + row.why


def test_a_connection_string_of_a_whole_namespace_leads_to_our_queue() -> None:
    assert queue(PREFIX, CONNECTION.removesuffix(";EntityPath=events")).values["path"] == "dataverse-events"


def test_half_a_connection_string_is_refused_without_being_quoted() -> None:
    with pytest.raises(BadRequest, match="lacks Endpoint, SharedAccessKeyName") as refused:
        queue(PREFIX, "SharedAccessKey=aGVsbG8=")
    assert "aGVsbG8" not in str(refused.value)


def test_every_step_is_asynchronous_after_the_operation_and_cleans_up() -> None:
    steps = [row for row in wanted() if row.kind == "step"]
    assert [row.name.rpartition(", ")[2] for row in steps] == ["Create of line", "Update of line", "Delete of line"]
    for row in steps:
        assert (row.values["mode"], row.values["stage"], row.values["asyncautodelete"]) == (1, 40, True)
    assert [row.values["filteringattributes"] for row in steps] == [None, "quantity,unit", None]


def test_a_line_that_changes_or_goes_brings_the_picture_that_names_its_document() -> None:
    images = [row for row in wanted() if row.kind == "image"]
    assert [row.parent.rpartition(", ")[2] for row in images] == ["Update of line", "Delete of line"]
    values = images[0].values
    assert (values["entityalias"], values["imagetype"], values["attributes"]) == ("before", 0, "documentid")


def test_a_document_needs_no_picture() -> None:
    rows = subscriptions("x", {"line": replace(LINE, parent="")}, {"line": DEFINITION}, IDS)
    assert [row.kind for row in rows] == ["step"] * 3


def test_what_dataverse_does_not_offer_is_left_out() -> None:
    offered = {key: ids for key, ids in IDS.items() if key[1] != "Delete"}
    assert [row.kind for row in subscriptions("x", {"line": LINE}, {"line": DEFINITION}, offered)] == [
        "step",
        "step",
        "image",
    ]
    assert list(subscriptions("x", {"line": LINE}, {}, IDS)) == []


# -------------------------------------------------------------------------------------------------------- as they are


def test_nothing_there_means_creating_parents_before_children() -> None:
    actions = difference(wanted(), [])
    assert [one.kind for one in actions] == ["endpoint", "step", "step", "step", "image", "image"]
    assert {one.verb for one in actions} == {"create"}
    assert all("statecode" not in one.values for one in actions)


def test_a_repeat_changes_nothing() -> None:
    assert {one.verb for one in difference(wanted(), there(wanted()))} == {"unchanged"}


def test_order_and_spaces_in_a_list_of_columns_are_no_difference() -> None:
    found = there(wanted())
    found[2] = replace(found[2], values={**found[2].values, "filteringattributes": "unit, Quantity"})
    assert verbs(difference(wanted(), found)) == []


def test_a_namespace_is_the_same_with_another_case_and_without_its_last_slash() -> None:
    row = queue(PREFIX, CONNECTION)
    found = Found("endpoint", "id", row.name, {**row.values, "namespaceaddress": "sb://NS.servicebus.windows.net"})
    assert verbs(difference([row], [found])) == []


def test_a_difference_says_what_was_and_what_becomes_and_sends_only_that() -> None:
    found = there(wanted())
    other = {"filteringattributes": "unit,price", "stage": 20}
    found[2] = replace(found[2], values={**found[2].values, **other})
    (update,) = [one for one in difference(wanted(), found) if one.verb == "update"]
    assert update.why == "stage 20 -> 40; filteringattributes +quantity -price"
    assert dict(update.values) == {"filteringattributes": "quantity,unit", "stage": 40}
    assert (update.id, update.parent, update.secrets) == ("id 2", "", {})


def test_a_disabled_step_is_enabled_again() -> None:
    found = there(wanted())
    found[1] = replace(found[1], values={**found[1].values, "statecode": 1})
    (update,) = [one for one in difference(wanted(), found) if one.verb == "update"]
    assert dict(update.values) == {"statecode": 0, "statuscode": 1}


def test_a_step_that_leads_elsewhere_is_led_back() -> None:
    found = there(wanted())
    found[1] = replace(found[1], parent="")
    (update,) = [one for one in difference(wanted(), found) if one.verb == "update"]
    assert (update.parent, update.why) == (HOOK.name, f"moves to {HOOK.name}")


def test_a_secret_is_sent_again_only_on_request() -> None:
    (update,) = [one for one in difference(wanted(), there(wanted()), new_secret=True) if one.verb == "update"]
    assert (update.kind, dict(update.values), update.secrets) == ("endpoint", {}, HOOK.secrets)
    assert update.why == "the secret is sent again"


def test_a_step_that_no_flow_needs_goes_and_its_picture_with_it() -> None:
    actions = difference([HOOK], there(wanted()))
    assert verbs(actions) == [
        ("delete", "step", "webhook, Create of line"),
        ("delete", "step", "webhook, Delete of line"),
        ("delete", "step", "webhook, Update of line"),
    ]
    assert {one.why for one in actions if one.verb == "delete"} == {"no enabled flow needs it"}


def test_a_picture_that_nobody_needs_any_more_goes_alone() -> None:
    rows = [row for row in wanted() if row.kind != "image"]
    assert [kind for _, kind, _ in verbs(difference(rows, there(wanted())))] == ["image", "image"]


def test_of_doubles_one_stays() -> None:
    found = [*there(wanted()), Found("step", "id 9", wanted()[1].name, wanted()[1].values, HOOK.name)]
    (double,) = [one for one in difference(wanted(), found) if one.verb == "delete"]
    assert (double.id, double.why) == ("id 9", "a double")


def test_going_over_to_a_queue_makes_the_new_before_it_drops_the_old() -> None:
    to = queue(PREFIX, CONNECTION)
    new = [to, *subscriptions(to.name, {"line": LINE}, {"line": DEFINITION}, IDS)]
    actions = difference(new, there(wanted()))
    kinds = [(one.verb, one.kind) for one in actions]
    assert kinds[:6] == [("create", kind) for kind in ("endpoint", "step", "step", "step", "image", "image")]
    assert kinds[6:] == [("delete", "step")] * 3 + [("delete", "endpoint")]
    assert {one.why for one in actions if one.verb == "delete"} == {"events go elsewhere now"}


def test_what_others_made_is_left_and_keeps_the_endpoint_that_it_uses() -> None:
    found = [*there(wanted()), Found("step", "id 9", "Finance: Create of account", {}, HOOK.name, ours=False)]
    assert ("left", "step", "Finance: Create of account") in verbs(difference(wanted(), found))
    gone = difference((), found)
    assert ("left", "endpoint", "webhook") in verbs(gone)
    assert [one.why for one in gone if one.kind == "endpoint"] == ["still used by 'Finance: Create of account'"]


def test_taking_everything_away_ends_with_the_endpoint() -> None:
    actions = difference((), there(wanted()))
    assert [one.kind for one in actions] == ["step", "step", "step", "endpoint"]
    assert {(one.verb, one.why) for one in actions} == {("delete", "all of it is taken away")}
