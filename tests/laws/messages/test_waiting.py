"""Law 18: note, then look again; waking goes by both keys; only required references wait."""

import pytest

from shared.core.messages import message_id
from shared.core.model import Reference
from shared.core.plan import Skip, Sync, Wait
from shared.errors import BadMapping, Stale
from shared.mapping.load import load_flows
from shared.ops.watch import look
from tests.laws.flows import CRM, ERP, PARTNER
from tests.laws.world import D1, D2, D3, World

CUSTOMER = Reference("s4/partner", "dynamics", D1)
FLOW = "s4/order"


async def waiters(world: World, reference: Reference = CUSTOMER) -> list[str]:
    return [waiter.key for _, waiter, _ in await world.state.waiters([reference])]


async def test_an_order_waits_for_its_customer_and_asks_for_it() -> None:
    world = World()
    world.account()
    plan = await world.sync(world.order(), flow=FLOW)
    assert isinstance(plan, Wait)
    assert await waiters(world) == [D3]
    (asked,) = [d.message.change for d in world.bus.queue]
    assert (asked.flow, asked.side, asked.key, asked.cause) == ("s4/partner", "dynamics", D1, "reference")
    assert not world.erp.rows


async def test_an_order_is_woken_when_its_customer_is_linked_and_then_waits_no_more() -> None:
    world = World()
    world.account()
    await world.sync(world.order(), flow=FLOW)
    await world.deliver()
    assert (await world.link(D3, FLOW)).status == "linked"
    assert world.erp.rows[(await world.link(D3, FLOW)).sap].values["soldto"] == (await world.link()).sap
    assert await waiters(world) == []


async def test_an_order_whose_customer_is_linked_between_look_and_note_looks_again() -> None:
    world = World()
    world.account()
    world.order()
    world.script.before("state.wait", lambda: world.sync(D1, app=world.rival))
    with pytest.raises(Stale):
        await world.sync(D3, flow=FLOW)
    await world.settle(world.change(D3, flow=FLOW))
    assert (await world.link(D3, FLOW)).status == "linked"


async def test_a_customer_that_is_linked_after_the_note_wakes_the_order() -> None:
    world = World()
    world.account()
    world.order()
    world.script.after("state.wait", lambda: world.sync(D1, app=world.rival))
    await world.settle(world.change(D3, flow=FLOW))
    await world.deliver()
    assert (await world.link(D3, FLOW)).status == "linked"


async def test_a_claimed_customer_is_not_linked_yet() -> None:
    world = World()
    world.account()
    world.script.hold("erp.create")
    await world.settle(world.change(D1))
    assert isinstance(await world.sync(world.order(), flow=FLOW), Wait)


@pytest.mark.parametrize("side", ["dynamics", "sap"])
async def test_waking_goes_by_both_keys_of_the_new_link(side: str) -> None:
    world = World()
    s, d = world.partner(tax="V1"), world.account(vat="V1")
    key = d if side == "dynamics" else s
    waiter = world.change(D3, flow=FLOW)
    await world.state.wait(Reference("s4/partner", side, key), waiter, world.clock())
    await world.sync(d)
    woken = [m.message.change for m in world.bus.queue]
    assert [(c.key, c.cause, c.flow) for c in woken] == [(D3, "wake", FLOW)]
    assert await waiters(world, Reference("s4/partner", side, key)) == []


async def test_a_wake_is_never_dropped_as_a_duplicate_of_the_hint_that_waited_or_of_an_earlier_wake() -> None:
    world = World()
    d = world.account()
    waiter = world.change(D3, flow=FLOW, attempt=3)
    await world.state.wait(CUSTOMER, waiter, world.clock())
    await world.sync(d)
    (woken,) = [m.message.change for m in world.bus.queue]
    assert woken.attempt == 0
    assert message_id("p", woken) != message_id("p", waiter)
    assert (await world.link()).etag in woken.origin


async def test_a_sync_that_changes_an_old_link_wakes_nobody() -> None:
    world = World()
    d, _ = await world.linked()
    await world.state.wait(CUSTOMER, world.change(D3, flow=FLOW), world.clock())
    world.crm.edit(d, city="Oslo")
    await world.sync(d)
    assert not world.bus.queue


async def test_a_customer_outside_the_scope_parks_the_order_at_once_and_names_it() -> None:
    world = World()
    world.account(kind=1)
    await world.settle(world.change(world.order(), flow=FLOW))
    assert await world.deliver() == ["skip"]
    assert await world.parked(D3, flow=FLOW) == ("reference",)
    (entry,) = await world.state.parked(FLOW, 10)
    assert D1 in entry.problems[0].message


async def test_an_order_that_was_parked_for_its_customer_wakes_and_leaves_the_list_when_that_is_linked() -> None:
    world = World()
    world.account(kind=1)
    await world.settle(world.change(world.order(), flow=FLOW))
    await world.deliver()
    world.crm.edit(D1, kind=3)
    await world.settle(world.change(D1))
    await world.deliver()
    assert (await world.link(D3, FLOW)).status == "linked"
    assert await world.parked(D3, flow=FLOW) == ()


