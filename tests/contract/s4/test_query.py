"""The S/4 simulator's query options, addressing and value formats."""

import re

import httpx
import pytest

from dev.sap.s4 import Running

PARTNER = "API_BUSINESS_PARTNER"
ORDER = "API_SALES_ORDER_SRV"


@pytest.fixture
def client(s4: Running) -> httpx.Client:
    return s4.client(PARTNER)


def keys(answer: httpx.Response, name: str = "BusinessPartner") -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row[name] for row in answer.json()["d"]["results"]]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("BusinessPartner eq '17100001'", ["17100001"]),
        ("BusinessPartner ne '17100001' and SearchTerm1 eq 'DOMESTIC'", ["17100002"]),
        ("SearchTerm1 eq 'INLAND' or BusinessPartner eq '17100002'", ["10100001", "17100002"]),
        ("not (SearchTerm1 eq 'DOMESTIC')", ["10100001"]),
        ("not startswith(SearchTerm1,'DOM')", ["10100001"]),
        ("substringof('US',OrganizationBPName1) eq true", ["17100001", "17100002"]),
        ("endswith(OrganizationBPName1,'2')", ["17100002"]),
        ("BusinessPartner gt '17100001'", ["17100002"]),
        ("BusinessPartner ge '17100001' and BusinessPartner lt '17100002'", ["17100001"]),
        ("CreationDate gt datetime'2020-01-01T00:00:00' and BusinessPartner le '10100001'", ["10100001"]),
        ("LastChangeDate ne null", []),
        ("BusinessPartnerIsBlocked eq true", []),
        ("OrganizationBPName1 eq 'O''Brien'", []),
        ("to_Customer/VATRegistration eq 'DE123456789'", ["10100001"]),
        ("SearchTerm1 eq 'INLAND' or SearchTerm1 eq 'X' and BusinessPartner eq '0'", ["10100001"]),
    ],
)
def test_a_filter_is_evaluated(client: httpx.Client, condition: str, expected: list[str]) -> None:
    assert sorted(keys(client.get("A_BusinessPartner", params={"$filter": condition}))) == expected


@pytest.mark.parametrize(
    "condition",
    [
        "Name eq 'X'",
        "BusinessPartner eq",
        "BusinessPartner eq 17",
        "CreationDate gt '2020-01-01'",
        "LastChangeDate ge datetimeoffset'2020-01-01T00:00:00Z'",
        "(BusinessPartner eq 'X'",
        "BusinessPartner",
        "toupper(SearchTerm1) eq 'X'",
        "BusinessPartner eq 'X' BusinessPartner eq 'Y'",
        "to_BusinessPartnerAddress/Country eq 'DE'",
        "BusinessPartner gt null",
        "datetime'x' eq CreationDate",
        "CreationDate eq datetime'0001-01-01T00:00:00+14:00'",
        "not BusinessPartner",
        "SearchTerm1 or BusinessPartner eq 'X'",
    ],
)
def test_a_wrong_filter_is_400(client: httpx.Client, condition: str) -> None:
    assert client.get("A_BusinessPartner", params={"$filter": condition}).status_code == 400


def test_a_long_text_cannot_be_filtered_by(s4: Running) -> None:
    answer = s4.client(ORDER).get("A_SalesOrderText", params={"$filter": "LongText eq 'X'"})
    assert answer.status_code == 400
    assert "not filterable" in answer.json()["error"]["message"]["value"]


@pytest.mark.parametrize(
    "query",
    [
        {"$orderby": "Name"},
        {"$orderby": "BusinessPartner sideways"},
        {"$select": "Name"},
        {"$expand": "to_Nothing"},
        {"$expand": "to_Customer/to_Nothing"},
        {"$top": "-1"},
        {"$skip": "x"},
        {"$inlinecount": "some"},
        {"$search": "x"},
        {"$apply": "x"},
    ],
)
def test_a_wrong_option_is_400(client: httpx.Client, query: dict[str, str]) -> None:
    assert client.get("A_BusinessPartner", params=query).status_code == 400


def test_order_top_skip_and_counts_work_together(client: httpx.Client) -> None:
    query = {"$orderby": "SearchTerm1 desc,BusinessPartner", "$top": "1", "$skip": "1", "$inlinecount": "allpages"}
    answer = client.get("A_BusinessPartner", params=query)
    assert keys(answer) == ["17100001"]
    assert answer.json()["d"]["__count"] == "3"
    counted = client.get("A_BusinessPartner/$count", params={"$filter": "SearchTerm1 eq 'DOMESTIC'"})
    assert (counted.text, counted.headers["content-type"][:10]) == ("2", "text/plain")


def test_a_large_result_comes_in_pages_that_are_followed_by_next(s4: Running, client: httpx.Client) -> None:
    s4.sim("POST", "settings", {"page_size": 2})
    first = client.get("A_BusinessPartner", params={"$orderby": "BusinessPartner", "$select": "BusinessPartner"})
    following = client.get(first.json()["d"]["__next"])
    assert keys(first) + keys(following) == ["10100001", "17100001", "17100002"]
    assert "__next" not in following.json()["d"]


def test_select_and_expand_shape_the_entity(client: httpx.Client) -> None:
    query = {
        "$select": "BusinessPartner,to_Customer/Customer,to_BusinessPartnerAddress/to_EmailAddress/EmailAddress",
        "$expand": "to_Customer,to_BusinessPartnerAddress/to_EmailAddress",
    }
    shown = client.get("A_BusinessPartner('17100001')", params=query).json()["d"]
    assert shown.keys() == {"__metadata", "BusinessPartner", "to_Customer", "to_BusinessPartnerAddress"}
    assert shown["to_Customer"].keys() == {"__metadata", "Customer"}
    mails = shown["to_BusinessPartnerAddress"]["results"][0]["to_EmailAddress"]["results"]
    assert [mail["EmailAddress"] for mail in mails] == ["orders@domestic-us.example"]


