"""The list of what a person sets up in SAP follows from the enabled flows."""

from collections.abc import Mapping
from dataclasses import replace

from shared.mapping.flow import Flow
from shared.ops.registration.checklist import Sap, checklist
from shared.systems.s4.usage import Used, used
from shared.wiring import flows

SETTINGS = {"S4_ID_TYPE": "ZCRM9", "S4_COMPANY_CODE": "2020", "S4_SALES_ORGANIZATION": "3030"}
PATHS = {"API_BUSINESS_PARTNER": "/proxy/bp"}


def lines(*names: str, settings: Mapping[str, str] = SETTINGS) -> list[str]:
    found = {name: flow for name, flow in flows(settings).items() if name in names or not names}
    return list(checklist(found, sets(found), Sap("https://s4.example", "100")))


def sets(found: Mapping[str, Flow]) -> dict[str, tuple[Used, ...]]:
    return {name: used(flow.selections["sap"], PATHS) for name, flow in found.items()}


def row(said: list[str], entity_set: str) -> list[str]:
    (one,) = [line for line in said if f"| {entity_set} |" in line]
    return [cell.strip() for cell in one.strip("|").split("|")]


def test_only_the_enabled_flows_services_are_listed() -> None:
    orders = "\n".join(lines("s4/order"))
    assert "API_SALES_ORDER_SRV" in orders
    assert "API_BUSINESS_PARTNER" not in orders
    assert "B_BUPA_GRP" not in orders
    assert "BusinessPartner.Created" not in orders


def test_a_service_stands_with_its_scenario_and_the_address_of_the_settings() -> None:
    assert "| API_BUSINESS_PARTNER | `/proxy/bp` | s4/account | SAP_COM_0008 |" in lines()


def test_a_written_field_is_told_from_one_that_is_only_read() -> None:
    _, _, written, read = row(lines(), "A_SalesOrder")
    assert {"SoldToParty", "PurchaseOrderByCustomer"} <= set(written.split(", "))
    assert {"SalesOrder", "TotalNetAmount", "LastChangeDateTime"} <= set(read.split(", "))
    assert not set(written.split(", ")) & set(read.split(", "))


def test_a_rejection_and_the_mark_of_a_line_count_as_written() -> None:
    _, _, written, _ = row(lines(), "A_SalesOrderItem")
    assert {"SalesDocumentRjcnReason", "PurchaseOrderByShipToParty", "Material"} <= set(written.split(", "))


def test_parts_of_lines_and_of_headers_are_told_apart() -> None:
    found = used(flows(SETTINGS)["s4/order"].selections["sap"], {})
    assert {(one.set, one.lines) for one in found} == {
        ("A_SalesOrder", False),
        ("A_SalesOrderItem", True),
        ("A_SalesOrderItemPrElement", True),
    }


def test_a_deep_part_brings_those_above_it() -> None:
    email = row(lines(), "A_AddressEmailAddress")
    assert email[2] == "EmailAddress"
    assert "to_AddressUsage/AddressUsage" in row(lines(), "A_BusinessPartnerAddress")[3]


def test_the_identification_type_and_the_organisations_codes_come_from_the_settings() -> None:
    said = lines()
    assert any("identification type ZCRM9" in line for line in said)
    assert "- [ ] s4/account: company.CompanyCode 2020" in said
    assert "- [ ] s4/order: SalesOrganization 3030" in said
    assert "- [ ] s4/account: sales.Currency EUR unless Dynamics says otherwise" in said
    assert "- [ ] s4/order: SalesDocumentRjcnReason 61" in said


def test_nothing_stands_twice() -> None:
    boxes = [line for line in lines() if line.startswith("- [ ]")]
    assert sorted(boxes) == sorted(set(boxes))


def test_the_user_may_create_only_where_a_flow_creates() -> None:
    assert any("V_VBAK_AAT, activities 01 create, 02 change, 03 display" in line for line in lines())


def test_events_to_subscribe_are_those_of_the_flows_objects() -> None:
    said = lines()
    assert "  - `sap.s4.beh.salesorder.v1.SalesOrder.ItemDeleted.v1`" in said
    assert any("`<namespace>/ce/sap/s4/beh/businesspartner/v1/BusinessPartner/*`" in line for line in said)


def test_flows_of_other_products_are_named_as_not_covered() -> None:
    foreign = replace(flows(SETTINGS)["s4/order"], name="ecc/order", systems={"dynamics": "dataverse", "sap": "ecc"})
    assert "Not covered here: ecc/order." in list(checklist({"ecc/order": foreign}, {}, Sap("", "100")))
