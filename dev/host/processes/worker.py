"""One worker process: its own runtime, pumps and HTTP server, as one instance of the app in Azure.

Started by the supervisor only: the first line on stdin is its `Config`, the end of stdin means that the supervisor is
gone. It reports once, on a descriptor it was given: its functions, or why the app cannot run.
"""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from aiohttp import web

from dev.host.bus.link import Link
from dev.host.bus.message import by_hand
from dev.host.bus.pump import Pump
from dev.host.function import Function
from dev.host.host_json import HostJson, read_host_json
from dev.host.processes.wire import Config, make_runner
from dev.host.runtime import IndexingFailed, Outcome, Runtime, trace_from
from dev.host.settings import SettingsError, resolve_connection
from dev.host.timers.listener import Timer, make_timer
from dev.host.timers.status import StatusFile
from dev.host.web.access import Keys
from dev.host.web.front import Front
from dev.host.web.routes import order, parse

EXIT_REFUSED = 3  # the app cannot run
EXIT_TIMED_OUT = 4  # a function ran longer than functionTimeout
EXIT_CUT = 5  # the drain's bound was reached

# Between a time-out and the end of the process: for HTTP answers and abandoned messages.
_CONDEMNED_SECONDS = 1.0
_QUIET = {"azure": "WARNING", "azure.servicebus": "ERROR"}
_log = logging.getLogger("host")
_last: set[asyncio.Future[None]] = set()  # the loop itself holds a task only weakly


@dataclass(slots=True)
class Worker:
    """What runs in this process."""

    config: Config
    host: HostJson
    runtime: Runtime
    link: Link
    stopping: asyncio.Event
    functions: Sequence[Function] = ()
    timers: dict[str, Timer] | None = None
    pumps: Sequence[Pump] = ()

    async def load(self) -> Front:
        """Index the app and prepare every function; raises IndexingFailed, SettingsError or ValueError."""
        self.functions = await self.runtime.load(Path(self.config.app), os.environ)
        enabled = [function for function in self.functions if not function.disabled]
        by_type = {kind: [f for f in enabled if f.trigger["type"] == kind] for kind in ("httpTrigger", "timerTrigger")}
        status_file = StatusFile(Path(self.config.data) / "timers.json")
        try:
            self.timers = {
                function.name: make_timer(function, self.runtime, status_file, self.stopping)
                for function in by_type["timerTrigger"]
            }
            routes = order([parse(function, self.host.route_prefix) for function in by_type["httpTrigger"]])
        except ValueError as error:
            raise SettingsError(str(error)) from error
        self.pumps = [self._pump(f) for f in enabled if f.trigger["type"] == "serviceBusTrigger"]
        for function in enabled:
            for binding in function.outputs:
                if binding["type"] == "serviceBus":
                    resolve_connection(function.name, binding, os.environ)
        return Front(self.runtime, self.functions, routes, Keys(**self.config.keys), self.fire, self.stopping)

    def _pump(self, function: Function) -> Pump:
        resolve_connection(function.name, function.trigger, os.environ)
        connect = partial(self.link.client, function, function.trigger)
        pump = Pump(function, self.runtime, self.host, self.stopping, connect)
        pump.check()
        return pump

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Everything that goes on until the host stops."""
        timers = (self.timers or {}).values() if self.config.runs_timers else ()
        return [*(pump.run() for pump in self.pumps), *(timer.run() for timer in timers)]

    async def fire(self, function: Function, text: str | None) -> Outcome:
        """Run a function by hand."""
        if self.timers and function.name in self.timers:
            return await self.timers[function.name].fire_by_hand()
        datum, metadata = by_hand(text)
        return await self.runtime.invoke(function, [(function.trigger["name"], datum)], metadata, trace_from(None))


async def serve(config: Config) -> int:
    """Run the app until told to stop; gives the exit code."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await loop.connect_read_pipe(lambda: _Lifeline(stopping), sys.stdin)
    link = Link()
    runtime = Runtime(link.send)
    try:
        host = read_host_json(Path(config.app) / "host.json")
        _configure_logging(host.log_level, verbose=config.verbose)
        if host.without_effect and config.runs_timers:  # once, whatever the number of workers
            _log.warning("host.json: without effect on this host: %s", ", ".join(host.without_effect))
        worker = Worker(config, host, runtime, link, stopping)
        front = await worker.load()
    except (IndexingFailed, SettingsError) as refusal:
        _report(config, {"error": str(refusal)})
        return EXIT_REFUSED
    runner = make_runner(front.application(), config.drain_seconds)
    await runner.setup()
    site = web.SockSite(runner, socket.socket(fileno=config.socket_fd))
    await site.start()
    if host.function_timeout_seconds is not None:
        condemn = partial(loop.call_soon_threadsafe, _condemn, runtime, site, stopping)
        threading.Thread(target=_watch, args=(runtime, host.function_timeout_seconds, condemn), daemon=True).start()
    tasks = {asyncio.create_task(part) for part in worker.work()}
    _report(config, {"functions": [_row(function) for function in worker.functions]})
    await stopping.wait()
    ending: set[asyncio.Future[Any]] = {*tasks, *front.fired, asyncio.create_task(runner.cleanup())}
    _, late = await asyncio.wait(ending, timeout=config.drain_seconds)
    if late:
        _log.error("Still running after %s s: %s", config.drain_seconds, _names(runtime))
        return EXIT_CUT
    await link.close()
    return EXIT_TIMED_OUT if runtime.is_condemned else 0


