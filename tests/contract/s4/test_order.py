"""The S/4 simulator's sales orders: creation, prices, rejection, status, change stamps."""

from typing import Any

import httpx
import pytest

from dev.sap.s4 import Running

ITEM = {"Material": "TG11", "RequestedQuantity": "5"}
ORDER = {
    "SalesOrderType": "OR",
    "SalesOrganization": "1710",
    "DistributionChannel": "10",
    "OrganizationDivision": "00",
    "SoldToParty": "17100001",
    "PurchaseOrderByCustomer": "D365-SO-1001",
    "to_Item": [ITEM],
}
GERMAN = ORDER | {"SalesOrganization": "1010", "SoldToParty": "10100001"}
ALL = {"$expand": "to_Item/to_PricingElement,to_Item/to_ScheduleLine,to_Partner,to_PricingElement"}
ANY = {"if-match": "*"}


@pytest.fixture
def client(s4: Running) -> httpx.Client:
    return s4.client("API_SALES_ORDER_SRV")


def created(client: httpx.Client, body: object = ORDER, path: str = "A_SalesOrder") -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    row: dict[str, Any] = answer.json()["d"]
    return row


def read(client: httpx.Client, order: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = client.get(f"A_SalesOrder('{order['SalesOrder']}')", params=ALL).json()["d"]
    return row


def items(order: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = order["to_Item"]["results"]
    return found


def item_path(order: dict[str, Any], number: str = "10") -> str:
    return f"A_SalesOrderItem(SalesOrder='{order['SalesOrder']}',SalesOrderItem='{number}')"


def price(kind: str, rate: str) -> dict[str, Any]:
    return {"to_PricingElement": [{"ConditionType": kind, "ConditionRateValue": rate}]}


def test_an_order_takes_number_price_partners_and_dates_from_the_system(client: httpx.Client) -> None:
    order = read(client, created(client, ORDER | {"to_Item": [ITEM, ITEM | {"Material": "TG10"}]}))
    first, second = items(order)
    assert (first["SalesOrderItem"], second["SalesOrderItem"]) == ("10", "20")
    assert (first["NetAmount"], second["NetAmount"], order["TotalNetAmount"]) == ("67.50", "62.50", "130.00")
    assert (order["TransactionCurrency"], order["CustomerPaymentTerms"]) == ("USD", "0001")
    assert {each["PartnerFunction"] for each in order["to_Partner"]["results"]} == {"SP", "SH", "BP", "PY"}
    assert (first["RequestedQuantity"], first["RequestedQuantityUnit"]) == ("5", "PC")
    assert (first["RequestedQuantitySAPUnit"], first["RequestedQuantityISOUnit"]) == ("ST", "PCE")
    line = first["to_ScheduleLine"]["results"][0]
    assert (line["ScheduleLine"], line["ConfdOrderQtyByMatlAvailCheck"]) == ("1", "5")
    assert first["SalesOrderItemText"] == "Trading Good 11"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"to_Item": []}, "V1/330"),
        ({"SalesOrderType": "NONE"}, "V1/313"),
        ({"SalesOrganization": "9999"}, "V1/323"),
        ({"SoldToParty": "4"}, "V1/315"),
        ({"SoldToParty": "10100001"}, "V1/315"),
        ({"CustomerPaymentTerms": "XXXX"}, "F2/161"),
        ({"TransactionCurrency": "XXX"}, "V1/393"),
        ({"to_Partner": [{"PartnerFunction": "AG", "Customer": "17100001"}]}, "VP/101"),
        ({"to_Partner": [{"PartnerFunction": "SH", "Customer": "4"}]}, "VP/102"),
        ({"to_Item": [ITEM | {"Material": "NONE"}]}, "V1/382"),
        ({"to_Item": [ITEM | {"RequestedQuantityUnit": "XX"}]}, "V1/384"),
        ({"to_Item": [ITEM | {"RequestedQuantityUnit": "KG"}]}, "V1/384"),
        ({"to_Item": [ITEM | {"RequestedQuantity": "0"}]}, "V1/383"),
        ({"to_Item": [ITEM | {"RequestedQuantity": "1.5"}]}, "V1/385"),
        ({"to_Item": [ITEM | {"SalesOrderItem": "10"}, ITEM | {"SalesOrderItem": "10"}]}, "V1/331"),
        ({"to_Item": [ITEM | price("NONE", "1")]}, "V1/801"),
        (price("PPR0", "1"), "V1/801"),
    ],
)
def test_an_order_that_does_not_fit_is_refused(client: httpx.Client, change: dict[str, Any], expected: str) -> None:
    answer = client.post("A_SalesOrder", json=ORDER | change)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, expected)
    assert client.get("A_SalesOrder/$count").text == "0"


