"""A pair whose city was changed on both sides, and a person who looks and chooses."""

from typing import Any

from shared.core.model import Side
from shared.ops.review.asked import Pick
from shared.ops.review.resolve import choose, clashes
from tests.laws.world import D1, World

FLOW = "s4/partner"


async def clashed(dynamics: str = "Oslo", sap: str = "Bath", **more: Any) -> tuple[World, str, str]:
    """Return a world where a city was changed on both sides."""
    world = World(**more)
    d, s = await world.linked(city="Lyon", memo="a")
    world.crm.edit(d, city=dynamics)
    world.erp.edit(s, town=sap)
    await world.sync(d)
    assert await world.stuck() == {"city": "clash"}
    return world, d, s


async def shown(world: World, name: str = "city", flow: str = FLOW, key: str = D1) -> dict[str, Any]:
    found = await clashes(flow, key, world.rival)
    return next(one for one in found["fields"] if one["field"] == name)


async def pick(world: World, take: Side, typed: tuple[Any, ...] | None = None, name: str = "city") -> None:
    """Choose, as a person who has just looked."""
    one = Pick(name, take, tuple((await shown(world, name))["seen"]), typed)
    await choose(FLOW, D1, (one,), world.rival, run="run 1", asked_by="ann")


def cities(world: World, d: str, s: str) -> tuple[Any, Any]:
    return world.crm.rows[d].values["city"], world.erp.rows[s].values["town"]
