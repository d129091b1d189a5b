"""What the supervisor and its workers agree on. Imports nothing of the runtime, so that the supervisor starts fast."""

import asyncio
import json
import os
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web

BODY_BYTES_MAX = 210 * 1024 * 1024  # Flex Consumption's limit of a request
_HEADER_BYTES_MAX = 64 * 1024  # X-MS-CLIENT-PRINCIPAL can be long


@dataclass(frozen=True, slots=True)
class Config:
    """What the supervisor tells a worker; `runs_timers` in exactly one of them."""

    app: str
    data: str
    socket_fd: int
    report_fd: int
    runs_timers: bool
    keys: dict[str, Any]
    drain_seconds: float
    verbose: bool

    def line(self) -> bytes:
        """As it is written to the worker's stdin."""
        return json.dumps(asdict(self)).encode() + b"\n"


def make_runner(application: web.Application, shutdown_seconds: float) -> web.AppRunner:
    """Make the runner of an application: bodies are never unpacked, headers may be long."""
    return web.AppRunner(
        application,
        access_log=None,
        auto_decompress=False,
        max_field_size=_HEADER_BYTES_MAX,
        max_line_size=_HEADER_BYTES_MAX,
        shutdown_timeout=shutdown_seconds,
    )


async def read_line(read_fd: int) -> bytes:
    """Read the one line that a worker reports; closes the descriptor."""
    reader = asyncio.StreamReader()
    pipe = os.fdopen(read_fd, "rb")
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        return await reader.readline()
    finally:
        transport.close()
