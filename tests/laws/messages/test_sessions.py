"""Where a change goes that nobody has addressed: to the session of its pair, never to one of its own."""

import pytest

from shared.core.messages import born_in_sap, message_id, partition
from shared.steps.dispatch import dispatch
from tests.laws.flows import PARTNER
from tests.laws.world import D1, World


async def test_a_record_of_sap_without_an_address_goes_where_its_row_would_be() -> None:
    world = World()
    s = world.partner()
    await dispatch([world.change(s, "sap")], world.app)
    (sent,) = (delivery.message for delivery in world.bus.queue)
    assert sent.change.pair_key == born_in_sap(PARTNER.pair, s)
    assert sent.session == partition(PARTNER.pair, born_in_sap(PARTNER.pair, s))
    assert sent.session != partition(PARTNER.pair, s)


@pytest.mark.parametrize("spelt", ["{%s}", "%s"])
async def test_a_row_of_dynamics_has_one_session_however_its_key_is_spelt(spelt: str) -> None:
    world = World()
    await dispatch([world.change(spelt % D1.upper())], world.app)
    (sent,) = (delivery.message for delivery in world.bus.queue)
    assert (sent.change.key, sent.change.pair_key) == (D1, D1)
    assert sent.session == partition(PARTNER.pair, D1)
    assert sent.id == message_id(PARTNER.pair, sent.change)
