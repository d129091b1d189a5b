"""What an answer with an error status means, as one of our errors: a whole answer, or one part of a batch."""

import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, cast

import httpx

from shared.errors import Complaint, NotAllowed, Refused, Stale, SyncError, Throttled, Unavailable, Unconfirmed
from shared.systems.exact_json import loads_exact

THROTTLED_SECONDS = 10.0  # what a 429 without Retry-After means


class Reply(Protocol):
    """An HTTP answer: an `httpx.Response`, or one part of a batch."""

    @property
    def status_code(self) -> int:
        """Return the HTTP status."""
        ...

    @property
    def headers(self) -> httpx.Headers:
        """Return the headers, names in any case."""
        ...

    @property
    def content(self) -> bytes:
        """Return the body."""
        ...


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


STATUS_ERRORS: Mapping[int, type[SyncError]] = {
    **dict.fromkeys((301, 302, 303, 307, 308, 401, 403, 407), NotAllowed),  # an API redirects only to a sign-in page
    **dict.fromkeys((400, 404, 405, 406, 409, 410, 411, 413, 414, 415, 422, 431, 501), Refused),
    **dict.fromkeys((412, 428), Stale),
    **dict.fromkeys((408, 423, 425), Unavailable),  # the server says itself that it did not do it
    429: Throttled,
    **dict.fromkeys((500, 502, 503, 504), Unconfirmed),
}


def failure(  # noqa: PLR0913 -- the facts of one failed answer
    what: str,
    reply: Reply,
    *,
    writes: bool,
    message: str = "",
    complaints: tuple[Complaint, ...] = (),
    kind: type[SyncError] | None = None,
    now: Callable[[], datetime] = utc_now,
) -> SyncError:
    """Return the error that an answer with an error status means; the caller raises it.

    `what` names call and system ('s4: PATCH A_BusinessPartner'), `message` is the system's own words, `kind` overrules
    the status where the body's code says more. A 503 with Retry-After is a throttle. A read is never `Unconfirmed`.
    """
    status = reply.status_code
    wait = retry_after_seconds(reply, now())
    kind = kind or STATUS_ERRORS.get(status, Unconfirmed)
    text = f"{what}: HTTP {status}{': ' if message else ''}{message}"
    if kind is Throttled or (status in (429, 503) and wait is not None):
        return Throttled(text, wait_seconds=THROTTLED_SECONDS if wait is None else wait)
    if kind is Refused:
        return Refused(text, complaints)
    if kind is Unconfirmed and not writes:
        kind = Unavailable
    return kind(text)


def retry_after_seconds(reply: Reply, now: datetime) -> float | None:
    """Return how long the server asks us to wait: seconds ('7') or an HTTP date; None when it names nothing usable."""
    text = reply.headers.get("retry-after", "").strip()
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())


def json_object(what: str, reply: Reply, *, writes: bool) -> dict[str, Any]:
    """Return the JSON object of an answer with a good status; a sign-in page or half a body is no answer at all."""
    with contextlib.suppress(ValueError):
        body = loads_exact(reply.content)
        if isinstance(body, dict):
            return cast("dict[str, Any]", body)
    lost = Unconfirmed if writes else Unavailable
    raise lost(f"{what}: HTTP {reply.status_code}, but the body is no JSON object")
