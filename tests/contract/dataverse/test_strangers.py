"""What clients that are not ours say and ask: taken where the service takes it, else refused in its own words."""

import uuid

import httpx
import pytest

ACCOUNT = "Microsoft.Dynamics.CRM.account"


def test_a_request_line_of_a_batch_may_hold_unencoded_spaces(api: httpx.Client) -> None:
    """Microsoft's Python SDK 1.1.0 sends its filters so; Microsoft.OData reads up to the last space."""
    name = f"two words {uuid.uuid4().hex}"
    api.post("accounts", json={"name": name}).raise_for_status()
    part = f"GET /api/data/v9.2/accounts?$select=name&$filter=name eq '{name}' HTTP/1.1"
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary"
    body = f"--b\r\n{head}\r\n\r\n{part}\r\n\r\n\r\n--b--\r\n"
    answer = api.post("$batch", content=body, headers={"Content-Type": "multipart/mixed;boundary=b"})
    assert answer.status_code == 200, answer.text
    assert f'"name":"{name}"' in answer.text


def test_a_property_said_twice_is_refused(api: httpx.Client) -> None:
    body, headers = '{"name":"A","name":"B"}', {"Content-Type": "application/json"}
    answer = api.post("accounts", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "0x80048d19")
    assert "Multiple properties with the name 'name'" in answer.json()["error"]["message"]


def test_a_body_nested_without_end_is_refused(api: httpx.Client) -> None:
    answer = api.post("accounts", content="[" * 200_000, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "0x80048d19")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "Empty Payload. JSON content expected."),
        ("{", "Unexpected end of input was found"),
        ('{"name":"x"', "Unexpected end of input was found"),
        ("{} {}", "More than one value was found at the root"),
        ("{'name':'x'}", "A token was not recognized"),
        ('{"revenue":NaN}', "A token was not recognized"),
        ('{"name":["x"]}', "An unexpected 'StartArray' node"),
        ('{"name":{"a":1}}', "An unexpected 'StartObject' node"),
    ],
)
def test_a_body_that_is_no_json_is_refused_in_the_words_of_microsofts_reader(
    api: httpx.Client, body: str, words: str
) -> None:
    answer = api.post("accounts", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "0x80048d19")
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "values",
    [
        {"name": 1},
        {"revenue": "1"},
        {"numberofemployees": "1"},
        {"donotphone": 1},
        {"accountid": "x"},
        {"industrycode": "7"},
        {"lastusedincampaign": "nonsense"},
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_the_name_of_its_set(
    api: httpx.Client, values: dict[str, object]
) -> None:
    answer = api.post("accounts", json=values)
    assert answer.status_code == 400
    assert "for Entity :'accounts'" in answer.json()["error"]["message"]


def test_a_status_that_is_no_number_is_refused(api: httpx.Client) -> None:
    customer = api.post("accounts", json={"name": "S"}).headers["OData-EntityId"]
    prices = api.get("pricelevels?$select=name&$top=1").json()["value"]
    header = {"name": "S", "customerid_account@odata.bind": customer}
    if prices:
        header["pricelevelid@odata.bind"] = f"/pricelevels({prices[0]['pricelevelid']})"
    order = api.post("salesorders", json=header).headers["OData-EntityId"]
    body = {"OrderClose": {"salesorderid@odata.bind": order}, "Status": "soon"}
    answer = api.post("CancelSalesOrder", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "0x80048d19")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "RetrieveVersion"),
        ("GET", "RetrieveTotalRecordCount(EntityNames=@p)?@p=['account']"),
        ("GET", "GlobalOptionSetDefinitions"),
        ("GET", "accounts?fetchXml=<fetch><entity name='account'/></fetch>"),
        ("GET", "accounts?sql=SELECT name FROM account"),
        ("POST", "BulkDelete"),
        ("POST", "CreateEntities"),
        ("POST", "EntityDefinitions"),
        ("POST", "EntityDefinitions(LogicalName='account')/Attributes"),
        ("DELETE", "EntityDefinitions(LogicalName='account')"),
    ],
)
def test_what_the_service_has_and_the_simulator_lacks_is_said_to_be_missing(
    api: httpx.Client, method: str, path: str
) -> None:
    """Not 404: that would say that the service has no such thing."""
    answer = api.request(method, path, json={} if method == "POST" else None)
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "0x80040219")


def test_what_nobody_has_is_not_found(api: httpx.Client) -> None:
    assert api.get("Nothing()").status_code == 404
    assert api.post("Nothing", json={}).status_code == 404


def test_a_file_column_that_does_not_exist_cannot_be_written(api: httpx.Client) -> None:
    row = api.post("accounts", json={"name": "F"}).headers["OData-EntityId"]
    answer = api.patch(f"{row}/new_file", content=b"x", headers={"Content-Type": "application/octet-stream"})
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["code"]


@pytest.mark.parametrize(
    "query",
    [
        f"$filter={'(' * 2000}name eq 'x'",
        f"$filter={'not ' * 2000}(name eq 'x')",
        "$filter=name eq @p&@p=@p",
        f"$expand={'parentaccountid($expand=' * 1000}",
    ],
)
def test_a_query_without_end_is_refused(api: httpx.Client, query: str) -> None:
    """Microsoft.OData has depth limits too and says it in these words."""
    answer = api.get(f"accounts?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Recursion depth exceeded allowed limit."


def test_an_option_said_twice_is_refused(api: httpx.Client) -> None:
    answer = api.get("accounts?$select=name&$select=revenue")
    assert answer.status_code == 400
    assert "'$select' was specified more than once" in answer.json()["error"]["message"]


def test_two_types_of_one_bulk_message_are_refused(api: httpx.Client) -> None:
    targets = [{"@odata.type": ACCOUNT, "name": "x"}, {"@odata.type": "Microsoft.Dynamics.CRM.contact", "name": "x"}]
    answer = api.post("accounts/Microsoft.Dynamics.CRM.CreateMultiple", json={"Targets": targets})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "0x80048d19")
