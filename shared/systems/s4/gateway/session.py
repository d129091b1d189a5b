"""One SAP system behind SAP Gateway: addresses, logon, CSRF tokens, `$batch`.

It knows services and requests, not objects. The answer's status is the caller's to judge, except for what is about the
session: a refused logon, a missing token, a logon page. The cookies that a token belongs to are kept by `Http`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx

from shared.errors import NotAllowed, Unavailable, Unconfirmed
from shared.systems import batch
from shared.systems.http import Http
from shared.systems.replies import Reply, json_object, utc_now
from shared.systems.s4.auth import Auth
from shared.systems.s4.gateway.faults import problem

IDLE = timedelta(minutes=20)  # SAP ends a session after about 30 minutes of idleness
ROOT = "/sap/opu/odata/sap"

type Answers = list[batch.PartAnswer | tuple[batch.PartAnswer, ...]]


class Token:
    """The CSRF token of one service: '' when the service asks for none. `lock` keeps a stampede from fetching."""

    def __init__(self) -> None:
        self.value: str | None = None
        self.used_at: datetime | None = None
        self.lock = asyncio.Lock()


class Gateway:
    """The session with one system.

    `paths` overrides the address of a service: {'API_BUSINESS_PARTNER': '/proxy/bp'}. `parameters` are added to every
    address ('sap-client').
    """

    def __init__(
        self,
        http: Http,
        auth: Auth,
        base_url: str,
        *,
        paths: Mapping[str, str],
        parameters: Mapping[str, str],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._http = http
        self._auth = auth
        self._base_url = base_url.rstrip("/")
        self._paths = paths
        self._parameters = urlencode(parameters)
        self._clock = clock
        self._tokens: dict[str, Token] = {}

    async def get(self, service: str, address: str) -> httpx.Response:
        """Read an address below the service root."""
        return await self._send("GET", service, address, {"Accept": "application/json"}, None, writes=False)

    async def change(self, method: str, service: str, address: str, body: bytes = b"") -> httpx.Response:
        """Send a changing request."""
        headers = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if body else {})
        return await self._send(method, service, address, headers, body or None, writes=True)

    async def batch(
        self, service: str, parts: Sequence[batch.Part | tuple[batch.Part, ...]], *, writes: bool
    ) -> Answers:
        """Send a `$batch` and return as many answers. A refused batch as a whole raises what its status means."""
        what = f"s4: POST {service}/$batch"
        content_type, body = batch.encode(parts)
        headers = {"Content-Type": content_type, "Accept": "multipart/mixed"}
        reply = await self._send("POST", service, "$batch", headers, body, writes=writes)
        if reply.is_error:
            raise problem(what, reply, writes=writes)
        try:
            answers = batch.decode(reply.headers.get("content-type", ""), reply.content)
        except ValueError as error:
            raise (Unconfirmed if writes else Unavailable)(f"{what}: {error}") from error
        if len(answers) != len(parts):
            raise (Unconfirmed if writes else Unavailable)(f"{what}: {len(answers)} answers to {len(parts)} requests")
        return answers

    async def accepts(self, service: str) -> bool:
        """Return whether our user may call a service. Raises NotAllowed when already the logon is refused."""
        reply = await self._logged_on("HEAD", service, "", {"Accept": "application/json"}, None, writes=False)
        if reply.is_server_error or reply.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise problem(f"s4: HEAD {service}/", reply, writes=False)
        return reply.status_code not in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()
        await self._auth.close()

    def _url(self, service: str, address: str) -> str:
        path = self._paths.get(service, f"{ROOT}/{service}").rstrip("/")
        mark = "&" if "?" in address else "?"
        return f"{self._base_url}{path}/{address}{mark if self._parameters else ''}{self._parameters}"

    async def _send(
        self, method: str, service: str, address: str, headers: Mapping[str, str], body: bytes | None, *, writes: bool
    ) -> httpx.Response:
        """Send with a CSRF token if the method needs one; a refused token is fetched again once."""
        if method == "GET":
            return await self._logged_on(method, service, address, headers, body, writes=writes)
        for last in (False, True):
            token = await self._token(service)
            sent = dict(headers) | ({"X-CSRF-Token": token} if token else {})
            reply = await self._logged_on(method, service, address, sent, body, writes=writes)
            if reply.status_code != httpx.codes.FORBIDDEN or not _token_required(reply):
                return reply
            self._drop(service, token)
            if last:
                break
        raise Unavailable(f"s4: {method} {service}: SAP refuses the CSRF token that it has just given; nothing changed")

    async def _logged_on(
        self, method: str, service: str, address: str, headers: Mapping[str, str], body: bytes | None, *, writes: bool
    ) -> httpx.Response:
        """Send with our logon; what was refused is sent once more with another token, or without the session's cookies.

        A password is so tried twice at most: a session that ended may be what was refused, as 401 does not say.
        """
        what = f"s4: {method} {service}/{address.partition('?')[0].partition('(')[0]}"
        for last in (False, True):
            logon = await self._auth.headers()
            reply = await self._http.send(
                method, self._url(service, address), headers={**headers, **logon}, content=body, writes=writes
            )
            if reply.status_code != httpx.codes.UNAUTHORIZED:
                break
            in_session = self._http.leave_session(reply)
            if last or not (self._auth.renew(logon) or in_session):
                break
        if reply.status_code == httpx.codes.UNAUTHORIZED or reply.is_redirect:
            raise NotAllowed(f"{what}: HTTP {reply.status_code}: SAP does not accept the logon")
        if reply.is_success and method != "HEAD" and "html" in reply.headers.get("content-type", "").lower():
            raise NotAllowed(f"{what}: HTTP {reply.status_code} with a logon page instead of an answer")
        return reply

    async def _token(self, service: str) -> str:
        token = self._tokens.setdefault(service, Token())
        async with token.lock:
            now = self._clock()
            if token.value is None or token.used_at is None or now - token.used_at >= IDLE:
                token.value = await self._fetch(service)
            token.used_at = now
            return token.value

    def _drop(self, service: str, refused: str) -> None:
        """Forget a refused token, unless another caller has fetched a new one meanwhile."""
        token = self._tokens[service]
        if token.value == refused:
            token.value = None

    async def _fetch(self, service: str) -> str:
        """Ask for a token: HEAD first, GET for servers without HEAD. The root has its slash, or SAP redirects."""
        headers = {"X-CSRF-Token": "Fetch", "Accept": "application/json"}
        for method in ("HEAD", "GET"):
            reply = await self._logged_on(method, service, "", headers, None, writes=False)
            token: str = reply.headers.get("x-csrf-token", "")
            if token and token.lower() not in ("required", "fetch"):
                return token  # SAP gives it even with an error status
            if reply.status_code in (httpx.codes.FORBIDDEN, httpx.codes.TOO_MANY_REQUESTS) or reply.is_server_error:
                break
        if reply.is_error:
            raise problem(f"s4: {method} {service}/", reply, writes=False)
        return ""


def _token_required(reply: httpx.Response) -> bool:
    return str(reply.headers.get("x-csrf-token", "")).lower() == "required"


def entity_of(what: str, reply: Reply, *, writes: bool) -> dict[str, Any]:
    """Return the entity or the list ({'results': [...]}) of an OData V2 answer. Raises as `json_object` does."""
    body = json_object(what, reply, writes=writes)
    found = body.get("d", body)
    return found if isinstance(found, dict) else {"results": found}
