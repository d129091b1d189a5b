"""The parent process: owns the port, starts the workers, restarts those that die, and ends them in order."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from dev.host.processes.options import Options, environment
from dev.host.processes.proxy import Proxy
from dev.host.processes.wire import Config, make_runner, read_line
from dev.host.settings import SettingsError
from dev.host.web.access import Keys, load_keys

ADDRESS = "127.0.0.1"
_START_SECONDS_MAX = 60.0
_BACKLOG = 256
# Starts in a row that end before the worker is ready; then the host gives up.
_FAILED_STARTS_MAX = 5
# A worker that dies sooner than this after its start is restarted more and more slowly.
_STEADY_SECONDS = 10.0
_RESTART_SECONDS_MAX = 5.0
_log = logging.getLogger("host")


class StartFailed(Exception):
    """No worker can run the app; the text says why."""


@dataclass(slots=True)
class Slot:
    """A place for a worker: its socket outlives the process, so requests wait while it is restarted."""

    index: int
    socket: socket.socket
    process: asyncio.subprocess.Process | None = None
    ready: bool = False
    starts: int = 0
    functions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return int(self.socket.getsockname()[1])

    def described(self) -> dict[str, object]:
        """As it stands in the host's status."""
        pid = self.process.pid if self.process else None
        return {"index": self.index, "pid": pid, "ready": self.ready, "starts": self.starts}


