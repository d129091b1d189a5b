"""What clients that are not ours send to the S/4 simulator: refused as the gateway refuses it, never a server error."""

import xml.etree.ElementTree as ET

import httpx
import pytest

from dev.sap.s4 import Running

PARTNER = "API_BUSINESS_PARTNER"
ORDER = "API_SALES_ORDER_SRV"
JSON = {"content-type": "application/json"}
NEW_PARTNER = '"BusinessPartnerCategory":"2","BusinessPartnerGrouping":"BP02"'


def order(client: httpx.Client, quantity: object) -> httpx.Response:
    return client.post(
        "A_SalesOrder",
        json={
            "SalesOrderType": "OR",
            "SalesOrganization": "1710",
            "DistributionChannel": "10",
            "OrganizationDivision": "00",
            "SoldToParty": "17100001",
            "to_Item": [{"Material": "TG11", "RequestedQuantity": quantity}],
        },
    )


@pytest.mark.parametrize("quantity", ["", " 5", "5 ", "1_0", "1e2", "\u0665", "0x10", "NaN", "1,5", ".5", "5."])
def test_a_decimal_is_digits_and_a_point_and_nothing_else(s4: Running, quantity: str) -> None:
    """The form of Edm.Decimal: OData V2, "Abstract type system", primitive types."""
    answer = order(s4.client(ORDER), quantity)
    assert answer.status_code == 400
    assert "has invalid value" in answer.json()["error"]["message"]["value"]


def test_a_null_is_the_initial_value_where_the_metadata_allows_null(s4: Running) -> None:
    client = s4.client(ORDER)
    answer = order(client, None)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "V1/383")
    path = order(client, "2").json()["d"]["SalesOrder"]
    body = {"PriceDetnExchangeRate": None, "RequestedDeliveryDate": None, "PurchaseOrderByCustomer": None}
    assert client.patch(f"A_SalesOrder('{path}')", json=body, headers={"if-match": "*"}).status_code == 204


@pytest.mark.parametrize(
    "body",
    ["[" * 200_000, '{"a":' * 100_000, f'{{{NEW_PARTNER},"OrganizationBPName1":"\\ud800"}}', '{"\\udfff":1}'],
)
def test_a_body_that_no_reader_can_take_is_refused(s4: Running, body: str) -> None:
    client = s4.client(PARTNER)
    before = client.get("A_BusinessPartner/$count").text
    answer = client.post("A_BusinessPartner", content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"].startswith("CX_SXML_PARSE_ERROR")
    assert client.get("A_BusinessPartner/$count").text == before


def test_a_malformed_batch_is_shown_as_it_was_sent(s4: Running) -> None:
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary"
    body = f"--b\r\n{head}\r\n\r\nGET A_BusinessPartner?$top=1 x HTTP/1.1\r\n\r\n\r\n--b--\r\n"
    answer = s4.client(PARTNER).post("$batch", content=body, headers={"content-type": "multipart/mixed; boundary=b"})
    assert answer.status_code == 400
    said = answer.json()["error"]["message"]["value"]
    assert said.endswith("not a request line: 'GET A_BusinessPartner?$top=1 x HTTP/1.1'")


@pytest.mark.parametrize(
    "literal",
    [
        "datetime'2025-W01-1T00:00:00'",
        "datetime'20250101T000000'",
        "datetime'2025-01-01T00'",
        "datetime'2025-01-01T00:00:00+01:00'",
        "datetime'2025-01-01 00:00:00'",
        "datetime'\u0662\u0660\u0662\u0665-01-01T00:00:00'",
    ],
)
def test_a_date_in_another_form_than_odatas_is_refused(s4: Running, literal: str) -> None:
    answer = s4.client(PARTNER).get("A_BusinessPartner", params={"$filter": f"CreationDate ge {literal}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "/IWCOR/CX_DS_EXPR_SYNTAX_ERROR/001")


def test_a_stamp_needs_its_zone_and_a_date_may_leave_off_the_seconds(s4: Running) -> None:
    client = s4.client(ORDER)
    bare = {"$filter": "LastChangeDateTime ge datetimeoffset'2025-01-01T00:00:00'"}
    assert client.get("A_SalesOrder", params=bare).status_code == 400
    good = {"$filter": "LastChangeDateTime ge datetimeoffset'2025-01-01T00:00Z'"}
    assert client.get("A_SalesOrder", params=good).status_code == 200
    short = {"$filter": "SalesOrderDate ge datetime'2025-01-01T00:00'"}
    assert client.get("A_SalesOrder", params=short).status_code == 200


def test_a_filter_without_end_is_refused(s4: Running) -> None:
    client = s4.client(PARTNER)
    for condition in ("(" * 5000, "not " * 1000 + "true"):
        answer = client.get("A_BusinessPartner", params={"$filter": condition})
        assert answer.status_code in {400, 414}


@pytest.mark.parametrize("path", ["A_Nothing%01", "A_BusinessPartner(%01)", "A_BusinessPartner?$format=%0b"])
def test_an_error_in_xml_can_be_read_whatever_was_asked(s4: Running, path: str) -> None:
    answer = s4.client(PARTNER).get(path, headers={"accept": "application/xml"})
    assert answer.status_code in {400, 404, 406}
    assert ET.fromstring(answer.text).tag.endswith("}error")  # our own simulator's document


def test_stamps_of_whole_seconds_say_so_in_the_metadata(s4: Running) -> None:
    """As in the metadata of API_BUSINESS_PARTNER (precision 0) and API_SALES_ORDER_SRV (precision 7)."""
    edm, found = "{http://schemas.microsoft.com/ado/2008/09/edm}", {}
    for service in (PARTNER, ORDER):
        root = ET.fromstring(s4.client(service).get("$metadata").text)  # our own simulator's document
        stamps = [each for each in root.iter(f"{edm}Property") if each.get("Type") == "Edm.DateTimeOffset"]
        found[service] = {each.get("Precision") for each in stamps}
    assert found == {PARTNER: {"0"}, ORDER: {"7"}}
