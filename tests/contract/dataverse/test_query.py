"""Queries: filters, order, pages, expansion, annotations, and what is refused."""

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from dev.dynamics.dataverse import Running, start

ANNOTATIONS = {"Prefer": 'odata.include-annotations="*"'}
NAMES = ["Alpha", "alpine", "Beta & Co", "O'Neil", "Zeta"]


@pytest.fixture(scope="module")
def org() -> Iterator[Running]:
    with start(seed=False) as running:
        yield running


@pytest.fixture(scope="module")
def api(org: Running) -> Iterator[httpx.Client]:
    with org.client() as client:
        for place, name in enumerate(NAMES):
            values = {"name": name, "creditlimit": place * 100, "customertypecode": place % 2 + 3}
            values |= {"telephone1": f"+{place}"} if place else {}
            values |= {"primarycontactid": {"lastname": f"Contact {place}", "birthdate": f"1980-01-0{place + 1}"}}
            client.post("accounts", json=values).raise_for_status()
        yield client


def names(api: httpx.Client, condition: str) -> list[str]:
    answer = api.get(f"accounts?$select=name&$orderby=name&$filter={quote(condition)}")
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()["value"]]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("name eq 'ALPHA'", ["Alpha"]),
        ("name eq 'O''Neil'", ["O'Neil"]),
        ("startswith(name,'alp')", ["Alpha", "alpine"]),
        ("endswith(name,'ta') and not contains(name,'z')", []),
        ("contains(name,'& c')", ["Beta & Co"]),
        ("creditlimit gt 100 and creditlimit le 300", ["Beta & Co", "O'Neil"]),
        ("creditlimit eq 200.00", ["Beta & Co"]),
        ("customertypecode eq 4 or name eq 'Zeta'", ["alpine", "O'Neil", "Zeta"]),
        ("(name eq 'Zeta' or name eq 'Alpha') and creditlimit ge 400", ["Zeta"]),
        ("telephone1 eq null", ["Alpha"]),
        ("telephone1 ne '+1'", ["Alpha", "Beta & Co", "O'Neil", "Zeta"]),
        ("donotemail eq false and statecode eq 0 and name ne 'Zeta'", NAMES[:4]),
        ("not donotemail and creditlimit lt 100", ["Alpha"]),
        ("primarycontactid/lastname eq 'Contact 2'", ["Beta & Co"]),
        ("primarycontactid/birthdate gt 1980-01-04", ["Zeta"]),
        ("createdon gt 2020-01-01T00:00:00Z and modifiedon gt 2020-01-01 and name eq 'Zeta'", ["Zeta"]),
        ("Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['Zeta','beta & co'])", ["Beta & Co", "Zeta"]),
        ("Microsoft.Dynamics.CRM.NotIn(PropertyName='customertypecode',PropertyValues=['3'])", ["alpine", "O'Neil"]),
        (
            "Microsoft.Dynamics.CRM.Between(PropertyName='creditlimit',PropertyValues=['100','200'])",
            ["alpine", "Beta & Co"],
        ),
        ("Microsoft.Dynamics.CRM.LastXHours(PropertyName='createdon',PropertyValue=1) and creditlimit eq 0", ["Alpha"]),
        ("Microsoft.Dynamics.CRM.EqualUserId(PropertyName='ownerid') and name eq 'Zeta'", ["Zeta"]),
    ],
)
def test_a_filter_finds_what_it_says(api: httpx.Client, condition: str, expected: list[str]) -> None:
    assert names(api, condition) == expected


def test_a_filter_looks_into_collections(api: httpx.Client) -> None:
    row = api.get("accounts?$filter=name eq 'Zeta'&$select=name").json()["value"][0]["accountid"]
    api.post("contacts", json={"lastname": "Buyer", "parentcustomerid_account@odata.bind": f"/accounts({row})"})
    assert names(api, "contact_customer_accounts/any(c:c/lastname eq 'buyer')") == ["Zeta"]
    assert names(api, "contact_customer_accounts/any()") == ["Zeta"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("$filter=nosuch eq 'x'", "Could not find a property named 'nosuch'"),
        ("$select=foo", "Could not find a property named 'foo'"),
        ("$expand=foo", "Could not find a property named 'foo'"),
        ("$orderby=foo", "Could not find a property named 'foo'"),
        ("$filter=name eq 1", "incompatible types"),
        ("$filter=_ownerid_value eq '5f1c4f1e-9b1a-ee11-8f6e-000d3a2c0001'", "incompatible types"),
        ("$filter=name eq", "Syntax error"),
        ("$filter=(name eq 'x'", "Syntax error"),
        ("$filter=tolower(name) eq 'x'", "unknown function"),
        ("$filter=primarycontactid eq null", "Could not find a property"),
        ("$skip=1", "$skip is not supported"),
        ("$top=x", "Invalid value"),
        ("$skiptoken=%253Ccookie%2520pagenumber", "Malformed XML in the Paging Cookie"),
    ],
)
def test_a_bad_query_is_refused(api: httpx.Client, query: str, words: str) -> None:
    answer = api.get(f"accounts?{query}")
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


