"""Worlds for the tests of reconcile: linked pairs, and a run from its first message to its last."""

from typing import Any

from shared.core.model import Change
from shared.ops.reconcile import steps
from shared.ops.reconcile.run import Run, last_run
from shared.ports import Reconciling
from shared.steps.dispatch import dispatch
from tests.bulk.world import PARTNER, World

FREELY = Reconciling(writes_max=1_000, writes_percent_max=100, nights=0)


async def linked(count: int, reconciling: Reconciling = FREELY) -> tuple[World, list[str]]:
    """A world of linked pairs that all are in step."""
    world = World(reconciling)
    keys = world.accounts(count)
    for key in keys:
        await dispatch([changed(key)], world.app)
    await world.run()
    world.forget()
    return world, keys


def changed(key: str) -> Any:
    return Change(PARTNER, "dynamics", key, f"o {key}", "c")


async def reconcile(world: World, run_id: str = "reconcile-1", **asked: Any) -> Run:
    await steps.start(PARTNER, world.app, run_id=run_id, asked_by="test", **asked)
    await world.run()
    run = await last_run(PARTNER, world.app)
    assert run is not None
    return run


def found(run: Run) -> dict[str, str]:
    return {one.key: one.what for one in run.findings}
