"""Takes changes off the bus. A message is completed when its outcome is durable; an exception gives it back."""

import time

import azure.functions as func

from shared.core.messages import decode
from shared.core.model import Change
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
    """Bring one pair into step, out of the way of people's changes."""
    await process(msg.get_body())


async def process(body: bytes) -> None:
    """Settle one change and write its wide event."""
    change, app = decode(body), await WORKER.app()
    started = time.monotonic()
    outcome = await (settle(change, app) if change.key else _sweep(change, app))
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


async def _sweep(change: Change, app: App) -> Settled:
    async def work() -> Settled:
        return Settled("swept", await sweep_page(change, app))

    return await settled(work, change, app)
