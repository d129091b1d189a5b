"""What a change costs in calls. Each of these is a promise: Dataverse and SAP both count what they are asked."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.flows.bodies import cloud_event, context, wire
from tests.flows.calls import Cost, counted, reset
from tests.flows.meter import Meter
from tests.flows.office import BACK_OFFICE, Office

READ = {"GET accounts": 1}, {"GET A_BusinessPartner": 1}
ORDER_READ = {"GET salesorders": 1}, {"GET A_SalesOrder": 1}


@dataclass
class Till:
    """Counts what a deed costs. What SAP tells of our own writes is held back, and counted for itself."""

    office: Office
    meter: Meter
    echo: Cost = field(default_factory=Cost)

    def cost(self, deed: Callable[[], object], done: Callable[[], object]) -> Cost:
        self.office.quiet()
        self.office.erp("faults", {"events": {"hold": True}})
        reset(self.office, self.meter)
        deed()
        self.office.until(done, "the deed is done")
        self.office.quiet()
        direct = counted(self.office, self.meter)
        reset(self.office, self.meter)
        self.office.calm()
        self.office.quiet()
        self.echo = counted(self.office, self.meter)
        return direct


@pytest.fixture
def till(office: Office, meter: Meter) -> Till:
    return Till(office, meter)


def test_an_event_costs_no_call_until_its_change_is_worked_on(office: Office, meter: Meter) -> None:
    reset(office, meter)
    for _ in range(3):
        assert office.post("dataverse/events", wire(context("Update", "contact", BACK_OFFICE))).is_success
        assert office.post("sap/events", wire(cloud_event("BillingDocument", "Created", "1"))).is_success
    assert counted(office, meter) == Cost()


def test_an_edit_in_dynamics_costs_one_read_each_and_one_batch_of_sap(office: Office, till: Till) -> None:
    key, number = office.linked_account("Gezählt in Dynamics GmbH")
    cost = till.cost(
        lambda: office.edit_account(key, address1_city="Bruchsal"),
        lambda: office.address(number)["CityName"] == "Bruchsal",
    )
    assert cost.dynamics == {"GET accounts": 1}
    assert cost.sap == {"GET A_BusinessPartner": 1, "$batch GET PATCH GET": 1}
    # noted, read, claimed (SAP has no etag here), and kept with its journal in one transaction
    assert cost.state == {"POST correlations": 1, "GET links": 1, "PUT links": 1, "POST $batch": 1}
    assert (till.echo.dynamics, till.echo.sap) == READ
    assert till.echo.state == {"POST correlations": 1, "GET links": 2}


def test_an_edit_in_sap_costs_one_read_each_and_one_write_and_its_echo_nothing(office: Office, meter: Meter) -> None:
    key, number = office.linked_account("Gezählt in SAP GmbH")
    reset(office, meter)
    office.edit_city(number, "Ulm")
    office.until(lambda: office.account(key)["address1_city"] == "Ulm", "Dynamics has the city")
    office.quiet()
    cost = counted(office, meter)
    assert cost.dynamics == {"GET accounts": 1, "PATCH accounts": 1}
    assert cost.sap == {"GET A_BusinessPartner": 1}
    assert cost.state == {"POST correlations": 1, "GET links": 2, "POST $batch": 1}


def test_an_event_about_nothing_that_is_mapped_costs_one_read_each(office: Office, till: Till) -> None:
    key, _ = office.linked_account("Gezählt und unberührt GmbH")
    cost = till.cost(lambda: office.edit_account(key, description="of no matter"), lambda: True)
    assert (cost.dynamics, cost.sap) == READ
    assert cost.state == {"POST correlations": 1, "GET links": 1}
    assert till.echo == Cost()


def test_a_new_account_costs_one_read_and_the_write_back_and_in_sap_two_looks_the_create_and_a_read(
    office: Office, till: Till
) -> None:
    keys: list[str] = []
    cost = till.cost(
        lambda: keys.append(office.new_account("Gezählt und neu GmbH")),
        lambda: office.pair(keys[0]).get("status") == "linked",
    )
    assert cost.dynamics == {"GET accounts": 1, "PATCH accounts": 1}
    assert cost.sap == {"GET A_BuPaIdentification": 2, "POST A_BusinessPartner": 1, "GET A_BusinessPartner": 1}
    assert (till.echo.dynamics, till.echo.sap) == READ


def test_an_edit_of_an_orders_header_costs_one_read_each_and_one_batch(office: Office, till: Till) -> None:
    account, _ = office.linked_account("Gezählter Besteller GmbH")
    order, number = office.linked_order(account, "TG11", "TG12")
    values = {"requestdeliveryby": "2027-01-15T00:00:00Z"}
    cost = till.cost(
        lambda: office.crm("edit", {"table": "salesorder", "id": order, "values": values, "user": BACK_OFFICE}),
        lambda: "1799971200000" in office.sap("A_SalesOrder", SalesOrder=number)[0]["RequestedDeliveryDate"],
    )
    assert cost.dynamics == {"GET salesorders": 1}
    assert cost.sap == {"GET A_SalesOrder": 1, "$batch PATCH GET": 1}
    assert (till.echo.dynamics, till.echo.sap) == ORDER_READ


def test_an_edit_of_an_orders_line_costs_one_batch_the_write_back_and_one_read_each_for_both_of_its_events(
    office: Office, till: Till
) -> None:
    account, _ = office.linked_account("Gezählte Zeile GmbH")
    order, number = office.linked_order(account, "TG11", "TG12")
    line = next(row for row in office.rows("salesorderdetail", _salesorderid_value=order) if row["lineitemnumber"] == 2)
    edit = {"table": "salesorderdetail", "id": line["salesorderdetailid"], "user": BACK_OFFICE}
    cost = till.cost(
        lambda: office.crm("edit", {**edit, "values": {"quantity": 7}}),
        lambda: [item["RequestedQuantity"] for item in office.items(number)][1] in ("7", "7.000"),
    )
    # Dataverse tells of the line and, with its new total, of the order; SAP's net total comes back
    assert cost.dynamics == {"GET salesorders": 2, "PATCH salesorders": 1}
    assert cost.sap == {"GET A_SalesOrder": 2, "$batch PATCH PATCH GET": 1}
