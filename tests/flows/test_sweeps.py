"""Events get lost; the sweep is the truth. It finds what was missed on either side, and only that."""

from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4

from tests.flows.calls import counted, reset
from tests.flows.clock import make_due, waiting_since
from tests.flows.meter import Meter
from tests.flows.office import Office


def sweep(office: Office, *flows: str) -> None:
    """Let these flows be due, fire the timer, and wait until they were started."""
    before = {flow: office.last_sweep(flow) for flow in flows}
    make_due(office.cloud, *flows)
    office.fire("sweep")
    office.until(lambda: all(office.last_sweep(flow) > before[flow] for flow in flows), "the sweep has started")


def test_a_sweep_finds_what_no_event_told_on_both_sides(office: Office) -> None:
    in_crm, number_in_sap = office.linked_account("Überhört in Dynamics GmbH")
    in_sap, number = office.linked_account("Überhört in SAP GmbH")
    gone, number_of_gone = office.linked_account("Unbemerkt gelöscht GmbH")
    office.quiet()
    with office.events_lost():
        new = office.new_account("Nie gemeldet GmbH")
        office.edit_account(in_crm, address1_city="Kehl")
        office.edit_city(number, "Lahr")
        office.crm("delete", {"table": "account", "id": gone})
    sweep(office, "s4/account")
    office.until(lambda: office.address(number_in_sap)["CityName"] == "Kehl", "SAP has Dynamics' edit")
    office.until(lambda: office.account(in_sap)["address1_city"] == "Lahr", "Dynamics has SAP's edit")
    office.until(lambda: office.number(new), "the new account has a number")
    office.until(lambda: office.partner(number_of_gone)["BusinessPartnerIsBlocked"], "the deletion was noticed")
    entry = office.pair(in_crm)["journal"][0]
    assert (entry["cause"], entry["writes"]) == ("sweep", ["sap update"])
    assert office.ops(f"correlations/{quote(entry['correlation'])}")["received"]


def test_a_sweep_finds_an_order_and_its_delivery_that_no_event_told(office: Office) -> None:
    account, _ = office.linked_account("Überhörte Bestellung GmbH")
    with office.events_lost():
        order = office.submitted_order(account, "TG11")
    sweep(office, "s4/order")
    number = office.until(lambda: office.order(order)["cr_sapnumber"], "the order's number is back")
    office.quiet()
    with office.events_lost():
        office.erp(f"deliver/{number}", {})
    sweep(office, "s4/order")
    office.until(lambda: office.order(order)["cr_sapdeliverystatus"] == "C", "Dynamics shows it as delivered")


def test_our_own_writes_are_no_news_to_a_sweep(office: Office, meter: Meter) -> None:
    account, _ = office.linked_account("Eigenes Echo GmbH")
    office.linked_order(account, "TG11")
    office.quiet()
    sweep(office, "s4/order")
    reset(office, meter)
    sweep(office, "s4/order")
    office.quiet()
    asked = [each["path"] for side in (office.crm, office.erp) for each in side("log", method="GET")]
    assert any("salesorders" in path for path in asked)
    assert any("A_SalesOrder" in path for path in asked)
    assert not [path for path in asked if "(" in path], "lists of changes, and no record"


def test_a_flow_that_is_not_due_is_not_swept(office: Office, meter: Meter) -> None:
    before = office.last_sweep("s4/account"), office.last_sweep("s4/order")
    reset(office, meter)
    office.fire("sweep")
    office.until(lambda: meter.seen("GET waiting"), "the timer has run to its end")
    office.quiet()
    cost = counted(office, meter)
    assert (cost.dynamics, cost.sap) == ({}, {})
    assert (office.last_sweep("s4/account"), office.last_sweep("s4/order")) == before


def test_who_waits_for_too_long_is_parked_with_what_is_missing(office: Office) -> None:
    order, account = str(uuid4()), str(uuid4())
    with waiting_since(office.cloud, order, account, timedelta(hours=25)):
        office.fire("sweep")
        problem = office.until(lambda: office.pair(order, "order").get("parked"), "the order is parked")
    assert "waited too long" in str(problem)
    assert f"s4/account {account}, which is not linked" in str(problem)
