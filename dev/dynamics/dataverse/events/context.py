"""RemoteExecutionContext: what a webhook or queue gets to see of an operation, in DataContractJsonSerializer's dialect.

Shapes follow captured bodies of real organisations: 27 core members in alphabetical order, ``__type`` first, arrays of
key and value, dates as /Date(ms)/. A stage-40 context always has the stage-30 core operation as its parent; a change
set and the operation that caused this one come above it.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

import orjson

from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.core.values import Ref, Row, Value
from dev.dynamics.dataverse.events.steps import Image, Step
from dev.dynamics.dataverse.model.metadata import Column, Table
from dev.dynamics.dataverse.query.shape import formatted, primary_name
from dev.dynamics.dataverse.writes.unit import Happening

CONTRACTS: Final = "http://schemas.microsoft.com/xrm/2011/Contracts"
STRINGS: Final = "KeyValuePairOfstringstring:#System.Collections.Generic"
CORE_STEP: Final = "1b0fbaa3-345f-ee11-8def-000d3adbef1f"
NOBODY: Final = "00000000-0000-0000-0000-000000000000"
POST_OPERATION: Final = 40
DROPPED_WHEN_TOO_LARGE: Final = ("ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages")

type Json = dict[str, object]
type Pairs = list[Json]


def pairs(values: Iterable[tuple[str, object]]) -> Pairs:
    """Give a collection as the dialect's array of key and value."""
    return [{"key": key, "value": value} for key, value in values]


def reference(of: Ref, name: str | None = None) -> Json:
    """Encode an EntityReference."""
    head: Json = {"__type": f"EntityReference:{CONTRACTS}", "Id": of.id, "KeyAttributes": []}
    return {**head, "LogicalName": of.table, "Name": name, "RowVersion": None}


def _plain(value: Decimal) -> object:
    return orjson.Fragment(format(value.normalize(), "f"))


def _ticks(moment: date) -> str:
    aware = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return f"/Date({int(aware.timestamp() * 1000)})/"


def _option(value: object) -> Json:
    return {"__type": f"OptionSetValue:{CONTRACTS}", "Value": value}


def encode(column: Column, value: Value) -> object:
    """Encode one attribute's value."""
    if isinstance(value, Ref):
        return reference(value)
    if isinstance(value, date):
        return _ticks(value)
    if isinstance(value, Decimal):
        return {"__type": f"Money:{CONTRACTS}", "Value": _plain(value)} if column.type == "Money" else _plain(value)
    if value is not None and column.type in {"Picklist", "State", "Status"}:
        return _option(value)
    if value is not None and column.type == "MultiSelectPicklist":
        return [_option(int(number)) for number in str(value).split(",")]
    return value


def entity(org: Org, table: Table, row_id: str, values: Row, *, typed: bool, labelled: bool) -> Json:
    """Encode an Entity; images carry no ``__type``."""
    shown = {name: value for name, value in values.items() if name != "versionnumber"}
    labels = []
    if labelled:
        texts = ((name, formatted(org, table.columns[name], values)) for name in shown)
        labels = [(name, text) for name, text in texts if text is not None and not isinstance(values[name], (Ref, str))]
    body: Json = {
        "Attributes": pairs((name, encode(table.columns[name], value)) for name, value in shown.items()),
        "EntityState": None,
        "FormattedValues": pairs(labels),
        "Id": row_id,
        "KeyAttributes": [],
        "LogicalName": table.name,
        "RelatedEntities": [],
        "RowVersion": None,
    }
    return {"__type": f"Entity:{CONTRACTS}", **body} if typed else body


def _target(org: Org, happening: Happening, stage: int) -> Json:
    table = org.model.tables[happening.table]
    if happening.message == "Delete":
        return reference(Ref(happening.table, happening.id))
    own = {table.id: happening.id}
    values = {**(happening.target if stage == POST_OPERATION else happening.sent), **own}
    labelled = happening.message == "Create" and stage == POST_OPERATION
    found = entity(org, table, happening.id, values, typed=True, labelled=labelled)
    return {**found, "RowVersion": happening.row_version if happening.message == "Update" else None}


def _shared(happening: Happening) -> Pairs:
    """Give the shared variables; what the platform itself sets off has the tag in an ancestor only."""
    unit = happening.by
    found: list[tuple[str, object]] = [("IsAutoTransact", True)]
    if unit.languages:
        found.append(("AcceptLang", unit.languages))
    if happening.message == "Create":
        found.append(("DefaultsAddedFlag", True))
    if unit.tag is not None and (happening.cause is None or happening.message == "Create"):
        found.append(("tag", unit.tag))
    return pairs(found)


