"""A door in front of a TCP server that can be slammed: what is under way breaks, what comes is turned away.

The table store writes its file every few seconds only, and Azure's never loses what it has acknowledged. So before it
is killed its door is shut, and what it has acknowledged reaches the disk; its clients see a store that dies in the
middle of their calls all the same.
"""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

CHUNK_BYTES = 65_536
WAIT_SECONDS = 10


class Gate:
    """Listens on a free port and passes everything on to `target`, a port of this machine."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._shut = False
        self._inside: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._wait(asyncio.start_server(self._pass_on, "127.0.0.1", 0))
        self.port = int(self._server.sockets[0].getsockname()[1])

    def shut(self) -> None:
        """Break every connection, and let nobody in."""
        self._wait(self._slam())

    def open(self) -> None:
        """Let clients in again."""
        self._shut = False

    def close(self) -> None:
        """Listen no more."""
        self._wait(self._slam())
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_SECONDS)
        self._loop.close()

    def _wait[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_SECONDS)

    async def _slam(self) -> None:
        self._shut = True
        for writer in list(self._inside):
            writer.transport.abort()
        await asyncio.sleep(0)  # the pumps see it

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._shut:
            writer.transport.abort()
            return
        self._inside.add(writer)
        try:
            with suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
                self._inside.add(far_writer)
                try:
                    await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
                finally:
                    self._inside.discard(far_writer)
                    far_writer.transport.abort()
        finally:
            self._inside.discard(writer)
            writer.transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(CHUNK_BYTES):
        sink.write(chunk)
        await sink.drain()
    sink.transport.abort()  # one way closed: HTTP has no use for the other alone
