"""What SAP says when it says no: JSON, XML, HTML or plain text, to complaints and the right error. Pure.

Gateway's JSON error has the code as '<message class>/<number>' and the whole list in innererror.errordetails; the last
entry is often an empty generic one. Proxies and the ICM answer in HTML, the CSRF check in plain text.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any
from xml.etree import ElementTree as ET

import httpx

from shared.errors import BadMapping, Complaint, Refused, SyncError, Unavailable
from shared.systems.exact_json import loads_exact
from shared.systems.replies import Reply, failure

TEXT_CHARACTERS_MAX = 300
# Locks come as 423 or as 400 with this text (R1, V1, M3 ...); the app logs on in English, German is the other default.
_LOCKED = re.compile(
    r"currently (?:being )?(?:processed|edited|locked)|\blocked by\b|\bis locked\b"
    r"|(?:durch|von) (?:Benutzer )?\S+ (?:gesperrt|bearbeitet)",
    re.IGNORECASE,
)
_ONE_OPERATION = re.compile(r"change ?set", re.IGNORECASE)
_QUOTED = re.compile(r"[\"'](\w+)[\"']")
_WORD = re.compile(r"\w+")
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """One message of SAP: `target` is its path in the request ('to_Item/Material'), `content_id` its operation."""

    code: str
    text: str
    target: str = ""
    content_id: str = ""


def faults(reply: Reply) -> tuple[Fault, ...]:
    """Return SAP's messages of severity error that have a text, else the one the answer begins with; may be empty."""
    body = reply.content.strip()
    if body.startswith(b"{"):
        try:
            return tuple(_json(loads_exact(body)))
        except ValueError:
            return ()
    kind = reply.headers.get("content-type", "").lower()
    if body.startswith(b"<") and "html" not in kind and not body[:200].lower().startswith((b"<!doctype", b"<html")):
        return tuple(_xml(body))
    text = " ".join(unescape(_TAG.sub(" ", body.decode("utf-8", "replace"))).split())
    return (Fault("", text[:TEXT_CHARACTERS_MAX]),) if text else ()


def problem(
    what: str, reply: Reply, *, writes: bool, place: Callable[[Fault], tuple[str, str]] = lambda _: ("", "")
) -> SyncError:
    """Return the error that a failed answer means. `place` tells the column and the line that a fault is about.

    404 is about the service here (not active, another path): where a record can be missing the caller looks first.
    """
    found = faults(reply)
    complaints = tuple(Complaint(each.code, each.text, *place(each)) for each in found)
    missing = reply.status_code == httpx.codes.NOT_FOUND
    locked = reply.status_code < 500 and any(_LOCKED.search(each.text) for each in found)  # noqa: PLR2004 -- 5xx begin
    kind = Unavailable if missing or locked else None
    message = "; ".join(f"{each.code} {each.text}".strip() for each in found[:3])
    return failure(what, reply, writes=writes, message=message, complaints=complaints, kind=kind)


def unreadable(what: str, reply: Reply, query: str) -> SyncError:
    """Return the error of a failed read. A refused one is about what the mapping asks for, never about a record.

    SAP's services grow with its releases: API_SALES_ORDER_SRV of an older one has no OverallDeliveryStatus.
    """
    error = problem(what, reply, writes=False)
    if not isinstance(error, Refused) and not _unknown_column(reply, query):
        return error
    return BadMapping(
        f"{error}; the mapping asks for what this SAP release does not have, or cannot filter by: compare its columns "
        "with the service's $metadata"
    )


def beside_the_record(reply: Reply, query: str) -> bool:
    """Return whether a 404 is about the service, or a column of the query, and not about the record."""
    return _unknown_service(reply) or _unknown_column(reply, query)


def _unknown_column(reply: Reply, query: str) -> bool:
    """Return whether a 404 is about something in `$select`: the URI parser's 'Resource not found for the segment'."""
    asked = set(_WORD.findall(query.partition("$select=")[2].partition("&")[0]))
    named = {name for each in faults(reply) for name in _QUOTED.findall(each.text)}
    return reply.status_code == httpx.codes.NOT_FOUND and not asked.isdisjoint(named)


def one_operation_only(reply: Reply) -> bool:
    """Return whether it is the change set that was refused: 'Default changeset implementation allows only one ...'."""
    return any(_ONE_OPERATION.search(each.text) for each in faults(reply))


def _unknown_service(reply: Reply) -> bool:
    """Return whether a 404 is about the service and not about the record: no OData error, or /IWFND/MED/170."""
    body = reply.content.lstrip()
    spoken = (body.startswith(b"{") and b'"error"' in body) or b"<error" in body[:TEXT_CHARACTERS_MAX]
    return not spoken or any(each.code.startswith("/IWFND/MED/") for each in faults(reply))


def notes(replies: Iterable[Reply], secrets: Iterable[str]) -> tuple[str, ...]:
    """Return SAP's warnings from the `sap-message` headers as 'R1/301 text'; values that we sent become '…'."""
    ours = sorted({s for s in secrets if len(s) > 2}, key=len, reverse=True)  # noqa: PLR2004 -- a code is no person
    found = []
    for reply in replies:
        for each in _messages(reply.headers.get("sap-message", "")):
            if each.get("severity") == "warning":
                text = str(each.get("message", ""))
                for secret in ours:
                    text = text.replace(secret, "…")
                found.append(f"{each.get('code', '')} {text}".strip())
    return tuple(dict.fromkeys(found))


def _messages(header: str) -> Iterator[Mapping[str, Any]]:
    try:
        message = json.loads(header) if header else None
    except ValueError:
        return
    if isinstance(message, dict):
        yield message
        yield from (each for each in message.get("details") or () if isinstance(each, dict))


def _json(body: Any) -> Iterator[Fault]:  # noqa: ANN401 -- JSON is whatever the server sends
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return
    inner = error.get("innererror")
    details = inner.get("errordetails") if isinstance(inner, dict) else None
    details = details.get("errordetail") if isinstance(details, dict) else details
    found = [_detail(each) for each in details or () if isinstance(each, dict) and _is_error(each)]
    if found:
        yield from dict.fromkeys(found)
        return
    message = error.get("message")
    text = str((message.get("value") if isinstance(message, dict) else message) or "")
    yield Fault(str(error.get("code") or ""), text, str(error.get("target") or ""))


def _is_error(detail: Mapping[str, Any]) -> bool:
    return str(detail.get("severity", "error")).lower() in ("error", "abort") and bool(detail.get("message"))


def _detail(detail: Mapping[str, Any]) -> Fault:
    target = detail.get("propertyref") or detail.get("target") or ""
    content_id = detail.get("ContentID") or ""
    return Fault(str(detail.get("code") or ""), str(detail["message"]), str(target), str(content_id))


def _xml(body: bytes) -> Iterator[Fault]:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:  # no server of ours sends them; expansion could eat the memory
        return
    try:
        root = ET.fromstring(body)  # noqa: S314 -- without a DOCTYPE there are no entities to expand
    except ET.ParseError:
        return
    details = [_element(each) for each in root.iter() if _name(each) == "errordetail"]
    found = [_detail(each) for each in details if _is_error(each)]
    top = _element(root)
    yield from dict.fromkeys(found) or (Fault(top.get("code", ""), top.get("message", ""), top.get("target", "")),)


def _element(element: ET.Element) -> dict[str, str]:
    return {_name(child): (child.text or "").strip() for child in element}


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
