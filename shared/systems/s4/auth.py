"""How we log on: Basic, OAuth 2.0 client credentials, or a client certificate.

A refused logon is never repeated with the same secret: SAP locks a user after about five.
"""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlencode

from shared.errors import NotAllowed, SyncError, Unavailable
from shared.systems.http import Http
from shared.systems.replies import failure, json_object, utc_now

EARLY = timedelta(seconds=60)  # a token that ends within this is not used any more
LIFETIME_SECONDS = 600  # of a token whose answer does not say `expires_in`


class Auth(Protocol):
    """What stands in the headers of every call."""

    async def headers(self) -> Mapping[str, str]:
        """Return the headers that log us on. Raises NotAllowed or Unavailable."""
        ...

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forget what was refused with 401; return whether the next headers will be others."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True, slots=True)
class Basic:
    """A communication user and its password."""

    user: str
    password: str = field(repr=False)

    async def headers(self) -> Mapping[str, str]:
        """Return the Authorization header."""
        return {"Authorization": f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode('ascii')}"}

    def renew(self, refused: Mapping[str, str]) -> bool:  # noqa: ARG002 -- a password has no other form to try
        """Return False: the same password would be refused again."""
        return False

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The TLS client certificate says who we are: it lies in the connection's SSLContext."""

    async def headers(self) -> Mapping[str, str]:
        """Return none."""
        return {}

    def renew(self, refused: Mapping[str, str]) -> bool:  # noqa: ARG002 -- there is only this certificate
        """Return False: the same certificate would be refused again."""
        return False

    async def close(self) -> None:
        """Nothing is open."""


class ClientCredentials:
    """OAuth 2.0 client credentials: a token for all callers, fetched once and again shortly before it ends.

    `token_url` e.g. 'https://my-api.s4hana.cloud.sap/sap/bc/sec/oauth2/token'. The client authenticates itself by
    Basic (RFC 6749, 2.3.1).
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        *,
        scope: str = "",
        http: Http | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._url = token_url
        self._client = Basic(client_id, client_secret)
        self._body = urlencode({"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})).encode()
        self._http = http or Http("s4 token", concurrency=1)
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._until: datetime | None = None

    async def headers(self) -> Mapping[str, str]:
        """Return the bearer token, a fresh one if need be; callers that come together wait for one fetch."""
        async with self._lock:
            if not self._token or self._until is None or self._clock() >= self._until:
                self._token, self._until = await self._fetch()
        return {"Authorization": f"Bearer {self._token}"}

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forget the refused token, unless another caller has replaced it already."""
        if refused.get("Authorization") == f"Bearer {self._token}":
            self._token = ""
        return True

    async def close(self) -> None:
        """Close the connection to the token endpoint."""
        await self._http.close()

    async def _fetch(self) -> tuple[str, datetime]:
        what = "s4: token"
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            **await self._client.headers(),
        }
        reply = await self._http.send("POST", self._url, headers=headers, content=self._body, writes=False)
        if reply.status_code >= 400:  # noqa: PLR2004 -- HTTP errors begin there
            # A refused client answers 400 invalid_client as well as 401 (RFC 6749, 5.2): both are a refused logon.
            denied: type[SyncError] | None = NotAllowed if reply.status_code in (400, 401, 403) else None
            raise failure(what, reply, writes=False, kind=denied, now=self._clock)
        body = json_object(what, reply, writes=False)
        token = body.get("access_token")
        if not isinstance(token, str) or not token:
            raise Unavailable(f"{what}: HTTP {reply.status_code}, but no access_token in it")
        try:
            seconds = int(body.get("expires_in", LIFETIME_SECONDS))
        except (TypeError, ValueError):
            seconds = LIFETIME_SECONDS
        return token, self._clock() + timedelta(seconds=seconds) - EARLY
