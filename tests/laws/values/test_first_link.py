"""Law 10: empty never overwrites filled at first link; until then `until_linked` is judged as both."""

from dataclasses import replace

import pytest

from shared.core.plan import Sync
from shared.decide import decide
from tests.laws.facts import account, columns, facts, linked, parks, partner
from tests.laws.flows import FLOWS, PARTNER
from tests.laws.world import World


def met(crm: dict, erp: dict, flow=PARTNER, base=None):
    one, other = account(**crm), partner(**erp)
    link = linked(one, other, base={}) if base is None else linked(*base)
    return decide(facts(one, other, link, flow=flow), flow)


def with_rows(**changes: dict):
    """Return the partner flow with changed rows: {'memo': {'empty_wins': True}}."""
    fields = tuple(replace(f, **changes.get(f.name, {})) for f in PARTNER.rows.fields)
    return replace(PARTNER, rows=replace(PARTNER.rows, fields=fields))


@pytest.mark.parametrize(
    ("why", "crm", "erp", "sap", "dynamics"),
    [
        ("an owner's empty value leaves the filled target alone", {}, {"memo": "x"}, None, None),
        ("nor does an empty owner in SAP wipe Dynamics", {"terms": "NT30"}, {}, None, None),
        ("an owner's value is written over another", {"memo": "a"}, {"memo": "x"}, {"memo": "a"}, None),
        ("owner both: the filled side fills the empty one", {"city": "Lyon"}, {}, {"town": "Lyon"}, None),
        ("and the other way round", {}, {"town": "Lyon"}, None, {"city": "Lyon"}),
    ],
)
def test_at_first_link(why: str, crm: dict, erp: dict, sap: dict | None, dynamics: dict | None) -> None:
    plan = met(crm, erp)
    assert columns(plan, "sap") == sap, why
    assert columns(plan, "dynamics") == dynamics, why
    assert parks(plan) == {}


def test_two_values_of_owner_both_are_a_clash_at_first_link() -> None:
    plan = met({"city": "Lyon"}, {"town": "Oslo"})
    assert parks(plan) == {"city": "clash"}
    assert columns(plan, "sap") is columns(plan, "dynamics") is None


def test_empty_wins_where_the_row_says_so() -> None:
    wins = with_rows(memo={"empty_wins": True})
    assert columns(met({}, {"memo": "x"}, wins), "sap") == {"memo": None}


def test_once_in_step_an_emptied_owner_empties_the_target() -> None:
    assert columns(met({}, {"memo": "x"}, base=(account(memo="x"), partner(memo="x"))), "sap") == {"memo": None}
    assert columns(met({}, {"town": "x"}, base=(account(city="x"), partner(town="x"))), "sap") == {"town": None}


def test_until_the_first_time_in_step_a_field_with_two_owners_in_turn_belongs_to_both() -> None:
    assert columns(met({}, {"tax": "V1"}), "dynamics") == {"vat": "V1"}
    assert columns(met({"vat": "V1"}, {}), "sap") == {"tax": "V1"}
    assert parks(met({"vat": "V1"}, {"tax": "V2"})) == {"vat": "clash"}


def test_then_the_second_owner_has_the_say() -> None:
    was = account(vat="V1"), partner(tax="V1")
    assert columns(met({"vat": "V2"}, {"tax": "V3"}, base=was), "sap") == {"tax": "V2"}
    assert columns(met({"vat": "V1"}, {"tax": "V3"}, base=was), "sap") == {"tax": "V1"}


def test_a_create_leaves_absent_values_out_and_says_nothing_for_the_other_owner() -> None:
    crm = account(sapnumber=None, city="Lyon", memo="", terms="NT30", vat="V1", postal=None)
    plan = decide(facts(crm), PARTNER)
    assert isinstance(plan, Sync)
    told = dict(plan.writes["sap"].values)
    assert {"town": "Lyon", "tax": "V1", "category": "2", "mark": crm.key}.items() <= told.items()
    assert not {"memo", "payterms", "zip", "parent"} & told.keys()


async def test_linking_two_records_loses_no_value_of_either() -> None:
    world = World(flows={**FLOWS, "s4/partner": with_rows()})
    s = world.partner(tax="V1", town="Oslo", memo="typed in SAP", payterms=None)
    d = world.account(vat="V1", street="A 1", terms="typed in Dynamics")
    await world.sync(d)
    crm, erp = world.crm.rows[d].values, world.erp.rows[s].values
    assert (crm["city"], erp["road"], erp["memo"], crm["terms"]) == ("Oslo", "A 1", "typed in SAP", "typed in Dynamics")


async def test_constants_for_creation_do_not_touch_a_record_that_is_linked() -> None:
    world = World()
    d, s = await world.linked()
    await world.sync(d)
    world.erp.rows[s].values["category"] = "2"
    world.crm.edit(d, city="Lyon")
    plan = await world.sync(d)
    assert columns(plan, "sap") == {"town": "Lyon"}