class _Lifeline(asyncio.Protocol):
    """Stops the worker when its supervisor is gone, however that ended."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self._stopping = stopping

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._stopping.set()


def _condemn(runtime: Runtime, site: web.SockSite, stopping: asyncio.Event) -> None:
    """Fail what is running and take nothing more: requests wait at the supervisor's socket for the next process."""
    runtime.condemn()
    stopping.set()
    _last.add(asyncio.ensure_future(site.stop()))


def _watch(runtime: Runtime, limit_seconds: float, condemn: Callable[[], object]) -> NoReturn:
    """End this process when an invocation runs too long: in a thread, because the loop may be what hangs.

    As in Azure, the other invocations of the worker end with it.
    """
    while True:
        time.sleep(min(1.0, limit_seconds / 4))
        now = time.monotonic()
        late = next((run for run in list(runtime.running.values()) if now - run.started > limit_seconds), None)
        if late is not None:
            _log.error(
                "Timeout value of %s s exceeded by function %s; restarting the worker",
                limit_seconds,
                late.function.name,
            )
            condemn()
            time.sleep(_CONDEMNED_SECONDS)
            logging.shutdown()
            os._exit(EXIT_TIMED_OUT)


def _names(runtime: Runtime) -> str:
    return ", ".join(sorted({run.function.name for run in runtime.running.values()})) or "a connection"


def _row(function: Function) -> dict[str, Any]:
    trigger = {member: value for member, value in function.trigger.items() if value is not None}
    return {**trigger, "name": function.name, "disabled": function.disabled}


def _report(config: Config, document: dict[str, Any]) -> None:
    with os.fdopen(config.report_fd, "wb") as report:
        report.write(json.dumps(document).encode() + b"\n")


def _configure_logging(level: str, *, verbose: bool) -> None:
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=level)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(quiet)
    if verbose:
        _log.setLevel("DEBUG")


def _enter(app: str) -> None:
    """Make the app's folder the place it would be in Azure: working directory and first on the path.

    This project's own root leaves the path, so that an app elsewhere cannot import what it would not find in Azure.
    """
    root = str(Path(__file__).parents[3])
    sys.path[:] = [app, *(entry for entry in sys.path if entry and Path(entry).resolve() != Path(root))]
    os.environ.pop("PYTHONPATH", None)
    os.chdir(app)


def main() -> None:
    """Run a worker as its supervisor says."""
    with os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0) as unbuffered:  # the rest of stdin is the lifeline
        config = Config(**json.loads(unbuffered.readline()))
    _enter(config.app)
    code = asyncio.run(serve(config))
    logging.shutdown()
    if code == EXIT_CUT:
        os._exit(code)  # a thread that a function keeps busy would hold the process up
    sys.exit(code)


if __name__ == "__main__":
    main()
