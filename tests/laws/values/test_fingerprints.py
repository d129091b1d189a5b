"""Law 12: a changed mapping row has no base until first in step again; nor has a digest whose key is forgotten."""

from dataclasses import replace

from shared.core.digest import Seal
from shared.decide import decide
from shared.decision.rows import unsettled_references
from tests.laws.facts import account, columns, facts, linked, parks, partner
from tests.laws.flows import FLOWS, PARTNER
from tests.laws.world import SEAL, World

ROTATED = Seal("k2", {"k1": SEAL.keys["k1"], "k2": b"fedcba9876543210"})
FORGOTTEN = Seal("k2", {"k2": b"fedcba9876543210"})
WAS = account(city="Lyon", memo="a"), partner(town="Lyon", memo="a")


def reread(name: str):
    """Return the flow after somebody changed how a row is read."""
    fields = tuple(replace(f, fingerprint="changed") if f.name == name else f for f in PARTNER.rows.fields)
    return replace(PARTNER, rows=replace(PARTNER.rows, fields=fields))


def test_a_field_that_is_read_otherwise_than_in_its_base_was_never_in_step() -> None:
    crm, erp = account(city="Oslo"), partner(town="Lyon")
    assert columns(decide(facts(crm, erp, linked(*WAS)), PARTNER), "sap") == {"town": "Oslo"}
    plan = decide(facts(crm, erp, linked(*WAS)), reread("city"))
    assert parks(plan) == {"city": "clash"}


def test_an_empty_owner_does_not_wipe_a_field_that_is_read_otherwise_now() -> None:
    crm, erp = account(city="Lyon"), partner(town="Lyon", memo="a")
    assert columns(decide(facts(crm, erp, linked(*WAS)), PARTNER), "sap") == {"memo": None}
    assert columns(decide(facts(crm, erp, linked(*WAS)), reread("memo")), "sap") is None


def test_a_digest_made_with_an_older_key_still_counts_while_that_key_is_known() -> None:
    crm, erp = account(city="Oslo"), partner(town="Lyon")
    turned = replace(facts(crm, erp, linked(*WAS)), seal=ROTATED)
    assert columns(decide(turned, PARTNER), "sap") == {"town": "Oslo"}
    lost = replace(facts(crm, erp, linked(*WAS)), seal=FORGOTTEN)
    assert parks(decide(lost, PARTNER)) == {"city": "clash"}
    wiped = replace(facts(account(city="Lyon"), partner(town="Lyon", memo="a"), linked(*WAS)), seal=FORGOTTEN)
    assert columns(decide(wiped, PARTNER), "sap") is None


def test_a_reference_is_looked_up_again_when_its_row_has_changed() -> None:
    crm, erp = account(parent="p"), partner(parent="1")
    held = facts(crm, erp, linked(crm, erp))
    assert not unsettled_references(held, PARTNER)
    assert {r.key for r in unsettled_references(held, reread("parent"))} == {"p"}


async def test_a_changed_row_gets_its_new_base_as_soon_as_both_sides_agree() -> None:
    world = World()
    d, _ = await world.linked(city="Lyon")
    changed = World(flows={**FLOWS, "s4/partner": reread("city")})
    app = replace(world.app, flows=changed.app.flows)
    await world.sync(d, app=app)
    assert (await world.link()).base["city"].fingerprint == "changed"
