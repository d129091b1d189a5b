"""Law 6: in step means the same by the way there, by the way back, or as both were when last in step."""

import pytest

from shared.core.plan import Sync
from shared.decide import decide
from tests.laws.facts import account, bases, columns, facts, linked, partner
from tests.laws.flows import PARTNER
from tests.laws.world import D1, SEAL, World

NEVER = {"base": {}}


@pytest.mark.parametrize(
    ("why", "crm", "erp"),
    [
        ("the way there gives what SAP holds", {"country": "Deutschland"}, {"land": "DE"}),
        ("the way back gives what Dynamics holds: SAP pads", {"postal": "69190"}, {"zip": "69190   "}),
        ("absent and empty are the same", {"memo": None, "terms": ""}, {"memo": "", "payterms": None}),
        ("a lossy one-way field is in step by its way there", {"name": "Lyon-Gare"}, {"name1": "Lyon-Gare"}),
    ],
)
def test_values_that_mean_the_same_are_not_written(why: str, crm: dict, erp: dict) -> None:
    one, other = account(**crm), partner(**{"search": crm.get("name", "Firm").upper()[:8], **erp})
    plan = decide(facts(one, other, linked(one, other, **NEVER)), PARTNER)
    assert isinstance(plan, Sync)
    assert not plan.writes, why
    assert not plan.problems, why


@pytest.mark.parametrize("field", ["memo", "terms", "city", "street"])
def test_a_form_that_was_accepted_once_is_in_step_whoever_owns_the_field(field: str) -> None:
    one = account(memo="Lyon", terms="NT30", city="Lyon", street="Lyon")
    other = partner(memo="LYON", payterms="nt30", town="LYON", road="LYON")
    link = linked(one, other)
    assert columns(decide(facts(one, other, link), PARTNER), "sap") is None
    without = {name: base for name, base in link.base.items() if name != field}
    plan = decide(facts(one, other, linked(one, other, base=without)), PARTNER)
    assert isinstance(plan, Sync)
    assert plan.writes or plan.problems, "without the base it is a difference"


@pytest.mark.parametrize(("side", "held"), [("dynamics", {"memo": "Lyons"}), ("sap", {"memo": "LYONS"})])
def test_an_accepted_form_is_news_again_as_soon_as_one_side_moves(side: str, held: dict) -> None:
    link = linked(account(memo="Lyon"), partner(memo="LYON"))
    one = account(**(held if side == "dynamics" else {"memo": "Lyon"}))
    other = partner(**(held if side == "sap" else {"memo": "LYON"}))
    assert columns(decide(facts(one, other, link), PARTNER), "sap") == {"memo": one.values["memo"]}


def test_the_decision_is_the_same_whichever_side_spoke() -> None:
    crm, erp = account(city="Lyon", memo="a"), partner(town="Oslo", memo="b")
    link = linked(account(city="Lyon"), partner(town="Lyon"))
    spoken = [decide(facts(crm, erp, link, side=side), PARTNER) for side in ("dynamics", "sap")]
    assert spoken[0] == spoken[1]
    assert columns(spoken[0], "dynamics") == {"city": "Oslo"}
    assert columns(spoken[0], "sap") == {"memo": "a"}


async def test_what_sap_makes_of_a_value_raises_no_echo_for_ever() -> None:
    world = World()
    world.erp.forms = {"name1": str.upper, "zip": lambda v: f"{v}  "}
    d, s = await world.linked(name="Firm", postal="69190", country="Deutschland")
    writes = world.crm.writes + world.erp.writes
    for key, side in ((s, "sap"), (d, "dynamics"), (s, "sap")):
        assert isinstance(await world.sync(key, side), Sync)
    assert world.crm.writes + world.erp.writes == writes
    assert world.crm.rows[d].values["country"] == "Deutschland"


async def test_a_pair_in_step_says_so_and_keeps_its_base() -> None:
    world = World()
    d, _ = await world.linked(city="Lyon")
    before = await world.link(D1)
    plan = await world.sync(d)
    assert isinstance(plan, Sync)
    assert plan.reason == "in step"
    assert await world.link(D1) == before
    held = {"dynamics": world.crm.rows[d].values, "sap": world.erp.rows[before.sap].values}
    assert before.base == bases(PARTNER.rows, held)
    assert SEAL.matches("Lyon", before.base["city"].sap)
