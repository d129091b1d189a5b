"""The ways in for events: check who calls, read who was touched, enqueue, answer.

Neither system is asked about a record. Only a worker's first event waits until both have said which system they are.

An event that cannot be enqueued is answered 503: Dataverse then tries exactly once more, and the sweep finds the rest.
It finds as well what a body above REQUEST_BYTES_MAX was about (413). Events are never limited in their rate.
"""

import base64
import hmac
import logging
import re
from collections.abc import Mapping, Sequence

import azure.functions as func

from shared.core.model import Change
from shared.errors import BadRequest, SyncError, Unavailable, WrongEnvironment
from shared.ops.intake import Hint, changes_of, take_in
from shared.ops.watch.gauges import heard
from shared.ports import App
from shared.telemetry import cause_of, event
from shared.triggers.access.guard import too_large
from shared.triggers.answers import answer, refuse
from shared.triggers.events import cloud, dataverse
from shared.triggers.told import veiled
from shared.wiring import WORKER, settings

blueprint = func.Blueprint()
POSITIVE = re.compile(r"[1-9][0-9]{0,8}")  # a rate is requests per minute (CloudEvents web hooks 1.0, 2.1)
EVENTS_DEPTH_OF_OURS = 1  # deeper: a plug-in did more with our write, and that is news


