"""Law 17 where SAP's documents have etags: an etag says that nobody has moved the order, not that a line arrived."""

import pytest

from shared.errors import NotYet, Unconfirmed
from tests.laws.lines.orders import FIRST, FLOW, SECOND, Orders
from tests.laws.script import crash
from tests.laws.world import D3, SEAL, World
from tests.sim.world import LONGEST_SECONDS, Crash


def guarded() -> Orders:
    """Return an order in a world whose SAP guards every write by an etag, as API_SALES_ORDER_SRV does."""
    orders = Orders()
    orders.world = World(flows=orders.world.app.flows, sap_etags=True)
    return orders


async def test_a_line_is_written_down_with_its_mark_before_it_leaves_and_struck_out_after() -> None:
    orders = guarded()
    await orders.start(FIRST)
    orders.type_line(**SECOND)
    orders.world.script.before("erp.update", crash)
    with pytest.raises(Crash):
        await orders.sync()
    link = await orders.world.link(D3, FLOW)
    (intent,) = link.intents
    assert (intent.side, intent.kind) == ("sap", "create")
    assert SEAL.matches(SECOND["number"], intent.sent["line b"])
    assert link.claimed_until is not None
    orders.world.clock.move(LONGEST_SECONDS + 1)
    await orders.sync()
    link = await orders.world.link(D3, FLOW)
    assert (link.intents, link.claimed_until) == ((), None)
    assert set(orders.items) == {"1", "2"}


async def test_of_two_workers_that_would_add_a_line_one_adds_it() -> None:
    orders = guarded()
    await orders.start(FIRST)
    orders.type_line(**SECOND)
    orders.world.script.before("erp.update", lambda: orders.sync(app=orders.world.rival))
    with pytest.raises(NotYet):  # the claim of the first keeps the second out
        await orders.sync()
    assert set(orders.items) == {"1"}


async def test_a_line_that_may_still_be_added_is_not_added_again() -> None:
    orders = guarded()
    await orders.start(FIRST)
    orders.type_line(**SECOND)
    orders.world.script.hold("erp.update")
    with pytest.raises(Unconfirmed):
        await orders.sync()
    orders.world.clock.move(LONGEST_SECONDS - 1)
    with pytest.raises(NotYet):
        await orders.sync()
    assert orders.world.script.calls["erp.update"] == 1


async def test_a_changed_line_costs_no_claim() -> None:
    orders = guarded()
    await orders.start(FIRST)
    orders.type_line("a", quantity=5)
    saves = orders.world.script.calls["state.save"]
    await orders.sync()
    assert orders.world.script.calls["state.save"] == saves + 1
