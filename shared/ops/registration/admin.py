"""What registration asks of Dataverse, and how it reads what is there. It decides nothing.

`DataverseAdmin` is as small as the Web API's own verbs: rows are dictionaries with the Web API's names.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from shared.ops.registration.needs import Definition
from shared.ops.registration.rows import ALIAS, MESSAGES, Found, Kind

type Data = Mapping[str, Any]

SETS: Mapping[Kind, str] = {
    "endpoint": "serviceendpoints",
    "step": "sdkmessageprocessingsteps",
    "image": "sdkmessageprocessingstepimages",
}
# the navigation property of a kind's parent, and what else a value of ours refers to
PARENTS: Mapping[Kind, tuple[str, str]] = {
    "step": ("eventhandler_serviceendpoint", "serviceendpoints"),
    "image": ("sdkmessageprocessingstepid", "sdkmessageprocessingsteps"),
}
LOOKUPS = {
    "_sdkmessageid_value": ("sdkmessageid", "sdkmessages"),
    "_sdkmessagefilterid_value": ("sdkmessagefilterid", "sdkmessagefilters"),
}

_ENDPOINT = "name,contract,authtype,url,namespaceaddress,path,saskeyname,messageformat,userclaim"
_STEP = (
    "name,stage,mode,rank,supporteddeployment,asyncautodelete,filteringattributes,statecode,"
    "_sdkmessageid_value,_sdkmessagefilterid_value,_eventhandler_value"
)
_IMAGE = "name,entityalias,imagetype,messagepropertyname,attributes"
_IMAGES = "sdkmessageprocessingstepid_sdkmessageprocessingstepimage"


class DataverseAdmin(Protocol):
    """One organisation, with the rights of a System Customizer. Paths are below the Web API's root."""

    async def rows(self, path: str) -> Sequence[Data]:
        """Return all rows of a query: 'serviceendpoints?$select=name'."""
        ...

    async def one(self, path: str) -> Data | None:
        """Return what lies at an address, or None when Dataverse says that nothing does."""
        ...

    async def create(self, path: str, values: Data, solution: str = "") -> str:
        """Post to a set and return the new id; `solution` is the unmanaged solution that it becomes part of."""
        ...

    async def update(self, path: str, values: Data) -> None:
        """Change what lies at an address; never creates."""
        ...

    async def delete(self, path: str) -> None:
        """Delete what lies at an address; absent already is as good."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


async def definition(admin: DataverseAdmin, table: str) -> Definition | None:
    """Return a table's definition, or None when the organisation has no such table."""
    base = f"EntityDefinitions(LogicalName='{table}')"
    members = "LogicalName,PrimaryIdAttribute,ChangeTrackingEnabled,IsOptimisticConcurrencyEnabled"
    head = await admin.one(f"{base}?$select={members}")
    if head is None:
        return None
    columns = await admin.rows(f"{base}/Attributes?$select=LogicalName,AttributeType")
    texts = f"{base}/Attributes/Microsoft.Dynamics.CRM.StringAttributeMetadata?$select=LogicalName,MaxLength"
    keys = await admin.rows(f"{base}/Keys?$select=LogicalName,KeyAttributes,EntityKeyIndexStatus")
    ways = "ReferencingAttribute,ReferencingEntityNavigationPropertyName"
    up = await admin.rows(f"{base}/ManyToOneRelationships?$select={ways}")
    return Definition(
        table=table,
        primary=str(head["PrimaryIdAttribute"]),
        columns={one["LogicalName"]: one["AttributeType"] for one in columns},
        lengths={one["LogicalName"]: one["MaxLength"] for one in await admin.rows(texts)},
        keys={frozenset(one["KeyAttributes"]): one["EntityKeyIndexStatus"] for one in keys},
        navigations={one["ReferencingEntityNavigationPropertyName"]: one["ReferencingAttribute"] for one in up},
        tracked=bool(head["ChangeTrackingEnabled"]),
        guarded=bool(head["IsOptimisticConcurrencyEnabled"]),
    )


async def messages(admin: DataverseAdmin, tables: Iterable[str]) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the ids of message and filter by table and message, of those that steps may be registered for."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    query = "sdkmessagefilters?$select=sdkmessagefilterid&$expand=sdkmessageid($select=name)&$filter="
    for table in tables:
        asked = f"primaryobjecttypecode eq '{table}' and iscustomprocessingstepallowed eq true"
        for row in await admin.rows(query + asked):
            message = row.get("sdkmessageid") or {}
            if message.get("name") in MESSAGES:
                found[table, message["name"]] = (message["sdkmessageid"], row["sdkmessagefilterid"])
    return found


async def registered(admin: DataverseAdmin, prefix: str) -> list[Found]:
    """Return the rows of ours, and whatever else hangs on our endpoints.

    Of steps with one name the first keeps its image; the image of a double goes with it.
    """
    ours = f"startswith(name,'{prefix}')"
    endpoints = await _named(admin, f"serviceendpoints?$select={_ENDPOINT}&$filter={ours}", prefix)
    ids = {str(row["serviceendpointid"]): str(row["name"]) for row in endpoints}
    below = f"$select={_STEP}&$expand={_IMAGES}($select={_IMAGE})"
    steps = {
        str(row["sdkmessageprocessingstepid"]): row
        for row in await _named(admin, f"sdkmessageprocessingsteps?{below}&$filter={ours}", prefix)
    }
    for endpoint in ids:
        for row in await admin.rows(f"serviceendpoints({endpoint})/serviceendpoint_sdkmessageprocessingstep?{below}"):
            steps.setdefault(str(row["sdkmessageprocessingstepid"]), row)
    found = [Found("endpoint", key, ids[key], row) for key, row in zip(ids, endpoints, strict=True)]
    seen: set[str] = set()
    for key, row in sorted(steps.items()):
        name, mine = str(row["name"]), str(row["name"]).startswith(prefix)
        found.append(Found("step", key, name, row, ids.get(str(row.get("_eventhandler_value")), ""), mine))
        if mine and name not in seen:
            found += [
                Found("image", str(one["sdkmessageprocessingstepimageid"]), f"{name}/{ALIAS}", one, name)
                for one in row.get(_IMAGES) or ()
                if one.get("entityalias") == ALIAS
            ]
        seen.add(name)
    return found


async def _named(admin: DataverseAdmin, path: str, prefix: str) -> list[Data]:
    """Return rows whose name begins so; Dataverse's own comparison is blind to case and accents."""
    return [row for row in await admin.rows(path) if str(row["name"]).startswith(prefix)]
