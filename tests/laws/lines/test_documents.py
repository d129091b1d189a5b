"""Law 17 in the world: lines of an order are added, changed and rejected each for itself."""

import pytest

from shared.errors import NotYet, Unconfirmed
from tests.laws.lines.orders import FIRST, FLOW, SECOND, Orders
from tests.laws.script import crash, lose_answer
from tests.laws.world import D3
from tests.sim.world import LONGEST_SECONDS, Crash


async def test_an_order_is_created_with_its_lines_and_they_are_linked() -> None:
    orders = Orders()
    await orders.start(FIRST, SECOND)
    assert {k: v["quantity"] for k, v in orders.items.items()} == {"1": 1, "2": 2}
    links = (await orders.world.link(D3, FLOW)).lines
    assert [(k.dynamics, k.sap) for k in links] == [("a", orders.items["1"]["item"]), ("b", orders.items["2"]["item"])]
    calls = orders.world.erp.writes
    await orders.sync()
    assert orders.world.erp.writes == calls


async def test_a_changed_quantity_changes_that_line_alone() -> None:
    orders = Orders()
    await orders.start(FIRST, SECOND)
    orders.type_line("b", quantity=9)
    await orders.sync()
    assert {k: v["quantity"] for k, v in orders.items.items()} == {"1": 1, "2": 9}


async def test_a_status_that_sap_sets_on_a_line_arrives_in_dynamics() -> None:
    orders = Orders()
    await orders.start(FIRST)
    orders.items["1"]["status"] = "C"
    await orders.world.sync(orders.sap, "sap", FLOW)
    assert orders.world.crm.rows[D3].lines["a"]["sapstatus"] == "C"


async def test_a_new_line_is_added_once() -> None:
    orders = Orders()
    await orders.start(FIRST)
    orders.type_line(**SECOND)
    for _ in range(3):
        await orders.sync()
    assert {k: v["quantity"] for k, v in orders.items.items()} == {"1": 1, "2": 2}
    assert len(orders.world.erp.rows[orders.sap].lines) == 2


async def test_a_line_whose_answer_was_lost_is_found_by_its_mark_and_not_added_twice() -> None:
    orders = Orders()
    await orders.start(FIRST)
    orders.type_line(**SECOND)
    orders.world.script.after("erp.update", lose_answer)
    with pytest.raises(Unconfirmed):
        await orders.sync()
    orders.world.clock.move(5)
    await orders.sync()
    assert len(orders.world.erp.rows[orders.sap].lines) == 2
    assert len((await orders.world.link(D3, FLOW)).lines) == 2


async def test_a_line_that_may_still_be_added_is_waited_for_and_then_added_once_more() -> None:
    orders = Orders()
    await orders.start(FIRST)
    orders.type_line(**SECOND)
    orders.world.script.hold("erp.update")
    with pytest.raises(Unconfirmed):
        await orders.sync()
    orders.world.clock.move(LONGEST_SECONDS - 1)
    with pytest.raises(NotYet):
        await orders.sync()
    orders.world.clock.move(1)
    await orders.sync()
    assert set(orders.items) == {"1", "2"}
    assert len(orders.world.erp.rows[orders.sap].lines) == 2


async def test_a_line_that_is_added_late_is_taken_as_it_is() -> None:
    orders = Orders()
    await orders.start(FIRST)
    orders.type_line(**SECOND)
    orders.world.script.hold("erp.update")
    with pytest.raises(Unconfirmed):
        await orders.sync()
    await orders.world.script.late.pop()()
    orders.world.clock.move(30)
    await orders.sync()
    assert len(orders.world.erp.rows[orders.sap].lines) == 2
    assert orders.world.script.calls["erp.update"] == 1


