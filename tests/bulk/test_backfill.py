"""Initial load and selection: chosen records go through the one pipeline, in chunks, counted, cancellable."""

from typing import Any

import pytest

from shared.errors import BadRequest, Unavailable
from shared.ops.backfill import chunks, job
from shared.ops.backfill.progress import progress
from shared.ops.intake import sync_now
from shared.ops.review import pause
from tests.bulk.world import PARTNER, World, changes_of


async def start(world: World, name: str = "backfill-1", **asked: Any) -> job.Job:
    asked = {"flow": PARTNER, "side": "dynamics", "started": world.clock(), **asked}
    return await job.start(job.Job(name, **asked), world.app)


async def shown(world: World, name: str = "backfill-1") -> dict[str, Any]:
    return await progress(await job.load(name, world.app), world.app)


async def test_a_first_load_creates_each_record_once_and_says_that_it_is_finished() -> None:
    world = World()
    world.accounts(40)
    await start(world)
    await world.run()
    assert len(world.erp.rows) == 40
    told = await shown(world)
    assert (told["state"], told["found"], told["done"], told["left"]) == ("finished", 40, 40, 0)
    assert told["seconds_left"] is None
    world.forget()
    await start(world, "backfill-2")
    await world.run()
    assert world.writes == 0, "a second load finds everything done"


async def test_a_record_is_coupled_with_its_twin_before_it_is_created() -> None:
    world = World()
    number = world.partner(tax="V1", town="Bath")
    key = world.account(1, vat="V1", city=None)
    await start(world)
    await world.run()
    assert list(world.erp.rows) == [number]
    assert world.link(key).sap == number


async def test_records_travel_as_chunks_of_their_partition_on_their_own_queue() -> None:
    world = World()
    world.accounts(300)
    await start(world)
    (driver,) = await first(world)
    assert driver.change.key == ""
    sent = [d.message for d in world.bus.queue]
    assert {m.queue for m in sent} == {"backfill"}
    assert len({m.session for m in sent}) == len(sent) <= 128, "one message a partition"
    assert len(changes_of(sent)) == 300
    assert all(m.change.bulk for m in sent)


async def first(world: World) -> list[Any]:
    """Work off one message only."""
    found = world.bus.receive("backfill")
    assert found is not None
    await job.step(found.message.change, world.app)
    world.bus.complete(found)
    return [found.message]


async def test_what_a_person_asks_for_is_done_while_a_load_waits() -> None:
    world = World()
    keys = world.accounts(50)
    await start(world)
    await first(world)
    await sync_now(PARTNER, "dynamics", keys[:1], world.app, run="r1", asked_by="somebody")
    await world.run(("changes",), until_idle=False)
    assert world.link(keys[0]).status == "linked"
    assert len(world.erp.rows) == 1, "the load has not moved"


async def test_a_filter_chooses_by_groups_ranges_and_keys() -> None:
    world = World()
    for n in range(6):
        world.account(n, city="Oslo" if n % 2 else "Bath", postal=f"10{n}")
    world.account(9, city="Oslo", kind=1)  # outside the mapping's scope
    for number, (asked, expected) in enumerate(
        [
            ({"filter": {"city": "Oslo"}}, 3),
            ({"filter": {"city": {"in": ["Oslo", "Bath"]}, "postal": {"ge": "101", "lt": "104"}}}, 3),
            ({"filter": {"key": {"le": "00000000-0000-4000-8000-000000000001"}}}, 2),
            ({"keys": ["00000000-0000-4000-8000-000000000003", " 00000000-0000-4000-8000-000000000003 "]}, 1),
            ({"limit": 4}, 4),
            ({}, 6),
        ]
    ):
        await start(world, f"backfill-{number}", dry_run=True, **asked)
        await world.run()
        assert (await shown(world, f"backfill-{number}"))["found"] == expected, asked
    assert not world.erp.rows


async def test_a_dry_run_tells_counts_and_fields_without_writing_and_without_a_value() -> None:
    world = World()
    (moved, same_) = world.accounts(2)
    await start(world)
    await world.run()
    world.accounts(3)
    world.account(7, name=None)  # a required field is missing
    world.crm.edit(moved, city="Turku", postal="20100")
    world.forget()
    await start(world, "backfill-2", dry_run=True)
    await world.run()
    assert world.writes == 0
    told = await shown(world, "backfill-2")
    plan = told["plan"]
    assert told["state"] == "planned"
    assert (plan["found"], plan["linked"], plan["not_linked"], plan["sampled"]) == (6, 2, 4, 6)
    assert plan["records"] == {"update": 1, "in step": 1, "create sap": 3, "park": 1}
    assert plan["fields"]["sap city"] == 4
    assert plan["problems"] == {"required": 1}
    by_key = {one["key"]: one for one in plan["sample"]}
    fields = {one["field"]: one for one in by_key[moved]["fields"]}
    assert fields.keys() == {"city", "postal"}
    assert fields["city"]["written"] == "sap"
    assert fields["city"]["dynamics"] != fields["city"]["sap"]
    assert "fields" not in by_key[same_]
    assert "Turku" not in str(told)


async def test_a_failure_is_a_parked_record_of_this_job_and_not_the_end_of_it() -> None:
    world = World()
    world.accounts(5)
    bad = world.account(7, name=None)
    await start(world)
    await world.run()
    told = await shown(world)
    assert (told["state"], told["done"], told["failed"], told["left"]) == ("finished", 5, 1, 0)
    assert [one["key"] for one in told["failed_records"]] == [bad]


