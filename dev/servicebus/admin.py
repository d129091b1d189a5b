"""A small HTTP port to look into the queues and to break things on purpose. Not part of Service Bus.

GET /queues -> {"changes": {"active": 2, "scheduled": 0, "deferred": 0, "dead_letter": 0, "locked": 1}, ...}
POST /faults {"drop_next_sends": 1, "refuse_sends": 1, "lose_next_answers": 1, "expire_locks": true,
"drop_connections": true} -> 204; each key is optional.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

BODY_BYTES_MAX = 10_000
POLL_SECONDS = 0.05  # how soon it notices that it shall stop

type Counts = dict[str, dict[str, int]]


class FaultRequest(BaseModel):
    """The body of POST /faults; see dev.servicebus.faults for what the counts mean."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    drop_next_sends: int = Field(default=0, ge=0)
    refuse_sends: int = Field(default=0, ge=0)
    lose_next_answers: int = Field(default=0, ge=0)
    expire_locks: bool = False
    drop_connections: bool = False


@dataclass(frozen=True, slots=True)
class Controls:
    """What the port can do to the bus; both may be called from any thread."""

    counts: Callable[[], Counts]
    apply: Callable[[FaultRequest], None]


class _Handler(BaseHTTPRequestHandler):
    controls: ClassVar[Controls]

    def do_GET(self) -> None:
        if self.path != "/queues":
            self._answer(HTTPStatus.NOT_FOUND, b'{"error": "known: GET /queues, POST /faults"}')
            return
        self._answer(HTTPStatus.OK, TypeAdapter(dict[str, dict[str, int]]).dump_json(self.controls.counts()))

    def do_POST(self) -> None:
        if self.path != "/faults":
            self._answer(HTTPStatus.NOT_FOUND, b'{"error": "known: GET /queues, POST /faults"}')
            return
        length = min(int(self.headers.get("Content-Length", 0)), BODY_BYTES_MAX)
        try:
            request = FaultRequest.model_validate_json(self.rfile.read(length))
        except ValidationError as error:
            self._answer(HTTPStatus.BAD_REQUEST, error.json(include_url=False).encode())
            return
        self.controls.apply(request)
        self._answer(HTTPStatus.NO_CONTENT)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Keep the console quiet."""

    def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class AdminPort:
    """The HTTP server in a thread of its own."""

    def __init__(self, port: int, controls: Controls) -> None:
        handler = type("Handler", (_Handler,), {"controls": controls})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
