"""What an operator sees of a record that is not linked."""

from shared.core.link import Problem
from shared.ops.watch import look
from shared.ports import Parked
from tests.laws.world import D1, World


async def test_a_parked_record_is_found_in_a_long_list_and_however_its_key_is_spelled() -> None:
    world = World()
    for number in range(look.PARKED_COUNT + 1):
        await world.state.park(Parked("s4/partner", "dynamics", f"0000-{number:04d}", (Problem("", "", "x", "y"),), ""))
    key = "f" + D1[1:]
    await world.state.park(Parked("s4/partner", "dynamics", key, (Problem("", "", "x", "y"),), ""))
    assert (await look.pair("s4/partner", key.upper(), world.app))["status"] == "unlinked"
