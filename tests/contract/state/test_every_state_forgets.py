"""What every `State` forgets: by erasure of one record, and by age."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.core.link import Link
from shared.errors import Stale
from shared.ports import State, Step
from tests.contract.state.stores import NOW, PAIR, entry, full_link, together

GUID = "9F0C1B7E-2D3A-4E5F-8A9B-0C1D2E3F4A5B"


async def every_page(state: State, before: datetime, limit: int) -> int:
    """Purge to the end; return how many entries went."""
    count, token = 0, ""
    for _ in range(1_000):
        some, token = await state.purge_journal(before, token, limit)
        count += some
        if not token:
            return count
    raise AssertionError("no end")


def step(key: str, flow: str = "s4/account", at: datetime = NOW) -> Step:
    return Step(at, flow, "dynamics", key, "received (event)")


# -------------------------------------------------------------------------------------------------------------- erasure


async def test_an_erased_link_is_gone_and_its_neighbours_stay(state: State) -> None:
    one, other = together(2)
    saved = await state.save(Link(PAIR, one, "1"))
    kept = await state.save(Link(PAIR, other, "2"))
    await state.erase(saved)
    assert await state.link(PAIR, "dynamics", one) is None
    assert await state.link(PAIR, "dynamics", other) == kept
    await state.erase(saved)  # a repeat is no matter


async def test_a_link_that_moved_meanwhile_is_not_erased(state: State) -> None:
    before = await state.save(Link(PAIR, "k"))
    after = await state.save(replace(before, sap="1000"))
    with pytest.raises(Stale):
        await state.erase(before)
    assert await state.link(PAIR, "dynamics", "k") == after


async def test_a_worker_that_saves_an_erased_link_is_stale(state: State) -> None:
    saved = await state.save(full_link())
    await state.erase(saved)
    with pytest.raises(Stale):
        await state.save(replace(saved, status="retired"), entry())
    assert await state.journal(PAIR, "k", 10) == ()


async def test_a_journal_is_erased_piece_by_piece_until_nothing_is_left(state: State) -> None:
    link = await state.save(Link(PAIR, GUID))
    for minutes in range(5):
        link = await state.save(link, entry(minutes))
    neighbour = await state.save(Link(PAIR, f"{GUID}1"), entry(9))
    assert [e.at for e in await state.erase_journal(PAIR, GUID.lower(), 3)] == [entry(n).at for n in (4, 3, 2)]
    assert len(await state.erase_journal(PAIR, GUID, 3)) == 2
    assert await state.erase_journal(PAIR, GUID, 3) == ()
    assert await state.journal(PAIR, neighbour.dynamics, 10) == (entry(9),)
    kept = await state.link(PAIR, "dynamics", GUID)
    assert kept is not None
    assert kept.etag == link.etag


async def test_more_entries_than_one_transaction_holds_are_erased(state: State) -> None:
    link = await state.save(Link(PAIR, "k"))
    for minutes in range(130):
        link = await state.save(link, entry(minutes))
    assert len(await state.erase_journal(PAIR, "k", 200)) == 130
    assert await state.journal(PAIR, "k", 10) == ()


async def test_steps_of_a_record_are_erased_from_one_correlation(state: State) -> None:
    await state.note("c-1", [step("a/1"), step("a/12"), step("a/1", "s4/order")])
    await state.note("c-2", [step("a/1")])
    assert await state.erase_steps([("s4/account", "a/1")], correlation="c-1") == (1, "")
    assert {(s.flow, s.key) for s in await state.steps("c-1", 9)} == {("s4/account", "a/12"), ("s4/order", "a/1")}
    assert len(await state.steps("c-2", 9)) == 1


async def test_steps_of_a_record_are_erased_wherever_they_are(state: State) -> None:
    earlier = datetime(2024, 2, 1, tzinfo=UTC)
    for number in range(30):
        at = NOW if number % 2 else earlier
        await state.note(f"c-{number}", [step(GUID.lower(), at=at), step("other", at=at)])
    count, token = await state.erase_steps([("s4/account", GUID), ("s4/account", "500")])
    while token:
        more, token = await state.erase_steps([("s4/account", GUID), ("s4/account", "500")], token)
        count += more
    assert count == 30
    assert [[s.key for s in await state.steps(f"c-{n}", 9)] for n in range(30)] == [["other"]] * 30


# ------------------------------------------------------------------------------------------------------------------ age


async def test_old_entries_of_all_pairs_are_purged_and_the_rest_stays(state: State) -> None:
    before = NOW - timedelta(days=30)
    ages = (0, 29, 31, 400)
    for pair in (PAIR, "another@pair"):
        for key in [*together(3), "elsewhere", "s|odd"]:
            link = await state.save(Link(pair, key, f"sap {key}"))
            await state.bind(link)
            for days in ages:
                link = await state.save(link, replace(entry(), at=NOW - timedelta(days=days)))
    assert await every_page(state, before, 3) == 2 * 5 * 2
    for pair in (PAIR, "another@pair"):
        for key in [*together(3), "elsewhere", "s|odd"]:
            assert [NOW - e.at for e in await state.journal(pair, key, 9)] == [timedelta(days=d) for d in ages[:2]]
            assert await state.link(pair, "dynamics", key) is not None
    assert await every_page(state, before, 3) == 0


async def test_the_limit_of_age_is_exact_to_the_microsecond(state: State) -> None:
    link = await state.save(Link(PAIR, "k"))
    for micros in (-1, 0, 1):
        link = await state.save(link, replace(entry(), at=NOW + timedelta(microseconds=micros)))
    assert await every_page(state, NOW, 100) == 1
    assert min(e.at for e in await state.journal(PAIR, "k", 9)) == NOW


async def test_nothing_to_purge_is_no_trouble(state: State) -> None:
    assert await every_page(state, NOW, 100) == 0
    assert await state.drop_correlations(NOW) == ()
    assert await state.erase_journal(PAIR, "k", 9) == ()
    assert await state.erase_steps([("s4/account", "k")]) == (0, "")
    await state.delete_watermark("a/b")


async def test_whole_months_of_steps_are_dropped_and_this_month_stays(state: State) -> None:
    for month in (12, 1, 2, 3):
        at = datetime(2023 if month == 12 else 2024, month, 15, tzinfo=UTC)
        await state.note(f"c-{month}", [step("k", at=at)])
    assert await state.drop_correlations(datetime(2024, 2, 28, tzinfo=UTC)) == ("202312", "202401")
    assert [len(await state.steps(f"c-{month}", 9)) for month in (12, 1, 2, 3)] == [0, 0, 1, 1]
    assert await state.drop_correlations(datetime(2024, 2, 28, tzinfo=UTC)) == ()


async def test_a_deleted_watermark_is_as_if_it_had_never_been(state: State) -> None:
    await state.set_watermark("backfill/one", "1")
    await state.set_watermark("backfill/two", "2")
    await state.delete_watermark("backfill/one")
    assert await state.watermark("backfill/one") == ""
    assert await state.watermarks("backfill") == {"backfill/two": "2"}
