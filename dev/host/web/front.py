"""Answers the HTTP requests of one worker: functions by route and key, and the host's admin interface."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from dev.host.function import Function
from dev.host.processes.wire import BODY_BYTES_MAX
from dev.host.runtime import Runtime, trace_from
from dev.host.web.access import Keys, allows
from dev.host.web.headers import header_values, query_values
from dev.host.web.message import answer_parts, http_datum
from dev.host.web.routes import Route, find

# By hand: function and its input text (None if there is none); for a function that is not HTTP-triggered.
Fire = Callable[[Function, str | None], Awaitable[object]]

_KEY_HEADER = "x-functions-key"
_log = logging.getLogger("host")


@dataclass(slots=True)
class Front:
    """The routes, keys and functions of a worker; `fired` are runs by hand that have not ended."""

    runtime: Runtime
    functions: Sequence[Function]
    routes: Sequence[Route]
    keys: Keys
    fire: Fire
    stopping: asyncio.Event
    fired: set[asyncio.Future[object]] = field(default_factory=set)

    def application(self) -> web.Application:
        """Make the aiohttp application that hands every request to `handle`."""
        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.router.add_route("*", "/{tail:.*}", self.handle)
        return application

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        if self.stopping.is_set():
            return web.Response(status=503)
        path, _, query = request.raw_path.partition("?")
        if path.lower().startswith("/admin/"):
            return await self._admin(request, path, query_values(query))
        found = find(self.routes, request.method, path)
        if found is None:
            return web.Response(status=404)
        function, route = found
        # Read before the key is checked: an answer on an unread body would break the connection for the next request.
        body = await request.read()
        queries, headers = query_values(query), header_values(request.headers.items())
        level = str(function.trigger.get("authLevel") or "function")
        if not allows(level, function.name, _presented(headers, queries), self.keys):
            return web.Response(status=401)
        url = f"{request.scheme}://{request.host}{request.raw_path}"
        datum = http_datum(request.method, url, headers, route, body)
        trace = trace_from(headers.get("traceparent"), headers.get("tracestate"))
        outcome = await self.runtime.invoke(function, [(function.trigger["name"], datum)], {}, trace)
        if not outcome.ok:
            return web.Response(status=500)
        name = next((binding["name"] for binding in function.outputs if binding["type"] == "http"), "$return")
        status, answer_headers, content = answer_parts(outcome.outputs.get(name))
        return web.Response(status=status, headers=answer_headers, body=content)

    async def _admin(self, request: web.Request, path: str, queries: dict[str, str]) -> web.Response:
        body = await request.read()
        if not allows("admin", "", _presented(header_values(request.headers.items()), queries), self.keys):
            return web.Response(status=401)
        parts = path.strip("/").split("/")[1:]
        match [request.method, *(part.lower() for part in parts)]:
            case ["GET", "functions"]:
                return web.json_response([_described(function) for function in self.functions])
            case ["GET", "functions", name]:
                return self._by_name(name, lambda function: web.json_response(_described(function)))
            case ["POST", "functions", name]:
                return self._by_name(name, lambda function: self._start(function, body))
            case _:
                return web.Response(status=404)

    def _by_name(self, name: str, answer: Callable[[Function], web.Response]) -> web.Response:
        function = next((known for known in self.functions if known.name.lower() == name), None)
        return answer(function) if function else web.Response(status=404)

    def _start(self, function: Function, body: bytes) -> web.Response:
        """Run a function by hand; as in Azure the answer does not wait for it."""
        try:
            given = json.loads(body or b"{}").get("input")
        except (ValueError, AttributeError):
            return web.Response(status=400, text='expected {"input": "..."}')
        if function.trigger["type"] == "httpTrigger":
            return web.Response(status=400, text="an HTTP function is called by its route")
        text = given if given is None or isinstance(given, str) else json.dumps(given)
        run = asyncio.ensure_future(self.fire(function, text))
        self.fired.add(run)
        run.add_done_callback(self.fired.discard)
        return web.Response(status=202)


def _presented(headers: dict[str, str], queries: dict[str, str]) -> str | None:
    code = next((value for name, value in queries.items() if name.lower() == "code"), None)
    return headers.get(_KEY_HEADER) or code


def _described(function: Function) -> dict[str, Any]:
    return {
        "name": function.name,
        "config": {"bindings": [dict(function.trigger), *(dict(binding) for binding in function.outputs)]},
        "isDisabled": function.disabled,
        "language": "python",
    }
