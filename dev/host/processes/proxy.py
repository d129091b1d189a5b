"""The HTTP side of the supervisor: hands each request, unaltered, to a worker, one after the other."""

import logging
from collections.abc import Sequence
from typing import Protocol

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from dev.host.processes.wire import BODY_BYTES_MAX
from dev.host.web.headers import HOP_BY_HOP

# The load balancer in front of Azure Functions gives up after 230 s (HTTP trigger reference).
ANSWER_SECONDS_MAX = 230.0
_AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_log = logging.getLogger("host")


class WorkerGone(Exception):
    """The connection to a worker broke before it answered."""


class Upstream(Protocol):
    """A worker as the proxy sees it: its port accepts also while the worker is being restarted."""

    @property
    def port(self) -> int:
        """Give its port on 127.0.0.1."""
        ...

    @property
    def ready(self) -> bool:
        """Tell whether its process serves at the moment."""
        ...

    def described(self) -> dict[str, object]:
        """Describe it for the host's status."""
        ...


class Proxy:
    """Round robin over the workers that are ready; with none ready a request waits for a restart."""

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        self._upstreams = upstreams
        self._turn = 0
        self._session: aiohttp.ClientSession | None = None
        self.stopping = False

    def application(self) -> web.Application:
        """Make the aiohttp application; its client session lives as long as it."""
        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.router.add_route("*", "/{tail:.*}", self.handle)
        application.on_startup.append(self._open)
        application.on_cleanup.append(self._close)
        return application

    async def _open(self, _application: web.Application) -> None:
        self._session = aiohttp.ClientSession(
            # A connection for each request: one that is kept could belong to a worker that has just been killed.
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX),
            skip_auto_headers=_AUTOMATIC,
            auto_decompress=False,
            middlewares=(_once,),
        )

    async def _close(self, _application: web.Application) -> None:
        if self._session:
            await self._session.close()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        if request.method == "GET" and request.path == "/admin/host/status":
            return self._status()
        if self.stopping or self._session is None:
            return web.Response(status=503)
        target = request.raw_path if request.raw_path.startswith("/") else request.rel_url.raw_path_qs
        body = await request.read()
        upstream = self._next()
        try:
            # In lower case: of one name in two spellings the client would keep the last.
            headers = _passed_on([(name.lower(), value) for name, value in request.raw_headers])
        except UnicodeDecodeError:
            return web.Response(status=400)
        try:
            async with self._session.request(
                request.method,
                URL(f"http://127.0.0.1:{upstream.port}{target}", encoded=True),
                headers=headers,
                data=body or None,
                allow_redirects=False,
            ) as answer:
                content = await answer.read()
                return web.Response(status=answer.status, headers=_passed_on(answer.raw_headers), body=content)
        except TimeoutError:
            return web.Response(status=504)
        except (WorkerGone, aiohttp.ClientError) as error:
            _log.warning("a worker did not answer: %s: %s", type(error).__name__, error)
            return web.Response(status=502)

    def _next(self) -> Upstream:
        ready = [upstream for upstream in self._upstreams if upstream.ready] or self._upstreams
        self._turn += 1
        return ready[self._turn % len(ready)]

    def _status(self) -> web.Response:
        state = "Stopping" if self.stopping else "Running"
        return web.json_response({"state": state, "workers": [upstream.described() for upstream in self._upstreams]})


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET again on its own: the worker that died may have run the function."""
    try:
        return await send(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise WorkerGone(str(error) or "the connection was closed") from error


def _passed_on(headers: Sequence[tuple[bytes, bytes]]) -> CIMultiDict[str]:
    pairs = [(name.decode(), value.decode()) for name, value in headers]
    return CIMultiDict([(name, value) for name, value in pairs if name.lower() not in HOP_BY_HOP])
