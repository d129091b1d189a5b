"""One HTTP client per system, and the one place where transport errors become ours.

It knows whether a request can have left: a write without an answer is `Unconfirmed`, everything else `Unavailable`.
It never follows a redirect and logs nothing: addresses hold filter values, bodies hold people. It never repeats a POST
or PATCH; below it, aiohttp sends an idempotent request once more when its kept-alive connection turns out to be closed.
"""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from http import cookiejar

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from shared.errors import Unavailable, Unconfirmed
from shared.systems.governor import Governor
from shared.systems.replies import retry_after_seconds, utc_now
from shared.telemetry import calling

CONNECT_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 15.0  # shorter than any gateway's: a connection closed under a write is an unknown outcome
RESPONSE_BYTES_MAX = 64 * 1024 * 1024

logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it writes every address, with the filter's values

# Failures of aiohttp that happen before the first byte of the request leaves. httpx-aiohttp maps a connection that
# the server dropped after the request to ConnectTimeout, so its cause is what counts, not httpx's own class.
NOTHING_SENT = (
    aiohttp.ClientConnectorError,  # refused, DNS, TLS, certificate
    aiohttp.ConnectionTimeoutError,  # no connection in time, or none free in the pool
    aiohttp.ClientProxyConnectionError,
    aiohttp.InvalidURL,
)


class Http:
    """The connection to one system for the life of the worker.

    `name` stands in messages ('dataverse', 's4'). `concurrency` is how many calls may be under way at once at most; the
    `governor` tightens it. `cookies` keeps the server's cookies (SAP sessions need them; Dataverse's
    affinity cookie would pin us to one web server). `ssl_context` brings a client certificate. `transport` is the
    test seam. The client is made by the first call, in the loop that runs then.
    """

    def __init__(  # noqa: PLR0913 -- one keyword a setting, all but the name with a default
        self,
        name: str,
        *,
        concurrency: int = 8,
        timeout_seconds: float = 30.0,
        response_bytes_max: int = RESPONSE_BYTES_MAX,
        cookies: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self.governor = Governor(name, concurrency)
        self._concurrency = concurrency
        self._timeout_seconds = timeout_seconds
        self._response_bytes_max = response_bytes_max
        self._cookies = cookies
        self._ssl_context = ssl_context
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        writes: bool,
        timeout_seconds: float | None = None,
    ) -> httpx.Response:
        """Send one request and return the whole answer, whatever its status.

        `url` is absolute and already percent-encoded. `writes` says that the request may change something: then a lost
        answer raises `Unconfirmed`. `timeout_seconds` bounds waiting for a slot, and again the whole exchange.
        """
        what = f"{self.name}: {method} {url.partition('?')[0]}"
        seconds = self._timeout_seconds if timeout_seconds is None else timeout_seconds
        async with self.governor.slot(what, seconds):
            try:
                with calling(self.name, method, url) as call:
                    async with asyncio.timeout(seconds):
                        sent = {**(headers or {}), **call.headers}
                        response = await self._exchange(method, url, sent, content, seconds)
                    call.status = response.status_code
            except (httpx.TransportError, httpx.DecodingError, aiohttp.ClientError, OSError) as error:
                self.governor.failed()
                raise _lost(what, error, writes=writes) from error
            self._learn(response)
            return response

    def _learn(self, response: httpx.Response) -> None:
        if response.headers.get("x-csrf-token", "").lower() == "required":
            return  # SAP asks for a fresh token: no trouble, the session fetches one
        if response.status_code == httpx.codes.UNAUTHORIZED and "cookie" in response.request.headers:
            self.governor.doubted()  # the session may have ended; whoever asked tries without it
            return
        hint = response.headers.get("x-ms-dop-hint", "")
        wait = retry_after_seconds(response, utc_now())
        self.governor.answered(response.status_code, wait, int(hint) if hint.isdecimal() else None)

    def leave_session(self, refused: httpx.Response) -> bool:
        """Forget the server's cookies; return whether the refused request carried any."""
        if self._client is not None:
            self._client.cookies.clear()
        return "cookie" in refused.request.headers

    async def close(self) -> None:
        """Close the connections; a later call opens them again."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str] | None, content: bytes | None, seconds: float
    ) -> httpx.Response:
        if self._client is None:
            self._client = self._open()
        # The exchange as a whole is bounded in send. Connecting gets half: its time-out says that nothing was sent.
        timeout = httpx.Timeout(None, connect=min(CONNECT_SECONDS, seconds / 2))
        request = self._client.build_request(method, url, headers=headers, content=content, timeout=timeout)
        response = await self._client.send(request, stream=True)
        body = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._response_bytes_max:
                    raise httpx.ReadError(f"the answer is longer than {self._response_bytes_max} bytes")
        finally:
            await response.aclose()
        coded = ("content-encoding", "content-length", "transfer-encoding")
        kept = [(name, value) for name, value in response.headers.raw if name.decode("ascii").lower() not in coded]
        return httpx.Response(response.status_code, headers=kept, content=bytes(body), request=request)

    def _open(self) -> httpx.AsyncClient:
        jar = cookiejar.CookieJar(None if self._cookies else cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        context = self._ssl_context or ssl.create_default_context()
        transport = self._transport or AiohttpTransport(verify=context, client=lambda: self._session(context))
        return httpx.AsyncClient(transport=transport, cookies=jar, follow_redirects=False, trust_env=False)

    def _session(self, context: ssl.SSLContext) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=self._concurrency, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=context)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def _lost(what: str, error: Exception, *, writes: bool) -> Unavailable:
    cause = error.__cause__ or error
    unsent = isinstance(cause, NOTHING_SENT) or (
        isinstance(error, httpx.ConnectError | httpx.PoolTimeout | httpx.UnsupportedProtocol)
        and not isinstance(cause, aiohttp.ClientError)
    )
    why = type(cause).__name__
    if writes and not unsent:
        return Unconfirmed(f"{what}: no answer came ({why}); it may have happened")
    return Unavailable(f"{what}: no answer ({why}){'; nothing was sent' if unsent else ''}")
