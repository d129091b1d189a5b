"""A running Azurite for all, and states in it on tables that no other test uses."""

from collections.abc import AsyncIterator, Iterator

import pytest

from dev import azurite
from shared.core.link import Link
from shared.ports import State
from shared.state.tables import TableState
from tests.contract.state.stores import Wire, table_state
from tests.sim.memory_state import MemoryState


@pytest.fixture(scope="session")
def storage() -> Iterator[azurite.Azurite]:
    with azurite.start() as running:
        yield running


@pytest.fixture(params=["tables", "memory"])
async def state(request: pytest.FixtureRequest) -> AsyncIterator[State]:
    """Yield each kind of `State` in turn, empty."""
    if request.param == "memory":
        yield MemoryState()
        return
    async with table_state(request.getfixturevalue("storage")) as tables:
        yield tables


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.fixture
async def watched(storage: azurite.Azurite, wire: Wire) -> AsyncIterator[TableState]:
    """Yield a state whose `links` table exists, so that the wire shows the usual calls."""
    async with table_state(storage, transport=wire) as tables:
        await tables.save(Link("warm up", "k"))
        wire.sent.clear()
        yield tables