def test_a_quantity_as_a_json_number_cannot_be_read(client: httpx.Client) -> None:
    answer = client.post("A_SalesOrder", json=ORDER | {"to_Item": [ITEM | {"RequestedQuantity": 5}]})
    assert "Failed to read property 'RequestedQuantity'" in answer.json()["error"]["message"]["value"]


def test_a_manual_price_wins_and_makes_the_record_inactive(client: httpx.Client) -> None:
    answer = client.post("A_SalesOrder", json=ORDER | {"to_Item": [ITEM | price("PMP0", "9.99")]})
    assert '"V1/802"' in answer.headers["sap-message"]
    order = read(client, answer.json()["d"])
    elements = {each["ConditionType"]: each for each in items(order)[0]["to_PricingElement"]["results"]}
    assert order["TotalNetAmount"] == "49.95"
    assert (elements["PMP0"]["ConditionAmount"], elements["PMP0"]["ConditionInactiveReason"]) == ("49.95", "")
    assert elements["PPR0"]["ConditionInactiveReason"] != ""


def test_discounts_and_tax_are_rounded_to_the_currency(client: httpx.Client) -> None:
    body = GERMAN | price("HA00", "-5.000") | {"to_Item": [ITEM | price("K007", "-10.000")]}
    order = read(client, created(client, body))
    # 5 x 12.40 = 62.00, less 10 % = 55.80, less 5 % = 53.01, tax 19 % = 10.07
    assert (order["TotalNetAmount"], items(order)[0]["TaxAmount"]) == ("53.01", "10.07")
    assert order["to_PricingElement"]["results"][0]["ConditionAmount"] == "-2.79"


def test_a_fixed_header_amount_is_spread_without_losing_a_cent(client: httpx.Client) -> None:
    order = read(client, created(client, ORDER | price("HB00", "-10.00") | {"to_Item": [ITEM] * 3}))
    shares = [each["ConditionAmount"] for item in items(order) for each in item["to_PricingElement"]["results"]]
    assert [share for share in shares if share.startswith("-")] == ["-3.33", "-3.33", "-3.34"]
    assert order["TotalNetAmount"] == "192.50"


def test_yen_have_no_decimals(s4: Running, client: httpx.Client) -> None:
    s4.sim("POST", "settings", {"customizing": {"prices": {"TG11": {"JPY": "1250"}}}})
    order = created(client, ORDER | {"TransactionCurrency": "JPY"})
    assert order["TotalNetAmount"] == "6250"


def test_an_alternative_unit_is_priced_by_its_content(client: httpx.Client) -> None:
    item = {"Material": "TG12", "RequestedQuantity": "2", "RequestedQuantitySAPUnit": "KAR"}
    order = read(client, created(client, ORDER | {"to_Item": [item]}))
    assert (items(order)[0]["RequestedQuantityUnit"], order["TotalNetAmount"]) == ("CAR", "348.00")


def test_scarce_stock_is_confirmed_in_part(client: httpx.Client) -> None:
    order = read(client, created(client, ORDER | {"to_Item": [ITEM | {"Material": "TG22"}]}))
    assert items(order)[0]["ConfdDelivQtyInOrderQtyUnit"] == "3"


