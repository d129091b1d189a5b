"""The nightly reconcile: what keys and versions show, what bodies show, what it mends, and when it asks first."""

from dataclasses import replace

from shared.ops.reconcile import steps
from tests.bulk.reconciling import FREELY, found, linked, reconcile
from tests.bulk.world import FLOWS, PARTNER, changes_of


async def test_what_did_not_change_is_neither_read_nor_written() -> None:
    world, _ = await linked(30)
    run = await reconcile(world)
    assert (world.reads, world.writes) == (0, 0)
    assert run.state == "finished"
    assert run.counts == {"unchanged": 30}
    assert (run.links, dict(run.records)) == (30, {"dynamics": 30, "sap": 30})


async def test_an_edit_that_nobody_told_of_is_found_by_its_version_and_mended_by_the_pipeline() -> None:
    world, keys = await linked(10)
    world.crm.edit(keys[2], city="Turku")
    run = await reconcile(world)
    assert found(run) == {keys[2]: "drifted"}
    assert run.fields == {"sap city": 1}
    assert world.erp.rows[world.link(keys[2]).sap].values["town"] == "Turku"
    assert world.reads <= 2 * 3, "one pair, previewed and then synced"
    (entry,) = (await world.state.journal(FLOWS[PARTNER].pair, keys[2], 1))[:1]
    assert (entry.cause, entry.correlation) == ("sweep", "reconcile-1")


async def test_repairs_travel_on_the_backfill_queue() -> None:
    world, _ = await linked(3)
    world.account(20)
    await steps.start(PARTNER, world.app, run_id="r", asked_by="test")
    messages = await world.run()
    assert {m.queue for m in messages} == {"backfill"}
    assert [c.key for c in changes_of(messages) if c.cause == "sweep"] == ["00000000-0000-4000-8000-000000000020"]


async def test_records_that_no_link_knows_are_created_or_coupled() -> None:
    world, _ = await linked(5)
    new = world.account(10)
    number = world.partner(tax="V9")
    twin = world.account(11, vat="V9")
    stranger = world.partner(name1="Neu")
    run = await reconcile(world)
    assert run.counts == {"unchanged": 5, "unlinked": 4}
    assert world.link(new).status == "linked"
    assert world.link(twin).sap == number
    assert await world.state.link(FLOWS[PARTNER].pair, "sap", stranger) is not None
    again = await reconcile(world, "reconcile-2")
    assert again.counts == {"unchanged": 8}


async def test_a_record_that_is_gone_is_read_once_more_and_then_retires_the_other() -> None:
    world, keys = await linked(5)
    number = world.link(keys[0]).sap
    world.crm.delete(keys[0])
    run = await reconcile(world)
    assert found(run) == {keys[0]: "missing"}
    assert (run.findings[0].would, run.writes) == ("retire", 1)
    assert world.erp.rows[number].values["blocked"] is True
    assert world.link(keys[0]).status == "retired"
    again = await reconcile(world, "reconcile-2")
    assert again.counts == {"unchanged": 4, "retired": 1}


async def test_a_record_outside_the_scope_is_not_gone() -> None:
    world, keys = await linked(5)
    number = world.link(keys[0]).sap
    world.crm.edit(keys[0], kind=1)  # no customer any more: the scan, which asks for customers, does not see it
    run = await reconcile(world)
    assert run.counts == {"unchanged": 4, "out of scope": 1}
    assert "blocked" not in world.erp.rows[number].values
    assert world.link(keys[0]).status == "linked"


async def test_a_survivor_that_came_alive_is_told_of() -> None:
    world, keys = await linked(3, replace(FREELY, nights=1))
    number = world.link(keys[0]).sap
    world.crm.delete(keys[0])
    await reconcile(world)
    world.erp.edit(number, blocked=False)
    run = await reconcile(world, "reconcile-2")
    assert found(run) == {number: "retired on one side"}
    assert run.enqueued == 0, "a person decides: the pipeline leaves tombstones alone"


async def test_an_unrelated_edit_costs_one_look_and_no_second() -> None:
    world, keys = await linked(5)
    world.crm.edit(keys[0], state=0)  # moves the version; nothing that is mapped
    run = await reconcile(world)
    assert run.counts == {"unchanged": 4, "in step after all": 1}
    assert world.reads == 2
    world.forget()
    again = await reconcile(world, "reconcile-2")
    assert again.counts == {"unchanged": 5}
    assert world.reads == 0


async def test_what_no_version_shows_is_found_by_body_within_its_nights() -> None:
    world, keys = await linked(24, replace(FREELY, nights=4))
    world.erp.silent = True
    number = world.link(keys[5]).sap
    world.erp.edit_quietly(number, zip="99999")
    runs = []
    for night in range(4):
        world.forget()
        runs.append(await reconcile(world, f"reconcile-{night}"))
        looked = runs[-1].judged
        assert world.reads >= 2 * looked
    assert sum(run.judged for run in runs) == 24, "each pair once in four nights"
    assert [found(run) for run in runs if run.findings] == [{keys[5]: "drifted"}]
    assert world.crm.rows[keys[5]].values["postal"] == "99999"


async def test_a_record_without_a_version_is_compared_with_the_run_before() -> None:
    world, keys = await linked(6)
    for (pair, key), link in list(world.state.rows.items()):  # a system whose records carry no version
        world.state.rows[pair, key] = replace(link, versions={"dynamics": link.versions["dynamics"]})
    first = await reconcile(world)
    assert (first.counts, world.reads) == ({"unchanged": 6}, 0), "nothing to compare with yet"
    number = world.link(keys[1]).sap
    world.erp.edit(number, zip="10115")
    run = await reconcile(world, "reconcile-2")
    assert found(run) == {keys[1]: "drifted"}
    assert world.crm.rows[keys[1]].values["postal"] == "10115"


async def test_a_clash_is_parked_once_and_not_found_again_each_night() -> None:
    world, keys = await linked(4)
    world.crm.edit(keys[0], city="Turku")
    world.erp.edit(world.link(keys[0]).sap, town="Graz")
    run = await reconcile(world)
    assert found(run) == {keys[0]: "drifted"}
    assert [p.cause for p in world.link(keys[0]).parked] == ["clash"]
    world.crm.edit(keys[0], state=0)  # somebody was at it, and the clash is still there
    again = await reconcile(world, "reconcile-2")
    assert again.counts == {"unchanged": 3, "parked already": 1}
    assert again.enqueued == 0


async def test_a_claim_that_a_dead_worker_left_is_finished() -> None:
    world, keys = await linked(2)
    pair = FLOWS[PARTNER].pair
    link = world.state.rows[pair, keys[0]]
    world.state.rows[pair, keys[0]] = replace(link, status="claimed", linked_at=None)
    run = await reconcile(world)
    assert found(run) == {keys[0]: "unfinished"}
    assert world.link(keys[0]).status == "linked"
