"""Law 14: what a system refuses is parked, the rest is written, and the same is not sent again."""

import pytest

from shared.core.plan import Park
from shared.errors import Complaint, Unavailable
from tests.laws.world import D1, World


def complains(column: str, value: object, code: str = "R1/384"):
    """Refuse a value of a column, as S/4 does: the complaint names the column."""
    return lambda values, _lines: (Complaint(code, "not so", column),) if values.get(column) == value else ()


async def refused_town() -> tuple[World, str, str]:
    world = World()
    d, s = await world.linked(city="Lyon", memo="a")
    world.erp.objects_to = complains("town", "Oslo")
    world.crm.edit(d, city="Oslo", memo="b")
    await world.sync(d)
    return world, d, s


async def test_a_refused_field_is_parked_with_the_system_s_own_words_and_the_rest_is_written() -> None:
    world, d, s = await refused_town()
    assert world.erp.rows[s].values["memo"] == "b"
    assert world.erp.rows[s].values["town"] == "Lyon"
    assert world.script.calls["erp.update"] == 2  # with the field, and without it
    (problem,) = (await world.link()).parked
    assert (problem.field, problem.side, problem.cause) == ("city", "sap", "refused s4 R1/384")
    assert "not so" in problem.message
    assert await world.parked(d) == ("refused s4 R1/384",)


async def test_the_same_refused_value_is_not_sent_again_whatever_event_comes() -> None:
    world, d, s = await refused_town()
    calls = world.script.calls["erp.update"]
    for key, side in ((d, "dynamics"), (s, "sap"), (d, "dynamics")):
        await world.sync(key, side)
    assert world.script.calls["erp.update"] == calls
    world.crm.edit(d, memo="c")
    await world.sync(d)
    assert world.script.calls["erp.update"] == calls + 1
    assert await world.stuck() == {"city": "refused s4 R1/384"}
    assert world.erp.rows[s].values["memo"] == "c"


async def test_another_value_is_sent() -> None:
    world, d, s = await refused_town()
    world.crm.edit(d, city="Bath")
    await world.sync(d)
    assert world.erp.rows[s].values["town"] == "Bath"
    assert await world.stuck() == {}
    assert await world.parked(d) == ()


async def test_a_target_that_was_changed_meanwhile_is_told_again() -> None:
    world = World()
    d, s = await world.linked(memo="a")
    world.erp.objects_to = complains("memo", "b")
    world.crm.edit(d, memo="b")
    await world.sync(d)
    world.erp.objects_to = lambda _values, _lines: ()
    world.erp.edit(s, memo="x")
    await world.sync(s, "sap")
    assert world.erp.rows[s].values["memo"] == "b"
    assert await world.stuck() == {}


async def test_an_operator_s_replay_sends_it_again() -> None:
    world, d, s = await refused_town()
    await world.sync(d, cause="replay")
    assert await world.stuck() == {"city": "refused s4 R1/384"}
    world.erp.objects_to = lambda _values, _lines: ()
    await world.sync(d)
    assert world.erp.rows[s].values["town"] == "Lyon"
    await world.sync(d, cause="replay")
    assert world.erp.rows[s].values["town"] == "Oslo"
    assert await world.parked(d) == ()


@pytest.mark.parametrize("side", ["dynamics", "sap"])
async def test_a_refusal_on_one_side_does_not_cancel_the_other(side: str) -> None:
    world = World()
    d, s = await world.linked(city="Lyon", terms=None)
    world.crm.edit(d, memo="b")
    world.erp.edit(s, payterms="NT30")
    refuser = world.crm if side == "dynamics" else world.erp
    refuser.objects_to = complains("terms", "NT30") if side == "dynamics" else complains("memo", "b")
    await world.sync(d)
    if side == "dynamics":
        assert await world.stuck() == {"terms": "refused dataverse R1/384"}
        assert world.erp.rows[s].values["memo"] == "b"
    else:
        assert await world.stuck() == {"memo": "refused s4 R1/384"}
        assert world.crm.rows[d].values["terms"] == "NT30"


