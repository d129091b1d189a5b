"""What Dataverse and S/4 post, written by hand: whole and well formed here, the tests spoil it."""

import json
from typing import Any
from uuid import uuid4

from dev.dynamics.dataverse.core.settings import BUSINESS_UNIT_ID, ORGANIZATION_ID, PERSON

CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
SOURCE = "/default/sap.s4.beh/S4HCLNT100"

type Body = dict[str, Any]


def pairs(**values: object) -> list[Body]:
    """Return a .NET collection: [{"key": "name", "value": "Contoso"}]."""
    return [{"key": key, "value": value} for key, value in values.items()]


def reference(table: str, row: str) -> Body:
    kind = f"EntityReference:{CONTRACTS}"
    return {"__type": kind, "Id": row, "KeyAttributes": [], "LogicalName": table, "Name": None, "RowVersion": None}


def entity(table: str, row: str, **columns: object) -> Body:
    return {
        "__type": f"Entity:{CONTRACTS}", "Attributes": pairs(**columns), "EntityState": None, "FormattedValues": [],
        "Id": row, "KeyAttributes": [], "LogicalName": table, "RelatedEntities": [], "RowVersion": None,
    }  # fmt: skip


def context(message: str, table: str, row: str, target: Body | None = None, **other: object) -> Body:
    """Return an asynchronous step's execution context; `other` are members laid over it."""
    correlation, operation = str(uuid4()), str(uuid4())
    core: Body = {
        "BusinessUnitId": BUSINESS_UNIT_ID,
        "CorrelationId": correlation,
        "Depth": 1,
        "InitiatingUserAzureActiveDirectoryObjectId": PERSON.object_id,
        "InitiatingUserId": PERSON.id,
        "InputParameters": pairs(Target=target or entity(table, row, name="of no matter", modifiedon="/Date(0)/")),
        "IsExecutingOffline": False,
        "IsInTransaction": False,
        "IsOfflinePlayback": False,
        "IsolationMode": 1,
        "MessageName": message,
        "Mode": 1,
        "OperationCreatedOn": "/Date(1795219200000+0000)/",
        "OperationId": operation,
        "OrganizationId": ORGANIZATION_ID,
        "OrganizationName": "unq0123456789",
        "OutputParameters": pairs(id=row) if message == "Create" else [],
        "OwningExtension": reference("sdkmessageprocessingstep", str(uuid4())),
        "ParentContext": None,
        "PostEntityImages": pairs(AsynchronousStepPrimaryName={"Attributes": pairs(accountid=row)}),
        "PreEntityImages": [],
        "PrimaryEntityId": row,
        "PrimaryEntityName": table,
        "RequestId": None,
        "SecondaryEntityName": "none",
        "SharedVariables": pairs(IsAutoTransact=True, AcceptLang="en-US"),
        "Stage": 40,
        "UserId": PERSON.id,
    }
    return core | {"ParentContext": core | {"Stage": 30}} | other


def wire(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def cloud_event(kind: str, operation: str, key: str, **other: object) -> Body:
    """Return an S/4 notification: cloud_event('BusinessPartner', 'Changed', '1000001')."""
    return {
        "type": f"sap.s4.beh.{kind.lower()}.v1.{kind}.{operation}.v1",
        "specversion": "1.0",
        "source": SOURCE,
        "id": str(uuid4()),
        "time": "2026-11-21T09:30:00Z",
        "datacontenttype": "application/json",
        "data": {kind: key},
        **other,
    }
