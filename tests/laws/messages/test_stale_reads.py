"""Law 13, counted: which older states make a flow pause, and which do not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.model import Side
from shared.core.plan import Limits
from shared.errors import Outdated
from shared.settlement import Settled, settled
from tests.laws.world import D1, D2, D3, World

MET_BEFORE = 1  # this read of the record is then its second older state
WINDOW = timedelta(minutes=10)


def a_world(stale_records: int) -> World:
    return World(limits=Limits(stale_records=stale_records))


async def meets(
    world: World, key: str, *, before: int = MET_BEFORE, side: Side = "dynamics", pair_key: str = ""
) -> bool:
    """Meet an older state of a record that showed `before` of them already; return whether the flow is paused now."""

    async def work() -> Settled:
        raise Outdated("older than before", until=world.clock() + timedelta(seconds=5))

    await settled(work, replace(world.change(key, side), stale_reads=before, pair_key=pair_key), world.app)
    return "pause/s4/partner" in await world.state.watermarks("pause")


@pytest.mark.parametrize(("before", "pauses"), [(0, False), (1, True), (2, False), (3, False)])
async def test_a_record_counts_when_it_shows_an_older_state_for_the_second_time(before: int, pauses: bool) -> None:
    assert await meets(a_world(1), D1, before=before) is pauses


async def test_the_message_carries_how_often_an_older_state_was_met() -> None:
    world = a_world(9)
    await meets(world, D1, before=3)
    (kept,) = world.bus.queue
    assert kept.message.change.stale_reads == 4


@pytest.mark.parametrize(("apart", "pauses"), [(WINDOW - timedelta(seconds=1), True), (WINDOW, False)])
async def test_records_count_together_within_less_than_ten_minutes(apart: timedelta, pauses: bool) -> None:
    world = a_world(2)
    assert not await meets(world, D1)
    world.clock.move(apart.total_seconds())
    assert await meets(world, D2) is pauses


async def test_both_sides_of_a_pair_are_one_record() -> None:
    world = a_world(2)
    assert not await meets(world, D1, pair_key=D1)
    assert not await meets(world, "1000001", side="sap", pair_key=D1)
    assert await meets(world, D2, pair_key=D2)


async def test_records_whose_pair_is_not_known_are_told_apart_by_their_keys() -> None:
    world = a_world(2)
    assert not await meets(world, D1)
    assert not await meets(world, D1)
    assert await meets(world, D2)


async def test_after_a_pause_the_count_starts_anew() -> None:
    world = a_world(2)
    await meets(world, D1)
    assert await meets(world, D2)
    await world.state.set_watermark("pause/s4/partner", "")
    world.app.pauses.read_at = None
    await meets(world, D3)
    assert (await world.state.watermarks("pause")).get("pause/s4/partner", "") == ""
