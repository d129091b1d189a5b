"""Answers and SAP's error bodies: JSON or XML as asked for, HTML where the web server below the gateway speaks."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote
from uuid import uuid4

from dev.sap.s4.model.edm import Service
from dev.sap.s4.model.errors import Message, Refused

JSON = "application/json;charset=utf-8"
XML = "application/xml;charset=utf-8"
HTML = "text/html;charset=utf-8"
TEXT = "text/plain;charset=utf-8"
_NOT_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production Char


@dataclass(slots=True)
class Answer:
    """Status, headers with lower-case names, body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Call:
    """One operation, alone or as a part of a batch.

    `path` is decoded and relative to the service's root, `base` that root as the client sees it, with its slash.
    Header names are lower case.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base: str

    @property
    def wants_json(self) -> bool:
        """Tell whether the caller asked for JSON, by $format or Accept."""
        if "$format" in self.query:
            return self.query["$format"].split(";")[0] == "json"
        accepted = (part.split(";")[0].strip().lower() for part in self.headers.get("accept", "").split(","))
        return "application/json" in accepted


def json_answer(status: int, data: object, **headers: str) -> Answer:
    """Make a JSON answer; keyword names become header names with dashes."""
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status, {"content-type": JSON, **shown}, body)


def html_answer(status: int, title: str, text: str, **headers: str) -> Answer:
    """Make the kind of page that ICM and the logon procedure give."""
    page = (
        f"<html><head><title>{escape(title)}</title></head><body><h1>{escape(title)}</h1>"
        f"<p>{escape(text)}</p><p>Server time: {datetime.now(UTC):%Y-%m-%d %H:%M:%S}</p></body></html>"
    )
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": HTML, **shown}, page.encode())


def error_answer(refusal: Refused, service: Service | None, call: Call) -> Answer:
    """Make the gateway's error body for this refusal."""
    first = next((each for each in refusal.messages if each.severity == "error"), refusal.messages[0])
    inner = _inner_error(refusal, service)
    if call.wants_json:
        error = {"code": first.code, "message": {"lang": "en", "value": first.text}, "innererror": inner}
        return json_answer(refusal.status, {"error": error}, **_underscored(refusal.headers))
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
        f'<code>{escape(first.code)}</code><message xml:lang="en">{escape(first.text)}</message>'
        f"<innererror><transactionid>{inner['transactionid']}</transactionid>"
        f"<timestamp>{inner['timestamp']}</timestamp><errordetails>{_xml_details(refusal)}</errordetails>"
        "</innererror></error>"
    )
    return Answer(refusal.status, {"content-type": XML, **refusal.headers}, _NOT_XML.sub("?", text).encode())


def _underscored(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in headers.items()}


def _inner_error(refusal: Refused, service: Service | None) -> dict[str, object]:
    now = datetime.now(UTC)
    details = [_detail(each) for each in refusal.messages]
    # The gateway's own exception stands at the end, without a text.
    generic = Message("/IWBEP/CX_MGW_BUSI_EXCEPTION", "")
    return {
        "application": {
            "component_id": service.component if service else "",
            "service_namespace": "/SAP/",
            "service_id": service.name if service else "",
            "service_version": "0001",
        },
        "transactionid": uuid4().hex.upper(),
        "timestamp": f"{now:%Y%m%d%H%M%S}.{now.microsecond:06}0",
        "Error_Resolution": {
            "SAP_Transaction": "Run transaction /IWFND/ERROR_LOG on SAP Gateway hub system and search for entries with"
            " the timestamp above for more details",
            "SAP_Note": "See SAP Note 1797736 for error analysis (https://service.sap.com/sap/support/notes/1797736)",
        },
        "errordetails": [*details, _detail(generic)],
    }


def _detail(message: Message) -> dict[str, object]:
    return {
        "ContentID": "",
        "code": message.code,
        "message": message.text,
        "propertyref": "",
        "severity": message.severity,
        "transition": False,
        "target": message.target,
    }


def _xml_details(refusal: Refused) -> str:
    return "".join(
        f"<errordetail><code>{escape(each.code)}</code><message>{escape(each.text)}</message>"
        f"<severity>{each.severity}</severity><target>{escape(each.target)}</target></errordetail>"
        for each in refusal.messages
    )


def message_header(warnings: list[Message]) -> dict[str, str]:
    """Make the `sap-message` header of a success with warnings; headers are ASCII, so other letters are escaped."""
    if not warnings:
        return {}
    first, *others = (
        {"code": each.code, "message": each.text, "severity": each.severity, "target": each.target, "transition": False}
        for each in warnings
    )
    return {"sap-message": json.dumps(first | {"details": others}, ensure_ascii=True)}


def location(uri: str) -> str:
    """Make an address safe for a header."""
    return quote(uri, safe="/:?&=%()',~$;@!*+-._")
