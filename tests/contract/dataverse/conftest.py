"""One simulator for all tests of a module; a module whose tests would disturb each other has its own fixtures."""

from collections.abc import Iterator

import httpx
import pytest

from dev.dynamics.dataverse import Running, start


@pytest.fixture(scope="module")
def org() -> Iterator[Running]:
    with start() as running:
        yield running


@pytest.fixture(scope="module")
def api(org: Running) -> Iterator[httpx.Client]:
    with org.client() as client:
        yield client
