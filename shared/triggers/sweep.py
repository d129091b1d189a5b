"""The one timer. Each minute it asks which flows are due; the work itself travels over the bus."""

import azure.functions as func

from shared.ops.privacy.retention import purge_due
from shared.ops.reconcile import steps
from shared.ops.sweep import start_due, visit_waiters
from shared.ops.watch import gauges
from shared.ops.watch.report import kept
from shared.ports import App
from shared.telemetry import event
from shared.triggers.told import veiled
from shared.wiring import WORKER

blueprint = func.Blueprint()


@blueprint.timer_trigger(schedule="0 * * * * *", arg_name="timer", run_on_startup=False, use_monitor=False)
async def sweep(timer: func.TimerRequest) -> None:
    """Start the sweeps and reconciles that are due, and look at who has waited for too long."""
    with veiled():
        await _minute(await WORKER.app(), past_due=int(bool(timer.past_due)))


async def _minute(app: App, past_due: int) -> None:
    started = await start_due(app)
    compared = await steps.start_due(app, f"reconcile-{app.now():%Y%m%d%H%M}")
    late = await visit_waiters(app, app.wait_limit)
    if gauges.due(app.now()):
        await gauges.measure(app)
    event("sweep", flows=", ".join(started), late_waiters=late, past_due=past_due, reconciles=", ".join(compared))
    await kept.start_due(app)  # the least urgent comes last
    if purged := await purge_due(app):
        event("purged", what=purged)