async def test_the_entry_of_a_linked_record_goes_when_its_reference_is_filled() -> None:
    world = World()
    world.account(D2, kind=1)
    d = world.account(D1, parent=D2)
    await world.settle(world.change(d))
    await world.deliver()
    world.crm.edit(D2, kind=3)
    await world.settle(world.change(D2))
    await world.deliver()
    assert world.erp.rows[(await world.link()).sap].values["parent"] == (await world.link(D2)).sap
    assert await world.parked(d) == ()


async def test_an_ordinary_event_of_a_record_outside_the_scope_parks_nobody() -> None:
    world = World()
    world.account(kind=1)
    await world.settle(world.change(world.order(), flow=FLOW))
    world.bus.queue.clear()
    assert isinstance(await world.sync(D1), Skip)
    assert await world.parked(D3, flow=FLOW) == ()


async def test_an_optional_reference_is_left_out_and_filled_in_when_its_link_appears() -> None:
    world = World()
    world.account(D2)
    d = world.account(D1, parent=D2)
    plan = await world.sync(d)
    assert isinstance(plan, Sync)
    assert [r.key for r in plan.missing] == [D2]
    s = (await world.link()).sap
    assert "parent" not in world.erp.rows[s].values
    await world.deliver()
    assert world.erp.rows[s].values["parent"] == (await world.link(D2)).sap
    assert await waiters(world, Reference("s4/partner", "dynamics", D2)) == []


async def test_two_records_that_refer_to_each_other_are_both_linked_and_both_references_filled() -> None:
    world = World()
    world.account(D1, parent=D2)
    world.account(D2, parent=D1)
    await world.settle(world.change(D1))
    await world.deliver()
    one, two = (await world.link(D1)).sap, (await world.link(D2)).sap
    assert world.erp.rows[one].values["parent"] == two
    assert world.erp.rows[two].values["parent"] == one


async def test_several_orders_of_one_customer_wake_together() -> None:
    world = World()
    world.account()
    keys = [world.order(key=f"order {n}", ordernumber=f"ORD{n}") for n in range(3)]
    for key in keys:
        await world.settle(world.change(key, flow=FLOW))
    await world.deliver()
    assert [(await world.link(key, FLOW)).status for key in keys] == ["linked"] * 3


async def test_a_reference_that_did_not_move_since_in_step_costs_no_look() -> None:
    world = World()
    await world.linked(D2)
    d, s = await world.linked(D1, parent=D2)
    looks = world.script.calls["state.link"]
    await world.sync(d)
    assert world.script.calls["state.link"] == looks + 1
    world.crm.edit(d, parent=None)
    await world.sync(d)
    assert world.erp.rows[s].values["parent"] is None


async def test_a_reference_that_moved_to_a_linked_record_is_carried_in_the_same_sync() -> None:
    world = World()
    await world.linked(D2)
    _, other = await world.linked(D3)
    d, s = await world.linked(D1, parent=D2)
    world.crm.edit(d, parent=D3)
    await world.sync(d)
    assert world.erp.rows[s].values["parent"] == other


async def test_a_line_refers_to_records_too() -> None:
    world = World()
    _, there = await world.linked(D2)
    o, s = await world.linked_order({"key": "a", "number": "1", "product": "TG1", "quantity": 1, "shipto": D2})
    (item,) = world.erp.rows[s].lines.values()
    assert item["shipto"] == there
    world.crm.rows[o].lines["a"]["shipto"] = None
    world.crm.rows[o].version += 1
    await world.sync(o, flow=FLOW)
    assert item["shipto"] is None


FLOW_FILE = """
flow: {flow}
dynamics: {{system: dataverse, table: {flow}}}
sap: {{system: s4, object: {thing}}}
fields: {{r: {{owner: dynamics, dynamics: {crm}, sap: {erp}, via: {{link: {{to: {other}, required: true}}}}}}}}
"""


def test_records_that_need_each_other_are_refused_at_load(tmp_path) -> None:
    (tmp_path / "s4").mkdir()
    for flow, thing, crm, erp, other in (
        ("account", "Partner", "parent", "parent", "order"),
        ("order", "Order", "customer", "soldto", "account"),
    ):
        text = FLOW_FILE.format(flow=flow, thing=thing, crm=crm, erp=erp, other=other)
        (tmp_path / "s4" / f"{flow}.yaml").write_text(text)
    with pytest.raises(BadMapping, match="make one of them not required"):
        load_flows(tmp_path / "s4", {"dataverse": CRM, "s4": ERP}, {})


async def test_a_waiter_is_noted_with_the_first_time_it_waited() -> None:
    world = World()
    world.account(kind=1)
    world.order()
    first = world.clock()
    await world.sync(D3, flow=FLOW)
    world.clock.move(60)
    await world.sync(D3, flow=FLOW)
    ((_, _, since),) = await world.state.waiters([CUSTOMER])
    assert since == first
    assert PARTNER.name == CUSTOMER.flow


async def test_an_operator_sees_what_a_record_waits_for_and_since_when() -> None:
    world = World()
    world.account()
    world.crm.rows[D1].values["kind"] = 1  # takes no part yet, so nothing will link it
    world.order()
    await world.settle(world.change(D3, flow=FLOW))
    told = await look.pair(FLOW, D3.upper(), world.app)
    assert told["status"] == "waiting"
    assert told["waits_for"] == [
        {"flow": "s4/partner", "side": "dynamics", "key": D1, "since": world.clock().isoformat()},
    ]
