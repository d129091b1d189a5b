"""Parked records: grouped by cause, shown with what to do, and tried again."""

import pytest

from shared.core.link import Problem
from shared.errors import BadRequest
from shared.ops.review.asked import Selected
from shared.ops.review.mending import Asked, replay
from shared.ops.review.parked import alike, group, listing, show
from tests.laws.world import D1, D2, D3, World
from tests.operators.refusal import ANN, FLOW, causes, refused, selected


@pytest.mark.parametrize(
    ("problem", "name"),
    [
        (Problem("city", "", "clash", "m"), "clash: city"),
        (Problem("line 6f1c-2.quantity", "sap", "refused s4 V1/384", "m"), "refused s4 V1/384: line.quantity"),
        (Problem("line 6f1c-2", "sap", "line removed", "m"), "line removed: line"),
        (Problem("", "sap", "gone", "the sap record 100 cannot be found"), "gone"),
        (
            Problem("street", "sap", "refused s4", "s4 refused street: Street 'Bad 7' is not valid, 5 of (no code)"),
            "refused s4 Street … is not valid, … of (no code): street",
        ),
    ],
)
def test_alike_problems_have_one_name_whatever_their_keys_and_values(problem: Problem, name: str) -> None:
    assert group(problem) == name
    assert alike(problem, name)
    assert alike(problem, problem.cause)
    assert alike(problem, "")
    assert not alike(problem, "another")


async def test_what_is_parked_is_grouped_by_cause_most_frequent_first() -> None:
    world = World()
    for number, key in enumerate((D1, D2, D3)):
        await refused(world, key, f"Bad {number}")
    world.crm.edit(D1, city="Oslo")
    world.erp.edit((await world.link(D1)).sap, town="Bath")
    await world.sync(D1)
    found = await listing("", "", world.rival)
    assert [(g["flow"], g["cause"].partition(" ")[0], g["count"]) for g in found["groups"]] == [
        (FLOW, "refused", 3),
        (FLOW, "clash:", 1),
    ]
    assert found["count"] == 3
    assert found["groups"][0]["keys"] == [D1, D2, D3]
    only = await listing("partner", "clash", world.rival)
    assert [one["key"] for one in only["records"]] == [D1]
    assert [p["cause"] for p in only["records"][0]["problems"]] == ["clash"]


async def test_one_record_is_shown_by_either_key_with_its_link_and_what_to_do() -> None:
    world = World()
    s = await refused(world)
    for key in (D1, s):
        found = await show("partner", key, world.rival)
        assert (found["side"], found["key"]) == ("dynamics", D1)
        assert found["link"]["sap"] == s
        (problem,) = found["problems"]
        assert problem["field"] == "street"
        assert "its own event" in problem["what_to_do"]
    with pytest.raises(BadRequest, match="is not parked"):
        await show(FLOW, "1", world.rival)


async def test_a_clash_says_where_to_choose() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    world.erp.edit(s, town="Bath")
    await world.sync(d)
    (problem,) = (await show(FLOW, d, world.rival))["problems"]
    assert f"ops/clashes/{FLOW}/{d}" in problem["what_to_do"]


@pytest.mark.parametrize("by", ["key", "sap key", "cause", "group"])
async def test_a_replay_sends_again_what_was_refused_and_the_record_leaves_the_list(by: str) -> None:
    world = World()
    s = await refused(world)
    name = (await causes(world))[0][0]
    which = {
        "key": selected(D1),
        "sap key": selected(s),
        "cause": selected(cause="refused s4"),
        "group": selected(cause=name),
    }[by]
    done = await replay(which, ANN, world.rival)
    assert done == {"enqueued": 1, "correlation": "run 1", "not_parked": []}
    await world.deliver_all()
    assert world.erp.rows[s].values["road"] == "Bad 7"
    assert await causes(world) == []
    entry = (await world.journal())[0]
    assert (entry.cause, entry.asked_by, entry.correlation) == ("replay", "ann", "run 1")


async def test_a_replay_of_a_cause_takes_all_of_it_and_nothing_else() -> None:
    world = World()
    for key in (D1, D2):
        await refused(world, key)
    d, s = await world.linked(D3, city="Lyon")
    world.crm.edit(d, city="Oslo")
    world.erp.edit(s, town="Bath")
    await world.sync(d)
    done = await replay(selected(cause="refused s4"), ANN, world.rival)
    assert done["enqueued"] == 2
    await world.deliver_all()
    assert await causes(world) == [("clash: city", 1)]


async def test_more_than_a_batch_is_replayed() -> None:
    world = World()
    keys = [f"00000000-0000-4000-8000-{number:012d}" for number in range(250)]
    for key in keys:
        world.account(key, name="")  # a required field is missing
        await world.sync(key)
    done = await replay(selected(cause="required"), ANN, world.rival)
    assert done["enqueued"] == 250
    assert len(world.bus.queue) == 250


async def test_two_replays_in_a_row_are_two_whatever_the_bus_thinks_of_duplicates() -> None:
    world = World()
    await refused(world)
    await replay(selected(D1), Asked("run 1", "ann"), world.rival)
    await replay(selected(D1), Asked("run 2", "ann"), world.rival)
    assert len(world.bus.queue) == 2


async def test_keys_that_are_not_parked_are_named_and_nothing_at_all_is_refused() -> None:
    world = World()
    await refused(world)
    assert (await replay(selected(D1, D2), ANN, world.rival))["not_parked"] == [D2]
    for which in (selected(D2), selected(cause="gone"), selected(D1, cause="gone"), selected(D1, side="sap")):
        with pytest.raises(BadRequest, match="no such record"):
            await replay(which, ANN, world.rival)
    with pytest.raises(BadRequest, match="no single flow"):
        await replay(Selected("nonsense", (D1,)), ANN, world.rival)


async def test_a_refused_retirement_is_replayed_as_what_it_was() -> None:
    world = World()
    d, s = await world.linked()
    world.erp.refuses = lambda _: "posted this month"
    world.crm.delete(d)
    await world.sync(d, deleted=True)
    assert await causes(world) != []
    world.erp.refuses = lambda _: ""
    await replay(selected(d), ANN, world.rival)
    await world.deliver_all()
    assert world.erp.rows[s].values["blocked"] is True
    assert await causes(world) == []


async def test_an_operator_says_that_a_missing_record_was_deleted() -> None:
    world = World()
    d, s = await world.linked()
    del world.erp.rows[s]
    await world.sync(d)
    assert await causes(world) == [("gone", 1)]
    await replay(selected(d, deleted=True), ANN, world.rival)
    await world.deliver_all()
    assert world.crm.rows[d].values["state"] == 1
    assert (await world.link()).status == "retired"
    assert await causes(world) == []
