"""Law 9: automations that fight are stopped, and the field is named."""

from datetime import timedelta

import pytest

from shared.core.plan import Limits, Park, Sync
from shared.decide import decide
from shared.decision.learning import RECENT_COUNT_MAX, with_writes
from tests.laws.facts import NOW, account, ago, columns, facts, linked, parked_pair, parks, partner
from tests.laws.flows import PARTNER
from tests.laws.world import SEAL, World

WAS = account(memo="Lyon"), partner(memo="Lyon")


def trail(*values: str, name: str = "sap memo"):
    """Return writes of the last hour, a minute apart."""
    return tuple((ago(60 * (len(values) - at)), name, SEAL.digest(value)) for at, value in enumerate(values))


def judged(*written: str, now: str = "Oslo", name: str = "sap memo", **more):
    crm = account(memo=now)
    return decide(facts(crm, partner(memo="Lyon"), linked(*WAS, recent=trail(*written, name=name)), **more), PARTNER)


@pytest.mark.parametrize("written", [(), ("Oslo",), ("Oslo", "Bath"), ("Oslo", "Bath", "Graz"), ("Oslo", "Oslo")])
def test_a_value_that_came_back_once_may_be_a_person_who_thought_better_of_it(written) -> None:
    assert columns(judged(*written), "sap") == {"memo": "Oslo"}


@pytest.mark.parametrize("written", [("Oslo", "Bath", "Oslo", "Bath"), ("Oslo", "Oslo", "Oslo")])
def test_a_value_that_comes_back_for_the_second_time_within_the_hour_parks_the_field(written) -> None:
    plan = judged(*written)
    assert columns(plan, "sap") is None
    assert parks(plan) == {"memo": "fight"}
    assert "memo" in plan.problems[0].message


def test_the_same_values_written_to_the_other_side_or_to_another_field_are_no_fight() -> None:
    for name in ("dynamics memo", "sap street"):
        assert columns(judged("Oslo", "Bath", "Oslo", "Bath", name=name), "sap") == {"memo": "Oslo"}


def test_a_fight_stays_stopped_until_a_person_asks_or_the_value_changes() -> None:
    fight = judged("Oslo", "Bath", "Oslo", "Bath").problems
    link = linked(*WAS, parked=fight)
    assert parks(decide(facts(account(memo="Oslo"), partner(memo="Lyon"), link), PARTNER)) == {"memo": "fight"}
    assert columns(decide(facts(account(memo="Graz"), partner(memo="Lyon"), link), PARTNER), "sap") == {"memo": "Graz"}
    again = facts(account(memo="Oslo"), partner(memo="Lyon"), link, said={"cause": "replay"})
    assert columns(decide(again, PARTNER), "sap") == {"memo": "Oslo"}


def test_more_writes_to_one_pair_in_an_hour_than_people_make_park_it_and_name_the_fields() -> None:
    few, many = (tuple((ago(n), "sap city", "k1:x") for n in range(count)) for count in (9, 10))
    limits = Limits(writes_per_hour=10)
    moved = account(memo="Oslo"), partner(memo="Lyon")
    assert isinstance(decide(facts(*moved, linked(*WAS, recent=few), limits=limits), PARTNER), Sync)
    plan = decide(facts(*moved, linked(*WAS, recent=many), limits=limits), PARTNER)
    assert parked_pair(plan) == "fight"
    assert "memo" in plan.reason


def test_many_writes_matter_only_when_there_is_one_more_to_make() -> None:
    many = tuple((ago(n), "sap city", "k1:x") for n in range(10))
    plan = decide(facts(*WAS, linked(*WAS, recent=many), limits=Limits(writes_per_hour=10)), PARTNER)
    assert not isinstance(plan, Park)


def test_fields_of_one_write_count_as_one() -> None:
    one = tuple((ago(5), f"sap field{n}", "k1:x") for n in range(10))
    moved = account(memo="Oslo"), partner(memo="Lyon")
    plan = decide(facts(*moved, linked(*WAS, recent=one), limits=Limits(writes_per_hour=10)), PARTNER)
    assert columns(plan, "sap") == {"memo": "Oslo"}


def test_the_trail_holds_the_last_hour_and_has_an_end() -> None:
    old = ((ago(3600), "sap memo", "k1:old"), (ago(3599), "sap memo", "k1:young"))
    kept = with_writes(linked(*WAS, recent=old), facts(), {"sap city": "k1:c"}).recent
    assert [digest for _, _, digest in kept] == ["k1:young", "k1:c"]
    assert kept[-1][0] == NOW
    full = tuple((NOW - timedelta(seconds=1), "sap memo", f"k1:{n}") for n in range(RECENT_COUNT_MAX))
    after = with_writes(linked(*WAS, recent=full), facts(), {"sap city": "k1:c"}).recent
    assert len(after) == RECENT_COUNT_MAX
    assert after[-1][2] == "k1:c"


@pytest.mark.parametrize("sap_etags", [True, False])
async def test_two_automations_that_rewrite_one_field_come_to_an_end(*, sap_etags: bool) -> None:
    world = World(sap_etags=sap_etags)
    d, s = await world.linked(memo="Lyon")
    for _ in range(6):
        world.erp.edit(s, memo="LYON GARE")  # a job in SAP rewrites the value after each of our writes
        world.clock.move(10)
        await world.sync(s, "sap")
    assert await world.stuck() == {"memo": "fight"}
    writes = world.erp.writes
    await world.sync(d)
    assert world.erp.writes == writes
    assert await world.parked(d) == ("fight",)


async def test_a_flag_that_one_owner_switches_on_and_off_is_no_fight() -> None:
    world = World()
    d, s = await world.linked()
    for locked in (True, False, True, False, True, False):
        world.erp.edit(s, locked=locked)
        await world.sync(s, "sap")
        assert world.crm.rows[d].values["onhold"] is locked
        world.clock.move(60)
    assert await world.stuck() == {}


async def test_a_flag_that_somebody_switches_back_again_and_again_is_a_fight() -> None:
    world = World()
    d, s = await world.linked()
    world.erp.edit(s, locked=True)
    await world.sync(s, "sap")
    for _ in range(4):
        world.crm.edit(d, onhold=False)
        await world.sync(d)
        world.clock.move(60)
    assert await world.stuck() == {"on_hold": "fight"}