def test_unexpanded_navigations_are_deferred_and_can_be_followed(client: httpx.Client) -> None:
    shown = client.get("A_BusinessPartner('17100001')").json()["d"]
    assert shown["__metadata"]["type"] == "API_BUSINESS_PARTNER.A_BusinessPartnerType"
    assert client.get(shown["__metadata"]["uri"]).json()["d"]["BusinessPartner"] == "17100001"
    roles = client.get(shown["to_BusinessPartnerRole"]["__deferred"]["uri"])
    assert keys(roles, "BusinessPartnerRole") == ["FLCU00", "FLCU01"]


def test_values_have_the_v2_forms(s4: Running, client: httpx.Client) -> None:
    shown = client.get("A_BusinessPartner('17100001')").json()["d"]
    assert re.fullmatch(r"/Date\(\d+00000\)/", shown["CreationDate"])
    assert shown["CreationTime"].startswith("PT")
    assert shown["LastChangeDate"] is None
    role = client.get("A_BusinessPartnerRole(BusinessPartner='17100001',BusinessPartnerRole='FLCU00')").json()["d"]
    assert role["ValidTo"] == "/Date(253402214400000+0000)/"
    product = s4.client("API_PRODUCT_SRV").get("A_Product('TG10')").json()["d"]
    assert product["LastChangeDateTime"].endswith("+0000)/")
    area = client.get(
        "A_CustomerSalesArea(Customer='17100001',SalesOrganization='1710',DistributionChannel='10',Division='00')"
    ).json()["d"]
    assert (area["ProofOfDeliveryTimeValue"], area["CompleteDeliveryIsDefined"]) == ("0", False)


@pytest.mark.parametrize(
    "path",
    [
        "A_BusinessPartner('17100001')",
        "A_BusinessPartner(BusinessPartner='17100001')",
        "A_BusinessPartner%28%2717100001%27%29",
        "A_BusinessPartnerRole(BusinessPartner='17100001',BusinessPartnerRole='FLCU00')",
        "A_BusinessPartnerRole(BusinessPartnerRole='FLCU00',BusinessPartner='17100001')",
        "A_BusinessPartner('17100001')/to_Customer",
        "A_BusinessPartner('17100001')/to_Customer/to_CustomerCompany(Customer='17100001',CompanyCode='1710')",
        "A_BusinessPartner('17100001')/BusinessPartnerCategory",
        "A_BusinessPartner('17100001')/BusinessPartnerCategory/$value",
        "A_BusinessPartner('17100001')/to_BusinessPartnerRole/$count",
    ],
)
def test_an_address_is_resolved(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("A_BusinessPartner('0017100001')", 404),
        ("A_BusinessPartner('no''such/one')", 404),
        ("A_BusinessPartner(17100001)", 400),
        ("A_BusinessPartner(Customer='17100001')", 400),
        ("A_BusinessPartnerRole('17100001')", 400),
        ("A_BusinessPartnerRole(BusinessPartner='17100001')", 400),
        ("A_BusinessPartner('17100001')/to_Nothing", 404),
        ("A_Nothing", 404),
        ("A_BusinessPartner('17100001')/BusinessPartnerCategory/more", 404),
        ("../API_NOTHING_SRV/A_X", 404),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(client: httpx.Client, path: str, status: int) -> None:
    assert client.get(path).status_code == status


def test_quotes_and_slashes_in_keys_survive(client: httpx.Client) -> None:
    number = "O'Brien/7 & sons"
    body = {"BPIdentificationType": "ZD365", "BPIdentificationNumber": number}
    created = client.post("A_BusinessPartner('17100001')/to_BuPaIdentification", json=body)
    assert created.status_code == 201
    assert client.get(created.headers["location"]).json()["d"]["BPIdentificationNumber"] == number


def test_to_many_filters_work_where_a_system_allows_them(s4: Running, client: httpx.Client) -> None:
    s4.sim("POST", "settings", {"filter_to_many": True})
    found = client.get("A_BusinessPartner", params={"$filter": "to_BusinessPartnerAddress/Country eq 'DE'"})
    assert keys(found) == ["10100001"]


def test_an_order_can_be_polled_by_its_change_stamp(s4: Running) -> None:
    orders = s4.client(ORDER)
    body = {
        "SalesOrderType": "OR", "SalesOrganization": "1710", "DistributionChannel": "10", "OrganizationDivision": "00",
        "SoldToParty": "17100001", "to_Item": [{"Material": "TG11", "RequestedQuantity": "1"}],
    }  # fmt: skip
    first, second = (orders.post("A_SalesOrder", json=body).json()["d"] for _ in range(2))
    stamp = second["__metadata"]["etag"].split("'")[1].replace("%3A", ":")
    condition = f"LastChangeDateTime ge datetimeoffset'{stamp}'"
    query = {"$filter": condition, "$orderby": "LastChangeDateTime,SalesOrder"}
    assert keys(orders.get("A_SalesOrder", params=query), "SalesOrder") == [second["SalesOrder"]]
    assert first["SalesOrder"] != second["SalesOrder"]


def test_a_list_of_many_keys_is_evaluated_until_the_url_is_too_long(client: httpx.Client) -> None:
    condition = " or ".join(f"BusinessPartner eq '{17100001 + number}'" for number in range(150))
    assert keys(client.get("A_BusinessPartner", params={"$filter": condition})) == ["17100001", "17100002"]
    assert client.get("A_BusinessPartner", params={"$filter": f"{condition} or {condition}"}).status_code == 414
