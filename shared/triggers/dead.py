"""Reads the dead-letter queues: what nobody could work on is recorded among the parked records, where it is seen.

These triggers are without sessions, also on a queue that has them. A letter is completed when it is recorded.
"""

import logging

import azure.functions as func

from shared.errors import BadRequest, NeedsPerson
from shared.ops.review.letters import Letter, record_changes, record_event
from shared.ports import App
from shared.telemetry import event
from shared.triggers.events import dataverse
from shared.triggers.receive import dataverse_changes
from shared.triggers.told import veiled
from shared.wiring import WORKER

blueprint = func.Blueprint()
IDS = ("table", "row", "message", "organization", "operation", "correlation")


@blueprint.service_bus_queue_trigger(arg_name="msg", queue_name="changes/$DeadLetterQueue", connection="ServiceBus")
async def changes_dead(msg: func.ServiceBusMessage) -> None:
    """Record a dead change."""
    await _dead_changes("changes", msg)


@blueprint.service_bus_queue_trigger(arg_name="msg", queue_name="backfill/$DeadLetterQueue", connection="ServiceBus")
async def backfill_dead(msg: func.ServiceBusMessage) -> None:
    """Record a dead change, or a chunk of them, of the backfill queue."""
    await _dead_changes("backfill", msg)


@blueprint.service_bus_queue_trigger(
    arg_name="msg", queue_name="dataverse-events/$DeadLetterQueue", connection="Ingress"
)
async def dataverse_events_dead(msg: func.ServiceBusMessage) -> None:
    """Record a dead Dataverse event by its ids: a body may hold values."""
    found = letter("dataverse-events", msg)
    with veiled():
        _told(found, await _record_event(found, await WORKER.app()))


async def _record_event(found: Letter, app: App) -> int:
    try:
        changes, why = await dataverse_changes(found.body, app), ""
    except (NeedsPerson, ValueError) as error:
        changes, why = (), str(error) if isinstance(error, NeedsPerson) else "the body cannot be read"
    try:
        about = dataverse.parse(found.body)
        ids = {name: str(getattr(about, name)) for name in IDS}
    except (BadRequest, ValueError):
        ids = {}
    return await record_event(found, changes, ids, app, why=why)


async def _dead_changes(queue: str, msg: func.ServiceBusMessage) -> None:
    found = letter(queue, msg)
    with veiled():
        _told(found, await record_changes(found, await WORKER.app()))


def letter(queue: str, msg: func.ServiceBusMessage) -> Letter:
    """Return a message as a letter; why it is dead stands among its application properties."""
    properties = msg.application_properties or {}
    why = [properties.get("DeadLetterReason"), properties.get("DeadLetterErrorDescription")]
    return Letter(queue, msg.message_id or "", msg.get_body(), ": ".join(str(one) for one in why if one))


def _told(found: Letter, count: int) -> None:
    event("dead letter", logging.ERROR, queue=found.queue, message_id=found.id, reason=found.why, records=count)
