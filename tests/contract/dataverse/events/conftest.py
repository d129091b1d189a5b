"""A webhook's far end for each test, and a client of the organisation that tells it."""

from collections.abc import Iterator

import httpx
import pytest

from dev.dynamics.dataverse import Running
from tests.webhook import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as told:
        yield told


@pytest.fixture
def api(org: Running) -> Iterator[httpx.Client]:
    with org.client() as client:
        yield client