async def test_a_record_that_waits_or_is_tried_again_stays_on_the_backfill_queue_and_is_counted_once() -> None:
    world = World()
    customer = world.account(1)
    world.crm.put("00000000-0000-4000-9000-000000000001", {"ordernumber": "O1", "customer": customer, "state": 1})
    await start(world, flow="s4/order")
    messages = await world.run()
    assert {m.queue for m in messages} == {"backfill"}, "also the customer that the order waits for"
    assert world.link("00000000-0000-4000-9000-000000000001", "s4/order").status == "linked"
    told = await shown(world)
    assert (told["found"], told["waiting"] + told["done"], told["left"]) == (1, 1, 0)


async def test_a_record_that_is_tried_again_is_counted_once_wherever_it_ends() -> None:
    world = World()
    world.neighbours(10)
    sick = iter([True] * 3)
    create = world.erp.create

    async def moody(*args: Any) -> Any:
        if next(sick, False):
            raise Unavailable("down")
        return await create(*args)

    world.erp.create = moody  # type: ignore[method-assign]
    await start(world)
    messages = await world.run()
    assert max(len(m.also) for m in messages) == 9
    told = await shown(world)
    assert (told["done"], told["left"], told["state"]) == (10, 0, "finished")
    assert len(world.erp.rows) == 10


async def test_while_the_flow_is_paused_nothing_is_done_and_nothing_is_lost() -> None:
    world = World()
    world.neighbours(5)
    await start(world)
    await first(world)
    await pause.pause(PARTNER, "a test", world.app, "somebody")
    await world.run(("backfill",), until_idle=False)
    assert not world.erp.rows
    assert (await shown(world))["left"] == 5
    await pause.resume(PARTNER, world.app, "somebody")
    await world.run()
    told = await shown(world)
    assert (told["done"] + told["skipped"], told["left"], len(world.erp.rows)) == (5, 0, 5)


async def test_a_bug_in_one_record_takes_no_other_along() -> None:
    world = World()
    keys = world.neighbours(12)
    read = world.crm.read

    async def cursed(selection: Any, key: str) -> Any:
        if key == keys[3]:
            raise ZeroDivisionError
        return await read(selection, key)

    world.crm.read = cursed  # type: ignore[method-assign]
    await start(world)
    await world.run()
    assert [(m.change.key, m.also) for m in world.bus.dead_letters] == [(keys[3], ())]
    told = await shown(world)
    assert (told["done"], told["left"], told["state"]) == (11, 1, "running")


async def test_a_cancelled_job_begins_nothing_more_and_says_what_it_left() -> None:
    world = World()
    world.accounts(20)
    await start(world)
    await first(world)
    await chunks.cancel("backfill-1", world.app)
    await world.run()
    assert not world.erp.rows
    told = await shown(world)
    assert (told["state"], told["cancelled"], told["done"]) == ("cancelled", 20, 0)


async def test_a_chunk_that_comes_twice_counts_once() -> None:
    world = World()
    world.accounts(10)
    await start(world)
    await first(world)
    twice = [d.message for d in world.bus.queue]
    await world.bus.send(twice)
    await world.run()
    told = await shown(world)
    assert (told["done"] + told["skipped"], told["left"]) == (10, 0)


async def test_a_chunk_that_takes_too_long_sends_its_rest_on() -> None:
    world = World()
    world.neighbours(30)
    await start(world)
    await first(world)
    read = world.crm.read

    async def slow(selection: Any, key: str) -> Any:
        world.clock.move(60)
        return await read(selection, key)

    world.crm.read = slow  # type: ignore[method-assign]
    chunks_seen = [m for m in await world.run(("backfill",)) if m.also]
    assert [1 + len(m.also) for m in chunks_seen][:2] == [30, 22], "eight had begun when its time was over"
    told = await shown(world)
    assert (told["done"], told["left"], len(world.erp.rows)) == (30, 0, 30)


async def test_a_list_that_a_crash_interrupted_goes_on() -> None:
    world = World()
    world.crm.page_rows = 10
    world.accounts(35)
    await start(world)
    found = world.bus.receive("backfill")
    assert found is not None
    await job.step(found.message.change, world.app)
    world.bus.abandon(found)  # all was done, and the worker died before it could complete the message
    await world.run()
    assert len(world.erp.rows) == 35
    told = await shown(world)
    assert (told["found"], told["left"], told["state"]) == (35, 0, "finished")


@pytest.mark.parametrize(
    "asked",
    [
        {"flow": "s4/unheard"},
        {"filter": {"any": [{"city": "Oslo"}]}},
        {"filter": {"city": {"like": "O%"}}},
        {"filter": {"city": {"in": []}}},
        {"filter": {"city": {"ge": None}}},
        {"filter": {"city": [1]}},
        {"filter": {"city": {}}},
        {"filter": {"city": "Oslo"}, "keys": ["1"]},
        {"keys": [""]},
        {"sample_size": 0},
    ],
)
async def test_what_cannot_be_asked_is_refused_before_anything_begins(asked: dict[str, Any]) -> None:
    world = World()
    with pytest.raises(BadRequest):
        await start(world, **asked)
    assert not world.bus.queue
    assert not world.state.marks
