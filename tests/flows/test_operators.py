"""What operators ask and get: sync now, status, a pair by either key, what happened under a correlation id."""

from typing import Any

import pytest

from tests.flows.bodies import context, wire
from tests.flows.office import Office


@pytest.mark.parametrize("flow", ["s4/account", "account"])
def test_sync_now_syncs_by_the_full_and_by_the_short_name_of_a_flow(office: Office, flow: str) -> None:
    key = office.unheard_account(f"Von Hand {flow}")
    answer = office.ask_ops("sync", {"flow": flow, "side": "dynamics", "keys": [key]})
    assert (answer.status_code, answer.json()["enqueued"]) == (202, 1)
    office.until(lambda: office.pair(key).get("status") == "linked", "it is linked")
    steps = office.ops(f"correlations/{answer.json()['correlation']}")
    assert [step["what"] for step in steps["received"]] == ["received (sync)"]
    assert office.pair(key)["journal"][0]["asked_by"] == "function key"


def test_sync_now_takes_many_keys_and_either_side(office: Office) -> None:
    keys = [office.unheard_account(f"Sammelauftrag {number}") for number in range(3)]
    answer = office.ask_ops("sync", {"flow": "account", "side": "dynamics", "keys": [*keys, keys[0]]})
    assert answer.json()["enqueued"] == 3
    numbers = [office.until(lambda key=key: office.number(key), "the number is back") for key in keys]
    office.quiet()
    with office.events_lost():
        office.edit_city(numbers[0], "Trier")
    assert office.ask_ops("sync", {"flow": "account", "side": "sap", "key": numbers[0]}).json()["enqueued"] == 1
    office.until(lambda: office.account(keys[0])["address1_city"] == "Trier", "Dynamics shows the city")


WRONG: dict[str, tuple[object, str]] = {
    "unknown flow": ({"flow": "s4/invoice", "side": "sap", "keys": ["1"]}, "s4/account, s4/order"),
    "no flow": ({"side": "sap", "keys": ["1"]}, "flow"),
    "bad side": ({"flow": "account", "side": "crm", "keys": ["1"]}, "dynamics or sap"),
    "no keys": ({"flow": "account", "side": "sap"}, "keys"),
    "empty keys": ({"flow": "account", "side": "sap", "keys": []}, "1 to 100"),
    "too many keys": ({"flow": "account", "side": "sap", "keys": [str(n) for n in range(101)]}, "1 to 100"),
    "a key that is no text": ({"flow": "account", "side": "sap", "keys": [1000001]}, "text"),
    "a blank key": ({"flow": "account", "side": "sap", "keys": [" "]}, "text"),
    "unknown member": ({"flow": "account", "side": "sap", "keys": ["1"], "force": True}, "flow, key"),
    "a list": ([], "object"),
}


