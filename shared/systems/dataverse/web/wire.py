"""Requests to one Dataverse organisation: headers, token, and `$batch` for what comes together.

It judges no statuses but 401 (once, with another token). Whoever asks gets one answer for each of its requests.
"""

import asyncio
import re
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx

from shared.errors import SyncError, Unavailable, Unconfirmed
from shared.systems.batch import Part, decode, encode
from shared.systems.coalesce import Coalescer
from shared.systems.dataverse.auth import TokenSource
from shared.systems.exact_json import dumps_exact
from shared.systems.http import Http
from shared.systems.replies import Reply

API = "/api/data/v9.2/"
READS_MAX = 20  # the parts of a batch run one after the other: a long batch makes its first caller wait
WRITES_MAX = 10
BATCH_SECONDS = 110.0  # below the two minutes after which Dataverse ends an operation itself

type Request = Part | tuple[Part, ...]
type Answered = Reply | tuple[Reply, ...]

_BELOW_ROOT = re.compile(r"^.*/api/data/v[\d.]+/")
_JSON = {"Accept": "application/json", "OData-Version": "4.0", "OData-MaxVersion": "4.0"}


class Wire:
    """The connection to one organisation. `base_url` is 'https://contoso.crm4.dynamics.com'."""

    def __init__(self, http: Http, base_url: str, token: TokenSource) -> None:
        parts = urlsplit(base_url.rstrip("/"))
        self._http = http
        self._token = token
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._root = (parts.path if "/api/data/" in parts.path + "/" else parts.path + API).rstrip("/") + "/"
        self._reads: Coalescer[Part, Reply] = Coalescer(self._read_together, size_max=READS_MAX)
        self._writes: Coalescer[Part, Reply] = Coalescer(self._write_together, size_max=WRITES_MAX)

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> Part:
        """Return a request with our headers and `headers` (If_Match='W/"1"'); `path` is below the API's root."""
        given = {name.replace("_", "-"): value for name, value in headers.items() if value}
        if method == "GET":
            given = {"If-None-Match": "null", **given}  # no cache on the way may answer
        content = b"" if body is None else dumps_exact(body)
        typed = {} if body is None else {"Content-Type": "application/json; charset=utf-8"}
        return Part(method, self._root + path, {**_JSON, **typed, **given}, content)

    def local(self, link: str) -> str:
        """Return the path below the API's root of a link that the server made, to be followed as it is.

        The host is not taken over: behind a proxy it is another, and our token goes only where it belongs.
        """
        parts = urlsplit(link)
        path = _BELOW_ROOT.sub("", parts.path).lstrip("/")
        return f"{path}?{parts.query}" if parts.query else path

    async def read(self, part: Part) -> Reply:
        """Send a GET, with others of this moment in one batch."""
        return await self._reads.call(part)

    async def write(self, part: Part) -> Reply:
        """Send a write, with others of this moment in one batch."""
        return await self._writes.call(part)

    async def batch(self, requests: Sequence[Request]) -> list[Answered]:
        """Send a batch of one caller's own, change sets included; later requests run even if earlier ones fail."""
        return await self._batch(requests, writes=True)

    async def alone(self, part: Part) -> Reply:
        """Send a GET by itself (change tracking is not for batches)."""
        return await self._send(part, writes=False)

    async def close(self) -> None:
        """Let what is under way come home, then close."""
        await self._reads.close()
        await self._writes.close()
        await self._http.close()

    async def _read_together(self, parts: Sequence[Part]) -> Sequence[Reply | Exception]:
        return await self._together(parts, writes=False)

    async def _write_together(self, parts: Sequence[Part]) -> Sequence[Reply | Exception]:
        return await self._together(parts, writes=True)

    async def _together(self, parts: Sequence[Part], *, writes: bool) -> Sequence[Reply | Exception]:
        if len(parts) == 1:
            return [await self._send(parts[0], writes=writes)]
        answers: list[Reply | Exception] = []
        for answer in await self._batch(parts, writes=writes):
            answers += answer if isinstance(answer, tuple) else [answer]
        # A server that does not know continue-on-error ends at the first failure: it did not look at the rest.
        return answers + await asyncio.gather(*(self._outcome(part, writes=writes) for part in parts[len(answers) :]))

    async def _outcome(self, part: Part, *, writes: bool) -> Reply | Exception:
        try:
            return await self._send(part, writes=writes)
        except SyncError as error:
            return error

    async def _batch(self, requests: Sequence[Request], *, writes: bool) -> list[Answered]:
        content_type, body = encode(requests)
        headers = {**_JSON, "Content-Type": content_type, "Prefer": "odata.continue-on-error"}
        part = Part("POST", f"{self._root}$batch", headers, body)
        reply = await self._send(part, writes=writes, seconds=BATCH_SECONDS)
        if not reply.headers.get("content-type", "").lower().startswith("multipart/"):
            if reply.status_code >= HTTPStatus.MULTIPLE_CHOICES:
                return [reply] * len(requests)  # the batch as a whole was refused: that is everybody's answer
            raise (Unconfirmed if writes else Unavailable)(f"dataverse: $batch: HTTP {reply.status_code} without parts")
        try:
            answers: list[Answered] = list(decode(reply.headers["content-type"], reply.content))
        except ValueError as error:
            raise (Unconfirmed if writes else Unavailable)(f"dataverse: $batch: {error}") from error
        if len(answers) == len(requests) or (0 < len(answers) < len(requests) and _failed(answers[-1])):
            return answers
        lost = f"dataverse: $batch: {len(answers)} answers to {len(requests)} requests"
        raise (Unconfirmed if writes else Unavailable)(lost)

    async def _send(self, part: Part, *, writes: bool, seconds: float | None = None) -> httpx.Response:
        token = await self._token()
        reply = await self._send_as(token, part, writes=writes, seconds=seconds)
        if reply.status_code == HTTPStatus.UNAUTHORIZED:  # nothing was done; the token may have been revoked early
            other = await self._token(refused=token)
            if other != token:
                return await self._send_as(other, part, writes=writes, seconds=seconds)
        return reply

    async def _send_as(self, token: str, part: Part, *, writes: bool, seconds: float | None) -> httpx.Response:
        headers = {**part.headers, "Authorization": f"Bearer {token}", "x-ms-client-request-id": str(uuid.uuid4())}
        url, body = self._origin + part.url, part.body or None
        return await self._http.send(
            part.method, url, headers=headers, content=body, writes=writes, timeout_seconds=seconds
        )


def _failed(answer: Answered) -> bool:
    last = answer[-1] if isinstance(answer, tuple) else answer
    return last.status_code >= HTTPStatus.BAD_REQUEST
