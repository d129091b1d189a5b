"""The S/4 simulator's business partner rules: numbers, roles, addresses, tax numbers, customers, contacts."""

from typing import Any

import httpx
import pytest

from dev.sap.s4 import Running

SERVICE = "API_BUSINESS_PARTNER"
ADDRESS = {"Country": "DE", "Region": "BW", "CityName": "Walldorf", "PostalCode": "69190", "StreetName": "Ring"}
AREA = {
    "SalesOrganization": "1010", "DistributionChannel": "10", "Division": "00", "Currency": "EUR",
    "ShippingCondition": "01", "CustomerPricingProcedure": "01",
}  # fmt: skip
CUSTOMER = {
    "BusinessPartnerCategory": "2",
    "BusinessPartnerGrouping": "BP02",
    "OrganizationBPName1": "Contoso",
    "OrganizationBPName2": "Sales",
    "SearchTerm1": "a search term that is too long",
    "CorrespondenceLanguage": "EN",
    "to_BusinessPartnerAddress": [
        {
            **ADDRESS,
            "to_EmailAddress": [{"EmailAddress": "a@contoso.example"}, {"EmailAddress": "b@contoso.example"}],
            "to_PhoneNumber": [{"PhoneNumber": "06227 123"}],
            "to_MobilePhoneNumber": [{"PhoneNumber": "0170 123"}],
        }
    ],
    "to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLCU00"}, {"BusinessPartnerRole": "FLCU01"}],
    "to_BusinessPartnerTax": [{"BPTaxType": "DE0", "BPTaxNumber": "DE987654321"}],
    "to_BuPaIdentification": [{"BPIdentificationType": "ZD365", "BPIdentificationNumber": "guid-1"}],
    "to_Customer": {
        "to_CustomerCompany": [{"CompanyCode": "1010", "ReconciliationAccount": "121000", "PaymentTerms": "NT30"}],
        "to_CustomerSalesArea": [AREA],
    },
}


@pytest.fixture
def client(s4: Running) -> httpx.Client:
    return s4.client(SERVICE)


def created(client: httpx.Client, body: object = CUSTOMER, path: str = "A_BusinessPartner") -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    row: dict[str, Any] = answer.json()["d"]
    return row


def code(answer: httpx.Response) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"]["code"])


def test_a_deep_insert_creates_partner_customer_and_all_children(client: httpx.Client) -> None:
    partner = created(client)
    assert partner["Customer"] == partner["BusinessPartner"] != ""
    assert partner["BusinessPartnerFullName"] == "Contoso Sales"
    assert partner["SearchTerm1"] == "A SEARCH TERM THAT I"
    assert (partner["CreatedByUser"], partner["LastChangeDate"]) == ("SYNC", None)
    address = partner["to_BusinessPartnerAddress"]["results"][0]
    assert (len(address["AddressID"]), address["Language"]) == (10, "EN")
    mails = address["to_EmailAddress"]["results"]
    assert [(mail["OrdinalNumber"], mail["IsDefaultEmailAddress"]) for mail in mails] == [("1", True), ("2", False)]
    phone, mobile = (address[nav]["results"] for nav in ("to_PhoneNumber", "to_MobilePhoneNumber"))
    assert [each["InternationalPhoneNumber"] for each in phone + mobile] == ["+496227123", "+49170123"]
    area = f"A_CustomerSalesArea(Customer='{partner['Customer']}',SalesOrganization='1010'"
    functions = client.get(f"{area},DistributionChannel='10',Division='00')/to_PartnerFunction").json()["d"]["results"]
    assert {each["PartnerFunction"]: each["BPCustomerNumber"] for each in functions} == dict.fromkeys(
        ("SP", "SH", "BP", "PY"), partner["Customer"]
    )
    customer = client.get(f"A_Customer('{partner['Customer']}')").json()["d"]
    assert (customer["CustomerName"], customer["VATRegistration"]) == ("Contoso Sales", "DE987654321")