@pytest.mark.parametrize(("body", "hint"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_order_is_a_400_that_says_what_is_right(office: Office, body: object, hint: str) -> None:
    answer = office.ask_ops("sync", body)
    assert answer.status_code == 400
    assert hint in answer.json()["message"]


def test_a_body_that_is_no_json_is_a_400_with_an_example(office: Office) -> None:
    headers = {"x-functions-key": "local-host-key"}
    answer = office.http.post(f"{office.cloud.api}/ops/sync", content=b"keys=1", headers=headers)
    assert answer.status_code == 400
    assert '"flow": "s4/account"' in answer.json()["message"]


@pytest.mark.parametrize("path", ["status", "links/account/1000001", "correlations/x"])
def test_without_the_key_nothing_is_told(office: Office, path: str) -> None:
    assert office.ask_ops(path, key="").status_code == 401
    assert office.ask_ops(path, key="wrong").status_code == 401
    assert office.http.post(f"{office.cloud.api}/ops/sync", json={}).status_code == 401


def test_status_shows_flows_what_is_parked_and_the_last_sweep(office: Office) -> None:
    flows = office.ops("status")["flows"]
    assert flows.keys() == {"s4/account", "s4/order"}
    assert flows["s4/account"]["pair"] == "dataverse.account@s4.100.BusinessPartner"
    assert all(flow["last_sweep"] and flow["parked"] >= 0 for flow in flows.values())


def test_a_pair_is_found_by_either_key_and_under_either_name(office: Office) -> None:
    key, number = office.linked_account("Zweimal gesucht GmbH")
    by_key, by_number, upper = (office.pair(each) for each in (key, number, key.upper()))
    assert by_key == by_number == upper == office.pair(key, "s4/account")
    assert (by_key["dynamics"], by_key["sap"], by_key["flow"]) == (key, number, "s4/account")
    assert "legal_name" in by_key["fields_in_step"]
    assert "Zweimal gesucht" not in str(by_key)  # digests are kept, not values


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("links/account/1234567890", "never synced"),
        ("links/s4/account/nobody", "outside the mapping's scope"),
        ("links/s4/invoice/1", "there are s4/account, s4/order"),
        ("links/account", "there are s4/account, s4/order"),
        ("correlations/unheard-of", "unheard-of"),
    ],
)
def test_what_is_not_known_is_a_404_that_says_why(office: Office, path: str, hint: str) -> None:
    answer = office.ask_ops(path)
    assert answer.status_code == 404
    assert hint in answer.json()["message"]


def test_a_correlation_id_leads_from_the_webhook_to_the_write_back(office: Office) -> None:
    key = office.unheard_account("Spurensuche GmbH")
    body = context("Create", "account", key)
    office.post("dataverse/events", wire(body))
    found: Any = office.until(
        lambda: (trace := office.ops(f"correlations/{body['CorrelationId']}")).get("done") and trace, "it is done"
    )
    assert [(step["flow"], step["side"], step["key"]) for step in found["received"]] == [
        ("s4/account", "dynamics", key)
    ]
    assert [(step["flow"], step["writes"]) for step in found["done"]] == [
        ("s4/account", ["sap create", "dynamics update"])
    ]
    assert "dynamics sap_number" in found["done"][0]["fields"]


def test_a_correlation_id_of_an_order_leads_to_the_customer_that_it_asked_for(office: Office) -> None:
    account = office.unheard_account("Mitgezogen GmbH")
    with office.events_lost():
        order = office.submitted_order(account, "TG11")
    asked = office.ops("sync", {"flow": "order", "side": "dynamics", "keys": [order]})
    office.until(lambda: office.pair(order, "order").get("status") == "linked", "the order is linked")
    found = office.ops(f"correlations/{asked['correlation']}")
    assert [(step["flow"], step["key"]) for step in found["received"]] == [("s4/order", order), ("s4/account", account)]
    assert {(step["flow"], *step["writes"]) for step in found["done"]} >= {
        ("s4/account", "sap create", "dynamics update"),
        ("s4/order", "sap create", "dynamics update"),
    }


def test_a_parked_pair_is_tried_again_by_replay(office: Office) -> None:
    key, number = office.linked_account("Nochmal bitte GmbH")
    office.quiet()
    fault = {"match": {"method": "PATCH", "path": "A_BusinessPartnerAddress"}, "status": 400, "text": "Try again"}
    office.erp("faults", fault)
    office.edit_account(key, address1_city="Worms")
    office.until(lambda: office.parked(key, "city") or office.pair(key)["parked"], "it is parked")
    office.erp("faults", method="DELETE")
    office.ops("sync", {"flow": "account", "side": "dynamics", "keys": [key]})
    office.quiet()
    assert office.address(number)["CityName"] == "Walldorf"  # the same refused value is not sent again by itself
    office.ops("sync", {"flow": "account", "side": "dynamics", "keys": [key], "replay": True})
    office.until(lambda: office.address(number)["CityName"] == "Worms", "the replay goes through")
    office.until(lambda: not office.pair(key)["parked"], "it has left the list")
