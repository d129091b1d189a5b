"""Events: execution contexts, headers, images, echo marks, and whom a change is told to."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dev.dynamics.dataverse import Running, Subscription, start
from tests.webhook import Receiver

CORE = {
    "BusinessUnitId",
    "CorrelationId",
    "Depth",
    "InitiatingUserId",
    "InputParameters",
    "IsExecutingOffline",
    "IsInTransaction",
    "IsOfflinePlayback",
    "IsolationMode",
    "MessageName",
    "Mode",
    "OperationCreatedOn",
    "OperationId",
    "OrganizationId",
    "OrganizationName",
    "OutputParameters",
    "OwningExtension",
    "ParentContext",
    "PostEntityImages",
    "PreEntityImages",
    "PrimaryEntityId",
    "PrimaryEntityName",
    "RequestId",
    "SecondaryEntityName",
    "SharedVariables",
    "Stage",
    "UserId",
}
SECRET = {"x-secret": 'a "b" & c'}


@pytest.fixture
def org(receiver: Receiver) -> Iterator[Running]:
    hook = Subscription(receiver.url, headers=SECRET, columns={"account": ["name", "telephone1"]}, auto_delete=False)
    with start(seed=True, subscriptions=[hook], events={"retry_seconds": 0.01}) as running:
        yield running


def pairs(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["key"]: item["value"] for item in items}


def target(context: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = pairs(context["InputParameters"])["Target"]
    return found


def create(api: httpx.Client, **values: object) -> str:
    answer = api.post("accounts", json={"name": "E", **values})
    return answer.headers["OData-EntityId"].split("(")[1].rstrip(")")


def test_a_create_sends_a_context_with_all_core_members(api: httpx.Client, org: Running, receiver: Receiver) -> None:
    row = create(api, creditlimit=12.5, customertypecode=3)
    org.settled()
    headers, context = receiver.got[0].headers, receiver.got[0].body
    assert set(context) >= CORE
    assert list(context) == sorted(context)
    assert headers["x-secret"] == SECRET["x-secret"]
    assert headers["x-ms-dynamics-organization"] == "contoso.crm4.dynamics.com"
    assert (headers["x-ms-dynamics-entity-name"], headers["x-ms-dynamics-request-name"]) == ("account", "Create")
    assert headers["x-ms-correlation-request-id"] == context["CorrelationId"]
    assert (context["Stage"], context["Mode"], context["Depth"], context["IsInTransaction"]) == (40, 1, 1, False)
    assert context["OutputParameters"] == [{"key": "id", "value": row}]
    assert context["OperationCreatedOn"].endswith("000+0000)/")
    assert context["OperationId"] != context["RequestId"]
    entity = target(context)
    assert next(iter(entity)) == "__type"
    attributes = pairs(entity["Attributes"])
    assert attributes["creditlimit"] == {
        "__type": "Money:http://schemas.microsoft.com/xrm/2011/Contracts",
        "Value": 12.5,
    }
    assert attributes["customertypecode"]["Value"] == 3
    assert attributes["createdon"].startswith("/Date(")
    assert attributes["ownerid"]["LogicalName"] == "systemuser"
    assert pairs(entity["FormattedValues"])["customertypecode"] == "Customer"
    image = pairs(context["PostEntityImages"])["AsynchronousStepPrimaryName"]
    assert "__type" not in image
    assert pairs(image["Attributes"]) == {"name": "E", "accountid": row}


def test_the_parent_is_the_core_operation_with_what_the_client_sent(
    api: httpx.Client, org: Running, receiver: Receiver
) -> None:
    create(api)
    org.settled()
    parent = receiver.bodies()[0]["ParentContext"]
    assert (parent["Stage"], parent["MessageName"], parent["ParentContext"]) == (30, "Create", None)
    assert set(pairs(target(parent)["Attributes"])) == {"name", "accountid"}


def test_an_update_tells_only_what_changed(api: httpx.Client, org: Running, receiver: Receiver) -> None:
    row = create(api)
    api.patch(f"accounts({row})", json={"telephone1": "1"})
    api.patch(f"accounts({row})", json={"fax": "1"})  # not among the filtering attributes
    org.settled()
    assert len(receiver.got) == 2
    update = next(body for body in receiver.bodies() if body["MessageName"] == "Update")
    changed = {"telephone1", "accountid", "modifiedon", "modifiedby", "modifiedonbehalfby"}
    assert set(pairs(target(update)["Attributes"])) == changed
    assert target(update)["FormattedValues"] == []


def test_a_derived_column_appears_in_the_target(api: httpx.Client, org: Running, receiver: Receiver) -> None:
    answer = api.post("contacts", json={"firstname": "A", "lastname": "B"})
    api.patch(answer.headers["OData-EntityId"], json={"firstname": "C"})
    org.settled()
    update = next(body for body in receiver.bodies() if body["MessageName"] == "Update")
    assert pairs(target(update)["Attributes"])["fullname"] == "C B"


def test_a_delete_tells_a_reference_and_a_pre_image(api: httpx.Client, org: Running, receiver: Receiver) -> None:
    row = create(api)
    api.delete(f"accounts({row})")
    org.settled()
    gone = next(body for body in receiver.bodies() if body["MessageName"] == "Delete")
    assert target(gone) == {
        "__type": "EntityReference:http://schemas.microsoft.com/xrm/2011/Contracts",
        "Id": row, "KeyAttributes": [], "LogicalName": "account", "Name": None, "RowVersion": None,
    }  # fmt: skip
    assert "AsynchronousStepPrimaryName" in pairs(gone["PreEntityImages"])
    assert gone["PostEntityImages"] == []


def test_registered_images_hold_the_listed_columns(api: httpx.Client, org: Running, receiver: Receiver) -> None:
    hook = {"url": receiver.url, "tables": ["account"], "images": {"before": {"type": 0, "columns": ["name", "fax"]}}}
    httpx.post(f"{org.url}/sim/webhooks", json=hook).raise_for_status()
    row = create(api, fax="1")
    api.patch(f"accounts({row})", json={"name": "After"})
    org.settled()
    update = next(body for body in receiver.bodies() if body["MessageName"] == "Update")
    image = pairs(pairs(update["PreEntityImages"])["before"]["Attributes"])
    assert image == {"name": "E", "fax": "1", "accountid": row}


def test_a_tag_marks_our_own_writes_and_people_have_none(api: httpx.Client, org: Running, receiver: Receiver) -> None:
    row = api.post("accounts?tag=sync:1", json={"name": "T"}).headers["OData-EntityId"].split("(")[1].rstrip(")")
    edit = {"table": "account", "id": row, "values": {"name": "P"}}
    httpx.post(f"{org.url}/sim/edit", json=edit).raise_for_status()
    org.settled()
    ours, theirs = sorted(receiver.bodies(), key=lambda body: body["MessageName"])
    assert pairs(ours["SharedVariables"])["tag"] == "sync:1"
    assert pairs(ours["ParentContext"]["SharedVariables"])["tag"] == "sync:1"
    assert "tag" not in pairs(theirs["SharedVariables"])
    assert theirs["UserId"] != ours["UserId"]


def test_impersonation_separates_user_and_initiator(api: httpx.Client, org: Running, receiver: Receiver) -> None:
    person = next(user for user in org.service.org.settings.users if not user.client_id)
    api.post("accounts", json={"name": "I"}, headers={"CallerObjectId": person.object_id}).raise_for_status()
    org.settled()
    context = receiver.bodies()[0]
    assert context["UserId"] == person.id
    assert context["InitiatingUserId"] != person.id
    assert context["UserAzureActiveDirectoryObjectId"] == person.object_id


def test_bypassing_custom_logic_silences_the_steps(api: httpx.Client, org: Running, receiver: Receiver) -> None:
    header = {"MSCRM.BypassBusinessLogicExecution": "CustomSync,CustomAsync"}
    api.post("accounts", json={"name": "B"}, headers=header).raise_for_status()
    org.settled()
    assert receiver.got == []


def test_totals_raise_an_update_of_their_own_after_the_lines(
    api: httpx.Client, org: Running, receiver: Receiver
) -> None:
    account = api.get("accounts?$top=1").json()["value"][0]["accountid"]
    prices = api.get("pricelevels?$top=1").json()["value"][0]["pricelevelid"]
    item = {"isproductoverridden": True, "productdescription": "x", "priceperunit": 5, "quantity": 1}
    binds = {
        "customerid_account@odata.bind": f"/accounts({account})",
        "pricelevelid@odata.bind": f"/pricelevels({prices})",
    }
    answer = api.post("salesorders?tag=me", json={"name": "O", **binds, "order_details": [item, item]})
    org.settled()
    told = Counter((body["PrimaryEntityName"], body["MessageName"]) for body in receiver.bodies())
    assert told == {("salesorder", "Create"): 1, ("salesorderdetail", "Create"): 2, ("salesorder", "Update"): 1}
    totals = next(body for body in receiver.bodies() if body["MessageName"] == "Update")
    assert pairs(target(totals)["Attributes"])["totalamount"]["Value"] == 10
    assert "tag" not in pairs(totals["SharedVariables"])
    assert pairs(totals["ParentContext"]["ParentContext"]["SharedVariables"])["tag"] == "me"
    receiver.got.clear()
    api.delete(answer.headers["OData-EntityId"])
    org.settled()
    told = Counter((body["PrimaryEntityName"], body["MessageName"]) for body in receiver.bodies())
    assert told == {("salesorder", "Delete"): 1, ("salesorderdetail", "Delete"): 2}


def test_a_rolled_back_change_tells_nobody(api: httpx.Client, org: Running, receiver: Receiver) -> None:
    api.post("accounts", json={"name": "x", "contact_customer_accounts": [{"nope": 1}]})
    org.settled()
    assert receiver.got == []