async def test_a_worker_that_dies_after_adding_a_line_leaves_one_line() -> None:
    orders = Orders()
    await orders.start(FIRST)
    orders.type_line(**SECOND)
    orders.world.script.after("erp.update", crash)
    with pytest.raises(Crash):
        await orders.sync()
    orders.world.clock.move(91)
    await orders.sync()
    assert len(orders.world.erp.rows[orders.sap].lines) == 2


@pytest.mark.parametrize(("gone", "left"), [("reject", ["61"]), ("keep", [None]), ("remove", [])])
async def test_a_line_that_was_deleted_in_dynamics_is_rejected_removed_or_kept_and_stays_so(gone, left) -> None:
    orders = Orders(gone=gone)
    await orders.start(FIRST)
    orders.drop_line("a")
    for _ in range(2):
        await orders.sync()
    assert [line.get("rejected") for line in orders.items.values()] == left
    writes = orders.world.erp.writes
    await orders.world.sync(orders.sap, "sap", FLOW)
    assert orders.world.erp.writes == writes
    assert await orders.stuck() == {}


async def test_a_line_that_goes_before_its_lost_create_is_known_is_rejected() -> None:
    orders = Orders()
    await orders.start(FIRST)
    orders.type_line(**SECOND)
    orders.world.script.after("erp.update", lose_answer)
    with pytest.raises(Unconfirmed):
        await orders.sync()
    orders.drop_line(SECOND["key"])
    orders.world.clock.move(LONGEST_SECONDS + 1)  # so long that the intent is forgotten with this very sync
    for _ in range(2):
        await orders.sync()
    assert [line.get("rejected") for line in orders.items.values()] == [None, "61"]
    assert len((await orders.world.link(D3, FLOW)).lines) == 2


async def test_a_line_that_somebody_adds_in_sap_meanwhile_is_left_alone() -> None:
    orders = Orders()
    await orders.start(FIRST)
    orders.type_line(**SECOND)
    orders.world.script.before("erp.update", crash)
    with pytest.raises(Crash):
        await orders.sync()
    orders.drop_line(SECOND["key"])
    orders.world.erp.rows[orders.sap].lines["70"] = {"material": "TG9", "quantity": 3, "poitem": "9", "item": "70"}
    orders.world.clock.move(91)
    await orders.sync()
    assert [line.get("rejected") for line in orders.items.values()] == [None, None]


async def test_a_rejection_that_a_person_in_sap_takes_back_stands() -> None:
    orders = Orders()
    await orders.start(FIRST)
    orders.drop_line("a")
    await orders.sync()
    orders.items["1"]["rejected"] = ""
    await orders.world.sync(orders.sap, "sap", FLOW)
    assert orders.items["1"]["rejected"] == ""


async def test_a_line_with_the_number_of_a_rejected_one_is_a_line_of_its_own() -> None:
    orders = Orders()
    await orders.start(FIRST)
    orders.drop_line("a")
    await orders.sync()
    orders.type_line("c", number="1", product="TG1", quantity=7)
    await orders.sync()
    lines = orders.world.erp.rows[orders.sap].lines.values()
    assert [(line.get("rejected"), line["quantity"]) for line in lines] == [("61", 1), (None, 7)]


async def test_two_people_on_two_sides_of_one_line_clash_in_that_field_alone() -> None:
    orders = Orders()
    await orders.start({**FIRST, "note": "x"})
    orders.type_line("a", note="y", quantity=4)
    orders.items["1"]["note"] = "z"
    await orders.sync()
    assert await orders.stuck() == {"line a.note": "clash"}
    assert orders.items["1"]["quantity"] == 4


async def test_a_late_write_to_a_line_is_no_edit() -> None:
    orders = Orders()
    await orders.start({**FIRST, "note": "x"})
    orders.type_line("a", note="y")
    orders.world.script.after("erp.update", lose_answer)
    with pytest.raises(Unconfirmed):
        await orders.sync()
    orders.type_line("a", note="z")
    orders.world.clock.move(5)
    await orders.sync()
    assert orders.items["1"]["note"] == "z"
    assert await orders.stuck() == {}
