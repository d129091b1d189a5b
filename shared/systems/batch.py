"""OData `$batch` as multipart/mixed, shared by V4 (Dataverse) and V2 (SAP Gateway).

It packs requests and unpacks answers. It does not send, and does not judge statuses. Packing is strict (CRLF, one
boundary a level); unpacking takes what servers and gateways really send: LF only, extra blank lines, quoted
boundaries, preambles, lengths that are missing or wrong.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from hashlib import blake2b

import httpx

PARTS_MAX = 1000  # Dataverse: at most 1,000 requests, those in change sets included
DEPTH_MAX = 3  # a batch holds change sets, and a change set requests

_LINE_END = b"\r\n"
_NEWLINE = re.compile(rb"\r\n|\n")
_BLANK_LINE = re.compile(rb"(?:\r\n|\n)[ \t]*(?:\r\n|\n)")
_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?:[ \t][^\r\n]*)?(?:\r?\n|$)")
_SAFE = re.compile(r"[^\x00-\x20\x7f]+")  # a request line has exactly two spaces; a line end would start a header


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch: Part('PATCH', '/api/data/v9.2/accounts(…)', {'If-Match': 'W/"1"'}, b'{…}').

    `url` is relative or an absolute path, already percent-encoded, in the form that the service's batch wants.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class PartAnswer:
    """One answer of a batch. `content_id` repeats the request's ('' outside change sets, or where it is left out).

    It reads like an `httpx.Response` too, so that single and batched answers are judged by the same code.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    content_id: str = ""

    @property
    def status_code(self) -> int:
        """Return the HTTP status."""
        return self.status

    @property
    def content(self) -> bytes:
        """Return the body."""
        return self.body


def encode(parts: Sequence[Part | tuple[Part, ...]]) -> tuple[str, bytes]:
    """Return content type and body of a batch; a tuple is a change set: all or nothing.

    The parts of change sets get the Content-IDs '1', '2', ... in their order over the whole batch. Boundaries are
    digests of what they enclose, so the same parts give the same bytes. Raises ValueError for what cannot be sent.
    """
    chunks: list[bytes] = []
    number = 0
    for part in parts:
        if isinstance(part, Part):
            chunks.append(_application_http(part))
            continue
        numbered = [_application_http(member, content_id=number + place) for place, member in enumerate(part, 1)]
        number += len(part)
        boundary, body = _enclose("changeset", numbered)
        chunks.append(f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode() + body)
    if not 0 < len(chunks) + number <= PARTS_MAX:
        raise ValueError(f"a batch holds 1 to {PARTS_MAX} requests, not {len(chunks) + number}")
    boundary, body = _enclose("batch", chunks)
    return f"multipart/mixed; boundary={boundary}", body


def decode(content_type: str, body: bytes) -> list[PartAnswer | tuple[PartAnswer, ...]]:
    """Return the answers in their order; a tuple answers a change set that went through.

    A change set that failed is one single answer, and without continue-on-error the answers end at the first failure:
    the caller compares counts. Raises ValueError when the body is no batch answer (a gateway's page, a cut-off body).
    """
    return [_answer(chunk, depth=1) for chunk in _split(content_type, body)]


def _application_http(part: Part, content_id: int = 0) -> bytes:
    if not _SAFE.fullmatch(part.url) or not part.method.isalpha():
        raise ValueError(f"no request line can be made of method {part.method!r} and its address")
    headers = {"Content-Length": str(len(part.body)), **part.headers} if part.body else dict(part.headers)
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    lines += [f"Content-ID: {content_id}"] if content_id else []
    lines += [
        "",
        f"{part.method} {part.url} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
        "",
        "",
    ]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header holds a line end")
    return _LINE_END.join(line.encode() for line in lines) + part.body


def _enclose(kind: str, chunks: Sequence[bytes]) -> tuple[str, bytes]:
    digest = blake2b(digest_size=16)
    for chunk in chunks:
        digest.update(len(chunk).to_bytes(8) + chunk)
    boundary = f"{kind}_{digest.hexdigest()}"
    mark = f"--{boundary}".encode()
    return boundary, b"".join(mark + _LINE_END + chunk + _LINE_END for chunk in chunks) + mark + b"--" + _LINE_END


def _split(content_type: str, body: bytes) -> list[bytes]:
    boundary = _boundary(content_type)
    mark = re.compile(rb"(?:^|\r\n|\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|$)")
    chunks: list[bytes] = []
    start: int | None = None
    for found in mark.finditer(body):
        if start is not None:
            chunks.append(body[start : found.start()])
        start = found.end()
        if found.group(1):
            return chunks
    raise ValueError(f"the batch answer is {'cut off' if chunks or start else 'no multipart body'}")


def _boundary(content_type: str) -> bytes:
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    if message.get_content_maintype() != "multipart" or not isinstance(boundary, str):
        raise ValueError("the batch answer is no multipart body with a boundary")
    return boundary.encode()


def _answer(chunk: bytes, depth: int) -> PartAnswer | tuple[PartAnswer, ...]:
    text = chunk.lstrip(b"\r\n")
    if text.startswith(b"HTTP/"):  # some gateways leave out the part's own headers
        return _http_answer(text, "")
    mime, inner = _headers(text)
    if mime.get("content-type", "").lower().startswith("multipart/"):
        if depth >= DEPTH_MAX:
            raise ValueError("the batch answer nests too deep")
        members = [_answer(member, depth + 1) for member in _split(mime["content-type"], inner)]
        return tuple(each for member in members for each in (member if isinstance(member, tuple) else (member,)))
    return _http_answer(inner.lstrip(b"\r\n"), mime.get("content-id", ""))


def _http_answer(text: bytes, content_id: str) -> PartAnswer:
    status = _STATUS_LINE.match(text)
    if not status:
        raise ValueError("a part of the batch answer has no status line")
    headers, body = _headers(text[status.end() :])
    return PartAnswer(int(status.group(1)), headers, _body(headers, body), headers.get("content-id", content_id))


def _headers(text: bytes) -> tuple[httpx.Headers, bytes]:
    """Split off the header lines: they end at the first blank line, which may be the very first."""
    first = _NEWLINE.match(text)
    blank = first or _BLANK_LINE.search(text)
    head, rest = (text[: blank.start()], text[blank.end() :]) if blank else (text, b"")
    pairs: list[tuple[str, str]] = []
    for line in _NEWLINE.split(head):
        name, _, value = line.decode("utf-8", "replace").partition(":")
        if line[:1] in (b" ", b"\t") and pairs:  # a folded line continues the one before
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]} {line.decode('utf-8', 'replace').strip()}")
        elif name.strip():
            pairs.append((name.strip(), value.strip()))
    return httpx.Headers(pairs), rest


def _body(headers: httpx.Headers, text: bytes) -> bytes:
    """Return the body without the blank lines that some servers add; a length in characters must not cut it."""
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) <= len(text) and not text[int(length) :].strip():
        return text[: int(length)]
    return text.rstrip(b"\r\n")