class Supervisor:
    """Runs the workers of one app."""

    def __init__(self, options: Options, env: Mapping[str, str], keys: Keys, data: Path) -> None:
        self._options = options
        self._env = env
        self._keys = keys
        self._data = data
        self.slots = [Slot(index, _listen(0)) for index in range(options.workers)]
        self.stopping = asyncio.Event()
        self.failure: StartFailed | None = None

    async def start(self, slot: Slot) -> None:
        """Start a worker and wait until it serves; raises StartFailed."""
        read_fd, write_fd = os.pipe()
        config = Config(
            app=str(self._options.app),
            data=str(self._data),
            socket_fd=slot.socket.fileno(),
            report_fd=write_fd,
            runs_timers=slot.index == 0,
            keys=asdict(self._keys),
            drain_seconds=self._options.drain_seconds,
            verbose=self._options.verbose,
        )
        try:
            slot.starts += 1
            slot.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "dev.host.processes.worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=sys.stderr,
                pass_fds=(slot.socket.fileno(), write_fd),
                env=self._env,
                cwd=Path(__file__).parents[3],
            )
        finally:
            os.close(write_fd)
        if self.stopping.is_set():  # the stop came while the process was made, and has not seen it
            slot.process.terminate()
        if slot.process.stdin:
            slot.process.stdin.write(config.line())
        try:
            async with asyncio.timeout(_START_SECONDS_MAX):
                report = json.loads(await read_line(read_fd) or b"{}")
        except TimeoutError:
            slot.process.kill()
            report = {"error": f"the worker was not ready within {_START_SECONDS_MAX:.0f} s"}
        if "functions" not in report:
            code = await slot.process.wait()
            raise StartFailed(report.get("error") or f"the worker ended with exit code {code} before it was ready")
        slot.functions = report["functions"]
        slot.ready = True

    async def start_all(self) -> bool:
        """Start every worker; False when one cannot run the app (`failure`), or the host is told to stop first."""
        starting = asyncio.gather(*(self.start(slot) for slot in self.slots))
        stop = asyncio.create_task(self.stopping.wait())
        await asyncio.wait((starting, stop), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.wait((starting,))
            return False
        try:
            starting.result()
        except StartFailed as error:
            self.failure = error
        return self.failure is None

    async def keep(self, slot: Slot) -> None:
        """Restart a started worker whenever it ends, until the host stops."""
        quick = failed = 0
        loop = asyncio.get_running_loop()
        while not self.stopping.is_set() and slot.process:
            since = loop.time()
            code = await slot.process.wait()
            slot.ready = False
            if self.stopping.is_set():
                return
            quick = 0 if loop.time() - since > _STEADY_SECONDS else quick + 1
            _log.warning("worker %s ended with exit code %s; restarting it", slot.index, code)
            await asyncio.sleep(min(_RESTART_SECONDS_MAX, 0.1 * 2 ** (quick - 1)) if quick else 0)
            if self.stopping.is_set():
                return
            try:
                await self.start(slot)
                failed = 0
            except StartFailed as error:
                failed += 1
                _log.error("worker %s: %s", slot.index, error)
                if failed >= _FAILED_STARTS_MAX:
                    self.failure = error
                    self.stopping.set()

    async def stop(self) -> None:
        """End every worker: drained if it can be in time, killed if not."""
        self.stopping.set()
        processes = [slot.process for slot in self.slots if slot.process and slot.process.returncode is None]
        for slot in self.slots:
            if slot.process and slot.process.returncode is None:
                # One that is still importing its app cannot listen, and has nothing to end in order.
                slot.process.terminate() if slot.ready else slot.process.kill()
        try:
            async with asyncio.timeout(self._options.drain_seconds + 5):
                await asyncio.gather(*(process.wait() for process in processes))
        except TimeoutError:
            for process in processes:
                if process.returncode is None:
                    process.kill()
            await asyncio.gather(*(process.wait() for process in processes))


async def run(options: Options) -> int:
    """Run the host until SIGTERM or SIGINT; gives the exit code."""
    with ExitStack() as stack:
        data = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="functions-host-")))
        data.mkdir(parents=True, exist_ok=True)
        try:
            front = stack.enter_context(_front(options.port))
            url = f"http://{ADDRESS}:{front.getsockname()[1]}"
            env = environment(options, url)
            keys = load_keys(options.key, options.app, env)
        except SettingsError as error:
            return _refuse(str(error))
        supervisor = Supervisor(options, env, keys, data)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, supervisor.stopping.set)
        for slot in supervisor.slots:
            stack.enter_context(slot.socket)
        if not await supervisor.start_all():
            await supervisor.stop()
            return _exit_code(supervisor)
        keeping = [asyncio.create_task(supervisor.keep(slot)) for slot in supervisor.slots]
        proxy = Proxy(supervisor.slots)
        runner = make_runner(proxy.application(), shutdown_seconds=1.0)
        await runner.setup()
        await web.SockSite(runner, front, backlog=_BACKLOG).start()
        _announce(url, keys, supervisor.slots[0].functions, verbose=options.verbose)
        await supervisor.stopping.wait()
        proxy.stopping = True
        await supervisor.stop()
        await runner.cleanup()
        await asyncio.gather(*keeping)
        return _exit_code(supervisor)


def _exit_code(supervisor: Supervisor) -> int:
    return _refuse(str(supervisor.failure)) if supervisor.failure else 0


def _front(port: int) -> socket.socket:
    try:
        return _listen(port)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"port {port} of {ADDRESS} cannot be taken ({error}); --port names another, 0 any"
        ) from error


def _listen(port: int) -> socket.socket:
    listening = socket.create_server((ADDRESS, port), backlog=_BACKLOG)
    listening.setblocking(False)  # noqa: FBT003  the standard library's own parameter
    return listening


def _refuse(text: str) -> int:
    print(f"functions host: {text}", file=sys.stderr, flush=True)
    return 1


def _announce(url: str, keys: Keys, functions: list[dict[str, Any]], *, verbose: bool) -> None:
    print(f"functions host ready {url}", flush=True)
    if not verbose:
        return
    print(f"  key {keys.default}")
    for row in functions:
        where = row.get("route") or row.get("queueName") or row.get("topicName") or row.get("schedule") or ""
        methods = ",".join(row.get("methods") or ())
        print(f"  {row['name']:<32} {row['type']:<20} {methods} {where}{'  (disabled)' if row['disabled'] else ''}")
    sys.stdout.flush()
