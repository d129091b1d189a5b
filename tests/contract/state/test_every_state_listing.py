"""What every `State` can list: all links of a pair, all who wait, a group of watermarks, and where an SAP key leads."""

from datetime import UTC, datetime

from shared.core.link import Link
from shared.core.model import Change, Reference
from shared.ports import State

PAIR = "dataverse.account@s4.100.BusinessPartner"
OTHER = "dataverse.salesorder@s4.100.SalesOrder"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def all_links(state: State, pair: str, limit: int) -> list[Link]:
    found: list[Link] = []
    token = ""
    for _ in range(200):
        page, token = await state.links(pair, token, limit)
        assert len(page) <= limit
        found += page
        if not token:
            return found
    raise AssertionError("the pages have no end")


async def test_all_links_of_a_pair_are_walked_once_whatever_the_page_size(state: State) -> None:
    keys = {f"key/{n}" for n in range(23)}
    for key in sorted(keys):
        await state.bind(await state.save(Link(PAIR, key, f"sap {key}")))
    await state.save(Link(OTHER, "another pair"))
    for limit in (1, 5, 23, 100):
        found = await all_links(state, PAIR, limit)
        assert sorted(link.dynamics for link in found) == sorted(keys)
    assert all(link.etag for link in found)


async def test_a_listed_link_can_be_saved_again(state: State) -> None:
    await state.save(Link(PAIR, "k", "1"))
    (link,), _ = await state.links(PAIR, "", 10)
    assert (await state.save(link)).etag != link.etag


async def test_a_pair_without_links_has_an_empty_page(state: State) -> None:
    assert await state.links(PAIR, "", 10) == ((), "")


async def test_an_sap_key_leads_home(state: State) -> None:
    assert await state.home(PAIR, "1000001") == ""
    await state.bind(Link(PAIR, "k", "1000001"))
    assert await state.home(PAIR, "1000001") == "k"
    assert await state.home(OTHER, "1000001") == ""


async def test_everybody_who_waits_is_listed_with_what_for_and_since_when(state: State) -> None:
    references = [Reference("s4/account", "dynamics", f"ä/{n}") for n in range(3)]
    for number, reference in enumerate(references):
        waiter = Change("s4/order", "dynamics", f"order {number}", "o", "c")
        await state.wait(reference, waiter, NOW)
    found = await state.waiting(10)
    assert {(r, c.key, since) for r, c, since in found} == {(r, f"order {n}", NOW) for n, r in enumerate(references)}
    assert len(await state.waiting(2)) == 2
    await state.unwait(references[0], Change("s4/order", "dynamics", "order 0", "o", "c"))
    assert {r for r, _, _ in await state.waiting(10)} == set(references[1:])


async def test_a_group_of_watermarks_is_read_at_once(state: State) -> None:
    await state.set_watermark("pause/s4/account", "since noon")
    await state.set_watermark("pause/dataverse", "")
    await state.set_watermark("paused/other", "x")
    assert await state.watermarks("pause") == {"pause/s4/account": "since noon", "pause/dataverse": ""}
    assert await state.watermarks("nothing") == {}
