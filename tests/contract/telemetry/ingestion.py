"""A stand-in for Application Insights' ingestion: takes envelopes, refuses what the real one would, and can be sick.

Answers as the service does: {"itemsReceived", "itemsAccepted", "errors": [{"index", "statusCode", "message"}]}; 200
when all were taken, 206 when some were, 400 when none.
"""

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "3f2c7a52-9d0e-4d6a-8f3b-0c7f1a2b3c4d"
PATHS = ("/v2/track", "/v2.1/track")
BODY_BYTES_MAX = 4 * 1024 * 1024
TRACE_ID = re.compile(r"[0-9a-f]{32}")
DURATION = re.compile(r"(\d+\.)?\d{2}:\d{2}:\d{2}(\.\d{1,7})?")
# what each kind must have, by name: its type
KINDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "MessageData": {"message": str},
    "ExceptionData": {"exceptions": list},
    "RemoteDependencyData": {"name": str, "id": str, "duration": str, "success": bool, "resultCode": str},
    "MetricData": {"metrics": list},
}

type Envelope = dict[str, Any]


@dataclass
class Ingestion:
    """What came in. `status` other than 200 is answered to all, `stuck` holds answers back until it is set."""

    url: str = ""
    status: int = 200
    refused_index: int | None = None
    stuck: threading.Event = field(default_factory=threading.Event)
    taken: list[Envelope] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    posts: int = 0

    @property
    def connection(self) -> str:
        return f"InstrumentationKey={KEY};IngestionEndpoint={self.url}/"

    def of(self, kind: str) -> list[Envelope]:
        return [one for one in list(self.taken) if one["data"]["baseType"] == kind]

    def events(self, name: str) -> list[dict[str, str]]:
        found = [one["data"]["baseData"].get("properties", {}) for one in self.of("MessageData")]
        return [one for one in found if one.get("event") == name]

    def metrics(self, name: str) -> list[tuple[dict[str, str], dict[str, Any]]]:
        bases = [one["data"]["baseData"] for one in self.of("MetricData")]
        return [(base["properties"], point) for base in bases for point in base["metrics"] if point["name"] == name]


def fault_of(one: Any) -> str:
    """Return what the service would have against an envelope, '' for nothing."""
    if not isinstance(one, dict) or not isinstance(one.get("name"), str) or len(one["name"]) > 1024:
        return "name"
    try:
        datetime.fromisoformat(one["time"])
    except (KeyError, TypeError, ValueError):
        return "time"
    tags = one.get("tags", {})
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        return "tags"
    if one.get("iKey") != KEY:
        return "iKey"
    data = one.get("data", {})
    return _fault_of_base(str(data.get("baseType")), data.get("baseData"), tags)


def _fault_of_base(kind: str, base: Any, tags: dict[str, str]) -> str:  # noqa: PLR0911 -- one fault a line
    if kind not in KINDS or not isinstance(base, dict) or base.get("ver") != 2:
        return f"baseType {kind}"
    for name, wanted in KINDS[kind].items():
        if not isinstance(base.get(name), wanted):
            return f"{kind}.{name}"
    properties = base.get("properties") or {}
    if not all(isinstance(v, str) and len(k) <= 150 and len(v) <= 8192 for k, v in properties.items()):
        return f"{kind}.properties: text only"
    if kind != "MetricData" and not TRACE_ID.fullmatch(tags.get("ai.operation.id", "")):
        return f"{kind}: no operation id"
    if kind == "RemoteDependencyData" and not DURATION.fullmatch(base["duration"]):
        return "duration"
    points = base.get("metrics", ()) if kind == "MetricData" else ()
    if not all(isinstance(p["name"], str) and isinstance(p["value"], int | float) for p in points):
        return "metrics"
    thrown = base.get("exceptions", ()) if kind == "ExceptionData" else ()
    return "" if all(t.get("typeName") and t.get("message") for t in thrown) else "exceptions"


def _read(headers: Any, raw: bytes) -> list[Any]:
    body = gzip.decompress(raw) if headers.get("Content-Encoding") == "gzip" else raw
    if "x-json-stream" in headers.get("Content-Type", ""):
        return [json.loads(line) for line in body.splitlines() if line]
    found = json.loads(body)
    return found if isinstance(found, list) else [found]


@contextmanager
def ingesting() -> Iterator[Ingestion]:
    """Listen until the block ends."""
    told = Ingestion()
    told.stuck.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            told.posts += 1
            told.stuck.wait(30)
            if self.path not in PATHS or len(raw) > BODY_BYTES_MAX:
                self._answer(404 if len(raw) <= BODY_BYTES_MAX else 413, {})
                return
            if told.status != 200:
                self._answer(told.status, {"itemsReceived": 0, "itemsAccepted": 0, "errors": []})
                return
            found = _read(self.headers, raw)
            told.raw.append(json.dumps(found, ensure_ascii=False).encode())
            faults = {n: fault for n, one in enumerate(found) if (fault := fault_of(one))}
            if told.refused_index is not None:
                faults[told.refused_index] = "refused on purpose"
            told.faults += faults.values()
            told.taken += [one for n, one in enumerate(found) if n not in faults]
            errors = [{"index": n, "statusCode": 400, "message": fault} for n, fault in faults.items()]
            body = {"itemsReceived": len(found), "itemsAccepted": len(found) - len(faults), "errors": errors}
            self._answer(200 if not faults else 206 if len(faults) < len(found) else 400, body)

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        told.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield told
        finally:
            told.stuck.set()
            server.shutdown()
            thread.join()
