"""Runs a host for the length of a test."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

_START_SECONDS_MAX = 90.0
_DRAIN_SECONDS = 10.0
_READY = "functions host ready "


@dataclass(frozen=True, slots=True)
class Host:
    """A running host: its `url` ("http://127.0.0.1:50123"), the `key` that opens everything, and its process."""

    url: str
    key: str
    process: subprocess.Popen[str]
    log_file: Path

    def log(self) -> str:
        """Give what the host and the app have logged so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def stop(self, wait_seconds: float = _DRAIN_SECONDS + 20) -> int:
        """End it in order (SIGTERM) and give its exit code; killed if it takes longer."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(wait_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class HostNotStarted(Exception):
    """The host ended before it was ready; the text is what it had logged."""


@contextmanager
def start(
    app_dir: Path | str, settings: Mapping[str, str], port: int = 0, workers: int = 1, data: Path | str | None = None
) -> Iterator[Host]:
    """Run a host in a process of its own for the length of a `with` block; raises HostNotStarted.

    `settings` win over the environment of this process. `data` keeps the timers' status from one start to the next.
    """
    key = secrets.token_urlsafe(16)
    with tempfile.TemporaryDirectory(prefix="functions-host-") as folder:
        settings_file, log_file = Path(folder, "settings.json"), Path(folder, "host.log")
        settings_file.write_text(json.dumps({"Values": dict(settings)}), encoding="utf-8")
        options = {
            "--app": app_dir,
            "--port": port,
            "--workers": workers,
            "--settings": settings_file,
            "--data": data or folder,
            "--key": key,
            "--drain": _DRAIN_SECONDS,
        }
        command = [sys.executable, "-m", "dev.host", *(f"{name}={value}" for name, value in options.items())]
        env = {name: value for name, value in os.environ.items() if name not in settings}
        env["PYTHONPATH"] = str(Path(__file__).parents[3])
        with (
            log_file.open("w", encoding="utf-8") as log,
            subprocess.Popen(  # noqa: S603  this program, started with itself
                command, env=env, stdout=subprocess.PIPE, stderr=log, text=True
            ) as process,
        ):
            host = Host(_first_url(process, log_file), key, process, log_file)
            try:
                yield host
            finally:
                host.stop()


def _first_url(process: subprocess.Popen[str], log_file: Path) -> str:
    if process.stdout is None:
        raise HostNotStarted("the host has no output")
    limit = Timer(_START_SECONDS_MAX, process.kill)
    limit.start()
    try:
        line = process.stdout.readline()
    finally:
        limit.cancel()
    if not line.startswith(_READY):
        process.kill()
        process.wait()
        raise HostNotStarted(log_file.read_text(encoding="utf-8", errors="replace"))
    return line.removeprefix(_READY).strip()
