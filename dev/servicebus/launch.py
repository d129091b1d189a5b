"""Starts the bus in a process of its own, for tests and for the local cloud."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

STOP_WAIT_SECONDS = 10
PROJECT = Path(__file__).parents[2]

type QueueOptions = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Bus:
    """A running bus; `process` is there to be watched, or killed by a test."""

    port: int
    admin_url: str
    process: subprocess.Popen[str]

    @property
    def connection_string(self) -> str:
        """What `ServiceBusClient.from_connection_string` takes."""
        return (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=x;"
            "UseDevelopmentEmulator=true;"
        )


@contextmanager
def start(data: Path, queues: Path | QueueOptions | None = None, port: int = 0) -> Iterator[Bus]:
    """Run a bus until the block ends; `port` 0 takes any that is free.

    `data` is where its messages are kept, `queues` a definition file or its content, e.g.
    `{"changes": {"requires_session": True}}`; None takes the product's queues. Raises RuntimeError if it cannot start.
    """
    data.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "dev.servicebus", "--port", str(port), "--data", str(data), "--admin-port", "0"]
    if isinstance(queues, Mapping):
        file = data / "queues.json"
        file.write_text(json.dumps({name: dict(options) for name, options in queues.items()}))
        command += ["--queues", str(file)]
    elif queues is not None:
        command += ["--queues", str(queues)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            yield _wait_until_ready(process)
        finally:
            process.terminate()
            try:
                process.wait(STOP_WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_ready(process: subprocess.Popen[str]) -> Bus:
    """Read the two lines that the bus prints; it either prints them or exits."""
    output: IO[str] | None = process.stdout
    lines = [] if output is None else [output.readline(), output.readline()]
    found = re.search(r"ready amqp://\S+:(\d+)\n.*admin (http://\S+)", "".join(lines))
    if found is None:
        raise RuntimeError(f"The service bus did not start; its own words are above. It said: {lines}")
    return Bus(int(found[1]), found[2], process)
