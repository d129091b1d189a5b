"""/sim: what a test or a demonstration does to the organisation from outside: faults, log, people at work, webhooks.

No part of the real service and without its authentication; loopback only.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dev.dynamics.dataverse.core.errors import ServiceError
from dev.dynamics.dataverse.core.values import to_json
from dev.dynamics.dataverse.events.register import Subscription, subscribe
from dev.dynamics.dataverse.query.options import Query
from dev.dynamics.dataverse.query.shape import View, entity
from dev.dynamics.dataverse.web.call import Answer, Call
from dev.dynamics.dataverse.web.service import Service
from dev.dynamics.dataverse.writes.unit import Caller

JSON: Final = {"content-type": "application/json", "prefer": "return=representation"}

type Handler = Callable[[Service, Request, Any], Awaitable[object]]


def _person(service: Service, data: dict[str, Any]) -> Caller:
    """Give who acts: a person, or the user named by id."""
    users = service.org.settings.users
    wanted = data.get("user")
    user = next(user for user in users if (user.id == wanted if wanted else not user.client_id))
    return Caller(user.id, user.id, user.integration)


async def _as_person(service: Service, data: dict[str, Any], method: str, path: str, body: object) -> object:
    """Make a call as a person in the user interface would: events are raised, there is no tag."""
    headers = {**JSON, **({"if-match": "*"} if method in {"PATCH", "DELETE"} else {})}
    call = Call(method, path, "", headers, to_json(body), "http://sim", _person(service, data))
    answer: Answer = await service.serve(call)
    document = json.loads(answer.body, parse_float=Decimal) if answer.body else {}
    if answer.status >= 400:  # noqa: PLR2004 - the first status of a refusal
        raise ServiceError(answer.status, document["error"]["code"], document["error"]["message"])
    return document


async def _edit(service: Service, _request: Request, data: Any) -> object:  # noqa: ANN401 - parsed JSON
    table = service.org.model.tables[data["table"]]
    return await _as_person(service, data, "PATCH", f"{table.set}({data['id']})", data["values"])


async def _create(service: Service, _request: Request, data: Any) -> object:  # noqa: ANN401 - parsed JSON
    return await _as_person(service, data, "POST", service.org.model.tables[data["table"]].set, data["values"])


async def _delete(service: Service, _request: Request, data: Any) -> object:  # noqa: ANN401 - parsed JSON
    table = service.org.model.tables[data["table"]]
    return await _as_person(service, data, "DELETE", f"{table.set}({data['id']})", {})


async def _submit(service: Service, request: Request, data: Any) -> object:  # noqa: ANN401 - parsed JSON
    values = {"statecode": 1, "statuscode": 3}
    path = f"salesorders({request.path_params['id']})"
    return await _as_person(service, data if isinstance(data, dict) else {}, "PATCH", path, values)


async def _rows(service: Service, request: Request, _data: object) -> object:
    table = service.org.model.tables[request.path_params["table"]]
    view = View(service.org, "http://sim")
    return [entity(view, table, row, Query()) for row in service.org.store.rows[table.name].values()]


async def _get_faults(service: Service, _request: Request, _data: object) -> object:
    return {"rules": [asdict(rule) for rule in service.faults.rules], "events": asdict(service.faults.events)}


async def _add_fault(service: Service, request: Request, data: Any) -> object:  # noqa: ANN401 - parsed JSON
    faults = service.faults
    data = dict(data)
    if data.pop("expire_delta_tokens", False):
        faults.deltas_expired_before = service.org.store.version + 1
    if data.pop("expire_tokens", False):
        faults.tokens_expired_before = service.tokens.seconds()
    if (size := data.pop("page_size", None)) is not None:
        service.org.settings = replace(service.org.settings, page_size=int(size))
    if data:
        faults.add(data)
    return await _get_faults(service, request, data)


async def _clear_faults(service: Service, request: Request, _data: object) -> object:
    service.faults.clear()
    return await _get_faults(service, request, None)


async def _get_log(service: Service, _request: Request, _data: object) -> object:
    return list(service.log)


async def _clear_log(service: Service, _request: Request, _data: object) -> object:
    service.log.clear()
    return []


async def _webhook(service: Service, _request: Request, data: Any) -> object:  # noqa: ANN401 - parsed JSON
    async with service.org.writing:
        return {"serviceendpointid": subscribe(service.org, Subscription(**data))}


async def _events(service: Service, _request: Request, _data: object) -> object:
    delivery = service.delivery
    return {"pending": delivery.pending, "held": len(delivery.held), "delivered": delivery.delivered,
            "failed": delivery.failed}  # fmt: skip


async def _release(service: Service, _request: Request, _data: object) -> object:
    return {"released": service.delivery.release()}


async def _clock(service: Service, _request: Request, data: Any) -> object:  # noqa: ANN401 - parsed JSON
    service.org.clock.offset += timedelta(seconds=float(data["advance_seconds"]))
    return {"now": service.org.clock.now().isoformat()}


async def _key(service: Service, _request: Request, data: Any) -> object:  # noqa: ANN401 - parsed JSON
    keys = service.org.model.tables[data["table"]].keys
    keys[data["key"]] = replace(keys[data["key"]], status=data["status"])
    return {"key": data["key"], "status": keys[data["key"]].status}


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("POST", "/sim/edit", _edit),
    ("POST", "/sim/create", _create),
    ("POST", "/sim/delete", _delete),
    ("POST", "/sim/submit-order/{id}", _submit),
    ("GET", "/sim/rows/{table}", _rows),
    ("GET", "/sim/faults", _get_faults),
    ("POST", "/sim/faults", _add_fault),
    ("DELETE", "/sim/faults", _clear_faults),
    ("GET", "/sim/log", _get_log),
    ("DELETE", "/sim/log", _clear_log),
    ("POST", "/sim/webhooks", _webhook),
    ("GET", "/sim/events", _events),
    ("POST", "/sim/events/release", _release),
    ("POST", "/sim/clock", _clock),
    ("POST", "/sim/keys", _key),
)


def _endpoint(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        raw = await request.body()
        try:
            data = json.loads(raw, parse_float=Decimal) if raw else {}
            found = await handler(request.app.state.service, request, data)
        except ServiceError as error:
            return JSONResponse({"error": {"code": error.code, "message": error.message}}, error.status)
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": {"code": "", "message": f"{type(error).__name__}: {error}"}}, 400)
        return Response(to_json(found), media_type="application/json")

    return endpoint


def sim_routes() -> list[Route]:
    """Give the routes below /sim."""
    return [Route(path, _endpoint(handler), methods=[method]) for method, path, handler in ROUTES]
