"""Starts Azurite, Microsoft's emulator of Azure Storage, for tests and the local cloud.

Runs it as a child process on free ports of 127.0.0.1. Not a simulator of ours: nothing here knows the protocol.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
ACCOUNT = "devstoreaccount1"
# The published key of the emulator's only account (Azurite README): not a secret.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
SERVICES = ("blob", "queue", "table")


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running emulator. `ports` are those of blob, queue and table; `data` is the folder that it writes to."""

    ports: tuple[int, int, int]
    data: Path
    process: subprocess.Popen[bytes]

    @property
    def connection_string(self) -> str:
        """Return what Azure's clients take to connect to all three services."""
        return connection_string(*self.ports)

    def kill(self) -> None:
        """End it at once, as a power cut would: what was not flushed in the last seconds is lost."""
        self.process.kill()
        self.process.wait(timeout=10)


@contextmanager
def start(
    data: Path | None = None,
    *,
    blob_port: int = 0,
    queue_port: int = 0,
    table_port: int = 0,
    ready_seconds: float = 30,
) -> Iterator[Azurite]:
    """Run Azurite until the block ends, then let it flush to `data` (None: a folder that goes away with it).

    Port 0 means a free one. Raises `RuntimeError` when it is not there, or does not listen within `ready_seconds`.
    """
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="azurite-")))
        folder.mkdir(parents=True, exist_ok=True)
        ports = _ports(blob_port, queue_port, table_port)
        log = stack.enter_context((folder / "azurite.log").open("ab"))
        process = subprocess.Popen(_command(folder, ports), stdout=log, stderr=log)  # noqa: S603  our own command
        stack.callback(_stop, process)
        _await_ready(process, ports, folder, ready_seconds)
        yield Azurite(ports, folder, process)


def connection_string(*ports: int) -> str:
    """Return the connection string of an emulator whose blob, queue and table services listen on these ports."""
    endpoints = (
        f"{service.capitalize()}Endpoint=http://127.0.0.1:{port}/{ACCOUNT};"
        for service, port in zip(SERVICES, ports, strict=True)
    )
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};{''.join(endpoints)}"


def _command(folder: Path, ports: tuple[int, int, int]) -> list[str]:
    if not SCRIPT.exists():
        raise RuntimeError(f"{SCRIPT.relative_to(ROOT)} is missing: run `make setup` first")
    # The table-only entry point loses recent rows on SIGTERM; the full one flushes (seen with Azurite 3.35).
    command = [node(), str(SCRIPT), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    command += ["--location", str(folder)]
    for service, port in zip(SERVICES, ports, strict=True):
        command += [f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port)]
    return command


def node() -> str:
    """Return the path of Node.js: the one that `make setup` took from PyPI for want of another, else from PATH."""
    if found := shutil.which("node", path=ROOT / ".tools" / "bin") or shutil.which("node"):
        return found
    raise RuntimeError("Node.js is neither on PATH nor in .tools/bin: run `make setup`")


def _ports(*wanted: int) -> tuple[int, int, int]:
    """Replace zeros by free ports; all are held until the last is known, so that no two are the same."""
    with ExitStack() as stack:
        found = []
        for port in wanted:
            probe = stack.enter_context(socket.socket())
            if port == 0:
                probe.bind(("127.0.0.1", 0))
                found.append(int(probe.getsockname()[1]))
            else:
                found.append(port)
    blob, queue, table = found
    return blob, queue, table


def _await_ready(process: subprocess.Popen[bytes], ports: tuple[int, ...], folder: Path, ready_seconds: float) -> None:
    deadline = time.monotonic() + ready_seconds
    for port in ports:
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                said = (folder / "azurite.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"Azurite does not listen on port {port} (exit {process.poll()}): {said}")
            time.sleep(0.05)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=20)  # it flushes its tables first
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=10)
