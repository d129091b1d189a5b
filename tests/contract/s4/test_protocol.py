"""The S/4 simulator's gateway: logon, CSRF, formats, errors, etags and batches, as a client meets them."""

import xml.etree.ElementTree as ET

import pytest

from dev.sap.s4 import Running, start

PARTNER = "API_BUSINESS_PARTNER"
ORDER = "API_SALES_ORDER_SRV"
NEW_ORDER = {
    "SalesOrderType": "OR",
    "SalesOrganization": "1710",
    "DistributionChannel": "10",
    "OrganizationDivision": "00",
    "SoldToParty": "17100001",
    "to_Item": [{"Material": "TG11", "RequestedQuantity": "2"}],
}


def test_a_changing_call_without_token_is_refused_in_plain_text(s4: Running) -> None:
    client = s4.client(PARTNER)
    del client.headers["x-csrf-token"]
    answer = client.patch("A_BusinessPartner('17100001')", json={"SearchTerm1": "X"})
    assert (answer.status_code, answer.headers["x-csrf-token"]) == (403, "Required")
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_token_without_its_cookies_is_refused(s4: Running) -> None:
    client = s4.client(PARTNER)
    client.cookies.clear()
    answer = client.patch("A_BusinessPartner('17100001')", json={"SearchTerm1": "X"})
    assert (answer.status_code, answer.headers["x-csrf-token"]) == (403, "Required")


def test_fetch_is_read_in_any_case_and_answered_even_on_an_error(s4: Running) -> None:
    client = s4.client(PARTNER)
    answer = client.get("A_Nothing", headers={"x-csrf-token": "fEtCh"})
    assert answer.status_code == 404
    assert answer.headers["x-csrf-token"] == client.headers["x-csrf-token"]


def test_an_expired_token_is_replaced_by_fetching_again(s4: Running) -> None:
    client = s4.client(PARTNER)
    s4.sim("POST", "faults", {"expire_csrf": True})
    assert client.patch("A_BusinessPartner('17100001')", json={"SearchTerm1": "X"}).status_code == 403
    client.headers["x-csrf-token"] = client.get("", headers={"x-csrf-token": "Fetch"}).headers["x-csrf-token"]
    assert client.patch("A_BusinessPartner('17100001')", json={"SearchTerm1": "X"}).status_code == 204


def test_five_bad_logons_lock_the_user_even_for_the_right_password(s4: Running) -> None:
    client, path = s4.anonymous(), f"/sap/opu/odata/sap/{PARTNER}/A_BusinessPartner"
    for _ in range(5):
        answer = client.get(path, auth=(s4.user, "wrong"))
        assert answer.status_code == 401
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert client.get(path, auth=(s4.user, s4.password)).status_code == 401
    s4.sim("POST", "unlock")
    assert client.get(path, auth=(s4.user, s4.password)).status_code == 200


def test_a_bearer_token_from_the_token_endpoint_opens_the_service(s4: Running) -> None:
    client, path = s4.anonymous(), f"/sap/opu/odata/sap/{PARTNER}/A_BusinessPartner/$count"
    form = {"grant_type": "client_credentials"}
    refused = client.post("/sap/bc/sec/oauth2/token", data=form, auth=("SYNC_CLIENT", "wrong"))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    granted = client.post("/sap/bc/sec/oauth2/token", data=form, auth=("SYNC_CLIENT", "sync-secret")).json()
    client.cookies.clear()
    assert client.get(path, headers={"authorization": f"Bearer {granted['access_token']}"}).text == "3"
    client.cookies.clear()
    assert client.get(path, headers={"authorization": "Bearer stale"}).status_code == 401


def test_a_wrong_client_is_refused(s4: Running) -> None:
    path = f"/sap/opu/odata/sap/{PARTNER}/A_BusinessPartner/$count"
    auth = (s4.user, s4.password)
    assert s4.anonymous().get(path, params={"sap-client": "200"}, auth=auth).status_code == 401
    assert s4.anonymous().get(path, params={"sap-client": "100"}, auth=auth).status_code == 200


def test_the_logon_page_comes_with_200_unless_saml_is_disabled() -> None:
    with start(logon_page=True) as s4:
        path = f"/sap/opu/odata/sap/{PARTNER}/A_BusinessPartner"
        answer = s4.anonymous().get(path)
        assert (answer.status_code, answer.headers["content-type"][:9]) == (200, "text/html")
        assert s4.anonymous().get(path, params={"saml2": "disabled"}).status_code == 401


def test_the_root_without_its_slash_is_redirected(s4: Running) -> None:
    answer = s4.client(PARTNER).get(s4.service(PARTNER).rstrip("/"))
    assert (answer.status_code, answer.headers["location"]) == (307, f"/sap/opu/odata/sap/{PARTNER}/")


