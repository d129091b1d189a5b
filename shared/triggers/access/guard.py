"""The one decorator of the operators' routes: who calls, how often, how much, and whether that role is enough.

The routes are anonymous to the Functions host, on purpose: a host key would be demanded of people who have signed in,
and the host does not tell the worker whether it has checked one. So all is checked here, before any other code runs.
"""

import logging
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import azure.functions as func

from shared.errors import BadMapping, SyncError
from shared.settings import Role
from shared.telemetry import event
from shared.triggers.access.callers import Caller, caller_of
from shared.triggers.access.limit import Limiter
from shared.triggers.access.routes import ROUTES
from shared.triggers.answers import answer, refuse
from shared.triggers.told import veiled
from shared.wiring import settings

type Work = Callable[[func.HttpRequest, Caller], Awaitable[func.HttpResponse]]
type Entry = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]

LIMITER = Limiter()
NOBODY = "nobody"  # all callers without a right credential share one bucket, so that nobody can try keys quickly
HOW = "sign in with Microsoft Entra ID, or send a key in the header x-functions-key"


def guarded(blueprint: func.Blueprint, method: str, path: str) -> Callable[[Work], Entry]:
    """Register a handler for a row of the table. A `SyncError` becomes the status that `answers.refuse` says."""
    needed = ROUTES[method, path]

    def register(work: Work) -> Entry:
        async def entry(req: func.HttpRequest) -> func.HttpResponse:
            caller = admit(req, needed)
            if isinstance(caller, func.HttpResponse):
                return caller
            try:
                with veiled():
                    return await work(req, caller)
            except SyncError as error:
                return refuse(error)

        entry.__name__ = work.__name__  # the function's name in Azure; functools.wraps would show the second argument
        entry.__doc__ = work.__doc__
        blueprint.route(path, methods=[method], auth_level=func.AuthLevel.ANONYMOUS)(entry)
        return entry

    return register


def admit(req: func.HttpRequest, needed: Role) -> Caller | func.HttpResponse:
    """Return who calls if that is enough, else the refusal: 401, 403, 413 or 429."""
    try:
        chosen = settings()
    except BadMapping as error:
        event("settings refused", logging.ERROR, reason=str(error))
        return answer(500, "the settings of this app are wrong: its log names them")
    headers = {name.lower(): value for name, value in req.headers.items()}
    caller = caller_of(
        headers,
        chosen.ops_key_list,
        vouched=vouched(),
        dev_key=chosen.dev_identity.get_secret_value(),
        now=datetime.now(UTC),
    )
    if wait := LIMITER.wait_seconds(caller.id if caller else NOBODY, chosen.requests_per_minute):
        return answer(429, f"too many requests: come again in {wait} s", {"Retry-After": str(wait)})
    if caller is None:
        return answer(401, f"who are you? {HOW}", {"WWW-Authenticate": "Bearer"})
    if not caller.may(needed):
        return answer(403, f"this takes the role {needed}, {caller.name} has {caller.role or 'none'}")
    if _from_elsewhere(req.method, headers, caller):
        return answer(403, "another site asked this browser to do it")
    return too_large(req) or caller


def vouched() -> bool:
    """Return whether the platform's sign-in stands in front: it takes away principal headers from outside."""
    return os.environ.get("WEBSITE_AUTH_ENABLED", "").lower() == "true"


def too_large(req: func.HttpRequest) -> func.HttpResponse | None:
    """Return 413 for a body above REQUEST_BYTES_MAX, else None."""
    size, most = len(req.get_body()), settings().request_bytes_max
    return answer(413, f"the body has {size:,} bytes, at most {most:,} are taken") if size > most else None


def _from_elsewhere(method: str, headers: dict[str, str], caller: Caller) -> bool:
    """Return whether a page of another site makes a signed-in person's browser write: cookies travel along."""
    site = headers.get("sec-fetch-site", "same-origin")
    return caller.person and method.upper() != "GET" and site not in ("same-origin", "none")
