"""Takes changes off the bus. A message is completed when its outcome is durable; an exception gives it back."""

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial

import azure.functions as func

from shared.core.messages import decode_all
from shared.core.model import Cause, Change
from shared.ops.backfill import job
from shared.ops.backfill.chunks import work_off
from shared.ops.reconcile import steps
from shared.ops.reconcile.run import last_run
from shared.ops.sweep import sweep_page
from shared.ops.watch import gauges
from shared.ports import App
from shared.settlement import Settled, settle, settled
from shared.telemetry import event, operation, reporting
from shared.triggers.told import tell, veiled
from shared.wiring import WORKER

blueprint = func.Blueprint()


@blueprint.service_bus_queue_trigger(
    arg_name="msg", queue_name="changes", connection="ServiceBus", is_sessions_enabled=True
)
async def changes(msg: func.ServiceBusMessage) -> None:
    """Bring one pair into step."""
    await process(msg, "changes")


@blueprint.service_bus_queue_trigger(
    arg_name="msg", queue_name="backfill", connection="ServiceBus", is_sessions_enabled=True
)
async def backfill(msg: func.ServiceBusMessage) -> None:
    """Bring the pairs of a chunk into step, out of the way of people's changes."""
    await process(msg, "backfill")


async def process(msg: func.ServiceBusMessage, queue: str) -> None:
    """Settle the changes of a message."""
    with veiled():
        app, received = await WORKER.app(), msg.enqueued_time_utc
        if received is not None:
            received = received.replace(tzinfo=UTC)  # the binding leaves the zone out where the host did
            gauges.waited(queue, app.now(), received)
        await take(msg.get_body(), app, received)


async def take(body: bytes, app: App, received: datetime | None = None) -> None:
    """Settle the changes of a message, which the bus has had since `received`. Raises only what is a bug."""
    changes, settle_it = decode_all(body), partial(settle_one, received=received)
    if changes and all(change.bulk and change.key for change in changes):
        await work_off(changes, app, settle_it)
        return
    for change in changes:
        await settle_it(change, app)


async def settle_one(change: Change, app: App, received: datetime | None = None) -> Settled:
    """Settle one change and write its wide event."""
    started = time.perf_counter()
    with operation(change.correlation) as done, reporting(flow=change.flow, correlation=change.correlation):
        outcome = await (settle(change, app) if change.key else _errand(change, app))
        spent = (time.perf_counter() - started) * 1000
        tell(change, outcome, done, app, milliseconds=spent, received=received)
    return outcome


ERRANDS: Mapping[Cause, Callable[[Change, App], Awaitable[str]]] = {
    "sweep": sweep_page,
    "backfill": job.step,
    "reconcile": steps.step,
}


ONLY_LOOKS: Mapping[Cause, Callable[[Change, App], Awaitable[bool]]] = {
    "backfill": job.only_looks,
    "reconcile": steps.only_looks,
}


async def _errand(change: Change, app: App) -> Settled:
    """Do one piece of work that is about no single record."""

    async def work() -> Settled:
        began = app.now()
        said = await ERRANDS.get(change.cause, sweep_page)(change, app)
        if change.cause == "reconcile":
            await _reconciled(change, began, app)
        if change.cause == "sweep":
            await gauges.swept(change, app)
        return Settled("swept", said)

    looks = ONLY_LOOKS.get(change.cause)
    return await settled(work, change, app, partial(looks, change, app) if looks else None)


async def _reconciled(change: Change, began: datetime, app: App) -> None:
    """Tell of a run that has ended, or stopped for a person, just now."""
    run = await last_run(change.flow, app)
    if run is None or run.id != change.correlation or run.ended is None or run.ended < began:
        return
    found = sum(run.counts.values())
    event("reconcile", flow=run.flow, run=run.id, state=run.state, findings=found, enqueued=run.enqueued)
