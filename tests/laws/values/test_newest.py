"""Law 11: `newest` needs honest stamps."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.decide import decide
from shared.errors import BadMapping
from shared.mapping.load import load_flows
from tests.laws.facts import NOW, account, columns, facts, linked, parks, partner
from tests.laws.flows import CRM, ERP, PARTNER
from tests.laws.world import World

SKEW = 120


def judged(apart_seconds: float, crm_by: str = "ann", erp_by: str = "bob", **stamps):
    """Return the plan for a fax that both sides changed; `apart_seconds` is how much later Dynamics was."""
    crm_at, erp_at = stamps.get("crm_at", NOW), stamps.get("erp_at", NOW - timedelta(seconds=apart_seconds))
    crm = account(fax="1", members={"changed_at": crm_at, "changed_by": crm_by})
    erp = partner(fax="2", members={"changed_at": erp_at, "changed_by": erp_by})
    return decide(facts(crm, erp, linked(account(fax="0"), partner(fax="0"))), PARTNER)


def test_the_younger_value_wins() -> None:
    assert columns(judged(SKEW + 1), "sap") == {"fax": "1"}
    assert columns(judged(-SKEW - 1), "dynamics") == {"fax": "2"}


@pytest.mark.parametrize("apart_seconds", [0, SKEW, -SKEW])
def test_within_the_skew_tolerance_it_is_for_a_person(apart_seconds: float) -> None:
    assert parks(judged(apart_seconds)) == {"fax": "clash"}


@pytest.mark.parametrize(
    "stamps",
    [{"crm_by": "engine"}, {"erp_by": "engine"}, {"crm_at": None}, {"erp_at": None}],
    ids=["ours in dynamics", "ours in sap", "none in dynamics", "none in sap"],
)
def test_a_stamp_of_our_own_user_or_none_at_all_tells_nothing(stamps: dict) -> None:
    assert parks(judged(9_000, **stamps)) == {"fax": "clash"}


def test_without_a_clash_no_stamp_is_asked() -> None:
    crm = account(fax="1", members={"changed_by": "engine"})
    plan = decide(facts(crm, partner(fax="0"), linked(account(fax="0"), partner(fax="0"))), PARTNER)
    assert columns(plan, "sap") == {"fax": "1"}


def test_at_load_newest_is_refused_for_a_system_without_honest_stamps(tmp_path) -> None:
    (tmp_path / "s4").mkdir()
    (tmp_path / "s4" / "partner.yaml").write_text(
        "flow: partner\ndynamics: {system: dataverse, table: account}\nsap: {system: s4, object: Partner}\n"
        "fields: {city: {owner: both, dynamics: city, sap: town, clash: newest}}\n"
    )
    dull = {"Partner": replace(ERP["Partner"], honest_stamps=False)}
    with pytest.raises(BadMapping, match="newest"):
        load_flows(tmp_path / "s4", {"dataverse": CRM, "s4": dull}, {})


async def test_the_younger_edit_of_two_people_arrives_on_both_sides() -> None:
    world = World()
    d, s = await world.linked(fax="0")
    world.crm.edit(d, fax="1")
    world.clock.move(SKEW + 1)
    world.erp.edit(s, fax="2")
    await world.sync(d)
    assert world.crm.rows[d].values["fax"] == world.erp.rows[s].values["fax"] == "2"