async def test_a_complaint_without_a_column_parks_all_that_was_written_to_that_side() -> None:
    world = World()
    d, s = await world.linked(city="Lyon", memo="a")
    world.erp.refuses = lambda values: "blocked by an auditor" if values["memo"] == "b" else ""
    world.crm.edit(d, city="Oslo", memo="b")
    world.erp.edit(s, payterms="NT30")
    await world.sync(d)
    assert await world.stuck() == {"city": "refused s4", "memo": "refused s4"}
    assert world.erp.rows[s].values["town"] == "Lyon"
    assert world.crm.rows[d].values["terms"] == "NT30"


async def test_several_fields_may_be_refused_one_after_another() -> None:
    world = World()
    d, s = await world.linked(city="Lyon", memo="a", street="A", postal="1")

    def one_at_a_time(values, _lines):
        found = [c for c in ("town", "memo", "road") if c in values]
        return tuple(Complaint("R1", "no", c) for c in found[:1])

    world.erp.objects_to = one_at_a_time
    world.crm.edit(d, city="Oslo", memo="b", street="B", postal="2")
    await world.sync(d)
    assert set(await world.stuck()) == {"city", "memo", "street"}
    assert world.erp.rows[s].values["zip"] == "2"


async def test_a_system_that_refuses_everything_is_asked_a_limited_number_of_times() -> None:
    world = World()
    d, _ = await world.linked(city="Lyon", memo="a", street="A", postal="1", fax="1")
    world.erp.objects_to = lambda values, _lines: (Complaint("R1", "no", next(iter(values))),)
    world.crm.edit(d, city="Oslo", memo="b", street="B", postal="2", fax="2", name="Firma")
    await world.sync(d)
    assert world.script.calls["erp.update"] <= 5


async def test_two_complaints_park_two_fields_at_once() -> None:
    world = World()
    d, _ = await world.linked(city="Lyon", memo="a")
    bad = {"town": "Oslo", "memo": "b"}
    world.erp.objects_to = lambda values, _lines: tuple(
        Complaint("R1", "no", c) for c in bad if values.get(c) == bad[c]
    )
    world.crm.edit(d, city="Oslo", memo="b")
    await world.sync(d)
    assert set(await world.stuck()) == {"city", "memo"}
    assert world.script.calls["erp.update"] == 1


async def test_a_refused_create_parks_the_pair_and_is_not_sent_again_until_the_record_changes() -> None:
    world = World()
    world.erp.objects_to = complains("town", "Oslo")
    d = world.account(city="Oslo")
    assert isinstance(await world.sync(d), Park)
    assert await world.parked(d) == ("refused s4 R1/384",)
    assert (await world.link()).status == "claimed"
    await world.sync(d)
    assert world.script.calls["erp.create"] == 1
    world.crm.edit(d, city="Bath")
    await world.sync(d)
    assert world.script.calls["erp.create"] == 2
    assert (await world.link()).status == "linked"
    assert await world.parked(D1) == ()


async def test_a_refused_create_is_sent_again_by_a_replay() -> None:
    world = World()
    world.erp.objects_to = complains("town", "Oslo")
    d = world.account(city="Oslo")
    await world.sync(d)
    world.erp.objects_to = lambda _values, _lines: ()
    await world.sync(d, cause="replay")
    assert len(world.erp.rows) == 1
    assert await world.parked(d) == ()


async def test_a_partner_whose_account_is_refused_is_parked_under_its_own_key() -> None:
    world = World()
    world.crm.objects_to = complains("city", "Oslo")
    s = world.partner(town="Oslo")
    await world.sync(s, "sap")
    assert await world.parked(s, "sap") == ("refused dataverse R1/384",)
    await world.sync(s, "sap")
    assert world.script.calls["crm.create"] == 1
    world.erp.edit(s, town="Bath")
    await world.sync(s, "sap")
    assert await world.parked(s, "sap") == ()
    assert len(world.crm.rows) == 1


async def test_what_was_refused_stays_parked_when_a_later_sync_fails_for_another_reason() -> None:
    world, d, _ = await refused_town()
    world.crm.edit(d, city="Bath")  # another value, which would be written

    def away() -> None:
        raise Unavailable("away")

    world.script.before("erp.update", away)
    with pytest.raises(Unavailable):
        await world.sync(d)
    assert await world.stuck() == {"city": "refused s4 R1/384"}