def test_a_failing_child_leaves_nothing_behind(s4: Running, client: httpx.Client) -> None:
    body = CUSTOMER | {"to_BusinessPartnerTax": [{"BPTaxType": "DE0", "BPTaxNumber": "DE1"}]}
    before = len(s4.sim("GET", "rows/A_AddressEmailAddress"))
    assert code(client.post("A_BusinessPartner", json=body)) == "AR/189"
    assert len(s4.sim("GET", "rows/A_AddressEmailAddress")) == before
    assert len(s4.sim("GET", "rows/A_BusinessPartner")) == 3


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"BusinessPartnerCategory": "9"}, "R1/101"),
        ({"BusinessPartnerCategory": "1"}, "R1/110"),
        ({"OrganizationBPName1": ""}, "R1/110"),
        ({"BusinessPartnerGrouping": "XXXX"}, "R1/102"),
        ({"BusinessPartner": "77"}, "R1/103"),
        ({"BusinessPartnerGrouping": "BPEE"}, "R1/104"),
        ({"BusinessPartnerGrouping": "BPEE", "BusinessPartner": "17100001"}, "R1/105"),
        ({"CorrespondenceLanguage": "XX"}, "R1/111"),
        ({"to_BusinessPartnerRole": [{"BusinessPartnerRole": "NONE"}]}, "R1/120"),
        ({"to_BusinessPartnerRole": []}, "R1/121"),
        ({"to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLCU00"}]}, "R1/121"),
        ({"to_BuPaIdentification": [{"BPIdentificationType": "NONE", "BPIdentificationNumber": "1"}]}, "R1/123"),
        ({"to_BusinessPartnerAddress": [ADDRESS | {"PostalCode": "6919"}]}, "AM/102"),
        ({"to_BusinessPartnerAddress": [ADDRESS | {"PostalCode": ""}]}, "AM/103"),
        ({"to_BusinessPartnerAddress": [ADDRESS | {"Region": "GA"}]}, "AM/101"),
        ({"to_BusinessPartnerAddress": [ADDRESS | {"Country": "XX"}]}, "AM/100"),
        ({"to_BusinessPartnerAddress": [ADDRESS | {"to_EmailAddress": [{"EmailAddress": "no"}]}]}, "AM/110"),
        ({"to_BusinessPartnerTax": [{"BPTaxType": "XX9", "BPTaxNumber": "1"}]}, "AR/101"),
        ({"to_BusinessPartnerTax": [{"BPTaxType": "DE0", "BPTaxNumber": "DE123456789"}] * 2}, "AR/190"),
        ({"to_BusinessPartnerBank": [{"IBAN": "DE89370400440532013001"}]}, "AR/501"),
        ({"to_Customer": {"to_CustomerCompany": [{"CompanyCode": "9", "ReconciliationAccount": "1"}]}}, "F2/160"),
        ({"to_Customer": {"to_CustomerCompany": [{"CompanyCode": "1010"}]}}, "R1/113"),
        ({"to_Customer": {"to_CustomerSalesArea": [AREA | {"Division": "99"}]}}, "V1/323"),
        ({"to_Customer": {"to_CustomerSalesArea": [AREA | {"CustomerPaymentTerms": "XXXX"}]}}, "F2/161"),
        ({"to_Customer": {"to_CustomerSalesArea": [AREA | {"IncotermsClassification": "EXW"}]}}, "R1/113"),
    ],
)
def test_a_business_error_names_its_message(client: httpx.Client, change: dict[str, Any], expected: str) -> None:
    assert code(client.post("A_BusinessPartner", json=CUSTOMER | change)) == expected


def test_an_external_grouping_takes_the_given_number(client: httpx.Client) -> None:
    body = {"BusinessPartnerCategory": "2", "BusinessPartnerGrouping": "BPEE", "BusinessPartner": "EXT77"}
    assert created(client, body | {"OrganizationBPName1": "X"})["BusinessPartner"] == "EXT77"


def test_read_only_fields_are_dropped_or_refused(s4: Running, client: httpx.Client) -> None:
    path, body = "A_BusinessPartner('17100001')", {"CreatedByUser": "ME", "SearchTerm2": "X"}
    assert client.patch(path, json=body).status_code == 204
    row = client.get(path).json()["d"]
    assert (row["CreatedByUser"], row["SearchTerm2"]) == ("MUELLER", "X")
    s4.sim("POST", "settings", {"refuse_readonly": True})
    assert client.patch(path, json=body).status_code == 400


def test_a_supplier_role_makes_a_supplier_and_no_customer(client: httpx.Client) -> None:
    body = {"BusinessPartnerCategory": "2", "OrganizationBPName1": "Mill"}
    made = created(client, body | {"to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLVN01"}]})
    shown = client.get(f"A_BusinessPartner('{made['BusinessPartner']}')").json()["d"]
    assert (shown["Supplier"], shown["Customer"]) == (made["BusinessPartner"], "")


def test_adding_a_customer_role_later_makes_the_customer(client: httpx.Client) -> None:
    partner = created(client, {"BusinessPartnerCategory": "2", "OrganizationBPName1": "Late"})
    path = f"A_BusinessPartner('{partner['BusinessPartner']}')"
    assert client.get(f"{path}/to_Customer").status_code == 404
    created(client, {"BusinessPartnerRole": "FLCU01"}, f"{path}/to_BusinessPartnerRole")
    customer = client.get(f"{path}/to_Customer").json()["d"]["Customer"]
    created(client, AREA | {"Customer": customer}, "A_CustomerSalesArea")
    company = {"Customer": customer, "CompanyCode": "1010", "ReconciliationAccount": "121000"}
    assert code(client.post("A_CustomerCompany", json=company)) == "R1/121"


