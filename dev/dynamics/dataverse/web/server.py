"""The ASGI application: the Web API below /api/data, Entra ID's token endpoint, and the switches below /sim.

A call passes log, faults, token and service protection before it is served. Losing an answer aborts the connection
below uvicorn, after the transaction has been committed.
"""

import asyncio
import time
import uuid
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dev.dynamics.dataverse.core.errors import ServiceError
from dev.dynamics.dataverse.gate.auth import caller_of, grant
from dev.dynamics.dataverse.gate.faults import Fault
from dev.dynamics.dataverse.web.batch import batch, count
from dev.dynamics.dataverse.web.call import API, Answer, Call, refusal
from dev.dynamics.dataverse.web.service import Service
from dev.dynamics.dataverse.web.sim import sim_routes
from dev.dynamics.dataverse.writes.unit import Caller

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"})
NOBODY: Final = Caller("", "")


class LostAnswerError(Exception):
    """The answer shall not arrive."""


def origin_of(scope: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Give the address by which the client knows us, e.g. ``http://127.0.0.1:8080``."""
    return f"{scope['scheme']}://{headers.get('host', '127.0.0.1')}"


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """Give the request's headers by lower-case name; repeated ones are joined."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1")
        found[name] = f"{found[name]}, {value.decode('latin-1')}" if name in found else value.decode("latin-1")
    return found


class Api:
    """The Web API as an ASGI application."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers, body = headers_of(scope), b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if message["type"] == "http.disconnect":
                return
            if not message.get("more_body"):
                break
        path = scope["raw_path"].split(b"?")[0].decode("latin-1")
        match = API.match(path)
        origin = origin_of(scope, headers)
        base = f"{origin}{match[0].rstrip('/')}" if match else origin
        query = scope["query_string"].decode("latin-1")
        call = Call(scope["method"], path[match.end() :] if match else path, query, headers, body, base, NOBODY)
        started = time.monotonic()
        try:
            answer = await self._answer(call, origin)
        except LostAnswerError:
            self._log(call, 0, started)
            await _abort(receive, send)
            return
        self._log(call, answer.status, started)
        await _send(send, call, answer)

    async def _answer(self, call: Call, origin: str) -> Answer:
        """Pass the gate and serve."""
        service = self._service
        fault = service.faults.strike(call.method, f"{call.path}?{call.query}" if call.query else call.path)
        try:
            user_id, call = self._admit(call, origin)
        except ServiceError as error:
            return refusal(error, call)
        batched = call.path.strip("/") == "$batch"
        try:
            entry = service.protection.enter(user_id, count(call) if batched else 1)
        except ServiceError as error:
            return _with(refusal(error, call), service.protection.headers(user_id))
        try:
            answer = await self._serve(call, fault, batched=batched)
        finally:
            service.protection.leave(user_id, entry)
        return _with(answer, service.protection.headers(user_id))

    async def _serve(self, call: Call, fault: Fault | None, *, batched: bool) -> Answer:
        service = self._service
        if service.org.settings.latency_seconds:
            await asyncio.sleep(service.org.settings.latency_seconds)
        struck = await service.strike(fault, call)
        if struck is not None:
            return struck
        if call.method not in METHODS:
            return refusal(ServiceError(405, "", f"The http method '{call.method}' is not supported."), call)
        answer = await (batch(service, call) if batched and call.method == "POST" else service.serve(call))
        if fault is not None and fault.lose_answer:
            raise LostAnswerError
        return answer

    def _admit(self, call: Call, origin: str) -> tuple[str, Call]:
        """Find out who calls; challenges a caller without a token."""
        service, settings = self._service, self._service.org.settings
        user = next(user for user in settings.users if user.client_id)
        if settings.auth:
            audiences = frozenset({origin.lower(), *(audience.rstrip("/").lower() for audience in settings.audience)})
            header = call.headers.get("authorization")
            try:
                user = service.tokens.check(header, audiences, service.faults.tokens_expired_before)
            except ServiceError as error:
                challenge = (
                    f"Bearer authorization_uri={origin}/{settings.tenant}/oauth2/authorize, resource_id={origin}/"
                )
                error.headers["WWW-Authenticate"] = challenge
                raise
        return user.id, replace(call, caller=caller_of(settings, user, call.headers))

    def _log(self, call: Call, status: int, started: float) -> None:
        self._service.log.append(
            {
                "method": call.method,
                "path": call.path,
                "query": call.query,
                "status": status,
                "client_request_id": call.headers.get("x-ms-client-request-id"),
                "seconds": round(time.monotonic() - started, 4),
            }
        )


def _with(answer: Answer, headers: Mapping[str, str]) -> Answer:
    return replace(answer, headers={**answer.headers, **headers})


async def _send(send: Send, call: Call, answer: Answer) -> None:
    request_id = str(uuid.uuid4())
    headers = {"OData-Version": "4.0", "x-ms-service-request-id": request_id, "REQ_ID": request_id}
    headers["Set-Cookie"] = "ARRAffinity=6fd1; domain=127.0.0.1; path=/; HttpOnly"
    if known := call.headers.get("x-ms-client-request-id"):
        headers["x-ms-client-request-id"] = known
    headers |= answer.headers
    if answer.body or answer.status not in {204, 304}:
        headers["Content-Length"] = str(len(answer.body))
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    body = b"" if call.method == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})


