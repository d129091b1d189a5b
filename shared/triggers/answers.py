"""How HTTP functions answer: JSON, and each class of error with its status."""

import json
from collections.abc import Mapping
from typing import Any

import azure.functions as func

from shared.errors import BadMapping, BadRequest, Stale, SyncError, Throttled, Transient, WrongEnvironment

STATUS: tuple[tuple[type[SyncError], int], ...] = (
    (WrongEnvironment, 403),
    (BadRequest, 400),
    (Throttled, 503),
    (Transient, 503),
    (BadMapping, 500),
    (SyncError, 500),
)


def answer(status: int, body: str | dict[str, Any], headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """Return JSON; a sentence becomes {"message": …}. Nobody on the way keeps it."""
    told = {"message": body} if isinstance(body, str) else body
    return func.HttpResponse(
        json.dumps(told, ensure_ascii=False),
        status_code=status,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})},
        mimetype="application/json",
    )


def refuse(error: SyncError) -> func.HttpResponse:
    """Return the status that tells the caller whether to come again."""
    status = next(number for kind, number in STATUS if isinstance(error, kind))
    return answer(status, str(error))


def conflict(error: SyncError) -> func.HttpResponse:
    """Return 409 for what moved since the caller looked, else as `refuse`."""
    return answer(409, str(error)) if isinstance(error, Stale) else refuse(error)
