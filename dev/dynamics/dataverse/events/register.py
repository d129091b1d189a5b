"""Subscribing in one go: the rows of service endpoint and steps that an administrator registers with a tool.

The same rows can be made through the Web API, one by one. Identifiers follow from the target, so that registering the
same thing again changes it instead of doubling it.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.core.values import Ref, Row
from dev.dynamics.dataverse.data.seed import MESSAGES, seed_id
from dev.dynamics.dataverse.events.steps import (
    HTTP_HEADER,
    QUERY_STRING,
    QUEUE,
    WEBHOOK,
    WEBHOOK_KEY,
    write_settings,
)

CONNECTION_STRING = 7  # serviceendpoint.authtype
EVENT_TABLES = ("account", "contact", "product", "salesorder", "salesorderdetail")


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where to send and what. ``columns`` filters updates by table; ``images`` maps alias to kind and columns.

    One of ``headers``, ``query`` and ``code`` authenticates a webhook; ``connection`` and ``queue`` make it a queue.
    Example: ``Subscription("http://127.0.0.1:7071/api/dataverse/events", headers={"x-secret": "s"})``.
    """

    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    connection: str = ""
    queue: str = ""
    tables: Sequence[str] = EVENT_TABLES
    messages: Sequence[str] = MESSAGES
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    images: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    mode: int = 1
    stage: int = 40
    auto_delete: bool = True


def _endpoint(wanted: Subscription) -> Row:
    if wanted.connection:
        return {"contract": QUEUE, "authtype": CONNECTION_STRING, "authvalue": wanted.connection, "messageformat": 2,
                "path": wanted.queue, "name": f"queue {wanted.queue}"}  # fmt: skip
    found: Row = {"contract": WEBHOOK, "url": wanted.url, "name": f"webhook {wanted.url}"[:256]}
    if wanted.code:
        return found | {"authtype": WEBHOOK_KEY, "authvalue": wanted.code}
    if wanted.query:
        return found | {"authtype": QUERY_STRING, "authvalue": write_settings(wanted.query)}
    return found | {"authtype": HTTP_HEADER, "authvalue": write_settings(wanted.headers)}


def _put(org: Org, table: str, row: Row) -> None:
    shape = org.model.tables[table]
    states: Row = {"statecode": 0, "statuscode": 1} if shape.states else {}
    org.store.put(shape, {**dict.fromkeys(shape.columns), "createdon": org.now(), **states, **row})


def subscribe(org: Org, wanted: Subscription) -> str:
    """Register an endpoint with a step for every table and message; gives the endpoint's id."""
    target = wanted.url or wanted.connection + wanted.queue
    endpoint_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{target}|{wanted.mode}"))
    _put(org, "serviceendpoint", {"serviceendpointid": endpoint_id, **_endpoint(wanted)})
    for table in wanted.tables:
        for message in wanted.messages:
            step_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{endpoint_id}|{table}|{message}"))
            columns = ",".join(wanted.columns.get(table, ())) if message == "Update" else ""
            step: Row = {"sdkmessageprocessingstepid": step_id, "name": f"{message} of {table}", "rank": 1}
            step |= {"stage": wanted.stage, "mode": wanted.mode, "asyncautodelete": wanted.auto_delete}
            step |= {"eventhandler": Ref("serviceendpoint", endpoint_id), "filteringattributes": columns or None}
            step |= {"sdkmessageid": Ref("sdkmessage", seed_id("message", message))}
            step |= {"sdkmessagefilterid": Ref("sdkmessagefilter", seed_id("filter", message, table))}
            _put(org, "sdkmessageprocessingstep", step)
            _images(org, wanted, step_id, message)
    return endpoint_id


def _images(org: Org, wanted: Subscription, step_id: str, message: str) -> None:
    impossible = {"Create": 0, "Delete": 1}  # no image before a create, none after a delete
    for alias, image in wanted.images.items():
        kind = int(str(image.get("type", 0)))
        if impossible.get(message) == kind:
            continue
        columns = image.get("columns") or ()
        listed = ",".join(str(name) for name in columns) if isinstance(columns, (list, tuple)) else ""
        image_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{step_id}|{alias}"))
        row: Row = {"sdkmessageprocessingstepimageid": image_id, "entityalias": alias, "imagetype": kind}
        row |= {"attributes": listed or None, "name": alias}
        _put(
            org,
            "sdkmessageprocessingstepimage",
            {**row, "sdkmessageprocessingstepid": Ref("sdkmessageprocessingstep", step_id)},
        )
