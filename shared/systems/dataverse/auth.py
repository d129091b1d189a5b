"""Bearer tokens: fetched once, kept until shortly before they expire, fetched by one caller while the others wait.

It knows no Dataverse, and makes no credential.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlencode

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError

from shared.errors import NotAllowed, Unavailable
from shared.systems.http import Http
from shared.systems.replies import failure, json_object

EARLY_SECONDS = 300.0
LIFE_SECONDS = 3600.0  # of a token whose issuer does not say
NOT_OURS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and when it expires, in seconds since 1970."""

    text: str = field(repr=False)
    expires_at: float


class TokenSource(Protocol):
    """Where a connector gets its bearer token."""

    async def __call__(self, *, refused: str = "") -> str:
        """Return a token, another one than the server refused."""
        ...


class Tokens:
    """A token source that keeps what `fetch` brings. Raises `NotAllowed` or `Unavailable`, as `fetch` does."""

    def __init__(self, fetch: Callable[[], Awaitable[Token]], *, now: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._now = now
        self._lock = asyncio.Lock()
        self._token = Token("", 0.0)

    async def __call__(self, *, refused: str = "") -> str:
        """Return a token, another one than the server refused."""
        if self._worn(refused):
            async with self._lock:
                if self._worn(refused):  # else another caller fetched one while we waited
                    self._token = await self._fetch()
        return self._token.text

    def _worn(self, refused: str) -> bool:
        return self._token.text == refused or self._token.expires_at - EARLY_SECONDS <= self._now()


def from_credential(credential: AsyncTokenCredential, base_url: str) -> Tokens:
    """Return tokens of an azure credential for the organisation at `base_url` (scope '{base_url}/.default')."""
    scope = f"{base_url.rstrip('/')}/.default"

    async def fetch() -> Token:
        try:
            access = await credential.get_token(scope)
        except ClientAuthenticationError as error:
            raise NotAllowed(f"dataverse: no token for {scope}: the credential was refused") from error
        except AzureError as error:
            raise Unavailable(f"dataverse: no token for {scope}: {type(error).__name__}") from error
        return Token(access.token, float(access.expires_on))

    return Tokens(fetch)


def from_client_secret(http: Http, token_url: str, client_id: str, secret: str, scope: str) -> Tokens:
    """Return tokens by OAuth 2.0 client credentials at any token address (sovereign clouds, stand-ins).

    `http` stays the caller's: hand over the connector's own, which closes it.
    """
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, "scope": scope}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    what = f"{http.name}: token"

    async def fetch() -> Token:
        content = urlencode(form).encode()
        reply = await http.send("POST", token_url, headers=headers, content=content, writes=False)
        if reply.status_code in NOT_OURS:  # invalid_client, invalid_scope, unauthorized_client
            raise NotAllowed(f"{what}: HTTP {reply.status_code} for client {client_id}")
        if reply.status_code != HTTPStatus.OK:
            raise failure(what, reply, writes=False)
        answer: dict[str, Any] = json_object(what, reply, writes=False)
        if not answer.get("access_token"):
            raise NotAllowed(f"{what}: the answer holds no access_token")
        return Token(str(answer["access_token"]), time.time() + float(answer.get("expires_in") or LIFE_SECONDS))

    return Tokens(fetch)
