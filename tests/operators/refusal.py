"""A pair whose street SAP refuses, and what the list of parked records then shows."""

from typing import Any

from shared.ops.review.asked import Selected
from shared.ops.review.mending import Asked
from shared.ops.review.parked import listing
from tests.laws.world import D1, World

FLOW = "s4/partner"
ANN = Asked("run 1", "ann")


def no_bad_roads(values: Any) -> str:
    return "Street 'Bad 7' is not valid" if str(values.get("road")).startswith("Bad") else ""


async def refused(world: World, key: str = D1, street: str = "Bad 7") -> str:
    """Return the SAP key of a linked pair whose street SAP refuses."""
    d, s = await world.linked(key, street="Good", name=f"Firm {key[-1]}")
    world.erp.refuses = no_bad_roads
    world.crm.edit(d, street=street)
    await world.sync(d)
    world.erp.refuses = lambda _: ""
    return s


def selected(*keys: str, **more: Any) -> Selected:
    return Selected(FLOW, keys, **more)


async def causes(world: World) -> list[tuple[str, int]]:
    found = await listing(FLOW, "", world.rival)
    return [(one["cause"], one["count"]) for one in found["groups"]]
