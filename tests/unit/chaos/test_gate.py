"""The door that is slammed in front of the table store before it is killed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from dev.chaos.gate import Gate

WAIT_SECONDS = 5


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate in front of a server that says everything back."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_say_back, args=(server,), daemon=True).start()
        made = Gate(server.getsockname()[1])
        try:
            yield made
        finally:
            made.close()


def _say_back(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            with closing(client), suppress(OSError):
                while said := client.recv(100):
                    client.sendall(said)


def call(gate: Gate) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gate.port), timeout=WAIT_SECONDS)


def answer(client: socket.socket, text: bytes = b"hello") -> bytes:
    """Return what comes back; nothing from a connection that is broken."""
    with suppress(ConnectionError):
        client.sendall(text)
        return client.recv(100)
    return b""


def test_an_open_gate_passes_everything_on(gate: Gate) -> None:
    with call(gate) as client:
        assert answer(client) == b"hello"
        assert answer(client, b"again") == b"again"


def test_a_slammed_gate_breaks_what_is_under_way_and_lets_nobody_in(gate: Gate) -> None:
    with call(gate) as client:
        assert answer(client) == b"hello"
        gate.shut()
        assert answer(client) == b""
    with call(gate) as client:
        assert answer(client) == b""


def test_a_gate_opened_again_lets_clients_in(gate: Gate) -> None:
    gate.shut()
    gate.open()
    with call(gate) as client:
        assert answer(client) == b"hello"
