"""Law 16: what is confirmed is remembered before an error is raised."""

import pytest

from shared.errors import NotAllowed, Stale, SyncError, Throttled, Unavailable, Unconfirmed
from tests.laws.script import crash
from tests.laws.world import SEAL, World
from tests.sim.world import Crash

ERRORS = [Unavailable("x"), Throttled("x", wait_seconds=9), NotAllowed("x"), Unconfirmed("x"), Stale("x")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
async def test_what_sap_has_confirmed_is_remembered_although_dynamics_fails_afterwards(error: SyncError) -> None:
    world = World()
    d, s = await world.linked(memo="a")
    world.crm.edit(d, memo="b")
    world.erp.edit(s, payterms="NT30")

    def fail() -> None:
        raise error

    world.script.before("crm.update", fail)
    with pytest.raises(type(error)):
        await world.sync(d)
    link = await world.link()
    assert SEAL.matches("b", link.base["memo"].sap)
    assert not SEAL.matches("NT30", link.base["terms"].sap)
    assert link.status == "linked"
    assert link.claimed_until is None
    assert (await world.journal())[0].writes == ("sap update",)
    calls = world.script.calls["erp.update"]
    await world.sync(d)
    assert world.script.calls["erp.update"] == calls
    assert world.crm.rows[d].values["terms"] == "NT30"


async def test_a_number_that_sap_gave_is_remembered_although_its_way_back_to_dynamics_fails() -> None:
    world = World()
    d = world.account()

    def away() -> None:
        raise Unavailable("away")

    world.script.before("crm.update", away)
    with pytest.raises(Unavailable):
        await world.sync(d)
    (s,) = world.erp.rows
    assert ((await world.link()).sap, (await world.link()).status) == (s, "linked")
    assert "sapnumber" not in world.crm.rows[d].values
    await world.sync(d)
    assert world.crm.rows[d].values["sapnumber"] == s
    assert list(world.erp.rows) == [s]


async def test_the_journal_says_who_asked_what_was_written_and_why() -> None:
    world = World()
    d, _ = await world.linked(memo="a")
    world.crm.edit(d, memo="b")
    change = world.change(d, cause="sync", asked_by="ann")
    await world.settle(change)
    entry = (await world.journal())[0]
    assert (entry.correlation, entry.cause, entry.asked_by, entry.side) == (
        change.correlation,
        "sync",
        "ann",
        "dynamics",
    )
    assert (entry.outcome, entry.writes, entry.reason) == ("applied", ("sap update",), "moved: memo")
    before, after = entry.fields["sap memo"]
    assert SEAL.matches("a", before)
    assert SEAL.matches("b", after)


async def test_the_journal_of_a_sync_that_failed_names_the_error() -> None:
    world = World()
    d, s = await world.linked(memo="a")
    world.crm.edit(d, memo="b")
    world.erp.edit(s, payterms="NT30")

    def locked() -> None:
        raise NotAllowed("role is missing")

    world.script.before("crm.update", locked)
    with pytest.raises(NotAllowed):
        await world.sync(d)
    assert (await world.journal())[0].reason == "role is missing"


@pytest.mark.parametrize("step", ["erp.update", "crm.update"])
async def test_a_worker_that_dies_after_a_write_writes_nothing_twice_and_parks_nothing(step: str) -> None:
    world = World()
    d, s = await world.linked(memo="a")
    world.crm.edit(d, memo="b")
    world.erp.edit(s, payterms="NT30")
    world.script.after(step, crash)
    with pytest.raises(Crash):
        await world.sync(d)
    world.clock.move(91)
    await world.sync(d)
    assert world.erp.rows[s].values["memo"] == "b"
    assert world.crm.rows[d].values["terms"] == "NT30"
    assert world.script.calls[step] == 1
    assert await world.stuck() == {}
    assert (await world.link()).claimed_until is None


async def test_a_link_that_was_saved_by_another_worker_meanwhile_is_not_overwritten() -> None:
    world = World()
    d, s = await world.linked(city="Lyon", memo="a")
    world.erp.edit(s, payterms="NT30")

    async def another() -> None:
        world.crm.edit(d, memo="b")
        await world.sync(d, app=world.rival)

    world.script.after("crm.update", another)
    with pytest.raises(Stale):
        await world.sync(d)
    assert SEAL.matches("b", (await world.link()).base["memo"].sap)
