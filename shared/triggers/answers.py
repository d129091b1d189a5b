"""How HTTP functions answer: JSON, and each class of error with its status."""

import json
import os
from typing import Any

import azure.functions as func

from shared.errors import BadMapping, BadRequest, SyncError, Throttled, Transient, WrongEnvironment

STATUS: tuple[tuple[type[SyncError], int], ...] = (
    (WrongEnvironment, 403),
    (BadRequest, 400),
    (Throttled, 503),
    (Transient, 503),
    (BadMapping, 500),
    (SyncError, 500),
)


def answer(status: int, body: str | dict[str, Any]) -> func.HttpResponse:
    """Return JSON; a sentence becomes {"message": …}."""
    told = {"message": body} if isinstance(body, str) else body
    return func.HttpResponse(json.dumps(told, ensure_ascii=False), status_code=status, mimetype="application/json")


def asked_by(req: func.HttpRequest) -> str:
    """Return who calls: the signed-in name where the platform vouches for it, else only that a key was used.

    Without the platform's authentication in front, anybody could send that header.
    """
    name = req.headers.get("X-MS-CLIENT-PRINCIPAL-NAME", "")
    return str(name) if name and os.environ.get("WEBSITE_AUTH_ENABLED", "").lower() == "true" else "function key"


def refuse(error: SyncError) -> func.HttpResponse:
    """Return the status that tells the caller whether to come again."""
    status = next(number for kind, number in STATUS if isinstance(error, kind))
    return answer(status, str(error))
