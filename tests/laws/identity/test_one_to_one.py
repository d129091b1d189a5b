"""Law 1: a link is one to one, and belongs to the objects, not to the flow."""

from dataclasses import replace

import pytest

from shared.core.link import Link
from shared.core.messages import born_in_sap
from shared.core.plan import Skip, Sync
from shared.errors import BadMapping, Stale
from shared.mapping.load import load_flows
from tests.laws.flows import CRM, ERP, FLOWS, PARTNER
from tests.laws.world import D1, D2, World

PROSPECT = replace(
    PARTNER, name="s4/prospect", takes={"dynamics": lambda v: v["kind"] == 2, "sap": PARTNER.takes["sap"]}
)
TWO_FLOWS = {**FLOWS, "s4/prospect": PROSPECT}


async def test_two_flows_over_the_same_objects_share_one_link() -> None:
    world = World(flows=TWO_FLOWS)
    d, s = await world.linked()
    world.crm.edit(d, kind=2, city="Lyon")
    await world.sync(d, flow="s4/prospect")
    assert (await world.link()).sap == s
    assert len(world.erp.rows) == 1
    assert world.erp.rows[s].values["town"] == "Lyon"


async def test_a_record_is_out_of_the_scope_of_the_flow_that_does_not_take_it() -> None:
    world = World(flows=TWO_FLOWS)
    d, _ = await world.linked()
    assert isinstance(await world.sync(d, flow="s4/prospect"), Skip)


async def test_a_number_of_another_sap_client_is_another_pair(tmp_path) -> None:
    (tmp_path / "s4").mkdir()
    (tmp_path / "s4" / "partner.yaml").write_text(
        "flow: partner\ndynamics: {system: dataverse, table: account}\nsap: {system: s4, object: Partner}\n"
        "fields: {city: {owner: both, dynamics: city, sap: town}}\n"
    )
    found = load_flows(tmp_path / "s4", {"dataverse": CRM, "s4": ERP}, {"S4_CLIENT": "200"})
    assert found["s4/partner"].pair == "dataverse.account@s4.200.Partner"
    assert PARTNER.pair == "dataverse.account@s4.100.Partner"


async def test_a_link_of_one_object_says_nothing_of_another_object_with_the_same_key() -> None:
    world = World()
    d, s = await world.linked()
    world.crm.put(D2, {"ordernumber": "ORD1", "customer": d, "state": 1})
    assert await world.state.link(FLOWS["s4/order"].pair, "sap", s) is None


def test_two_flows_over_one_pair_may_not_write_one_column_by_two_rules(tmp_path) -> None:
    (tmp_path / "s4").mkdir()
    for flow, column in (("account", "town"), ("prospect", "road")):
        (tmp_path / "s4" / f"{flow}.yaml").write_text(
            f"flow: {flow}\ndynamics: {{system: dataverse, table: account}}\nsap: {{system: s4, object: Partner}}\n"
            f"fields: {{{flow}: {{owner: both, dynamics: city, sap: {column}}}}}\n"
        )
    with pytest.raises(BadMapping, match="city in dynamics is already written by s4/account account"):
        load_flows(tmp_path / "s4", {"dataverse": CRM, "s4": ERP}, {})


async def test_a_sap_record_that_belongs_to_another_pair_cannot_be_bound() -> None:
    world = World()
    _, s = await world.linked()
    link = await world.link()
    await world.state.bind(link)  # the same again is success
    with pytest.raises(Stale):
        await world.state.bind(replace(link, dynamics=D2))
    assert (await world.link()).sap == s


async def test_a_way_back_that_was_left_behind_leads_nobody_into_another_pair() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    stray = world.partner(town="Oslo")
    await world.state.bind(Link(PARTNER.pair, d, stray))
    await world.sync(stray, "sap")
    assert ((await world.link()).sap, world.crm.rows[d].values["city"]) == (s, "Lyon")
    assert await world.state.home(PARTNER.pair, stray) == born_in_sap(PARTNER.pair, stray)
    assert len(world.crm.rows) == 2


async def test_both_sides_of_a_link_find_the_same_pair() -> None:
    world = World()
    d, s = await world.linked()
    world.erp.edit(s, town="Oslo")
    assert isinstance(await world.sync(s, "sap"), Sync)
    assert world.crm.rows[d].values["city"] == "Oslo"
    world.crm.edit(D1, city="Bath")
    await world.sync(d)
    assert world.erp.rows[s].values["town"] == "Bath"
