"""$batch: multipart/mixed in, multipart/mixed out; change sets are transactions, everything else runs one by one.

As strict as the service: CRLF line ends, at most 1,000 requests, no batch in a batch, no GET in a change set, and
without ``Prefer: odata.continue-on-error`` the first failure ends the batch and is its status.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from dev.dynamics.dataverse.core.errors import ServiceError, refuse
from dev.dynamics.dataverse.web.call import API, Answer, Call, refusal
from dev.dynamics.dataverse.web.dispatch import READS
from dev.dynamics.dataverse.web.service import Service

REQUESTS_MAX: Final = 1000
INHERITED: Final = ("callerobjectid", "mscrmcallerid", "user-agent", "accept-language")
FIRST_BAD: Final = 400
_BOUNDARY: Final = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
# Microsoft.OData reads what stands between the first and the last space: unencoded spaces of a query are common.
_REQUEST: Final = re.compile(rb"([A-Z]+) (\S.*) HTTP/1\.1")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a multipart body: its headers and content."""

    headers: Mapping[str, str]
    content: bytes


def _headers(lines: list[bytes]) -> dict[str, str]:
    found = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon:
            shown = line.decode("latin-1")
            raise refuse("bad batch", detail=f"The message header '{shown}' is invalid.")
        found[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
    return found


def parts(content: bytes, content_type: str) -> list[Part]:
    """Split a multipart body at its boundary."""
    match = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/mixed") or match is None:
        raise refuse("bad batch", detail=f"Invalid Content-Type '{content_type}': multipart/mixed is needed.")
    if b"\r\n" not in content:
        raise refuse("bad batch", detail="Invalid batch: line ends must be CRLF.")
    delimiter = b"--" + match[1].strip().encode("latin-1")
    pieces = re.split(rb"(?:^|\r\n)" + re.escape(delimiter), content)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):  # noqa: PLR2004 - preamble and end
        raise refuse("bad batch", detail="Unexpected end of the batch: its closing boundary is missing.")
    found = []
    for piece in pieces[1:-1]:
        if not piece.startswith(b"\r\n"):
            raise refuse("bad batch", detail="Invalid batch: line ends must be CRLF.")
        head, blank, body = piece[2:].partition(b"\r\n\r\n")
        if not blank:
            raise refuse("bad batch", detail="Invalid batch: a part has no blank line after its headers.")
        found.append(Part(_headers([line for line in head.split(b"\r\n") if line]), body))
    return found


def request_of(part: Part, outer: Call) -> Call:
    """Read a part of type application/http as a call."""
    if not part.headers.get("content-type", "").startswith("application/http"):
        raise refuse("bad batch", detail="Invalid Content-Type of a batch part; application/http is needed.")
    if part.headers.get("content-transfer-encoding", "").lower() != "binary":
        raise refuse("bad batch", detail="The 'Content-Transfer-Encoding' of a batch part must be 'binary'.")
    head, _, body = part.content.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    match = _REQUEST.fullmatch(first)
    if match is None:
        raise refuse("bad batch", detail=f"Invalid request line '{first.decode('latin-1')}' in a batch part.")
    inherited = {name: value for name, value in outer.headers.items() if name in INHERITED or name.startswith("mscrm.")}
    headers = {**inherited, **_headers([line for line in lines if line])}
    if "content-id" in part.headers:
        headers["content-id"] = part.headers["content-id"]
    path, _, query = match[2].decode("latin-1").partition("?")
    if path.startswith(("http://", "https://")):
        path = urlsplit(path).path
    body = body.removesuffix(b"\r\n")
    return Call(match[1].decode(), API.sub("", path), query, headers, body, outer.base, outer.caller)


