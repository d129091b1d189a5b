"""A bus for each module, and links to it that stay open until the module ends."""

from collections.abc import Iterator

import pytest

from tests.contract.servicebus.running import Links, RunningBus, open_links, running_bus


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBus]:
    with running_bus(tmp_path_factory.mktemp("bus")) as running:
        yield running


@pytest.fixture(scope="module")
def links(bus: RunningBus) -> Iterator[Links]:
    with open_links(bus) as opened:
        yield opened