@pytest.mark.parametrize("service", [PARTNER, ORDER, "API_PRODUCT_SRV"])
def test_metadata_is_consistent_xml(s4: Running, service: str) -> None:
    edm, sap = "{http://schemas.microsoft.com/ado/2008/09/edm}", "{http://www.sap.com/Protocols/SAPData}"
    answer = s4.client(service).get("$metadata", headers={"accept": "*/*"})
    assert answer.headers["dataserviceversion"] == "2.0"
    root = ET.fromstring(answer.text)  # our own simulator's document
    ends = {end.get("Role") for link in root.iter(f"{edm}Association") for end in link.iter(f"{edm}End")}
    names = {kind.get("Name") for kind in root.iter(f"{edm}EntityType")}
    for nav in root.iter(f"{edm}NavigationProperty"):
        assert {nav.get("FromRole"), nav.get("ToRole")} <= ends
    for entity_set in root.iter(f"{edm}EntitySet"):
        assert str(entity_set.get("EntityType")).removeprefix(f"{service}.") in names
    fixed = [each.get("Name") for each in root.iter(f"{edm}Property") if each.get("ConcurrencyMode") == "Fixed"]
    assert fixed == (["LastChangeDateTime"] if service == ORDER else [])
    customer = [each for each in root.iter(f"{edm}EntitySet") if each.get("Name") == "A_Customer"]
    assert all(each.get(f"{sap}creatable") == "false" for each in customer)


def test_atom_is_not_acceptable_and_json_can_be_asked_for_in_the_url(s4: Running) -> None:
    client = s4.client(PARTNER)
    answer = client.get("A_BusinessPartner", headers={"accept": "*/*"})
    assert (answer.status_code, answer.headers["content-type"][:15]) == (406, "application/xml")
    assert client.get("A_BusinessPartner?$format=json", headers={"accept": "*/*"}).status_code == 200


def test_an_error_has_the_gateways_json_body_with_an_empty_last_detail(s4: Running) -> None:
    answer = s4.client(ORDER).post("A_SalesOrder", json={**NEW_ORDER, "SoldToParty": "4"})
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["code"] == "V1/315"
    assert error["message"]["lang"] == "en"
    assert error["innererror"]["application"]["service_id"] == ORDER
    first, last = error["innererror"]["errordetails"]
    assert (first["severity"], first["target"]) == ("error", "SoldToParty")
    assert (last["code"], last["message"]) == ("/IWBEP/CX_MGW_BUSI_EXCEPTION", "")


def test_a_method_that_a_set_does_not_have_is_405_with_allow(s4: Running) -> None:
    client = s4.client(PARTNER)
    answer = client.post("A_Customer", json={"Customer": "1"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    answer = client.delete("A_BusinessPartner('17100001')")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, PATCH, MERGE, PUT")


def test_a_body_that_is_not_json_is_415_and_a_broken_one_400(s4: Running) -> None:
    client = s4.client(PARTNER)
    path = "A_BusinessPartner('17100001')"
    assert client.patch(path, content=b"<a/>", headers={"content-type": "application/xml"}).status_code == 415
    assert client.patch(path, content=b"{", headers={"content-type": "application/json"}).status_code == 400


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"SearchTerm9": "X"}, "Property 'SearchTerm9' is invalid"),
        ({"OrganizationBPName1": "X" * 41}, "has invalid value"),
        ({"OrganizationBPName1": 5}, "Failed to read property 'OrganizationBPName1'"),
        ({"BusinessPartnerIsBlocked": "true"}, "Failed to read property"),
        ({"OrganizationFoundationDate": "yesterday"}, "has invalid value"),
        ({"to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLCU00"}]}, "Deep update is not supported"),
    ],
)
def test_a_body_that_does_not_fit_the_metadata_is_refused(s4: Running, body: dict[str, object], text: str) -> None:
    answer = s4.client(PARTNER).patch("A_BusinessPartner('17100001')", json=body)
    assert answer.status_code == 400
    assert text in answer.json()["error"]["message"]["value"]


def test_a_post_tunnels_merge_and_delete(s4: Running) -> None:
    client = s4.client(PARTNER)
    path = "A_BusinessPartner('17100001')"
    merged = client.post(path, json={"SearchTerm2": "TUNNEL"}, headers={"x-http-method": "MERGE"})
    assert (merged.status_code, merged.content) == (204, b"")
    assert client.get(path).json()["d"]["SearchTerm2"] == "TUNNEL"


def test_put_resets_what_it_does_not_name(s4: Running) -> None:
    client = s4.client(PARTNER)
    path = "A_BusinessPartner('17100001')"
    client.patch(path, json={"SearchTerm2": "GONE"})
    body = {"BusinessPartnerCategory": "2", "BusinessPartnerGrouping": "BPEE", "OrganizationBPName1": "Only this"}
    assert client.put(path, json=body).status_code == 204
    row = client.get(path).json()["d"]
    assert (row["SearchTerm2"], row["OrganizationBPName1"]) == ("", "Only this")


def test_an_order_without_if_match_is_428_and_stale_is_412(s4: Running) -> None:
    client = s4.client(ORDER)
    created = client.post("A_SalesOrder", json=NEW_ORDER)
    path, tag = created.headers["location"], created.headers["etag"]
    assert created.json()["d"]["__metadata"]["etag"] == tag
    body = {"PurchaseOrderByCustomer": "A"}
    assert client.patch(path, json=body).status_code == 428
    assert client.patch(path, json=body, headers={"if-match": tag}).status_code == 204
    assert client.patch(path, json=body | {"PaymentMethod": "C"}, headers={"if-match": tag}).status_code == 412
    assert client.patch(path, json=body, headers={"if-match": "*"}).status_code == 204
    assert client.delete(path).status_code == 428
    current = client.get(path).headers["etag"]
    assert client.get(path, headers={"if-none-match": current}).status_code == 304
