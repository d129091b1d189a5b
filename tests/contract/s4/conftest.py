"""One simulator for all tests of a module, as new for each."""

from collections.abc import Iterator

import pytest

from dev.sap.s4 import Running, start


@pytest.fixture(scope="module")
def system() -> Iterator[Running]:
    with start() as running:
        yield running


@pytest.fixture
def s4(system: Running) -> Running:
    system.sim("POST", "reset")
    return system