@blueprint.route("dataverse/events", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def dataverse_events_received(req: func.HttpRequest) -> func.HttpResponse:
    """Take a Dataverse webhook."""
    if not _knows(req, settings().secrets("dataverse_secrets")):
        return answer(401, "the webhook's secret is missing or wrong: header x-webhook-secret")
    if refusal := too_large(req):
        return refusal
    try:
        with veiled():
            return answer(202, f"{await take_dataverse(req.get_body())} enqueued")
    except SyncError as error:
        return _refused("dataverse", error)


async def take_dataverse(body: bytes) -> int:
    """Enqueue what a Dataverse event means; return how many changes that are. Raises `shared.errors`."""
    app, found = await WORKER.app(), dataverse.parse(body)
    count = await take_in(_touched_in_dataverse(found, app), app)
    if count:
        event("received", source="dataverse", object=found.table, count=count, correlation=found.correlation)
    await heard("dataverse", app)
    return count


async def dataverse_changes(body: bytes, app: App) -> tuple[Change, ...]:
    """Return what a Dataverse event means. Raises `BadRequest`, `WrongEnvironment`."""
    return _touched_in_dataverse(dataverse.parse(body), app)


def _touched_in_dataverse(found: dataverse.DataverseEvent, app: App) -> tuple[Change, ...]:
    _same_organization(found.organization, app)
    if found.tag == settings().dataverse_tag and found.depth <= EVENTS_DEPTH_OF_OURS:
        event("echo", source="dataverse", table=found.table, message=found.message, correlation=found.correlation)
        return ()
    origin = found.operation or f"{found.correlation} {found.message} {found.row}"
    hint = Hint(
        f"dataverse {found.table}", found.row, origin, found.correlation or origin, found.deleted, found.lookups
    )
    changes, lost = changes_of(hint, app)
    for flow in lost:
        # the document is found by the next sweep; an image with the lookup in the step would name it at once
        event("line without document", logging.WARNING, flow=flow, table=found.table, message=found.message)
    return changes


def _same_organization(found: str, app: App) -> None:
    """Refuse a copied environment: it carries the webhook along and fires at production."""
    ours = settings().dataverse_organization_id or app.identities.get("dataverse", "")
    if not ours:
        raise Unavailable("Dataverse has not said yet which organisation it is: set DATAVERSE_ORGANIZATION_ID, or wait")
    if found and found.lower() != ours.lower():
        raise WrongEnvironment(f"the event is of organisation {found}, this app is bound to {ours}")


@blueprint.route("sap/events", methods=["OPTIONS"], auth_level=func.AuthLevel.ANONYMOUS)
def sap_handshake(req: func.HttpRequest) -> func.HttpResponse:
    """Answer the CloudEvents webhook handshake: say that we want events from this origin."""
    origin, allowed = req.headers.get("WebHook-Request-Origin", ""), settings().s4_event_origins
    known = {name.lower() for name in allowed}
    if origin in ("", "*") or not ("*" in known or origin.lower() in known) or not _is_header(origin):
        return answer(403, "the origin is not among S4_EVENT_ORIGINS")
    asked = req.headers.get("WebHook-Request-Rate", "")
    rate = asked if POSITIVE.fullmatch(asked) else "*"
    headers = {"Allow": "POST", "WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": rate}
    return func.HttpResponse(status_code=200, headers=headers)


@blueprint.route("sap/events", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def sap_events_received(req: func.HttpRequest) -> func.HttpResponse:
    """Take one CloudEvent, or a batch."""
    if not _knows(req, settings().secrets("s4_event_secrets")):
        return answer(401, "the secret is missing or wrong: header x-webhook-secret, bearer, or basic password")
    if refusal := too_large(req):
        return refusal
    try:
        with veiled():
            return answer(202, f"{await _take_sap(req)} enqueued")
    except cloud.WrongVersion as error:
        return answer(415, str(error))
    except SyncError as error:
        return _refused("s4", error)


async def _take_sap(req: func.HttpRequest) -> int:
    found = cloud.parse({k.lower(): v for k, v in req.headers.items()}, req.get_body())
    app = await WORKER.app()
    touched = [(one, _touched_in_sap(one, app)) for one in found]
    count = await take_in([change for _, changes in touched for change in changes], app)
    for one, changes in touched:
        if changes:
            event("received", source="s4", object=one.object, count=len(changes), correlation=one.id)
    await heard("s4", app)
    return count


def _refused(source: str, error: SyncError) -> func.HttpResponse:
    event("event refused", logging.WARNING, source=source, reason=cause_of(error))
    return refuse(error)


def _is_header(text: str) -> bool:
    """Return whether a server will send this as a header's value: for any other text it answers 500."""
    return text.isascii() and text.isprintable()


def _touched_in_sap(one: cloud.CloudEvent, app: App) -> tuple[Change, ...]:
    source = settings().s4_event_source
    if source and one.source != source:
        raise WrongEnvironment(f"the event is of {one.source}, this app takes those of {source}")
    hint = Hint(f"s4 {one.object}", one.key, f"{one.source} {one.id}", one.id, one.deleted)
    mine, _ = changes_of(hint, app) if one.key else ((), ())
    if not mine:  # never a 4xx: the sender would pause the whole subscription
        event("unknown event", type=one.type)
    return mine


def _knows(req: func.HttpRequest, accepted: Sequence[str]) -> bool:
    """Return whether the caller gives one of the secrets; every comparison takes the same time."""
    given = [value for value in (*_secrets_of(req.headers), req.params.get("code", "")) if value]
    matches = [hmac.compare_digest(a.encode(), b.encode()) for a in given for b in accepted]
    return any(matches)


def _secrets_of(headers: Mapping[str, str]) -> list[str]:
    kind, _, text = headers.get("Authorization", "").partition(" ")
    found = [headers.get("x-webhook-secret", "")]
    if kind.lower() == "bearer":
        found.append(text.strip())
    if kind.lower() == "basic":
        try:
            found.append(base64.b64decode(text, validate=True).decode("utf-8", "replace").partition(":")[2])
        except ValueError:  # no base64, or no ASCII at all
            return found
    return found


@blueprint.service_bus_queue_trigger(arg_name="msg", queue_name="dataverse-events", connection="Ingress")
async def dataverse_events_queued(msg: func.ServiceBusMessage) -> None:
    """Take an event that Dataverse has put on the Service Bus itself. What it cannot be is dead-lettered, and shown."""
    try:
        with veiled():
            await take_dataverse(msg.get_body())
    except (BadRequest, WrongEnvironment) as error:
        event("event refused", logging.WARNING, source="dataverse", reason=cause_of(error))
        raise
