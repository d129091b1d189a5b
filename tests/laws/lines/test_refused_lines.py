"""Laws 14 and 17: a refused line, or column of a line, is parked alone, and not sent again until it changes."""

from shared.errors import Complaint
from tests.laws.lines.orders import FIRST, SECOND, Orders


async def test_a_refused_line_is_parked_alone_and_not_sent_again_until_it_changes() -> None:
    orders = Orders()
    await orders.start(FIRST)
    orders.world.erp.objects_to = lambda _values, lines: tuple(
        Complaint("V1/320", "no such material", "material", line.peer) for line in lines if line.values["quantity"] == 2
    )
    orders.type_line(**SECOND)
    orders.type_line("a", quantity=5)
    await orders.sync()
    assert await orders.stuck() == {"line b": "refused s4 V1/320"}
    assert orders.items["1"]["quantity"] == 5
    calls = orders.world.script.calls["erp.update"]
    await orders.sync()
    assert orders.world.script.calls["erp.update"] == calls
    orders.type_line("b", quantity=3)
    await orders.sync()
    assert orders.items["2"]["quantity"] == 3
    assert await orders.stuck() == {}


async def test_a_complaint_that_names_nothing_parks_the_new_line_and_not_the_order() -> None:
    orders = Orders()
    await orders.start(FIRST)
    orders.world.erp.objects_to = lambda _values, lines: (Complaint("", "no"),) if lines else ()
    orders.type_line(**SECOND)
    await orders.sync()
    assert await orders.stuck() == {"line b": "refused s4"}


async def test_a_refused_column_of_a_line_is_parked_and_the_rest_of_the_line_is_written() -> None:
    orders = Orders()
    await orders.start(FIRST)
    orders.world.erp.objects_to = lambda _values, lines: tuple(
        Complaint("V1/1", "too many", "quantity", line.key) for line in lines if line.values.get("quantity") == 99
    )
    orders.type_line("a", quantity=99, note="urgent")
    await orders.sync()
    assert await orders.stuck() == {"line a.quantity": "refused s4 V1/1"}
    assert (orders.items["1"]["quantity"], orders.items["1"]["note"]) == (1, "urgent")
    calls = orders.world.script.calls["erp.update"]
    await orders.sync()
    assert orders.world.script.calls["erp.update"] == calls


async def test_a_refused_rejection_is_parked_and_not_sent_again() -> None:
    orders = Orders()
    await orders.start(FIRST)
    orders.world.erp.objects_to = lambda _values, lines: tuple(
        Complaint("V1/2", "delivered already", "", line.key) for line in lines if "rejected" in line.values
    )
    orders.drop_line("a")
    for _ in range(2):
        await orders.sync()
    assert await orders.stuck() == {"line a": "refused s4 V1/2"}
    assert orders.world.script.calls["erp.update"] == 1