def _rendered(answer: Answer, content_id: str | None) -> bytes:
    phrase = HTTPStatus(answer.status).phrase
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    lines += [f"Content-ID: {content_id}"] if content_id else []
    lines += ["", f"HTTP/1.1 {answer.status} {phrase}", "OData-Version: 4.0"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body


def _joined(boundary: str, items: list[bytes]) -> bytes:
    delimiter = f"--{boundary}\r\n".encode()
    return b"".join(delimiter + item + b"\r\n" for item in items) + f"--{boundary}--\r\n".encode()


def count(call: Call) -> int:
    """Count the requests of a batch, for service protection; a broken batch counts as one."""
    try:
        found = parts(call.body, call.headers.get("content-type", ""))
    except ServiceError:
        return 1
    return max(1, sum(part.content.count(b"application/http") or 1 for part in found))


async def batch(service: Service, call: Call) -> Answer:
    """Serve a batch."""
    try:
        found = parts(call.body, call.headers.get("content-type", ""))
        if count(call) > REQUESTS_MAX:
            raise refuse("bad batch", detail=f"The batch has more than {REQUESTS_MAX} requests.")
    except ServiceError as error:
        return refusal(error, call)
    go_on = "odata.continue-on-error" in call.preferences
    items: list[bytes] = []
    status = 200
    for part in found:
        nested = part.headers.get("content-type", "").lower().startswith("multipart/mixed")
        worst, rendered = await (_change_set(service, part, call) if nested else _single(service, part, call))
        items.append(rendered)
        if worst >= FIRST_BAD and not go_on:
            status = worst
            break
    boundary = f"batchresponse_{uuid.uuid4()}"
    return Answer(status, {"Content-Type": f"multipart/mixed; boundary={boundary}"}, _joined(boundary, items))


async def _single(service: Service, part: Part, outer: Call) -> tuple[int, bytes]:
    content_id = part.headers.get("content-id")
    try:
        call = request_of(part, outer)
        if call.path.strip("/") == "$batch":
            raise refuse("bad batch", detail="Batch requests cannot be nested.")
    except ServiceError as error:
        return error.status, _rendered(refusal(error, outer), content_id)
    answer = await _struck(service, call) or await service.serve(call)
    _note(service, call, answer)
    return answer.status, _rendered(answer, content_id)


def _note(service: Service, call: Call, answer: Answer) -> None:
    head = {"part": True, "method": call.method, "path": call.path, "query": call.query}
    service.log.append(head | {"status": answer.status})


async def _struck(service: Service, call: Call) -> Answer | None:
    return await service.strike(service.faults.strike(call.method, call.path), call)


def _checked(part: Part, outer: Call) -> list[Call]:
    """Read the requests of a change set and refuse what has no place there."""
    calls = [request_of(inner, outer) for inner in parts(part.content, part.headers["content-type"])]
    for call in calls:
        if call.method in READS:
            allowed = "only support the HTTP methods 'POST', 'PUT', 'DELETE', and 'PATCH'"
            detail = f"An invalid HTTP method '{call.method}' was detected for a request in a change set. Requests in "
            raise refuse("bad batch", detail=f"{detail}change sets {allowed}.")
        if "content-id" not in call.headers:
            raise refuse("bad batch", detail="The 'Content-ID' header is required for each request of a change set.")
    ids = [call.headers["content-id"] for call in calls]
    if len(set(ids)) != len(ids):
        raise refuse("bad batch", detail="A Content-ID was found more than once in the change set.")
    return calls


async def _change_set(service: Service, part: Part, outer: Call) -> tuple[int, bytes]:
    """Run a change set; if anything fails, its one answer is the refusal."""
    try:
        calls = _checked(part, outer)
        for call in calls:
            struck = await _struck(service, call)
            if struck is not None:
                return struck.status, _rendered(struck, call.headers["content-id"])
        answers = await service.change(calls, change_set=True)
    except ServiceError as error:
        return error.status, _rendered(refusal(error, outer), None)
    for call, answer in zip(calls, answers, strict=True):
        _note(service, call, answer)
    boundary = f"changesetresponse_{uuid.uuid4()}"
    items = [_rendered(answer, call.headers["content-id"]) for call, answer in zip(calls, answers, strict=True)]
    head = f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode()
    return 200, head + _joined(boundary, items)
