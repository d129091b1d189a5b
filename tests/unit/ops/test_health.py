import tomllib
from datetime import UTC, datetime
from pathlib import Path

from shared import __version__
from shared.core.digest import Seal
from shared.errors import Unavailable
from shared.ops.watch.health import health
from shared.ports import App
from tests.sim.memory_bus import MemoryBus
from tests.sim.memory_state import MemoryState
from tests.sim.world import Clock, SimSystem


class Down(SimSystem):
    async def identity(self) -> str:
        raise Unavailable("s4: HEAD /sap: no answer (ClientConnectorError); nothing was sent")


def app(erp: SimSystem) -> App:
    clock = Clock(datetime(2026, 3, 1, tzinfo=UTC))
    crm = SimSystem("dynamics", clock, etags=True)
    seal = Seal("k", {"k": b"0123456789abcdef"})
    return App({}, {"dataverse": crm, "s4": erp}, MemoryState(), MemoryBus(clock), seal, clock, lambda: 0.5)


async def test_all_is_well_when_every_dependency_answers() -> None:
    well, found = await health(app(SimSystem("sap", Clock(), etags=False)))
    assert well
    assert found["checks"] == {"dataverse": "ok", "s4": "ok", "state": "ok"}


async def test_what_is_wrong_is_named_with_its_reason() -> None:
    well, found = await health(app(Down("sap", Clock(), etags=False)))
    assert not well
    assert found["status"] == "degraded"
    assert "ClientConnectorError" in found["checks"]["s4"]
    assert found["checks"]["state"] == "ok"


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