def _frame(org: Org, happening: Happening, step: Step, job_id: str, stage: int) -> Json:
    """Give the members that contexts of one operation share, in no order yet."""
    unit, settings = happening.by, org.settings
    queued = step.mode == 1
    now = org.clock.now()
    created = f"/Date({int(now.timestamp()) * 1000}{settings.events.offset})/"
    core = stage != POST_OPERATION and not queued
    owner = Ref("sdkmessageprocessingstep", CORE_STEP if core else step.id)
    name = "ObjectModel Implementation" if core else step.name
    found: Json = {
        "BusinessUnitId": settings.business_unit_id,
        "CorrelationId": unit.correlation_id,
        "Depth": happening.depth,
        "InitiatingUserId": unit.caller.initiating_id,
        "IsExecutingOffline": False,
        "IsInTransaction": not queued,
        "IsOfflinePlayback": False,
        "IsolationMode": 1,
        "MessageName": happening.message,
        "Mode": step.mode,
        "OperationCreatedOn": created if queued else f"/Date({int(now.timestamp() * 1000)})/",
        "OperationId": job_id if queued else unit.request_id,
        "OrganizationId": settings.organization_id,
        "OrganizationName": settings.organization_name,
        "OutputParameters": [],
        "OwningExtension": reference(owner, None if queued else name),
        "ParentContext": None,
        "PostEntityImages": [],
        "PreEntityImages": [],
        "PrimaryEntityId": happening.id,
        "PrimaryEntityName": happening.table,
        "RequestId": unit.request_id,
        "SecondaryEntityName": "none",
        "SharedVariables": _shared(happening),
        "Stage": stage,
        "UserId": unit.caller.user_id,
    }
    return found | (_newer(org, happening) if settings.events.newer_members else {})


def _newer(org: Org, happening: Happening) -> Json:
    """Give the members that only newer organisations send."""
    caller, users = happening.by.caller, {user.id: user.object_id for user in org.settings.users}
    return {
        "InitiatingUserAgent": caller.agent,
        "InitiatingUserAzureActiveDirectoryObjectId": users.get(caller.initiating_id, NOBODY),
        "UserAzureActiveDirectoryObjectId": users.get(caller.user_id, NOBODY),
    }


def _in_order(frame: Json) -> Json:
    return dict(sorted(frame.items()))


def _transaction(org: Org, happening: Happening, step: Step, job_id: str) -> Json:
    """Give the context of the change set that an operation was part of."""
    frame = _frame(org, happening, step, job_id, 30)
    frame |= {"MessageName": "ExecuteTransaction", "PrimaryEntityName": "none", "PrimaryEntityId": NOBODY}
    frame["InputParameters"] = pairs([("Requests", None), ("ReturnResponses", True)])
    count = happening.by.change_set_count
    frame["SharedVariables"] = pairs([("IsODataTransaction", True), ("ODataChangesetRequestCount", count)])
    return _in_order(frame)


def _core(org: Org, happening: Happening, step: Step, job_id: str) -> Json:
    """Give the stage-30 core operation, below what caused it."""
    frame = _frame(org, happening, step, job_id, 30)
    inputs: list[tuple[str, object]] = [("Target", _target(org, happening, 30))]
    frame["InputParameters"] = pairs([*inputs, ("SuppressDuplicateDetection", False)])
    if happening.message == "Update":
        changed = {"__type": STRINGS, "key": happening.table, "value": "Update"}
        frame["SharedVariables"] = [*_shared(happening), {"key": "ChangedEntityTypes", "value": [changed]}]
    if happening.cause is not None:
        frame["ParentContext"] = _core(org, happening.cause, step, job_id)
    elif happening.by.change_set_count:
        frame["ParentContext"] = _transaction(org, happening, step, job_id)
    return _in_order(frame)


def _image(org: Org, happening: Happening, image: Image, row: Row) -> Json:
    table = org.model.tables[happening.table]
    wanted = image.columns or tuple(row)
    values = {name: row[name] for name in wanted if row.get(name) is not None}
    return entity(org, table, happening.id, {**values, table.id: happening.id}, typed=False, labelled=True)


def _images(org: Org, happening: Happening, step: Step, kind: str) -> Pairs:
    """Give the registered images, and the one with the primary name that every asynchronous step gets."""
    row = happening.before if kind == "pre" else happening.after
    if row is None:
        return []
    found = [(image.alias, _image(org, happening, image, row)) for image in step.images if kind in image.kinds]
    if step.mode == 1 and kind == ("pre" if happening.message == "Delete" else "post"):
        table = org.model.tables[happening.table]
        values = {table.primary_name: row.get(table.primary_name), table.id: happening.id}
        own = entity(org, table, happening.id, values, typed=False, labelled=False)
        found.insert(0, ("AsynchronousStepPrimaryName", own))
    return pairs(found)


def execution_context(org: Org, happening: Happening, step: Step, job_id: str) -> Json:
    """Give the whole context of a step's run."""
    frame = _frame(org, happening, step, job_id, step.stage)
    frame["InputParameters"] = pairs([("Target", _target(org, happening, step.stage))])
    if happening.message == "Create":
        frame["OutputParameters"] = pairs([("id", happening.id)])
    frame["PreEntityImages"] = _images(org, happening, step, "pre")
    frame["PostEntityImages"] = _images(org, happening, step, "post")
    frame["ParentContext"] = _core(org, happening, step, job_id)
    return _in_order(frame)


def regarding_name(org: Org, happening: Happening) -> str:
    """Give the primary name of the row that an operation was about, for its system job."""
    row = happening.after or happening.before or {}
    name = row.get(org.model.tables[happening.table].primary_name)
    return str(name or primary_name(org, Ref(happening.table, happening.id)) or "")


def serialise(org: Org, context: Json, bytes_max: int) -> tuple[bytes, bool]:
    """Write a context; one that is too large loses its four bulky members. Gives the bytes and whether it was cut."""
    body = orjson.dumps(context)
    cut = len(body) > bytes_max
    if cut:
        body = orjson.dumps({name: value for name, value in context.items() if name not in DROPPED_WHEN_TOO_LARGE})
    if org.settings.events.escape_slashes:
        body = body.replace(b"/", b"\\/")
    return (b"\xef\xbb\xbf" + body if org.settings.events.byte_order_mark else body), cut