async def _abort(receive: Receive, send: Send) -> None:
    """Reset the connection: ASGI has no word for it, so go to the transport behind uvicorn's ``send``."""
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined] # uvicorn's request cycle
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _token(request: Request) -> Response:
    service: Service = request.app.state.service
    form = dict(parse_qsl((await request.body()).decode("utf-8"), keep_blank_values=True))
    status, body = grant(service.tokens, request.path_params["tenant"], form)
    service.log.append({"method": "POST", "path": request.url.path.lstrip("/"), "query": "", "status": status})
    return JSONResponse(body, status, headers={"Cache-Control": "no-store"})


async def _openid(request: Request) -> Response:
    """Tell an OpenID client where things are; MSAL asks before its first token."""
    tenant, origin = request.path_params["tenant"], f"{request.url.scheme}://{request.url.netloc}"
    found = {
        "issuer": f"{origin}/{tenant}/v2.0",
        "authorization_endpoint": f"{origin}/{tenant}/oauth2/v2.0/authorize",
        "token_endpoint": f"{origin}/{tenant}/oauth2/v2.0/token",
        "device_authorization_endpoint": f"{origin}/{tenant}/oauth2/v2.0/devicecode",
        "jwks_uri": f"{origin}/{tenant}/discovery/v2.0/keys",
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "response_types_supported": ["code", "id_token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "tenant_region_scope": "EU",
    }
    return JSONResponse(found)


async def _instance(request: Request) -> Response:
    """Answer instance discovery: this authority is its own cloud."""
    host = request.url.netloc
    origin = f"{request.url.scheme}://{host}"
    endpoint = f"{origin}/{request.app.state.service.org.settings.tenant}/v2.0/.well-known/openid-configuration"
    cloud = {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
    return JSONResponse({"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": [cloud]})


def application(service: Service) -> ASGIApp:
    """Put everything under one roof."""
    routes = [
        Route("/common/discovery/instance", _instance),
        Route("/{tenant}/oauth2/v2.0/token", _token, methods=["POST"]),
        Route("/{tenant}/oauth2/token", _token, methods=["POST"]),
        Route("/{tenant}/v2.0/.well-known/openid-configuration", _openid),
        Route("/{tenant}/discovery/v2.0/keys", lambda _request: JSONResponse({"keys": []})),
        *sim_routes(),
    ]
    others = Starlette(routes=routes)
    others.state.service = service
    api = Api(service)

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(service, receive, send)
        elif scope["type"] == "http" and scope["path"].lower().startswith("/api/data/"):
            await api(scope, receive, send)
        else:
            await others(scope, receive, send)

    return app


async def _lifespan(service: Service, receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await service.delivery.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
