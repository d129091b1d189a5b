"""Metadata: $metadata as CSDL, EntityDefinitions with its casts, and the service document."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from lxml import etree

from dev.dynamics.dataverse import Running, start

EDM = {"e": "http://docs.oasis-open.org/odata/ns/edm"}
ACCOUNT = "EntityDefinitions(LogicalName='account')"


@pytest.fixture(scope="module")
def org() -> Iterator[Running]:
    with start(untracked=["uom"], pending_keys=["contact.cr_sapnumber_key"]) as running:
        yield running


def get(api: httpx.Client, url: str) -> dict[str, Any]:
    answer = api.get(url)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_service_document_lists_the_sets(api: httpx.Client) -> None:
    assert {"name": "accounts", "kind": "EntitySet", "url": "accounts"} in get(api, "")["value"]


def test_every_reference_in_the_csdl_leads_somewhere(api: httpx.Client) -> None:
    root = etree.fromstring(api.get("$metadata").content)
    types = {item.get("Name"): item for item in root.iterfind(".//e:EntityType", EDM)}
    sets = {item.get("Name") for item in root.iterfind(".//e:EntitySet", EDM)}
    assert {"account", "contact", "salesorder"} <= types.keys()
    assert {"accounts", "contacts", "salesorders"} <= sets
    for name, kind in types.items():
        members = [item.get("Name") for item in kind if item.get("Name")]
        assert len(members) == len(set(members)), name
        for navigation in kind.iterfind("e:NavigationProperty", EDM):
            target = types[navigation.get("Type").removeprefix("Collection(").rstrip(")").removeprefix("mscrm.")]
            if partner := navigation.get("Partner"):
                assert target.xpath("e:NavigationProperty[@Name=$n]", n=partner, namespaces=EDM), (name, partner)
            for constraint in navigation.iterfind("e:ReferentialConstraint", EDM):
                assert constraint.get("Property") in members
                assert constraint.get("ReferencedProperty") == target.find("e:Key/e:PropertyRef", EDM).get("Name")
    for binding in root.iterfind(".//e:NavigationPropertyBinding", EDM):
        assert binding.get("Target") in sets
    for kind in root.iterfind(".//e:EntitySet", EDM):
        assert kind.get("EntityType").removeprefix("Microsoft.Dynamics.CRM.") in types


def test_properties_have_their_types(api: httpx.Client) -> None:
    root = etree.fromstring(api.get("$metadata").content)
    path = ".//e:EntityType[@Name='salesorder']/e:Property[@Name='{}']"
    wanted = {
        "cr_sapnumber": "Edm.String",
        "totalamount": "Edm.Decimal",
        "_customerid_value": "Edm.Guid",
        "requestdeliveryby": "Edm.DateTimeOffset",
        "statecode": "Edm.Int32",
        "willcall": "Edm.Boolean",
    }
    for name, kind in wanted.items():
        assert root.find(path.format(name), EDM).get("Type") == kind
    assert root.find(path.format("cr_sapnumber"), EDM).get("MaxLength") == "10"


def test_a_table_tells_what_a_connector_checks_at_start(api: httpx.Client) -> None:
    select = "$select=LogicalName,EntitySetName,PrimaryIdAttribute,ChangeTrackingEnabled,IsOptimisticConcurrencyEnabled"
    nested = "$select=LogicalName,AttributeType,IsValidForCreate,IsValidForUpdate,RequiredLevel"
    keys = "Keys($select=LogicalName,KeyAttributes,EntityKeyIndexStatus)"
    found = get(api, f"{ACCOUNT}?{select}&$expand=Attributes({nested}),{keys}")
    assert (found["EntitySetName"], found["PrimaryIdAttribute"]) == ("accounts", "accountid")
    assert found["ChangeTrackingEnabled"] is found["IsOptimisticConcurrencyEnabled"] is True
    columns = {column["LogicalName"]: column for column in found["Attributes"]}
    assert columns["name"]["RequiredLevel"]["Value"] == "ApplicationRequired"
    assert columns["createdon"]["IsValidForUpdate"] is False
    assert columns["parentaccountid"]["AttributeType"] == "Lookup"
    assert found["Keys"][0]["KeyAttributes"] == ["cr_sapnumber"]
    assert found["Keys"][0]["EntityKeyIndexStatus"] == "Active"


def test_switches_show_in_the_metadata(api: httpx.Client) -> None:
    assert (
        get(api, "EntityDefinitions(LogicalName='uom')?$select=ChangeTrackingEnabled")["ChangeTrackingEnabled"] is False
    )
    keys = get(api, "EntityDefinitions(LogicalName='contact')/Keys")["value"]
    assert keys[0]["EntityKeyIndexStatus"] == "Pending"


def test_casts_give_what_only_that_type_has(api: httpx.Client) -> None:
    base = f"{ACCOUNT}/Attributes"
    text = get(api, f"{base}/Microsoft.Dynamics.CRM.StringAttributeMetadata?$select=LogicalName,MaxLength")["value"]
    lengths = {item["LogicalName"]: item["MaxLength"] for item in text}
    assert (lengths["cr_sapnumber"], lengths["name"]) == (10, 160)
    one = f"{base}(LogicalName='customertypecode')/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"
    options = get(api, f"{one}?$select=LogicalName&$expand=OptionSet")["OptionSet"]["Options"]
    assert (options[2]["Value"], options[2]["Label"]["UserLocalizedLabel"]["Label"]) == (3, "Customer")
    lookup = f"{base}(LogicalName='ownerid')/Microsoft.Dynamics.CRM.LookupAttributeMetadata?$select=Targets"
    assert get(api, lookup)["Targets"] == ["systemuser", "team"]
    status = f"{base}/Microsoft.Dynamics.CRM.StatusAttributeMetadata?$expand=OptionSet"
    assert get(api, status)["value"][0]["OptionSet"]["Options"][1]["State"] == 1
    refused = api.get(f"{base}?$select=MaxLength")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "0x80060888")


def test_definitions_can_be_filtered_and_addressed_by_id(api: httpx.Client) -> None:
    found = get(api, "EntityDefinitions?$select=MetadataId,LogicalName&$filter=EntitySetName eq 'salesorders'")["value"]
    assert [item["LogicalName"] for item in found] == ["salesorder"]
    assert get(api, f"EntityDefinitions({found[0]['MetadataId']})?$select=LogicalName")["LogicalName"] == "salesorder"
    kind = "AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'Money' and IsCustomAttribute eq true"
    columns = get(api, f"EntityDefinitions(LogicalName='salesorder')/Attributes?$select=LogicalName&$filter={kind}")
    assert {item["LogicalName"] for item in columns["value"]} == {"cr_saptotalnet", "cr_saptotalnet_base"}
    assert api.get("EntityDefinitions(LogicalName='nothing')").status_code == 404


def test_relationships_name_their_navigation(api: httpx.Client) -> None:
    url = "EntityDefinitions(LogicalName='salesorderdetail')/ManyToOneRelationships"
    found = get(api, f"{url}?$filter=ReferencingAttribute eq 'salesorderid'")["value"][0]
    assert found["ReferencedEntityNavigationPropertyName"] == "order_details"
    assert found["ReferencingEntityNavigationPropertyName"] == "salesorderid"
