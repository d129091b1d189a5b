"""The control interface below /sim: fault switches, log, events, settings, and what a person does in the GUI.

Plain JSON without a logon. A mistake in a control request answers 400 with the reason, never silently.
"""

from collections.abc import Awaitable, Callable
from dataclasses import fields
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dev.sap.s4.gateway.system import System
from dev.sap.s4.model.edm import SETS
from dev.sap.s4.model.errors import Refused
from dev.sap.s4.model.values import Row
from dev.sap.s4.query.render import field_json
from dev.sap.s4.rules.order import status
from dev.sap.s4.sim import gui
from dev.sap.s4.sim.webhooks import Webhook

type Endpoint = Callable[[Request], Awaitable[Response]]
_WEBHOOK_KEYS = frozenset({"url", "headers", "origin", "rate", "mode", "exempt", "types", "oauth"})


def plain(set_name: str, row: Row) -> dict[str, object]:
    """Return a row as JSON values without links."""
    return {name: field_json(field, row) for name, field in SETS[set_name].fields.items()}


def application(system: System) -> Starlette:
    """Build the control application of one system."""
    control = _Control(system)
    table: list[tuple[str, str, Endpoint]] = [
        ("GET", "/sim/faults", control.list_faults),
        ("POST", "/sim/faults", control.add_faults),
        ("DELETE", "/sim/faults", control.clear_faults),
        ("DELETE", "/sim/faults/{id:int}", control.clear_faults),
        ("GET", "/sim/log", control.read_log),
        ("DELETE", "/sim/log", control.clear_log),
        ("GET", "/sim/settings", control.read_settings),
        ("POST", "/sim/settings", control.change_settings),
        ("POST", "/sim/reset", control.reset),
        ("POST", "/sim/unlock", control.unlock),
        ("GET", "/sim/rows/{set}", control.rows),
        ("POST", "/sim/edit", control.edit),
        ("POST", "/sim/create", control.create),
        ("POST", "/sim/delete", control.delete),
        ("POST", "/sim/copy/{partner}", control.copy),
        ("POST", "/sim/deliver/{order}", control.deliver),
        ("POST", "/sim/bill/{order}", control.bill),
        ("GET", "/sim/webhooks", control.list_webhooks),
        ("POST", "/sim/webhooks", control.add_webhook),
        ("DELETE", "/sim/webhooks", control.clear_webhooks),
        ("POST", "/sim/webhooks/{id:int}/resume", control.resume_webhook),
        ("GET", "/sim/events", control.list_events),
        ("POST", "/sim/events/release", control.release_events),
        ("POST", "/sim/events/send", control.send_event),
    ]
    return Starlette(routes=[Route(path, _guarded(endpoint), methods=[method]) for method, path, endpoint in table])


def _guarded(endpoint: Endpoint) -> Endpoint:
    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refused as refusal:
            shown = [{"code": each.code, "message": each.text} for each in refusal.messages]
            return JSONResponse({"errors": shown}, status_code=refusal.status)
        except (KeyError, ValueError, TypeError) as error:  # a mistake in the control request
            return JSONResponse({"errors": [{"code": type(error).__name__, "message": str(error)}]}, status_code=400)

    return guarded


class _Control:
    def __init__(self, system: System) -> None:
        self.system = system

    async def list_faults(self, _: Request) -> Response:
        return JSONResponse([{"id": each.id, "hits": each.hits, **each.spec} for each in self.system.faults.active])

    async def add_faults(self, request: Request) -> Response:
        body = await request.json()
        specs = body if isinstance(body, list) else [body]
        return JSONResponse([{"id": self.system.faults.add(spec).id} for spec in specs], status_code=201)

    async def clear_faults(self, request: Request) -> Response:
        self.system.faults.remove(request.path_params.get("id"))
        return Response(status_code=204)

    async def read_log(self, _: Request) -> Response:
        return JSONResponse(list(self.system.log))

    async def clear_log(self, _: Request) -> Response:
        self.system.log.clear()
        return Response(status_code=204)

    async def read_settings(self, _: Request) -> Response:
        settings = self.system.settings
        names = [each.name for each in fields(settings) if each.name != "customizing"]
        return JSONResponse({name: getattr(settings, name) for name in names})

    async def change_settings(self, request: Request) -> Response:
        self.system.settings.change(await request.json())
        return await self.read_settings(request)

    async def reset(self, _: Request) -> Response:
        self.system.reset()
        return Response(status_code=204)

    async def unlock(self, _: Request) -> Response:
        self.system.sessions.bad_logons.clear()
        return Response(status_code=204)

    async def rows(self, request: Request) -> Response:
        set_name = request.path_params["set"]
        return JSONResponse([plain(set_name, row) for row in self.system.store.rows(set_name)])

    async def edit(self, request: Request) -> Response:
        body = await request.json()
        row = gui.edit(self.system, body["set"], body["key"], body["values"])
        return JSONResponse(plain(body["set"], row))

    async def create(self, request: Request) -> Response:
        body = await request.json()
        row = gui.create(self.system, body["set"], body["values"])
        return JSONResponse(plain(body["set"], row), status_code=201)

    async def delete(self, request: Request) -> Response:
        body = await request.json()
        gui.delete(self.system, body["set"], body["key"])
        return Response(status_code=204)

    async def copy(self, request: Request) -> Response:
        row = gui.copy_partner(self.system, request.path_params["partner"])
        return JSONResponse(plain("A_BusinessPartner", row), status_code=201)

    async def deliver(self, request: Request) -> Response:
        order = request.path_params["order"]
        body: dict[str, Any] = await request.json() if await request.body() else {}
        quantities = {item: Decimal(str(value)) for item, value in body.get("items", {}).items()} or None
        number = gui.act(self.system, lambda work: status.deliver(work, order, quantities))
        return JSONResponse({"DeliveryDocument": number}, status_code=201)

    async def bill(self, request: Request) -> Response:
        order = request.path_params["order"]
        number = gui.act(self.system, lambda work: status.bill(work, order))
        return JSONResponse({"BillingDocument": number}, status_code=201)

    async def list_webhooks(self, _: Request) -> Response:
        return JSONResponse([each.describe() for each in self.system.bus.webhooks])

    async def add_webhook(self, request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        if unknown := body.keys() - _WEBHOOK_KEYS:
            raise KeyError(f"unknown {sorted(unknown)}; known: {', '.join(sorted(_WEBHOOK_KEYS))}")
        number = max((each.id for each in self.system.bus.webhooks), default=0) + 1
        webhook = Webhook(number, **{**body, "types": tuple(body.get("types", ()))})
        await self.system.bus.register(webhook)
        return JSONResponse(webhook.describe(), status_code=201)

    async def clear_webhooks(self, _: Request) -> Response:
        self.system.bus.clear()
        return Response(status_code=204)

    async def resume_webhook(self, request: Request) -> Response:
        for webhook in self.system.bus.webhooks:
            if webhook.id == request.path_params["id"]:
                self.system.bus.resume(webhook)
        return await self.list_webhooks(request)

    async def list_events(self, _: Request) -> Response:
        return JSONResponse({"raised": list(self.system.bus.raised), "held": len(self.system.bus.held)})

    async def release_events(self, _: Request) -> Response:
        return JSONResponse({"released": self.system.bus.release()})

    async def send_event(self, request: Request) -> Response:
        self.system.bus.repeat(await request.json())
        return Response(status_code=202)
