"""A scripted server on a real socket: for answers that no well-behaved simulator gives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

type Script = Callable[["Asked"], Awaitable[bytes | None] | bytes | None]


class Cut(bytes):
    """An answer after which the connection is dropped."""


@dataclass
class Asked:
    """One request as it arrived. `headers` have lower-case names."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Wire:
    """Where the server listens, and what it was asked so far."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)


def answer(status: int, body: bytes | str = b"", **headers: str) -> bytes:
    """Return a whole HTTP answer; header names with underscores for dashes."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[Wire]:
    """Serve until the block ends. A script that returns None drops the connection without an answer."""
    wire = Wire()
    writers: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                method, path, _ = head[0].split(" ")
                asked = Asked(method, path, headers, body)
                wire.asked.append(asked)
                said = script(asked)
                text = said if said is None or isinstance(said, bytes) else await said
                if text is None:
                    break
                writer.write(text)
                await writer.drain()
                if isinstance(text, Cut):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        server.close()
        for writer in list(writers):
            writer.close()
        await server.wait_closed()
