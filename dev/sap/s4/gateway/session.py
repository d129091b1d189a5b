"""Who calls: basic and bearer logon, security sessions with their cookies, CSRF tokens, lock after bad logons."""

import base64
import binascii
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, unquote

from dev.sap.s4.gateway.answers import TEXT, Answer, html_answer, json_answer
from dev.sap.s4.settings import Settings

READING = frozenset({"GET", "HEAD"})
SESSIONS_MAX = 1000


@dataclass(slots=True)
class Session:
    """A security session: its cookie's value, its user and the token that changing calls must bring along."""

    id: str
    user: str
    token: str
    used_at: float


@dataclass(slots=True)
class Sessions:
    """All logons of the system. `clock` is monotonic seconds."""

    settings: Settings
    clock: Callable[[], float] = time.monotonic
    sessions: dict[str, Session] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    bad_logons: dict[str, int] = field(default_factory=dict)

    @property
    def cookie_name(self) -> str:
        """Return 'SAP_SESSIONID_S4H_100'."""
        return f"SAP_SESSIONID_{self.settings.system}_{self.settings.client}"

    def logon(self, headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[Session, bool] | Answer:
        """Return the caller's session and whether the caller already had its cookie, or the answer that refuses."""
        cookies = _cookies(headers.get("cookie", ""))
        if self._client(headers, query, cookies) != self.settings.client:
            return self._refuse("Client does not exist in this system")
        session = self.sessions.get(cookies.get(self.cookie_name, ""))
        if session is not None and self.clock() - session.used_at <= self.settings.session_idle_seconds:
            session.used_at = self.clock()
            return session, True
        user = self._user(headers.get("authorization", ""))
        if user is None:
            if self.settings.logon_page and query.get("saml2") != "disabled" and "authorization" not in headers:
                return html_answer(200, "Logon", "Enter user and password")
            return self._refuse("User name or password is incorrect, or the user is locked")
        return self._open(user), False

    def cookies(self, session: Session) -> list[str]:
        """Return the Set-Cookie values that start a session."""
        return [
            f"sap-usercontext=sap-client={self.settings.client}; path=/",
            f"{self.cookie_name}={session.id}; path=/; HttpOnly",
        ]

    def check_token(self, session: Session, headers: Mapping[str, str], *, had_cookie: bool) -> Answer | None:
        """Return the refusal of a changing call whose token or cookies are missing or stale."""
        given = headers.get("x-csrf-token", "")
        if had_cookie and given and compare_digest(given.encode(), session.token.encode()):
            return None
        return Answer(403, {"content-type": TEXT, "x-csrf-token": "Required"}, b"CSRF token validation failed")

    def expire_tokens(self) -> None:
        """Give every session a new token."""
        for session in self.sessions.values():
            session.token = secrets.token_urlsafe(18)

    def drop(self) -> None:
        """End all sessions."""
        self.sessions.clear()

    def grant(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer the token endpoint (RFC 6749 section 4.4)."""
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        given = _basic(headers.get("authorization", "")) or (form.get("client_id", ""), form.get("client_secret", ""))
        if not _same(given, (self.settings.oauth_client, self.settings.oauth_secret)):
            return json_answer(401, {"error": "invalid_client"}, www_authenticate='Basic realm="oauth2"')
        if form.get("grant_type") != "client_credentials":
            return json_answer(400, {"error": "unsupported_grant_type"})
        token = secrets.token_urlsafe(32)
        self.tokens[token] = self.clock() + self.settings.token_seconds
        lifetime = str(self.settings.token_seconds)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime, "scope": form.get("scope", "")}
        return json_answer(200, answer, cache_control="no-store")

    def _client(self, headers: Mapping[str, str], query: Mapping[str, str], cookies: Mapping[str, str]) -> str:
        context = cookies.get("sap-usercontext", "").removeprefix("sap-client=")
        return query.get("sap-client") or headers.get("sap-client") or context or self.settings.client

    def _user(self, authorization: str) -> str | None:
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "bearer":
            alive = self.tokens.get(value.strip(), 0) > self.clock()
            return self.settings.user if alive else None
        given = _basic(authorization)
        if given is None:
            return None
        name = given[0].upper()
        if self.bad_logons.get(name, 0) >= self.settings.bad_logons_max:
            return None
        if _same((name, given[1]), (self.settings.user.upper(), self.settings.password)):
            self.bad_logons.pop(name, None)
            return self.settings.user
        self.bad_logons[name] = self.bad_logons.get(name, 0) + 1
        return None

    def _open(self, user: str) -> Session:
        while len(self.sessions) >= SESSIONS_MAX:
            self.sessions.pop(next(iter(self.sessions)))
        session = Session(secrets.token_urlsafe(24), user, secrets.token_urlsafe(18), self.clock())
        self.sessions[session.id] = session
        return session

    def _refuse(self, text: str) -> Answer:
        realm = f'Basic realm="SAP NetWeaver Application Server [{self.settings.system}/{self.settings.client}]"'
        return html_answer(401, "Logon failed", text, www_authenticate=realm)


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user, password


def _same(given: tuple[str, str], wanted: tuple[str, str]) -> bool:
    return all(compare_digest(one.encode(), other.encode()) for one, other in zip(given, wanted, strict=True))


def _cookies(header: str) -> dict[str, str]:
    try:
        parsed = SimpleCookie(header)
    except CookieError:
        return {}
    return {name: unquote(morsel.value) for name, morsel in parsed.items()}
