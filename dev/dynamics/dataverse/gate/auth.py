"""Tokens: the part of Entra ID that an application needs, and the check that Dataverse makes of what it got.

Client credentials only. The tokens look like JWTs and are signed with a secret of this process; who holds a token from
elsewhere is refused.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from dev.dynamics.dataverse.core.errors import ServiceError, refuse
from dev.dynamics.dataverse.core.settings import Settings, User
from dev.dynamics.dataverse.writes.unit import Caller

PROBLEMS: Final[Mapping[str, tuple[int, str, int, str]]] = {
    "unknown client": (400, "unauthorized_client", 700016, "Application '{what}' was not found in the directory."),
    "wrong secret": (401, "invalid_client", 7000215, "Invalid client secret provided for app '{what}'."),
    "bad grant": (400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '{what}'."),
    "bad scope": (400, "invalid_scope", 70011, "The provided request must include a valid 'scope', not '{what}'."),
    "bad tenant": (400, "invalid_request", 90002, "Tenant '{what}' not found."),
}


def _pack(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(slots=True)
class Tokens:
    """Issues and checks tokens; ``seconds`` is wall-clock time that a test may move."""

    settings: Settings
    seconds: Callable[[], float] = time.time
    issued: int = 0
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def _sign(self, text: str) -> str:
        return _pack(hmac.digest(self._key, text.encode("ascii"), hashlib.sha256))

    def issue(self, user: User, audience: str) -> str:
        """Make a token for an application user and a resource, e.g. ``https://contoso.crm4.dynamics.com``."""
        self.issued += 1
        now = self.seconds()
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.settings.tenant}/",
            "tid": self.settings.tenant,
        }
        claims |= {"appid": user.client_id, "oid": user.object_id}
        times = {"iat": now, "nbf": now, "exp": now + self.settings.token_seconds, "ver": "1.0"}
        head = _pack(json.dumps({"typ": "JWT", "alg": "HS256"}).encode())
        text = f"{head}.{_pack(json.dumps(claims | times).encode())}"
        return f"{text}.{self._sign(text)}"

    def check(self, authorization: str | None, audiences: frozenset[str], not_before: float) -> User:
        """Give the application user of a bearer token, or refuse: 401 for the token, 403 for a stranger."""
        scheme, _, token = (authorization or "").partition(" ")
        text, _, signature = token.rpartition(".")
        if scheme.lower() != "bearer" or not text or not hmac.compare_digest(signature, self._sign(text)):
            raise refuse("no token", detail="no valid bearer token")
        claims = json.loads(_unpack(text.split(".")[1]))
        if self.seconds() >= claims["exp"] or claims["iat"] < not_before:
            raise refuse("no token", detail="the token has expired")
        if claims["aud"].rstrip("/").lower() not in audiences:
            raise refuse("no token", detail=f"the token is for {claims['aud']}")
        for user in self.settings.users:
            if user.client_id and user.client_id == claims["appid"]:
                return user
        raise refuse("not a member")


def problem(kind: str, what: str) -> tuple[int, dict[str, Any]]:
    """Build the token endpoint's error: status and body with an AADSTS code."""
    status, error, number, text = PROBLEMS[kind]
    trace = {"trace_id": secrets.token_hex(16), "correlation_id": secrets.token_hex(16), "error_codes": [number]}
    return status, {"error": error, "error_description": f"AADSTS{number}: {text.format(what=what)}", **trace}


def grant(tokens: Tokens, tenant: str, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """Answer a token request: client id and secret for ``scope={org}/.default`` (or, v1, ``resource={org}``)."""
    if tenant.lower() not in {tokens.settings.tenant.lower(), "contoso.onmicrosoft.com"}:
        return problem("bad tenant", tenant)
    if form.get("grant_type") != "client_credentials":
        return problem("bad grant", form.get("grant_type", ""))
    client = form.get("client_id", "")
    user = next((user for user in tokens.settings.users if user.client_id and user.client_id == client), None)
    if user is None:
        return problem("unknown client", client)
    if not hmac.compare_digest(form.get("client_secret", "").encode(), user.client_secret.encode()):
        return problem("wrong secret", client)
    scope = form.get("scope", "")
    resource = form.get("resource") or (scope.removesuffix("/.default") if scope.endswith("/.default") else "")
    if not urlsplit(resource).netloc:
        return problem("bad scope", scope)
    token = tokens.issue(user, resource.rstrip("/"))
    seconds = tokens.settings.token_seconds
    return 200, {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}


def caller_of(settings: Settings, user: User, headers: Mapping[str, str]) -> Caller:
    """Apply CallerObjectId or MSCRMCallerID: act as somebody else, who must exist, with the right to do so."""
    agent = headers.get("user-agent", "")
    wanted = headers.get("callerobjectid", "").lower()
    older = headers.get("mscrmcallerid", "").lower()
    if not wanted and not older:
        return Caller(user.id, user.id, user.integration, agent)
    if not user.may_impersonate:
        raise refuse("may not impersonate", id=user.id)
    for other in settings.users:
        if wanted == other.object_id or (older and older == other.id):
            return Caller(other.id, user.id, other.integration, agent)
    raise ServiceError(403, "0x80072560", "The user is not a member of the organization.")
