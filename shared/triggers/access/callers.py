"""Who calls: read from the headers of one request. Pure: no environment, no clock, no answer.

Nothing that a caller can write himself is believed: a key is compared with those of the settings, a development token
with its signature, and the platform's principal header counts only where the platform writes it (`vouched`).
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.settings import OpsKey, Role
from shared.triggers.access.routes import APP_ROLES, RANK

KEY_HEADER = "x-functions-key"
PRINCIPAL_HEADER = "x-ms-client-principal"
CREDENTIAL_CHARACTERS_MAX = 32_768  # a principal with hundreds of claims has some ten thousand
NAME_CHARACTERS_MAX = 200
# Easy Auth names Entra's claims as the token does, or by their older addresses (App Service, client principal header)
ROLE_CLAIMS = ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")
NAME_CLAIMS = (
    "preferred_username",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
    "name",
)
ID_CLAIMS = ("http://schemas.microsoft.com/identity/claims/objectidentifier", "oid", "azp", "appid")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `role` is the highest one, None for somebody known who may nothing. `person`: a browser may be used.

    `name` stands in journals: 'ann@contoso.com', a key's name, or an application's id.
    """

    id: str
    name: str
    role: Role | None
    person: bool = False

    def may(self, needed: Role) -> bool:
        """Return whether the caller's role is enough."""
        return self.role is not None and RANK[self.role] >= RANK[needed]


def caller_of(
    headers: Mapping[str, str], keys: Sequence[OpsKey], *, vouched: bool, dev_key: str, now: datetime
) -> Caller | None:
    """Return who calls, None for nobody known. `headers` have lower-case names; a key that is given decides alone."""
    if given := headers.get(KEY_HEADER, ""):
        return by_key(given, keys)
    if dev_key and (token := headers.get("authorization", "")):
        return by_dev_token(token, dev_key, now)
    return by_principal(headers.get(PRINCIPAL_HEADER, "")) if vouched else None


def by_key(given: str, keys: Sequence[OpsKey]) -> Caller | None:
    """Compare with every key, in the same time whichever it is."""
    said = given.encode(errors="replace")
    found = [key for key in keys if hmac.compare_digest(said, key.value.encode())]
    return Caller(f"key {found[0].role} {found[0].name}", found[0].name, found[0].role) if found else None


def by_principal(header: str) -> Caller | None:
    """Read what Easy Auth writes: base64 of {"auth_typ": "aad", "claims": [{"typ": "roles", "val": "Sync.Reader"}]}."""
    found = _json(header)
    claims = found.get("claims")
    if found.get("auth_typ") != "aad" or not isinstance(claims, list):
        return None
    said = [(one.get("typ"), one.get("val")) for one in claims if isinstance(one, dict)]
    identity = _first(said, ID_CLAIMS)
    name = _first(said, NAME_CLAIMS) or identity
    return Caller(f"entra {identity or name}", name, _highest(v for t, v in said if t in ROLE_CLAIMS), person=True)


def by_dev_token(header: str, dev_key: str, now: datetime) -> Caller | None:
    """Read 'Bearer BODY.SIGNATURE', where BODY is base64 of {"name": "ann", "roles": ["Sync.Reader"], "exp": 1767}."""
    kind, _, token = header.partition(" ")
    body, _, signature = token.strip().partition(".")
    good = hmac.compare_digest(signature.encode(errors="replace"), signed(body, dev_key).encode())
    if kind.lower() != "bearer" or not good:
        return None
    found = _json(body)
    ends, roles, name = found.get("exp"), found.get("roles"), found.get("name")
    if not isinstance(ends, int) or now.timestamp() >= ends or not isinstance(roles, list) or not isinstance(name, str):
        return None
    return Caller(f"development {name}", _clean(name), _highest(roles), person=True)


def signed(body: str, dev_key: str) -> str:
    """Return the signature of a development token's body, in hex."""
    return hmac.new(dev_key.encode(), body.encode(errors="replace"), hashlib.sha256).hexdigest()


def _json(text: str) -> Mapping[str, Any]:
    """Return the object behind base64, {} for anything else."""
    if not text or len(text) > CREDENTIAL_CHARACTERS_MAX:
        return {}
    try:
        found = json.loads(base64.b64decode(text, validate=True))
    except (ValueError, RecursionError):  # no base64, no UTF-8, no JSON
        return {}
    return found if isinstance(found, dict) else {}


def _highest(roles: Any) -> Role | None:  # noqa: ANN401 -- what JSON may hold
    known = [APP_ROLES[role] for role in roles if isinstance(role, str) and role in APP_ROLES]
    return max(known, key=lambda role: RANK[role], default=None)


def _first(said: Sequence[tuple[Any, Any]], names: Sequence[str]) -> str:
    found = {name: value for name, value in said if isinstance(name, str) and isinstance(value, str) and value}
    return _clean(next((found[name] for name in names if name in found), ""))


def _clean(name: str) -> str:
    """Return a name that can stand in a journal and in a log line."""
    return "".join(c for c in name if c.isprintable() and not "\ud800" <= c <= "\udfff")[:NAME_CHARACTERS_MAX]
