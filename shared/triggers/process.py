"""Takes changes off the bus. A message is completed when its outcome is durable; an exception gives it back."""

import time
from collections.abc import Awaitable, Callable, Mapping

import azure.functions as func

from shared.core.messages import decode_all
from shared.core.model import Cause, Change
from shared.ops.backfill import job
from shared.ops.backfill.chunks import work_off
from shared.ops.reconcile import steps
from shared.ops.sweep import sweep_page
from shared.ports import App
from shared.settlement import Settled, settle, settled
from shared.telemetry import event
from shared.wiring import WORKER

blueprint = func.Blueprint()


@blueprint.service_bus_queue_trigger(
    arg_name="msg", queue_name="changes", connection="ServiceBus", is_sessions_enabled=True
)
async def changes(msg: func.ServiceBusMessage) -> None:
    """Bring one pair into step."""
    await process(msg.get_body())


@blueprint.service_bus_queue_trigger(
    arg_name="msg", queue_name="backfill", connection="ServiceBus", is_sessions_enabled=True
)
async def backfill(msg: func.ServiceBusMessage) -> None:
    """Bring the pairs of a chunk into step, out of the way of people's changes."""
    await process(msg.get_body())


async def process(body: bytes) -> None:
    """Settle the changes of a message."""
    await take(body, await WORKER.app())


async def take(body: bytes, app: App) -> None:
    """Settle the changes of a message. Raises only what is a bug."""
    changes = decode_all(body)
    if changes and all(change.bulk and change.key for change in changes):
        await work_off(changes, app, settle_one)
        return
    for change in changes:
        await settle_one(change, app)


async def settle_one(change: Change, app: App) -> Settled:
    """Settle one change and write its wide event."""
    started = time.monotonic()
    outcome = await (settle(change, app) if change.key else _errand(change, app))
    event(
        "change",
        flow=change.flow,
        side=change.side,
        key=change.key,
        cause=change.cause,
        correlation=change.correlation,
        attempt=change.attempt,
        outcome=outcome.outcome,
        reason=outcome.reason,
        again_at=outcome.again_at.isoformat() if outcome.again_at else None,
        duration_ms=round((time.monotonic() - started) * 1000),
    )
    return outcome


ERRANDS: Mapping[Cause, Callable[[Change, App], Awaitable[str]]] = {
    "sweep": sweep_page,
    "backfill": job.step,
    "reconcile": steps.step,
}


async def _errand(change: Change, app: App) -> Settled:
    """Do one piece of work that is about no single record."""

    async def work() -> Settled:
        return Settled("swept", await ERRANDS.get(change.cause, sweep_page)(change, app))

    return await settled(work, change, app)
