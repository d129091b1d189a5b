"""The ASGI application: reads a request, lets the fault switches at it, sends the answer or loses it.

Below /sap is the simulated system, below /sim the control interface (no logon: a simulator is never exposed).
"""

import asyncio
import re
import time
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from dev.sap.s4.gateway import multipart
from dev.sap.s4.gateway.answers import Answer, Call, error_answer, html_answer, json_answer
from dev.sap.s4.gateway.operations import Operations
from dev.sap.s4.gateway.run import Runner
from dev.sap.s4.gateway.session import READING
from dev.sap.s4.gateway.system import System
from dev.sap.s4.model.edm import SERVICES
from dev.sap.s4.model.errors import Refused, refused
from dev.sap.s4.sim.faults import Asked

ODATA = "/sap/opu/odata/sap/"
TOKEN = "/sap/bc/sec/oauth2/token"  # noqa: S105  # an address
_SERVICE = re.compile(re.escape(ODATA) + r"([^/;]+)(;v=\d+)?(/.*)?", re.DOTALL)
_VERSIONS = frozenset({None, ";v=1", ";v=0001"})


@dataclass(slots=True)
class App:
    """Serves one system; `control` is the application below /sim."""

    system: System
    control: ASGIApp
    late: set[asyncio.Task[Answer]] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        if scope["path"].startswith("/sim"):
            await self.control(scope, receive, send)
            return
        call = _call(scope, await _body(receive))
        too_long = len(scope["raw_path"]) + len(scope["query_string"]) > self.system.settings.url_length_max
        answer = html_answer(414, "URI too long", "Use $batch") if too_long else await self._faulty(call)
        if answer is None:
            _drop_connection(send)
            await receive()  # until the server has noticed: it would send a 500 otherwise
        else:
            await _send(send, answer, head=call.method == "HEAD")

    async def _faulty(self, call: Call) -> Answer | None:
        """Serve the call through the fault switches; None means that the answer gets lost."""
        asked, inner = _asked(call)
        specs = self.system.faults.take(asked, inner)
        merged = {name: value for spec in specs for name, value in spec.items()}
        await asyncio.sleep(merged.get("delay_seconds", 0))
        if merged.get("expire_csrf"):
            self.system.sessions.expire_tokens()
        if merged.get("drop_session"):
            self.system.sessions.drop()
        if "commit_late_seconds" in merged:
            self._commit_late(call, merged["commit_late_seconds"])
            late = html_answer(504, "Gateway Time-out", "The server did not answer in time")
            return self._logged(call, None if merged.get("lose_answer") else late, [])
        if "status" in merged:
            return self._logged(call, fault_answer(merged), [])
        if merged.get("logon_page"):
            return self._logged(call, html_answer(200, "Logon", "Enter user and password"), [])
        answer = self.serve(call)
        return None if merged.get("lose_answer") else answer

    def _commit_late(self, call: Call, wait_seconds: float) -> None:
        async def later() -> Answer:
            await asyncio.sleep(wait_seconds)
            return self.serve(call)

        task = asyncio.get_running_loop().create_task(later())
        self.late.add(task)
        task.add_done_callback(self.late.discard)

    def serve(self, call: Call) -> Answer:
        """Answer a request as the system would without faults, and log it."""
        parts: list[dict[str, object]] = []
        if call.path == TOKEN and call.method == "POST":
            answer = self.system.sessions.grant(call.headers, call.body)
        elif match := _SERVICE.fullmatch(call.path):
            answer = self._service(call, match, parts)
        else:
            answer = html_answer(404, "Not found", "The requested resource does not exist")
        logged = self._logged(call, answer, parts)
        return logged or answer

    def _service(self, call: Call, match: re.Match[str], parts: list[dict[str, object]]) -> Answer:
        logon = self.system.sessions.logon(call.headers, call.query)
        if isinstance(logon, Answer):
            return logon
        session, had_cookie = logon
        answer: Answer | None = None
        if call.method not in READING:
            answer = self.system.sessions.check_token(session, call.headers, had_cookie=had_cookie)
        if answer is None:
            answer = self._logged_on(call, match, session.user, parts)
        if call.method in READING and call.headers.get("x-csrf-token", "").lower() == "fetch":
            answer.headers["x-csrf-token"] = session.token
        if not had_cookie:
            answer.headers["set-cookie"] = "\n".join(self.system.sessions.cookies(session))
        answer.headers.setdefault("dataserviceversion", "2.0")
        return answer

    def _logged_on(self, call: Call, match: re.Match[str], user: str, parts: list[dict[str, object]]) -> Answer:
        service = SERVICES.get(match[1])
        if service is None or match[2] not in _VERSIONS:
            refusal = refused("/IWFND/MED/170", match[1], status=404)
            return error_answer(refusal, None, call)
        root = f"{ODATA}{match[1]}{match[2] or ''}/"
        if match[3] is None:
            return Answer(307, {"location": root})
        operations = Operations(self.system.store, self.system.settings, self.system.faults, service, user)
        inner = replace(call, path=match[3], base=f"{call.base}{root}")
        runner = Runner(operations, self.system.publish, self._intercept, parts)
        if inner.path == "/$batch":
            return runner.batch(inner, root)
        return runner.single(inner)

    def _intercept(self, call: Call) -> Answer | None:
        spec = self.system.faults.take_status(_one(call))
        return fault_answer(spec) if spec else None

    def _logged(self, call: Call, answer: Answer | None, parts: list[dict[str, object]]) -> Answer | None:
        entry: dict[str, object] = {
            "at": time.time(),
            "method": call.method,
            "path": call.path,
            "query": dict(call.query),
            "status": answer.status if answer else 0,
        }
        self.system.log.append(entry | ({"parts": parts} if parts else {}))
        return answer

    async def close(self) -> None:
        """End what is still to be committed late, and the senders of events."""
        for task in self.late:
            task.cancel()
        await asyncio.gather(*self.late, return_exceptions=True)
        await self.system.bus.close()