def test_pages_cover_everything_once_while_rows_come_and_go(api: httpx.Client) -> None:
    for place in range(7):
        api.post("products", json=_product(api, f"P{place}")).raise_for_status()
    url, seen = "products?$select=productnumber&$orderby=productnumber desc&$count=true", []
    while url:
        answer = api.get(url, headers={"Prefer": "odata.maxpagesize=3"}).json()
        seen += [row["productnumber"] for row in answer["value"]]
        if len(seen) == 3:
            assert answer["@odata.count"] == 7
            gone = answer["value"][-1]["productid"]
            api.delete(f"products({gone})").raise_for_status()
        url = answer.get("@odata.nextLink", "")
    assert seen == ["P6", "P5", "P4", "P3", "P2", "P1", "P0"]


def _product(api: httpx.Client, number: str) -> dict[str, object]:
    found = api.get("uomschedules?$filter=name eq 'S'").json()["value"]
    if not found:
        schedule = api.post("uomschedules", json={"name": "S", "baseuomname": "B"}).headers["OData-EntityId"]
        unit = {"name": "U", "quantity": 1, "uomscheduleid@odata.bind": schedule}
        api.post("uoms", json=unit).raise_for_status()
        found = api.get("uomschedules?$filter=name eq 'S'").json()["value"]
    unit_id = api.get("uoms?$filter=name eq 'U'").json()["value"][0]["uomid"]
    binds = {"defaultuomid@odata.bind": f"/uoms({unit_id})"}
    binds["defaultuomscheduleid@odata.bind"] = f"/uomschedules({found[0]['uomscheduleid']})"
    return {"name": number, "productnumber": number, "quantitydecimal": 2, **binds}


def test_top_limits_and_excludes_paging(api: httpx.Client) -> None:
    answer = api.get("accounts?$top=2", headers={"Prefer": "odata.maxpagesize=1"}).json()
    assert len(answer["value"]) == 2
    assert "@odata.nextLink" not in answer


def test_annotations_tell_labels_names_and_targets(api: httpx.Client) -> None:
    row = api.get("accounts?$filter=name eq 'alpine'", headers=ANNOTATIONS).json()["value"][0]
    label = "OData.Community.Display.V1.FormattedValue"
    assert row[f"customertypecode@{label}"] == "Investor"
    assert row[f"creditlimit@{label}"] == "€100.00"
    assert row[f"donotemail@{label}"] == "No"
    assert row[f"_primarycontactid_value@{label}"] == "Contact 1"
    assert row["_primarycontactid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "contact"
    assert row["_ownerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"] == "ownerid"


def test_only_the_annotations_asked_for_are_given(api: httpx.Client) -> None:
    asked = {"Prefer": 'odata.include-annotations="Microsoft.Dynamics.CRM.lookuplogicalname"'}
    row = api.get("accounts?$top=1", headers=asked).json()["value"][0]
    assert "_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname" in row
    assert not [name for name in row if "FormattedValue" in name]


def test_an_expansion_has_its_own_options(api: httpx.Client) -> None:
    nested = "$select=lastname;$filter=startswith(lastname,'P');$orderby=lastname desc;$top=1"
    children = [{"lastname": name} for name in ("Pa", "Pb", "Qc")]
    made = api.post("contacts", json={"lastname": "Parent", "contact_customer_contacts": children})
    url = f"{made.headers['OData-EntityId']}?$select=lastname&$expand=contact_customer_contacts({nested})"
    found = api.get(url).json()
    assert [row["lastname"] for row in found["contact_customer_contacts"]] == ["Pb"]
    assert set(found["contact_customer_contacts"][0]) == {"@odata.etag", "lastname", "contactid"}
    assert found["@odata.context"].endswith("#contacts(lastname,contact_customer_contacts(lastname))/$entity")


def test_count_is_text(api: httpx.Client) -> None:
    answer = api.get("accounts/$count?$filter=startswith(name,'alp')")
    assert answer.text == "2"
    assert answer.headers["content-type"].startswith("text/plain")


def test_parameter_aliases_stand_for_values(api: httpx.Client) -> None:
    found = api.get("accounts?$select=name&$filter=name eq @n&@n='Zeta'").json()["value"]
    assert [row["name"] for row in found] == ["Zeta"]
