"""Microsoft's own Python runtime (`azure-functions-runtime`, what Azure runs for Python 3.13), driven without gRPC.

The runtime indexes the app and runs its functions; here are only the messages it expects from a host, as plain objects
with the members that it reads. Its refusals are passed on as they are: what it rejects here, it rejects in Azure.
"""

import asyncio
import json
import logging
import re
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime
from azure.functions.meta import Datum
from azure_functions_runtime import native_invocation

from dev.host.function import Function, indexed
from dev.host.settings import SettingsError

Inputs = Sequence[tuple[str, Datum]]
Emit = Callable[["Function", Mapping[str, Any], Datum], Awaitable[None]]

# The runtime has no annotations: through Any the calls need no ignore each.
_microsoft: Any = azure_functions_runtime
_invoke: Any = native_invocation.invocation_request_native
_log = logging.getLogger("host")
_TRACE_PARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_CONDEMNED = "the worker is being restarted after a function's time-out"


class IndexingFailed(Exception):
    """The runtime refused the app; the text is the runtime's own, with its stack trace."""


class _Record(SimpleNamespace):
    """A protocol message, as far as the runtime looks into it."""


class _Status(_Record):
    Success, Failure = "Success", "Failure"


class _BindingInfo(_Record):
    # BindingInfo.Direction and .DataType of FunctionRpc.proto
    out, inout, undefined = 1, 2, 0


_PROTOS = SimpleNamespace(
    StatusResult=_Status,
    BindingInfo=_BindingInfo,
    **dict.fromkeys(
        (
            *("WorkerInitResponse", "WorkerMetadata", "FunctionMetadataResponse", "RpcFunctionMetadata"),
            *("RpcRetryOptions", "RpcException", "FunctionLoadResponse"),
        ),
        _Record,
    ),
)


@dataclass(frozen=True, slots=True)
class Trace:
    """W3C trace context of an invocation."""

    parent: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended; `outputs` are by parameter name, `$return` among them."""

    ok: bool
    outputs: Mapping[str, Datum | None] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One run of a function; `started` is of `time.monotonic`, `retries` counts those before it."""

    id: str
    started: float
    function: Function
    inputs: Inputs
    metadata: Mapping[str, Datum]
    trace: Trace
    retries: int


def trace_from(parent: str | None, state: str | None = None) -> Trace:
    """Take the caller's trace context over as it is; without a valid one a new trace begins."""
    if parent and _TRACE_PARENT.fullmatch(parent):
        return Trace(parent, state or "")
    return Trace(f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01")


def json_datum(value: object) -> Datum:
    """Make a datum as the real host sends everything but text and bytes: as JSON."""
    return Datum(json.dumps(value), "json")


class Runtime:
    """The indexed app of this process, and what it is running at the moment."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._condemned: asyncio.Future[None] | None = None
        self.running: dict[str, Invocation] = {}

    async def load(self, app: Path, env: Mapping[str, str]) -> list[Function]:
        """Index the app; raises `IndexingFailed` with the runtime's words, or `SettingsError`."""
        self._condemned = asyncio.get_running_loop().create_future()
        _microsoft.start_threadpool_executor()
        request = _Record(
            request=_Record(worker_init_request=_Record(capabilities={}, function_app_directory=str(app))),
            properties={"host": "127.0.0.1", "protos": _PROTOS},
        )
        answer = await _microsoft.worker_init_request(request)
        if answer.result.status != _Status.Success:
            raise IndexingFailed(f"{answer.result.exception.message}\n{answer.result.exception.stack_trace}")
        if "HttpUri" in answer.capabilities:
            raise SettingsError("HTTP streams (azurefunctions-extensions-http-fastapi) are not provided by this host")
        entries = (await _microsoft.functions_metadata_request(None)).function_metadata_results
        if not entries:
            raise SettingsError(f"no functions found in {app} (is there a function_app.py?)")
        return indexed(entries, env)

    async def invoke(
        self, function: Function, inputs: Inputs, metadata: Mapping[str, Datum], trace: Trace, retries: int = 0
    ) -> Outcome:
        """Run a function once and send what it put out; never raises for what the function does."""
        if self._condemned is None:
            raise RuntimeError("the app is not loaded")
        if self.is_condemned:
            return Outcome(ok=False, error=_CONDEMNED)
        invocation = Invocation(str(uuid.uuid4()), time.monotonic(), function, inputs, metadata, trace, retries)
        self.running[invocation.id] = invocation
        work = asyncio.ensure_future(self._call(invocation))
        try:
            await asyncio.wait((work, self._condemned), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                outcome = Outcome(ok=False, error=_CONDEMNED)
            elif work.cancelled():
                outcome = Outcome(ok=False, error="CancelledError()")
            else:
                outcome = work.result()
        finally:
            del self.running[invocation.id]
        if outcome.ok:
            _log.debug("Executed %s (succeeded, id %s)", function.name, invocation.id)
        else:
            _log.error("Executed %s (failed, id %s): %s", function.name, invocation.id, outcome.error)
        return outcome

    async def _call(self, invocation: Invocation) -> Outcome:
        function, trace = invocation.function, invocation.trace
        ok, returned, outputs, error, _ = await _invoke(
            invocation.id,
            function.id,
            invocation.inputs,
            invocation.metadata,
            trace_parent=trace.parent,
            trace_state=trace.state,
            retry_count=invocation.retries,
            max_retry_count=function.retry.count_max if function.retry else 0,
        )
        if not ok:
            return Outcome(ok=False, error=error)
        results = {**dict(outputs), "$return": returned}
        for binding in function.outputs:
            datum = results.get(binding["name"])
            if binding["type"] == "serviceBus" and datum is not None:
                await self._emit(function, binding, datum)
        return Outcome(ok=True, outputs=results)

    @property
    def is_condemned(self) -> bool:
        """Whether the process is about to end because of a time-out."""
        return self._condemned is not None and self._condemned.done()

    def condemn(self) -> None:
        """Let every running invocation fail at once; the process must end soon after."""
        if self._condemned is not None and not self._condemned.done():
            self._condemned.set_result(None)
