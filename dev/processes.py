"""Runs one program of the local cloud as a child process: waits until it is ready, ends it with the block."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
READY_SECONDS = 60.0
STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Program:
    """A running program. `ready` is the line that it said; `log` holds everything else."""

    name: str
    ready: str
    log: Path
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        """Return the address in the ready line."""
        found = re.search(r"https?://\S+", self.ready)
        if found is None:
            raise RuntimeError(f"{self.name} named no address: {self.ready!r}")
        return found[0]


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def run(
    name: str, arguments: Sequence[str], logs: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run `python -m arguments…` until the block ends. Raises `RuntimeError` with the end of its log if it fails.

    `settings` are laid over this process's own environment.
    """
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{name}.log"
    with log.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(  # noqa: S603 -- our own programs
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            env={**os.environ, **(settings or {})},
        )
        try:
            yield Program(name, _first_line(name, process, log), log, process)
        finally:
            _stop(process)


def _first_line(name: str, process: subprocess.Popen[str], log: Path) -> str:
    patience = threading.Timer(READY_SECONDS, process.kill)
    patience.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        patience.cancel()
    if not line:
        raise RuntimeError(f"{name} did not start; the end of {log.name}:\n{log.read_text('utf-8')[-2000:]}")
    return line.strip()


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
