"""Reads what Dataverse posts about a change: only who, what and which row. The row itself is read back later.

The body is a .NET RemoteExecutionContext in DataContractJsonSerializer's dialect. Real ones come with a byte-order
mark, escaped slashes, members nobody announced, without parameters and images (above 256 KB), or twice encoded. None
of that matters to the few members that are used here, all of them ASCII.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.errors import BadRequest

BODY_BYTES_MAX = 1024 * 1024  # Dataverse strips what is above 256 KB, so four times that is not Dataverse
NAME_CHARACTERS_MAX = 128  # of a table; messages' names are shorter
PARENT_COUNT_MAX = 16  # the platform ends chains at depth 8
MESSAGES = {"Create", "Update", "Delete", "Assign", "SetState", "SetStateDynamicEntity", "Upsert", "Merge"}


@dataclass(frozen=True, slots=True)
class DataverseEvent:
    """One row was touched. `lookups` are the row references that the event carries, by column ('salesorderid')."""

    message: str
    table: str
    row: str
    organization: str
    operation: str
    correlation: str
    tag: str
    depth: int
    lookups: Mapping[str, str]

    @property
    def deleted(self) -> bool:
        """Return whether the event says that the row was deleted."""
        return self.message == "Delete"


def parse(body: bytes) -> DataverseEvent:
    """Read one event. Raises `BadRequest` that says what is wrong with the body, without its values."""
    context = _context(body)
    table, message = _text(context, "PrimaryEntityName"), _text(context, "MessageName")
    row = _guid(context.get("PrimaryEntityId")) or _guid(dict(_pairs(context.get("OutputParameters"))).get("id"))
    if not message or not table or not row:
        raise BadRequest("a Dataverse event needs MessageName, PrimaryEntityName and PrimaryEntityId (a GUID)")
    depth = context.get("Depth")
    return DataverseEvent(
        message=message,
        table=table.lower(),
        row=row,
        organization=_guid(context.get("OrganizationId")) or "",
        operation=_guid(context.get("OperationId")) or _guid(context.get("RequestId")) or "",
        correlation=_guid(context.get("CorrelationId")) or "",
        tag=_tag(context),
        depth=depth if isinstance(depth, int) else 1,
        lookups=dict(_lookups(context)),
    )


def _context(body: bytes) -> dict[str, Any]:
    if len(body) > BODY_BYTES_MAX:
        raise BadRequest(f"the body has {len(body)} bytes; Dataverse sends at most 256 KB")
    try:
        found = json.loads(body.decode("utf-8-sig", errors="replace"))
        if isinstance(found, str):  # a gateway in between has encoded it once more
            found = json.loads(found.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError, too
        raise BadRequest("the body is not JSON") from error
    if not isinstance(found, dict):
        raise BadRequest(f"the body is a JSON {type(found).__name__}, expected an execution context")
    return found


def _tag(context: Mapping[str, Any]) -> str:
    """Return the writer's tag. Variables set before the transaction live in an ancestor."""
    for one in _with_parents(context):
        tag = dict(_pairs(one.get("SharedVariables"))).get("tag")
        if isinstance(tag, str):
            return tag
    return ""


def _with_parents(context: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    current: Any = context
    for _ in range(PARENT_COUNT_MAX):
        if not isinstance(current, dict):
            return
        yield current
        current = current.get("ParentContext")


def _lookups(context: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield row references of the target and the images: how a line event names its document."""
    holders = [value for _, value in _pairs(context.get("PreEntityImages"))]
    holders += [value for _, value in _pairs(context.get("PostEntityImages"))]
    holders += [value for key, value in _pairs(context.get("InputParameters")) if key == "Target"]
    for holder in holders:
        for column, value in _pairs(holder.get("Attributes") if isinstance(holder, dict) else None):
            row = _guid(value.get("Id")) if isinstance(value, dict) else None
            if row:
                yield column.lower(), row


def _pairs(collection: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 -- anything may stand there
    """Yield the pairs of a .NET collection, an array of {"key", "value"}; plain objects pass as well."""
    if isinstance(collection, dict):
        yield from ((str(k), v) for k, v in collection.items())
    for one in collection if isinstance(collection, list) else ():
        if isinstance(one, dict) and isinstance(key := one.get("key", one.get("Key")), str):
            yield key, one.get("value", one.get("Value"))


def _text(context: Mapping[str, Any], name: str) -> str:
    """Return a name; what no name of Dataverse can be (128 characters, printable) would not travel on."""
    value = context.get(name)
    found = value.strip() if isinstance(value, str) else ""
    return found if found.isprintable() and len(found) <= NAME_CHARACTERS_MAX else ""


def _guid(value: Any) -> str | None:  # noqa: ANN401 -- anything may stand there
    """Return a GUID in lower case; a boxed one ({"__type": "Guid:#System", "__value": …}) is opened."""
    if isinstance(value, dict):
        value = value.get("__value")
    if not isinstance(value, str):
        return None
    try:
        found = str(UUID(value))
    except ValueError:
        return None
    return found if UUID(found).int else None
