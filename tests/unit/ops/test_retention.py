"""What is too old is purged once a day, a bounded piece at a time, and a crash repeats a piece."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.core.link import JournalEntry, Link
from shared.ops.backfill import chunks, job
from shared.ops.privacy.retention import PAGES_A_VISIT, purge_due
from shared.ports import Retention, Step
from tests.bulk.world import PARTNER, World
from tests.sim.memory_state import MemoryState

DAY = timedelta(days=1)


def world_of(journal_days: int = 30, correlations_days: int = 60) -> World:
    world = World()
    world.clock.at = datetime(2026, 6, 15, 12, tzinfo=UTC)
    world.app = replace(world.app, retention=Retention(journal_days, correlations_days))
    return world


async def journal(world: World, *days: int) -> None:
    link = await world.state.save(Link("a@b", "k"))
    for one in days:
        entry = JournalEntry(world.clock.at - one * DAY, "c", "event", "sap", "written", "moved")
        link = await world.state.save(link, entry)


def left(world: World) -> list[int]:
    return sorted((world.clock.at - e.at).days for e in world.state.entries["a@b", "k"])


async def test_the_journal_loses_what_is_older_than_the_setting_and_links_stay() -> None:
    world = world_of()
    await journal(world, 1, 29, 31, 500)
    assert await purge_due(world.app) == "purged 2 journal entries, 0 backfills, months none"
    assert left(world) == [1, 29]
    assert await world.state.link("a@b", "dynamics", "k") is not None


async def test_steps_are_kept_for_at_least_the_setting_and_dropped_by_whole_months() -> None:
    world = world_of(correlations_days=60)
    for month in (2, 3, 4, 6):
        at = datetime(2026, month, 15, tzinfo=UTC)
        await world.state.note(f"c-{month}", [Step(at, PARTNER, "sap", "1", "received")])
    assert "months 202602, 202603" in await purge_due(world.app)
    assert [len(await world.state.steps(f"c-{month}", 9)) for month in (2, 3, 4, 6)] == [0, 0, 1, 1]


async def test_old_backfills_go_with_their_counts_and_young_ones_stay() -> None:
    world = world_of()
    for name, days in (("old", 31), ("young", 29)):
        done = job.Job(name, PARTNER, "sap", world.clock.at - days * DAY, page=1, listed=True)
        await job._save(done, world.app)
        await world.state.set_watermark(f"{name}.0/aa", '{"at": "x", "done": 3}')
        await world.state.set_watermark(f"{name}.1/bb", '{"at": "x", "done": 3}')
        await chunks.cancel(name, world.app)
    assert "1 backfills" in await purge_due(world.app)
    assert {n for n in world.state.marks if "old" in n} == set()
    assert {n for n in world.state.marks if "young" in n} == {
        "backfill/young", "young.0/aa", "young.1/bb", "cancelled/young"
    }  # fmt: skip


async def test_the_proof_of_an_erasure_ends_with_the_journal() -> None:
    world = world_of()
    for days in (29, 31):
        await world.state.set_watermark(f"erasures/{world.clock.at - days * DAY:%Y%m%d%H%M%S%f}", "{}")
    await purge_due(world.app)
    assert len(await world.state.watermarks("erasures")) == 1


async def test_a_second_visit_within_the_day_costs_one_read_and_does_nothing() -> None:
    world = world_of()
    await purge_due(world.app)
    await journal(world, 100)
    world.clock.at += DAY - timedelta(minutes=1)

    class Counting(MemoryState):
        reads = 0

        async def watermark(self, name: str) -> str:
            self.reads += 1
            return await super().watermark(name)

        async def purge_journal(self, before: datetime, token: str, limit: int) -> tuple[int, str]:
            raise AssertionError("not due")

    counting = Counting()
    counting.__dict__.update(world.state.__dict__)
    assert await purge_due(replace(world.app, state=counting)) == ""
    assert counting.reads == 1
    world.clock.at += timedelta(minutes=1)
    assert await purge_due(world.app) != ""
    assert left(world) == []


class Paged(MemoryState):
    """A journal of many pages, of which each purge deletes one entry; can die at a page."""

    pages, dies_at = 50, -1

    async def purge_journal(self, before: datetime, token: str, limit: int) -> tuple[int, str]:
        page = int(token or 0)
        if page == self.dies_at:
            self.dies_at = -1
            raise ConnectionError("the worker died")
        self.seen = [*getattr(self, "seen", []), page]
        return 1, str(page + 1) if page + 1 < self.pages else ""


async def test_a_visit_is_bounded_and_the_next_one_goes_on_where_it_stopped() -> None:
    world, paged = world_of(), Paged()
    app = replace(world.app, state=paged)
    for visits in range(1, 4):
        said = await purge_due(app)
        assert len(paged.seen) == min(PAGES_A_VISIT * visits, 50)
    assert paged.seen == list(range(50))
    assert said.startswith("purged 50 journal entries")
    assert await purge_due(app) == ""


async def test_a_crash_repeats_one_page_and_no_more() -> None:
    world, paged = world_of(), Paged()
    paged.dies_at = 7
    app = replace(world.app, state=paged)
    with pytest.raises(ConnectionError):
        await purge_due(app)
    while not (await purge_due(app)).startswith("purged"):
        pass
    assert paged.seen == list(range(50))


async def test_the_limit_of_age_does_not_move_while_a_run_goes_on() -> None:
    world, paged = world_of(), Paged()
    limits: set[datetime] = set()

    class Noting(Paged):
        async def purge_journal(self, before: datetime, token: str, limit: int) -> tuple[int, str]:
            limits.add(before)
            return await super().purge_journal(before, token, limit)

    paged = Noting()
    for _ in range(3):
        await purge_due(replace(world.app, state=paged))
        world.clock.at += timedelta(hours=1)
    assert len(limits) == 1
