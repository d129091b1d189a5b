"""Two linked pairs with all kinds of traces of each in the state."""

from datetime import UTC, datetime
from typing import Any

from shared.core.link import Problem
from shared.core.messages import encode
from shared.core.model import Change, Reference
from shared.ops.backfill import job
from shared.ops.intake import take_in
from shared.ops.review.letters import Letter, record_changes
from shared.ports import Parked, Step
from tests.bulk.world import FLOWS, PARTNER, World

PAIR = FLOWS[PARTNER].pair
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def everything(world: World) -> str:
    """Return all that the state holds, as one text."""
    state = world.state
    held = [state.rows, state.ways_back, state.entries, state.waits, state.parked_records, state.correlations]
    return f"{[repr(one) for one in held]} {state.marks}"


async def furnished() -> tuple[World, str, str, str]:
    """Return a world of two linked pairs with all kinds of traces, and the keys of the first and its neighbour."""
    world = World()
    mine, neighbour = world.accounts(2)
    await world.run()
    for key in (mine, neighbour):
        await enqueue(world, key)
    await world.run()
    sap = world.link(mine).sap
    assert sap
    for key, number in ((mine, sap), (neighbour, world.link(neighbour).sap)):
        await _traces(world, key, number)
    return world, mine, sap, neighbour


async def enqueue(world: World, key: str, origin: str = "first") -> None:
    await take_in([Change(PARTNER, "dynamics", key, f"{origin} {key}", f"corr {key[-2:]}")], world.app)


async def _traces(world: World, key: str, number: str) -> None:
    app, state = world.app, world.state
    problem = Problem("city", "sap", "clash", "both changed", since=NOW)
    await state.park(Parked(PARTNER, "dynamics", key, (problem,), f"parked {key[-2:]}"))
    await state.park(Parked(PARTNER, "sap", number, (problem,), ""))
    await state.note(f"parked {key[-2:]}", [Step(NOW, PARTNER, "dynamics", key, "received (event)")])
    await state.note("a sweep", [Step(NOW, PARTNER, "sap", number, "received (sweep)")])
    await state.wait(Reference("s4/order", "sap", "77"), Change(PARTNER, "sap", number, "o", "waited"), NOW)
    dead = Change("s4/gone", "sap", number, "o", "c")
    await record_changes(Letter("changes", f"letter-{number}", encode(dead), "poison"), app)
    await state.set_watermark(f"backfill/b{number}", _job(key, number))


def _job(key: str, number: str) -> str:
    plan = {"found": 1, "sample": [{"side": "dynamics", "key": key, "would": "update"}]}
    done = job.Job(f"b{number}", PARTNER, "dynamics", NOW, keys=(key,), listed=True, dry_run=True, plan=plan)
    return job._JOB.dump_json(done).decode()


def told(answer: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = answer["erased"]
    return found
