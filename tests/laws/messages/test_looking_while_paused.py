"""What only looks goes on while its flow is paused: stage 4 of docs/operate/rollout.md is a paused flow, reconciled."""

from dataclasses import replace

import pytest

from shared.core.messages import encode_all
from shared.ops.backfill import job
from shared.ops.reconcile import steps
from shared.ops.reconcile.run import last_run
from shared.ports import App, Reconciling
from shared.steps.pausing import keep_paused
from shared.triggers.process import settle_one, take
from tests.laws.world import World


async def test_a_paused_flow_is_reconciled() -> None:
    world = World()
    app = replace(world.app, reconciling=Reconciling({"every": "1d"}, repairs=False))
    await keep_paused("s4/partner", "ann", "stage 4", app)
    await steps.start_due(app, "r")
    world.clock.move(90_000)
    assert "s4/partner" in await steps.start_due(app, "r")
    (driver,) = (d.message.change for d in world.bus.queue if d.message.change.flow == "s4/partner")
    assert (await settle_one(driver, app)).outcome == "swept"


async def test_nothing_of_a_paused_system_is_read() -> None:
    world = World()
    app = replace(world.app, reconciling=Reconciling({"every": "1d"}, repairs=False))
    await steps.start_due(app, "r")
    world.clock.move(90_000)
    await keep_paused("s4", "ann", "upgrade", app)
    assert await steps.start_due(app, "r") == []


async def test_the_repairs_of_a_paused_flow_wait_until_it_resumes() -> None:
    world = World()
    d, s = await world.linked()
    world.crm.edit(d, city="Oslo")
    app = replace(world.app, reconciling=Reconciling({"every": "1d"}, repairs=True, writes_percent_max=100))
    await keep_paused("s4/partner", "ann", "closing", app)
    await steps.start("s4/partner", app, run_id="r", asked_by="ann")
    await worked(world, app)
    run = await last_run("s4/partner", app)
    assert run is not None
    assert (run.stage, run.state, run.enqueued) == ("enqueue", "running", 0)
    assert world.erp.rows[s].values.get("town") != "Oslo"


@pytest.mark.parametrize("dry_run", [True, False])
async def test_only_the_dry_run_of_a_load_goes_on_while_its_flow_is_paused(dry_run: bool) -> None:
    world = World()
    world.account()
    await keep_paused("s4/partner", "ann", "stage 2", world.app)
    await job.start(job.Job("j", "s4/partner", "dynamics", world.clock(), "ann", dry_run=dry_run), world.app)
    await worked(world, world.app)
    told = await job.load("j", world.app)
    assert (told.listed, told.plan is not None) == (dry_run, dry_run)
    assert not world.erp.rows


async def worked(world: World, app: App) -> None:
    """Work off what is due now; what waits for a resume is scheduled for later."""
    while (delivery := world.bus.receive("backfill")) is not None:
        await take(encode_all((delivery.message.change, *delivery.message.also)), app)
        world.bus.complete(delivery)
