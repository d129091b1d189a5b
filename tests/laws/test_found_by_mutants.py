"""Holes that mutation of the laws' tests has found, each with the test that was missing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.messages import born_in_sap
from shared.core.plan import Limits, Park, Sync
from shared.decide import decide
from shared.errors import Complaint, Stale, Unconfirmed
from shared.ops.sweep import visit_waiters
from shared.steps.dispatch import dispatch
from tests.laws.facts import PARTNER, SEAL, account, ago, columns, facts, linked, partner
from tests.laws.flows import FLOWS
from tests.laws.identity.test_one_to_one import TWO_FLOWS
from tests.laws.outcomes.test_refusals import complains
from tests.laws.script import lose_answer
from tests.laws.world import D1, D2, D3, World

WAS = account(memo="Lyon"), partner(memo="Lyon")


def test_both_gone_and_nobody_said_so_is_no_delete():
    plan = decide(facts(None, None, linked(account(), partner()), said={"cause": "sweep"}), PARTNER)
    assert isinstance(plan, Park), plan


def test_writes_of_last_week_are_no_fight():
    week = 7 * 24 * 3600
    recent = tuple((ago(week - n), "sap memo", SEAL.digest(v)) for n, v in enumerate(("Oslo", "Bath", "Oslo", "Bath")))
    plan = decide(facts(account(memo="Oslo"), partner(memo="Lyon"), linked(*WAS, recent=recent)), PARTNER)
    assert columns(plan, "sap") == {"memo": "Oslo"}, plan


def test_writes_of_last_week_do_not_count_into_the_hour():
    week = 7 * 24 * 3600
    recent = tuple((ago(week - n), "sap city", "k1:x") for n in range(10))
    plan = decide(
        facts(
            account(memo="Oslo"), partner(memo="Lyon"), linked(*WAS, recent=recent), limits=Limits(writes_per_hour=10)
        ),
        PARTNER,
    )
    assert isinstance(plan, Sync)


def test_replay_of_a_pair_with_too_many_writes_goes_through():
    recent = tuple((ago(n), "sap city", "k1:x") for n in range(10))
    plan = decide(
        facts(
            account(memo="Oslo"),
            partner(memo="Lyon"),
            linked(*WAS, recent=recent),
            limits=Limits(writes_per_hour=10),
            said={"cause": "replay"},
        ),
        PARTNER,
    )
    assert isinstance(plan, Sync)


async def test_one_event_for_two_flows_reaches_both():
    world = World(flows=TWO_FLOWS)
    d = world.account()
    change = world.change(d)
    await dispatch([replace(change, flow="s4/prospect"), change], world.app)
    await world.deliver()
    assert len(world.erp.rows) == 1


async def test_optional_reference_outside_scope_parks_nobody():
    world = World()
    world.account(D2, kind=1)
    d = world.account(D1, parent=D2)
    await world.settle(world.change(d))
    await world.deliver()
    assert await world.parked(d) == ()


async def test_optional_reference_waiting_a_day_parks_nobody():
    world = World()
    d = world.account(D1, parent=D2)
    await world.settle(world.change(d))
    await world.deliver_all()
    world.clock.move(25 * 3600)
    await visit_waiters(world.app, timedelta(hours=24))
    assert await world.parked(d) == ()


async def test_line_that_loses_its_mark_is_not_added_for_ever():
    world = World()
    d, s = await world.linked_order({"key": "L1", "number": "1", "product": "TG1", "quantity": 1})
    world.erp.forms = {"poitem": lambda _: ""}
    row = world.crm.rows[d]
    row.lines["L2"] = {"number": "2", "product": "TG2", "quantity": 1}
    row.version += 1
    for _ in range(3):
        await world.settle(world.change(d, flow="s4/order"))
        await world.deliver_all()
    assert len(world.erp.rows[s].lines) <= 2


async def test_wake_resets_first_seen():
    world = World()
    world.account()
    world.order()
    old = world.clock() - timedelta(days=8)
    await world.settle(replace(world.change(D3, flow="s4/order"), first_seen=old, attempt=3))
    world.bus.queue.clear()
    await world.sync(D1)
    (w,) = [m.message.change for m in world.bus.queue]
    assert w.first_seen is None


async def test_unresolved_link_row_left_by_loser():
    # loser of bind keeps an open create intent though nothing left
    world = World()
    s = world.partner(tax="V1")

    async def somebody():
        world.account(D1, vat="V1")
        await world.sync(D1, app=world.rival)

    world.script.before("state.bind", somebody)
    with pytest.raises(Stale):
        await world.sync(s, "sap")

    link = await world.state.link(PARTNER.pair, "dynamics", born_in_sap(PARTNER.pair, s))
    assert link is None or link.intents == (), link


async def test_refused_birthmark_parks_only_it():
    world = World()
    d, s = await world.linked(memo="a")
    world.erp.rows[s].values["mark"] = None
    world.erp.objects_to = lambda v, _lines: (Complaint("R1", "no", "mark"),) if "mark" in v else ()
    world.crm.edit(d, memo="b")
    await world.sync(d)
    assert world.erp.rows[s].values["memo"] == "b", await world.stuck()
    assert set(await world.stuck()) == {"birthmark"}
    n = world.script.calls["erp.update"]
    await world.sync(d)
    assert world.script.calls["erp.update"] == n


async def test_line_complaint_without_column_is_not_sent_again():
    world = World()
    d, _ = await world.linked_order({"key": "L1", "number": "1", "product": "TG1", "quantity": 1})
    world.erp.objects_to = lambda _values, lines: tuple(
        Complaint("V1", "locked", "", one.key) for one in lines if one.kind == "change"
    )
    world.crm.rows[d].lines["L1"]["quantity"] = 5
    world.crm.rows[d].version += 1
    await world.sync(d, flow="s4/order")
    n = world.script.calls["erp.update"]
    await world.sync(d, flow="s4/order")
    assert world.script.calls["erp.update"] == n


async def test_lost_answer_of_an_etag_write_is_no_edit():
    world = World()
    d, s = await world.linked(city="Lyon")
    world.erp.edit(s, town="Oslo")
    world.script.after("crm.update", lose_answer)
    with pytest.raises(Unconfirmed):
        await world.sync(s, "sap")
    world.erp.edit(s, town="Bath")
    world.clock.move(5)
    await world.sync(s, "sap")
    assert world.crm.rows[d].values["city"] == "Bath"
    assert await world.stuck() == {}


async def test_line_edit_in_the_same_breath_is_put_back():
    world = World()
    d, s = await world.linked_order({"key": "L1", "number": "1", "product": "TG1", "quantity": 1, "note": "a"})
    world.crm.rows[d].lines["L1"]["note"] = "b"
    world.crm.rows[d].version += 1

    (k,) = world.erp.rows[s].lines

    def person():
        world.erp.rows[s].lines[k]["note"] = "person"
        world.erp.rows[s].version += 1

    world.script.before("erp.update", person)
    await world.sync(d, flow="s4/order")
    assert world.erp.rows[s].lines[k]["note"] == "person"


async def test_mapping_change_sends_refused_owned_again():
    world = World()
    d, s = await world.linked(memo="a")
    world.erp.objects_to = complains("memo", "b")
    world.crm.edit(d, memo="b")
    await world.sync(d)
    world.erp.objects_to = lambda _values, _lines: ()
    fields = tuple(replace(f, fingerprint="changed") if f.name == "memo" else f for f in PARTNER.rows.fields)
    app = replace(world.app, flows={**FLOWS, "s4/partner": replace(PARTNER, rows=replace(PARTNER.rows, fields=fields))})
    await world.sync(d, app=app)
    assert world.erp.rows[s].values["memo"] == "b"


async def test_status_change_sends_refused_again():
    world = World()
    d, s = await world.linked(memo="a")
    world.erp.edit(s, blocked=True)
    world.erp.refuses = lambda v: "partner is blocked" if v.get("blocked") and v.get("memo") == "b" else ""
    world.crm.edit(d, memo="b")
    await world.sync(d)
    assert await world.stuck() == {"memo": "refused s4"}
    world.erp.edit(s, blocked=False)
    await world.sync(s, "sap")
    assert world.erp.rows[s].values["memo"] == "b"
