"""What holds for every test."""

import gc
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

# No test speaks to the world: without this, every httpx client would read its whole list of authorities, 25 ms each.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)


@pytest.fixture(scope="module")
def sockets_left_by_the_sdk() -> Iterator[None]:
    """Collect the sockets of connections that broke, which azure-servicebus 7.15 leaves: here and in no other test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
