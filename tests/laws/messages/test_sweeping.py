"""A sweep is the truth about what was touched: a page is on the bus before it is ticked off, and none goes missing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.core.model import Change, Selection
from shared.errors import Unavailable
from shared.ops.sweep import sweep_page
from shared.ports import Page, Reconciling, Touched
from tests.laws.script import crash
from tests.laws.world import D2, World
from tests.sim.world import Crash

FLOW, MARK = "s4/partner", "sweep/s4/partner/dynamics"
HINT = Change(FLOW, "dynamics", "", "sweep run", "sweep run", cause="sweep")


def tells(world: World, pages: Sequence[Page]) -> None:
    """Let Dynamics answer with these pages, one after another, by their watermark."""
    answers = dict(zip(("", *(page.watermark for page in pages)), pages, strict=False))

    async def changes(_: Selection, watermark: str) -> Page:
        return answers[watermark]

    world.crm.changes = changes  # type: ignore[method-assign]


def asked(world: World) -> list[str]:
    return sorted(delivery.message.change.key for delivery in world.bus.queue)


async def test_a_page_that_the_bus_did_not_take_is_asked_for_again() -> None:
    world = World()
    tells(world, [Page((Touched("k1"),), "one", more=False)])

    def refuse() -> None:
        raise Unavailable("the bus is down")

    world.script.before("bus.send", refuse)
    with pytest.raises(Unavailable):
        await sweep_page(HINT, world.app)
    assert await world.state.watermark(MARK) == ""


async def test_a_worker_that_dies_after_the_bus_has_a_page_repeats_it_and_loses_none() -> None:
    world = World()
    tells(world, [Page((Touched("k1"),), "one", more=False)])
    world.script.before("state.set_watermark", crash)
    with pytest.raises(Crash):
        await sweep_page(HINT, world.app)
    assert asked(world) == ["k1"]
    assert await world.state.watermark(MARK) == ""


async def test_every_page_is_a_message_of_its_own() -> None:
    world = World()
    tells(world, [Page((Touched(f"k{n}"),), f"at {n}", more=n < 3) for n in (1, 2, 3)])
    hint = HINT
    for n in (1, 2, 3):
        await sweep_page(hint, world.app)
        following = [m.message for m in world.bus.queue if m.message.change.key == ""]
        assert len(following) == min(n, 2)
        hint = following[-1].change
    assert asked(world) == ["", "", "k1", "k2", "k3"]
    assert await world.state.watermark(MARK) == "at 3"


async def test_our_own_writes_come_back_in_every_list_and_are_no_news() -> None:
    world = World()
    d, _ = await world.linked()
    seen = (await world.link(d)).versions["dynamics"]
    news = Touched(d, version=seen + 1)
    tells(world, [Page((Touched(d, version=seen),), "one", more=True), Page((news,), "two", more=False)])
    await sweep_page(HINT, world.app)
    assert d not in asked(world)
    await sweep_page(HINT, world.app)
    assert asked(world).count(d) == 1


async def test_a_deletion_is_news_whatever_was_seen() -> None:
    world = World()
    d, _ = await world.linked()
    tells(world, [Page((Touched(d, deleted=True),), "one", more=False)])
    await sweep_page(HINT, world.app)
    (sent,) = (delivery.message.change for delivery in world.bus.queue)
    assert (sent.key, sent.deleted, sent.cause) == (d, True, "sweep")


@pytest.mark.parametrize(
    ("full", "writes_max", "loaded"),
    [("whole", 1, True), ("whole", 0, False), ("page", 500, False)],
    ids=["a few", "more than a run may write", "one page of many"],
)
async def test_a_full_read_is_no_initial_load_that_nobody_asked_for(full: Any, writes_max: int, loaded: bool) -> None:
    world = World()
    world.app = replace(world.app, reconciling=Reconciling(writes_max=writes_max))
    d, _ = await world.linked()
    seen = (await world.link(d)).versions["dynamics"]
    touched = (Touched(d, version=seen + 1), Touched(world.account(D2), version=1), Touched("k9", deleted=True))
    tells(world, [Page(touched, "one", more=False, full=full)])
    await sweep_page(HINT, world.app)
    assert asked(world) == sorted([d, "k9", *([D2] if loaded else [])])
