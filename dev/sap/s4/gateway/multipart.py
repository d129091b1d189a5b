"""Reads and writes the multipart bodies of $batch, as strictly as the gateway: CRLF, blank lines, boundaries."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

from dev.sap.s4.gateway.answers import Answer, Call
from dev.sap.s4.model.errors import Refused, refused

_REQUEST_LINE = re.compile(r"([A-Z]+) (\S+) HTTP/1\.[01]")
_BOUNDARY = re.compile(r'multipart/mixed\s*;.*?boundary="?([^";]+)"?', re.IGNORECASE)
_BLANK = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Part:
    """One operation of a batch; `content_id` is "" when it has none."""

    call: Call
    content_id: str


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Operations that succeed or fail together."""

    parts: list[Part]


def _malformed(text: str) -> Refused:
    return refused("/IWFND/CM_MGW/070", text)


def read(body: bytes, content_type: str, base: str, root: str) -> list[Part | ChangeSet]:
    """Read a batch; `base` is the service's root as the client sees it, `root` its absolute path."""
    found: list[Part | ChangeSet] = []
    for headers, content in _entities(body, content_type):
        if headers.get("content-type", "").lower().startswith("multipart/mixed"):
            inner = _entities(content, headers["content-type"])
            if not inner:
                raise _malformed("a change set is empty")
            found.append(ChangeSet([_part(each, text, base, root) for each, text in inner]))
        else:
            found.append(_part(headers, content, base, root))
    return found


def _entities(body: bytes, content_type: str) -> list[tuple[dict[str, str], bytes]]:
    match = _BOUNDARY.match(content_type.strip())
    if match is None:
        raise _malformed("content type multipart/mixed with a boundary is expected")
    _, *segments = (b"\r\n" + body).split(b"\r\n--" + match[1].strip().encode())
    if not segments or not segments[-1].startswith(b"--"):
        raise _malformed("boundaries must stand on lines that end in CRLF, the last one with --")
    return [_entity(segment) for segment in segments[:-1]]


def _entity(segment: bytes) -> tuple[dict[str, str], bytes]:
    text = segment.lstrip(b" \t")
    head, blank, content = text.partition(_BLANK)
    if not text.startswith(b"\r\n") or not blank:
        raise _malformed("a part needs headers and a blank line")
    return _headers(head[2:]), content


def _headers(head: bytes) -> dict[str, str]:
    found = {}
    for line in head.decode("latin-1").split("\r\n"):
        name, colon, value = line.partition(":")
        if line and (not colon or "\n" in line):
            raise _malformed(f"not a header: '{line[:40]}'")
        if line:
            found[name.strip().lower()] = value.strip()
    return found


def _part(headers: dict[str, str], content: bytes, base: str, root: str) -> Part:
    if headers.get("content-type", "").split(";")[0].strip().lower() != "application/http":
        raise _malformed("content type application/http is expected in a part")
    head, blank, body = content.partition(_BLANK)
    if not blank:
        raise _malformed("a blank line must follow the headers of a part's request")
    line, _, rest = head.partition(b"\r\n")
    match = _REQUEST_LINE.fullmatch(line.decode("latin-1"))
    if match is None:
        raise _malformed(f"not a request line: '{line[:60].decode('latin-1')}'")
    inner = _headers(rest)
    if "content-length" in inner:
        length = inner["content-length"]
        if not length.isdigit() or len(body) < int(length):
            raise _malformed("a part's body is shorter than its Content-Length")
        body = body[: int(length)]
    path, query = _address(match[2], base, root)
    call = Call(match[1], path, query, inner, body.strip(b"\r\n"), base)
    return Part(call, inner.get("content-id", headers.get("content-id", "")))


def _address(url: str, base: str, root: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url.removeprefix(base))
    path = unquote(parts.path)
    if path.startswith("/"):
        if not path.startswith(root):
            raise refused("/IWFND/CM_MGW/004", url)
        path = path.removeprefix(root)
    return path, dict(parse_qsl(parts.query, keep_blank_values=True))


def write(answers: list[Answer | list[Answer]], content_ids: dict[int, str]) -> Answer:
    """Write the batch's answer; a list is a change set. `content_ids` echoes ids by the answer's identity."""
    boundary = uuid4().hex.upper()
    parts = []
    for answer in answers:
        if isinstance(answer, list):
            inner = uuid4().hex.upper()
            content = _joined([_written(each, content_ids.get(id(each), "")) for each in answer], inner)
            head = f"Content-Type: multipart/mixed; boundary={inner}\r\nContent-Length: {len(content)}\r\n\r\n"
            parts.append(head.encode() + content)
        else:
            parts.append(_written(answer, ""))
    headers = {"content-type": f"multipart/mixed; boundary={boundary}"}
    return Answer(202, headers, _joined(parts, boundary))


def _joined(parts: list[bytes], boundary: str) -> bytes:
    opened = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
    return opened + f"--{boundary}--\r\n".encode()


def _written(answer: Answer, content_id: str) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    shown = {**answer.headers, "content-length": str(len(answer.body)), "dataserviceversion": "2.0"}
    if content_id:
        shown["content-id"] = content_id
    lines += [f"{name}: {value}" for name, value in shown.items()]
    message = "\r\n".join(lines).encode("latin-1") + _BLANK + answer.body
    head = f"Content-Type: application/http\r\nContent-Length: {len(message)}\r\ncontent-transfer-encoding: binary"
    return head.encode() + _BLANK + message
