"""Stands between the app and its table store, passes every byte on, and counts the requests."""

import re
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from dev.azurite import ACCOUNT, ACCOUNT_KEY

CHUNK_BYTES = 65536
START_SECONDS_MAX = 60
# A request's first line; the parts of a transaction begin with an absolute address and are no requests of their own.
HEAD = re.compile(rb"(GET|POST|PUT|PATCH|MERGE|DELETE) (/[^ ]*) HTTP/1\.1\r\n")


class Meter:
    """A TCP forwarder. `lead_to` tells where to, and may come after the first caller."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._port = 0
        self._known = threading.Event()
        self._asked: list[str] = []

    @property
    def connection_string(self) -> str:
        """Return what the app takes for its tables."""
        port = self._server.getsockname()[1]
        endpoint = f"TableEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};{endpoint}"

    def lead_to(self, connection_string: str) -> None:
        """Forward to the table endpoint that a connection string names."""
        found = re.search(r"TableEndpoint=http://127\.0\.0\.1:(\d+)/", connection_string)
        assert found is not None
        self._port = int(found[1])
        self._known.set()

    def take(self) -> list[str]:
        """Return the requests since the last look, such as 'GET links', and forget them."""
        taken, self._asked = self._asked, []
        return sorted(taken)

    def seen(self, request: str) -> bool:
        """Return whether a request, such as 'GET waiting', came since the last look."""
        return request in self._asked

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        self._known.wait(START_SECONDS_MAX)
        with suppress(OSError), near, socket.create_connection(("127.0.0.1", self._port)) as far:
            back = threading.Thread(target=self._pass_on, args=(far, near), daemon=True)
            back.start()
            self._pass_on(near, far, count=True)
            back.join()

    def _pass_on(self, source: socket.socket, target: socket.socket, *, count: bool = False) -> None:
        tail = b""
        with suppress(OSError):
            while chunk := source.recv(CHUNK_BYTES):
                if count:
                    tail = self._count(tail + chunk)
                target.sendall(chunk)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _count(self, seen: bytes) -> bytes:
        """Note the requests; return what may be the beginning of a first line."""
        last = 0
        for found in HEAD.finditer(seen):
            path = found[2].decode("ascii").removeprefix(f"/{ACCOUNT}/")
            self._asked.append(f"{found[1].decode('ascii')} {re.split(r'[(?]', path)[0]}")
            last = found.end()
        return seen[max(last, len(seen) - CHUNK_BYTES) :]
