"""The rest of the suite that every `State` passes: waiters, parked records, correlations, watermarks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.core.link import Problem
from shared.core.model import Change, Reference
from shared.ports import Parked, State, Step
from tests.contract.state.stores import (
    NOW,
)

GUID = "9F0C1B7E-2D3A-4E5F-8A9B-0C1D2E3F4A5B"


def waiter(key: str = "500", flow: str = "s4/order", origin: str = "o-1") -> Change:
    return Change(flow, "sap", key, origin, "corr-1", first_seen=NOW, pair_key="abc")


# -------------------------------------------------------------------------------------------------------------- waiting


async def test_waiters_are_told_by_reference_and_the_first_time_is_kept(state: State) -> None:
    account, contact = Reference("s4/account", "dynamics", "a/1"), Reference("s4/contact", "dynamics", "a/1")
    await state.wait(account, waiter("500"), NOW)
    await state.wait(account, waiter("500", origin="o-2"), NOW + timedelta(hours=1))
    await state.wait(account, waiter("501"), NOW + timedelta(hours=2))
    await state.wait(contact, waiter("500"), NOW)
    assert await state.waiters([account]) == (
        (account, waiter("500"), NOW),
        (account, waiter("501"), NOW + timedelta(hours=2)),
    )
    nobody = Reference("s4/account", "sap", "a/1")
    assert [(found, who.key) for found, who, _ in await state.waiters([contact, nobody, account])] == [
        (contact, "500"),
        (account, "500"),
        (account, "501"),
    ]
    assert await state.waiters([]) == ()


async def test_a_waiter_is_struck_out_alone_and_may_wait_again(state: State) -> None:
    reference = Reference("s4/account", "dynamics", GUID)
    await state.unwait(reference, waiter())
    await state.wait(reference, waiter("500"), NOW)
    await state.wait(reference, waiter("501"), NOW)
    await state.unwait(replace(reference, key=GUID.lower()), waiter("500"))
    assert [who.key for _, who, _ in await state.waiters([reference])] == ["501"]
    await state.wait(reference, waiter("500", origin="o-2"), NOW + timedelta(hours=1))
    assert (await state.waiters([reference]))[0] == (reference, waiter("500", origin="o-2"), NOW + timedelta(hours=1))


# --------------------------------------------------------------------------------------------------------------- parked


async def test_parked_records_are_replaced_listed_by_key_and_struck_out(state: State) -> None:
    problem = Problem("tax", "sap", "clash", "ändern Sie …", ("d", "s"), NOW)
    for key, attempts in (("2/b", 1), ("1", 1), ("3", 1), ("1", 2)):
        await state.park(Parked("s4/account", "sap", key, (problem,) * attempts, "corr-1", attempts))
    await state.park(Parked("s4/contact", "sap", "1", (), "corr-2"))
    found = await state.parked("s4/account", 10)
    assert [(parked.key, parked.attempts) for parked in found] == [("1", 2), ("2/b", 1), ("3", 1)]
    assert found[0] == Parked("s4/account", "sap", "1", (problem, problem), "corr-1", 2)
    assert [parked.key for parked in await state.parked("s4/account", 2)] == ["1", "2/b"]
    await state.unpark("s4/account", "sap", "2/b")
    await state.unpark("s4/account", "sap", "2/b")
    await state.unpark("s4/account", "dynamics", "1")
    assert [parked.key for parked in await state.parked("s4/account", 10)] == ["1", "3"]
    assert await state.parked("s4/contact", 10) == (Parked("s4/contact", "sap", "1", (), "corr-2"),)
    assert await state.parked("s4/never", 10) == ()


# --------------------------------------------------------------------------------------------------------- correlations


async def test_steps_are_told_oldest_first_whoever_noted_them(state: State) -> None:
    later, sooner = Step(NOW, "s4/account", "sap", "1", "written"), Step(NOW, "s4/a", "sap", "1", "written")
    await state.note("corr/1", [later, replace(sooner, at=NOW - timedelta(seconds=1))])
    await state.note("corr/1", [replace(later, at=NOW - timedelta(milliseconds=1), what="received")])
    await state.note("corr/2", [later])
    found = await state.steps("corr/1", 10)
    assert [step.at for step in found] == sorted(step.at for step in found)
    assert [step.what for step in found] == ["written", "received", "written"]
    assert len(await state.steps("corr/1", 2)) == 2
    assert await state.steps("corr/2", 10) == (later,)
    assert await state.steps("corr/3", 10) == ()


async def test_steps_of_one_instant_keep_their_order(state: State) -> None:
    steps = [Step(NOW, "s4/account", "sap", "1", f"step {n}") for n in range(5)]
    await state.note("c", steps[:3])
    await state.note("c", steps[3:])
    await state.note("c", [])
    assert await state.steps("c", 10) == tuple(steps)


async def test_more_steps_than_a_transaction_holds_can_be_noted_at_once(state: State) -> None:
    steps = [Step(NOW + timedelta(seconds=n), "s4/account", "sap", str(n), "seen") for n in range(230)]
    await state.note("c", steps)
    assert await state.steps("c", 1000) == tuple(steps)


async def test_steps_on_both_sides_of_a_new_month_are_told_in_one_row(state: State) -> None:
    before = Step(datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC), "s4/account", "sap", "1", "received")
    after = Step(datetime(2024, 3, 1, 0, 0, 1, tzinfo=UTC), "s4/account", "sap", "1", "written")
    await state.note("c", [after, before])
    assert await state.steps("c", 10) == (before, after)
    assert await state.steps("c", 1) == (before,)


# ----------------------------------------------------------------------------------------------------------- watermarks


async def test_watermarks_are_empty_then_what_was_last_set(state: State) -> None:
    assert await state.watermark("s4/account/sap") == ""
    await state.set_watermark("s4/account/sap", "2024-03-09T14:30:15Z")
    await state.set_watermark("s4/account/dynamics", "919042%2108/15/2024%2004:12:37?§ö")
    assert await state.watermark("s4/account/sap") == "2024-03-09T14:30:15Z"
    assert await state.watermark("s4/account/dynamics") == "919042%2108/15/2024%2004:12:37?§ö"
    await state.set_watermark("s4/account/sap", "")
    assert await state.watermark("s4/account/sap") == ""
    assert await state.watermark("account") == ""


async def test_a_watermark_may_be_a_token_of_many_kilobytes(state: State) -> None:
    for token in ("x" * 20_000, "é" * 50_000, "short"):
        await state.set_watermark("dataverse/accounts", token)
        assert await state.watermark("dataverse/accounts") == token