def fault_answer(spec: dict[str, object]) -> Answer:
    """Make the answer that a status fault asks for: an HTML page, or a JSON error."""
    status, text = int(str(spec["status"])), str(spec.get("text", "The service is not available at the moment"))
    if spec.get("html"):
        answer = html_answer(status, f"{status} Error", text)
    else:
        answer = json_answer(status, {"error": {"code": str(status), "message": {"lang": "en", "value": text}}})
    if "retry_after" in spec:
        answer.headers["retry-after"] = str(spec["retry_after"])
    return answer


def _one(call: Call) -> Asked:
    return Asked(call.method, call.path, call.body.decode("utf-8", "replace"))


def _asked(call: Call) -> tuple[Asked, list[Asked]]:
    """Return what faults are matched against: the request, and the operations inside if it is a batch."""
    if not call.path.endswith("/$batch"):
        return _one(call), []
    try:
        parts = multipart.read(call.body, call.headers.get("content-type", ""), call.base, "/")
    except Refused:
        return _one(call), []
    sets = [each.parts if isinstance(each, multipart.ChangeSet) else [each] for each in parts]
    # The outer body would match every text of every operation.
    return Asked(call.method, call.path), [_one(part.call) for group in sets for part in group]


def _call(scope: Scope, body: bytes) -> Call:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        text = value.decode("latin-1")
        key = name.decode("latin-1").lower()
        headers[key] = f"{headers[key]}; {text}" if key == "cookie" and key in headers else text
    host = headers.get("host", "localhost")
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return Call(scope["method"], scope["path"], query, headers, body, f"{scope['scheme']}://{host}")


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _send(send: Send, answer: Answer, *, head: bool) -> None:
    headers = [(b"content-length", str(len(answer.body)).encode())] if answer.status not in {204, 304} else []
    for name, value in answer.headers.items():
        headers += [(name.encode(), each.encode("latin-1")) for each in value.split("\n")]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})


def _drop_connection(send: Send) -> None:
    """Cut the connection without a byte of an answer; uvicorn's `send` is a method of what holds the transport."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("the answer is lost")
    transport.abort()