def test_items_are_added_through_the_order_and_not_directly(client: httpx.Client) -> None:
    order = created(client)
    answer = client.post("A_SalesOrderItem", json=ITEM | {"SalesOrder": order["SalesOrder"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "/IWBEP/CM_MGW_RT/021")
    added = created(client, ITEM, f"A_SalesOrder('{order['SalesOrder']}')/to_Item")
    assert added["SalesOrderItem"] == "20"
    assert read(client, order)["TotalNetAmount"] == "135.00"


def test_a_childs_change_moves_the_headers_etag(client: httpx.Client) -> None:
    order = created(client)
    before = order["__metadata"]["etag"]
    assert client.patch(item_path(order), json={"RequestedQuantity": "7"}).status_code == 204
    after = read(client, order)
    assert after["__metadata"]["etag"] != before
    assert (after["TotalNetAmount"], items(after)[0]["to_ScheduleLine"]["results"][0]["ScheduleLineOrderQuantity"]) == (
        "94.50",
        "7",
    )


def test_a_changed_item_keeps_its_place(client: httpx.Client) -> None:
    order = created(client, ORDER | {"to_Item": [ITEM, ITEM]})
    client.patch(item_path(order), json={"RequestedQuantity": "7"})
    assert [item["SalesOrderItem"] for item in items(read(client, order))] == ["10", "20"]


def test_a_rejected_item_leaves_the_total_and_sets_the_status(client: httpx.Client) -> None:
    order = created(client, ORDER | {"to_Item": [ITEM, ITEM]})
    for number, total, letter in (("10", "67.50", "B"), ("20", "0.00", "C")):
        assert client.patch(item_path(order, number), json={"SalesDocumentRjcnReason": "61"}).status_code == 204
        shown = read(client, order)
        assert (shown["TotalNetAmount"], shown["OverallSDDocumentRejectionSts"]) == (total, letter)
    assert shown["OverallSDProcessStatus"] == "C"
    assert client.patch(item_path(order), json={"SalesDocumentRjcnReason": ""}).status_code == 204
    assert read(client, order)["TotalNetAmount"] == "67.50"
    wrong = client.patch(item_path(order), json={"SalesDocumentRjcnReason": "ZZ"})
    assert wrong.json()["error"]["code"] == "V1/390"


def test_delivery_moves_the_status_and_fixes_the_order(s4: Running, client: httpx.Client) -> None:
    order = created(client)
    number = order["SalesOrder"]
    assert order["OverallTotalDeliveryStatus"] == "A"
    delivery = s4.sim("POST", f"deliver/{number}", {"items": {"10": "2"}})["DeliveryDocument"]
    assert (read(client, order)["OverallTotalDeliveryStatus"], items(read(client, order))[0]["DeliveryStatus"]) == (
        "B",
        "B",
    )
    less = client.patch(item_path(order), json={"RequestedQuantity": "1"})
    assert less.json()["error"]["code"] == "V1/361"
    s4.sim("POST", f"deliver/{number}")
    shown = read(client, order)
    assert (shown["OverallTotalDeliveryStatus"], shown["OverallSDProcessStatus"]) == ("C", "C")
    flow = client.get(f"A_SalesOrder('{number}')/to_SubsequentProcFlowDoc").json()["d"]["results"]
    assert (flow[0]["SubsequentDocument"], flow[0]["SubsequentDocumentCategory"]) == (delivery, "J")
    assert client.delete(f"A_SalesOrder('{number}')", headers=ANY).json()["error"]["code"] == "V1/360"


def test_an_order_without_delivery_can_be_deleted_whole(s4: Running, client: httpx.Client) -> None:
    order = created(client)
    assert client.delete(f"A_SalesOrder('{order['SalesOrder']}')", headers=ANY).status_code == 204
    for name in ("A_SalesOrderItem", "A_SalesOrderScheduleLine", "A_SalesOrderItemPrElement"):
        assert s4.sim("GET", f"rows/{name}") == []


def test_what_identifies_an_order_cannot_be_changed(client: httpx.Client) -> None:
    path = f"A_SalesOrder('{created(client)['SalesOrder']}')"
    for body in ({"SoldToParty": "17100002"}, {"SalesOrderType": "ZOR"}, {"TransactionCurrency": "EUR"}):
        assert client.patch(path, json=body, headers=ANY).json()["error"]["code"] == "V1/350"
    assert client.patch(path, json={"TotalNetAmount": "1.00"}, headers=ANY).status_code == 204
    assert client.get(path).json()["d"]["TotalNetAmount"] == "67.50"


def test_a_header_date_is_handed_down_to_the_schedule_lines(client: httpx.Client) -> None:
    order = created(client)
    body = {"RequestedDeliveryDate": "2031-05-06T00:00:00"}
    assert client.patch(f"A_SalesOrder('{order['SalesOrder']}')", json=body, headers=ANY).status_code == 204
    line = items(read(client, order))[0]["to_ScheduleLine"]["results"][0]
    assert line["RequestedDeliveryDate"] == "/Date(1935792000000)/"


def test_a_price_element_can_be_changed_and_removed(client: httpx.Client) -> None:
    order = read(client, created(client))
    element = items(order)[0]["to_PricingElement"]["results"][0]["__metadata"]["uri"]
    assert client.patch(element, json={"ConditionRateValue": "20.00"}).status_code == 204
    assert read(client, order)["TotalNetAmount"] == "100.00"
    assert client.delete(element).status_code == 204
    assert read(client, order)["TotalNetAmount"] == "67.50"


def test_a_blocked_customer_gets_no_order(s4: Running, client: httpx.Client) -> None:
    s4.sim("POST", "edit", {"set": "A_Customer", "key": "17100001", "values": {"OrderIsBlockedForCustomer": "01"}})
    assert client.post("A_SalesOrder", json=ORDER).json()["error"]["code"] == "V1/340"


def test_texts_and_partners_hang_below_the_order(client: httpx.Client) -> None:
    path = f"A_SalesOrder('{created(client)['SalesOrder']}')"
    created(client, {"Language": "EN", "LongTextID": "TX01", "LongText": "call first"}, f"{path}/to_Text")
    assert client.post("A_SalesOrderText", json={}).status_code == 405
    ship_to = f"A_SalesOrderHeaderPartner(SalesOrder='{path.split(chr(39))[1]}',PartnerFunction='SH')"
    assert client.patch(ship_to, json={"Customer": "17100002"}).status_code == 204
    assert client.get(ship_to).json()["d"]["PartnerFunctionInternalCode"] == "WE"
