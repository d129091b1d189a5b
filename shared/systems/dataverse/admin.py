"""Dataverse for whoever registers events and columns: single rows by the Web API's own verbs, one call at a time.

It knows no tables. It is not for syncing: no coalescing, no guards, no codec.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from shared.errors import SyncError, Unavailable
from shared.systems.batch import Part
from shared.systems.dataverse.auth import TokenSource
from shared.systems.dataverse.web.refusals import fault, refusal
from shared.systems.dataverse.web.wire import Wire
from shared.systems.http import Http
from shared.systems.replies import Reply, json_object

type Data = Mapping[str, Any]

PAGES_MAX = 50
CALL_SECONDS = 110.0  # a column takes its time: the table is altered, and other such changes are waited for
_ODATA = "/?&=$(),;':@*"  # what a path and query of ours may hold as it stands
_ID = re.compile(r"\(([0-9a-fA-F-]{36})\)/?$")


class Admin:
    """One organisation: Admin('https://contoso.crm4.dynamics.com', token). `http` is a test seam."""

    def __init__(self, base_url: str, token: TokenSource, *, http: Http | None = None) -> None:
        self._wire = Wire(http or Http("dataverse", concurrency=1, timeout_seconds=CALL_SECONDS), base_url, token)

    async def rows(self, path: str) -> list[Data]:
        """Return all rows of a query, all pages of it."""
        found: list[Data] = []
        path = quote(path, safe=_ODATA)
        for _ in range(PAGES_MAX):
            reply = await self._wire.alone(self._wire.request("GET", path))
            if reply.status_code >= HTTPStatus.MULTIPLE_CHOICES:
                raise _error("GET", path, reply, writes=False)
            body = json_object(_what("GET", path), reply, writes=False)
            found += body.get("value", ())
            if not (link := body.get("@odata.nextLink")):
                return found
            path = self._wire.local(link)
        raise Unavailable(f"{_what('GET', path)}: more than {PAGES_MAX} pages")

    async def one(self, path: str) -> Data | None:
        """Return what lies at an address, or None when Dataverse (not a gateway) says that nothing does."""
        reply = await self._wire.alone(self._wire.request("GET", quote(path, safe=_ODATA)))
        if reply.status_code == HTTPStatus.NOT_FOUND and fault(reply).code:
            return None
        if reply.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise _error("GET", path, reply, writes=False)
        return json_object(_what("GET", path), reply, writes=False)

    async def create(self, path: str, values: Data, solution: str = "") -> str:
        """Post to a set and return the new id ('' when Dataverse does not tell it)."""
        part = self._wire.request("POST", path, values)
        headers = {**part.headers, **({"MSCRM.SolutionUniqueName": solution} if solution else {})}
        reply = await self._write(replace(part, headers=headers), path)
        found = _ID.search(reply.headers.get("OData-EntityId", ""))
        return found[1] if found else ""

    async def update(self, path: str, values: Data) -> None:
        """Change what lies at an address. A plain PATCH would create what is not there."""
        await self._write(self._wire.request("PATCH", path, values, If_Match="*"), path)

    async def delete(self, path: str) -> None:
        """Delete what lies at an address; absent already is as good."""
        reply = await self._wire.write(self._wire.request("DELETE", path))
        if reply.status_code >= HTTPStatus.MULTIPLE_CHOICES and reply.status_code != HTTPStatus.NOT_FOUND:
            raise _error("DELETE", path, reply, writes=True)

    async def close(self) -> None:
        """Close connections."""
        await self._wire.close()

    async def _write(self, part: Part, path: str) -> Reply:
        reply = await self._wire.write(part)
        if reply.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise _error(part.method, path, reply, writes=True)
        return reply


def _what(method: str, path: str) -> str:
    return f"dataverse: {method} {path.partition('?')[0]}"


def _error(method: str, path: str, reply: Reply, *, writes: bool) -> SyncError:
    return refusal(_what(method, path), reply, writes=writes)