def test_a_change_is_stamped_on_the_partner_but_a_childs_change_is_not(s4: Running, client: httpx.Client) -> None:
    path = "A_BusinessPartner('10100001')"
    address = client.get(f"{path}/to_BusinessPartnerAddress").json()["d"]["results"][0]
    own = f"A_BusinessPartnerAddress(BusinessPartner='10100001',AddressID='{address['AddressID']}')"
    assert client.patch(own, json={"CityName": "Wiesloch", "PostalCode": "69168"}).status_code == 204
    assert client.get(path).json()["d"]["LastChangeDate"] is None
    s4.sim("POST", "settings", {"child_changes_bump_partner": True})
    client.patch(own, json={"CityName": "Walldorf"})
    assert client.get(path).json()["d"]["LastChangedByUser"] == "SYNC"
    s4.sim("POST", "edit", {"set": "A_BusinessPartner", "key": "10100001", "values": {"SearchTerm2": "X"}})
    assert client.get(path).json()["d"]["LastChangedByUser"] == "MUELLER"


def test_a_new_default_mail_takes_the_flag_from_the_old_one(client: httpx.Client) -> None:
    address = created(client)["to_BusinessPartnerAddress"]["results"][0]
    first, second = address["to_EmailAddress"]["results"]
    assert client.patch(second["__metadata"]["uri"], json={"IsDefaultEmailAddress": True}).status_code == 204
    assert client.get(first["__metadata"]["uri"]).json()["d"]["IsDefaultEmailAddress"] is False
    assert client.delete(second["__metadata"]["uri"]).status_code == 204
    assert client.get(first["__metadata"]["uri"]).json()["d"]["IsDefaultEmailAddress"] is True


def test_the_standard_address_moves_with_its_usage(client: httpx.Client) -> None:
    path = "A_BusinessPartner('10100001')/to_BusinessPartnerAddress"
    first = client.get(path).json()["d"]["results"][0]
    assert code(client.delete(first["__metadata"]["uri"])) == "R1/122"
    created(client, ADDRESS | {"to_AddressUsage": [{"AddressUsage": "XXDEFAULT"}]}, path)
    assert client.delete(first["__metadata"]["uri"]).status_code == 204
    assert client.get(first["to_EmailAddress"]["__deferred"]["uri"]).status_code == 404


def test_roles_stay_and_identifications_go(client: httpx.Client) -> None:
    partner = created(client)["BusinessPartner"]
    role = f"A_BusinessPartnerRole(BusinessPartner='{partner}',BusinessPartnerRole='FLCU00')"
    assert client.delete(role).status_code == 405
    mark = f"A_BuPaIdentification(BusinessPartner='{partner}',BPIdentificationType='ZD365'"
    assert client.delete(f"{mark},BPIdentificationNumber='guid-1')").status_code == 204


def test_a_second_partner_at_the_same_place_is_warned_of(client: httpx.Client) -> None:
    client.post("A_BusinessPartner", json=CUSTOMER)
    answer = client.post("A_BusinessPartner", json=CUSTOMER)
    assert answer.status_code == 201
    assert '"severity": "warning"' in answer.headers["sap-message"]


def test_a_contact_is_a_person_related_to_a_company(client: httpx.Client) -> None:
    person = created(
        client,
        {
            "BusinessPartnerCategory": "1", "FirstName": "Ann", "LastName": "Lee",
            "to_BusinessPartnerRole": [{"BusinessPartnerRole": "BUP001"}],
            "to_BusinessPartnerAddress": [ADDRESS | {"to_EmailAddress": [{"EmailAddress": "ann@lee.example"}]}],
        },
    )  # fmt: skip
    mail = person["to_BusinessPartnerAddress"]["results"][0]["to_EmailAddress"]["results"][0]
    assert mail["Person"] == person["PersonNumber"] != ""
    link = {
        "BusinessPartnerCompany": "17100001",
        "BusinessPartnerPerson": person["BusinessPartner"],
        "to_ContactRelationship": {"ContactPersonFunction": "0001", "EmailAddress": "ann@contoso.example"},
    }
    contact = created(client, link, "A_BusinessPartnerContact")
    assert contact["ValidityEndDate"] == "/Date(253402214400000)/"
    details = client.get(contact["__metadata"]["uri"] + "/to_ContactRelationship").json()["d"]
    assert client.patch(details["__metadata"]["uri"], json={"PhoneNumber": "1"}).status_code == 204
    assert client.post("A_BPContactToFuncAndDept", json={}).status_code == 405
    assert code(client.post("A_BusinessPartnerContact", json=link)) == "R1/112"


def test_a_copy_takes_the_identification_along(s4: Running, client: httpx.Client) -> None:
    original = created(client)["BusinessPartner"]
    copy = s4.sim("POST", f"copy/{original}")["BusinessPartner"]
    marks = client.get("A_BuPaIdentification", params={"$filter": "BPIdentificationNumber eq 'guid-1'"}).json()["d"]
    assert sorted(mark["BusinessPartner"] for mark in marks["results"]) == sorted([original, copy])
