"""A webhook's far end: notes what it gets, and answers what it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Got:
    """One delivery. `headers` have lower-case names; `raw` is the body as it came."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw.decode("utf-8-sig"))


@dataclass
class Receiver:
    """What came in. `answers` are the statuses to give first, then `status`; `allowed` is said in the handshake."""

    url: str = ""
    status: int = 200
    answers: list[int] = field(default_factory=list)
    allowed: str | None = "*"
    asked: list[dict[str, str]] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)

    def bodies(self) -> list[Any]:
        return [each.body for each in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen until the block ends."""
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_OPTIONS(self) -> None:
            told.asked.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            if told.allowed is not None:
                self.send_header("WebHook-Allowed-Origin", told.allowed)
            self.end_headers()

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            told.got.append(Got(self.path, {name.lower(): value for name, value in self.headers.items()}, raw))
            self.send_response(told.answers.pop(0) if told.answers else told.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        told.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
