"""One suite that every `State` passes: the table store on Azurite, and the one in memory that simulations run on.

Links, ways back and the journal here; the rest in `test_every_state_of_work.py`.
"""

import asyncio
from dataclasses import fields, replace

import pytest

from shared.core.link import JournalEntry, Link
from shared.errors import Stale
from shared.ports import State
from tests.contract.state.stores import (
    NOW,
    PAIR,
    entry,
    full_link,
    together,
)

OTHER_PAIR = "dataverse.account@b1.SBO.BusinessPartners"
GUID = "9F0C1B7E-2D3A-4E5F-8A9B-0C1D2E3F4A5B"
AWKWARD_KEYS = (
    "Müller & Söhne/Zürich",
    "a|b",
    "a=7Cb",
    "o'Neill \"#?%\\",
    "tab\tline\nend\x7f",
    "x" * 255,
    "ü" * 255,
    "=" * 255,
    "日本/東京",
    ".",
    "..",
    " ",
)


# ---------------------------------------------------------------------------------------------------------------- links


async def test_a_record_that_was_never_linked_has_no_link(state: State) -> None:
    assert await state.link(PAIR, "dynamics", "k") is None
    assert await state.link(PAIR, "sap", "1000") is None
    assert await state.journal(PAIR, "k", 10) == ()


async def test_a_link_comes_back_as_it_was_saved_with_all_its_members(state: State) -> None:
    link = full_link()
    bare = Link(PAIR, "k")
    assert all(getattr(link, f.name) != getattr(bare, f.name) for f in fields(Link) if f.name not in _ASIDE)
    saved = await state.save(link)
    assert saved == replace(link, etag=saved.etag)
    assert saved.etag
    assert await state.link(PAIR, "dynamics", "k") == saved


_ASIDE = {"pair", "dynamics", "etag"}


async def test_a_bare_claim_comes_back_as_it_was_saved(state: State) -> None:
    saved = await state.save(Link(PAIR, "k"))
    assert await state.link(PAIR, "dynamics", "k") == saved


async def test_a_second_insert_of_a_link_is_stale_and_the_first_stays(state: State) -> None:
    first = await state.save(Link(PAIR, "k", claimed_by="worker 1"))
    with pytest.raises(Stale):
        await state.save(Link(PAIR, "k", claimed_by="worker 2"), entry())
    assert await state.link(PAIR, "dynamics", "k") == first
    assert await state.journal(PAIR, "k", 10) == ()


async def test_an_update_moves_the_etag_and_the_old_one_is_stale(state: State) -> None:
    first = await state.save(full_link())
    second = await state.save(replace(first, status="retired"), entry(1))
    assert second.etag != first.etag
    with pytest.raises(Stale):
        await state.save(replace(first, status="merged"), entry(2))
    assert await state.link(PAIR, "dynamics", "k") == second
    assert await state.journal(PAIR, "k", 10) == (entry(1),)


async def test_an_update_drops_what_the_link_no_longer_holds(state: State) -> None:
    first = await state.save(full_link(lines=1000))
    second = await state.save(Link(PAIR, "k", "1000", "linked", etag=first.etag))
    assert await state.link(PAIR, "dynamics", "k") == second


async def test_an_update_of_a_link_that_is_not_there_is_stale(state: State) -> None:
    saved = await state.save(Link(PAIR, "k"))
    with pytest.raises(Stale):
        await state.save(Link(PAIR, "other", etag=saved.etag))
    assert await state.link(PAIR, "dynamics", "other") is None


async def test_of_two_workers_who_insert_at_once_one_is_stale(state: State) -> None:
    links = [Link(PAIR, "k", claimed_by=name) for name in ("one", "two", "three")]
    outcomes = await asyncio.gather(*(state.save(link, entry()) for link in links), return_exceptions=True)
    [winner] = [outcome for outcome in outcomes if isinstance(outcome, Link)]
    assert [type(outcome) for outcome in outcomes].count(Stale) == 2
    assert await state.link(PAIR, "dynamics", "k") == winner
    assert await state.journal(PAIR, "k", 10) == (entry(),)


async def test_of_saves_that_arrive_together_only_the_stale_one_fails(state: State) -> None:
    keys = together(12)
    await state.save(Link(PAIR, keys[5], claimed_by="somebody else"))
    saves = (state.save(Link(PAIR, key), entry(reason=key)) for key in keys)
    outcomes = await asyncio.gather(*saves, return_exceptions=True)
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Stale)] == [5]
    for key, outcome in zip(keys, outcomes, strict=True):
        link = await state.link(PAIR, "dynamics", key)
        assert link is not None
        assert link == outcome or link.claimed_by == "somebody else"
        assert len(await state.journal(PAIR, key, 10)) == (key != keys[5])


async def test_links_of_other_objects_with_the_same_keys_do_not_meet(state: State) -> None:
    ours = await state.save(Link(PAIR, "k", "1000"))
    theirs = await state.save(Link(OTHER_PAIR, "k", "1000", "linked"))
    await state.bind(ours)
    assert await state.link(PAIR, "dynamics", "k") == ours
    assert await state.link(OTHER_PAIR, "dynamics", "k") == theirs
    assert await state.link(OTHER_PAIR, "sap", "1000") is None


@pytest.mark.parametrize("key", AWKWARD_KEYS)
async def test_any_text_can_be_a_key(state: State, key: str) -> None:
    saved = await state.save(Link(PAIR, key, key, "linked"), entry())
    await state.bind(saved)
    neighbour = await state.save(Link(PAIR, key + "2"), entry(1))
    assert await state.link(PAIR, "dynamics", key) == saved
    assert await state.link(PAIR, "sap", key) == saved
    assert await state.link(PAIR, "dynamics", key + "2") == neighbour
    assert await state.journal(PAIR, key, 10) == (entry(),)


async def test_guids_are_the_same_key_in_any_case(state: State) -> None:
    saved = await state.save(Link(PAIR, GUID, "1000", "linked"), entry())
    await state.bind(Link(PAIR, GUID, "1000"))
    await state.bind(Link(PAIR, GUID.lower(), "1000"))
    expected = replace(saved, dynamics=GUID.lower())
    assert await state.link(PAIR, "dynamics", GUID) == expected
    assert await state.link(PAIR, "dynamics", GUID.lower()) == expected
    assert await state.link(PAIR, "sap", "1000") == expected
    assert await state.journal(PAIR, GUID.lower(), 10) == (entry(),)
    assert await state.save(expected)


async def test_other_keys_differ_by_case(state: State) -> None:
    await state.save(Link(PAIR, "abc"))
    assert await state.link(PAIR, "dynamics", "ABC") is None


async def test_a_link_holds_several_hundred_lines(state: State) -> None:
    saved = await state.save(full_link(lines=400), entry())
    assert await state.link(PAIR, "dynamics", "k") == saved
    changed = await state.save(replace(saved, lines=saved.lines[:399]))
    assert await state.link(PAIR, "dynamics", "k") == changed


# -------------------------------------------------------------------------------------------------------- the way back


async def test_a_bound_link_is_found_by_its_sap_key(state: State) -> None:
    saved = await state.save(full_link())
    await state.bind(saved)
    assert await state.link(PAIR, "sap", "1000") == saved


async def test_a_way_back_alone_is_a_claim_that_knows_both_keys(state: State) -> None:
    await state.bind(Link(PAIR, "k", "1000"))
    assert await state.link(PAIR, "sap", "1000") == Link(PAIR, "k", "1000", "claimed")
    assert await state.link(PAIR, "dynamics", "k") is None


async def test_a_way_back_completes_a_claim_that_does_not_know_its_sap_key_yet(state: State) -> None:
    claim = await state.save(Link(PAIR, "k", claimed_by="a worker that died"))
    await state.bind(Link(PAIR, "k", "1000"))
    found = await state.link(PAIR, "sap", "1000")
    assert found == replace(claim, sap="1000")
    await state.save(replace(found, status="linked"))


async def test_binding_again_is_harmless_and_another_pair_cannot_have_the_sap_key(state: State) -> None:
    await state.bind(Link(PAIR, "k", "1000"))
    await state.bind(Link(PAIR, "k", "1000"))
    with pytest.raises(Stale):
        await state.bind(Link(PAIR, "another", "1000"))
    assert await state.link(PAIR, "sap", "1000") == Link(PAIR, "k", "1000")


async def test_unbinding_takes_back_our_own_way_back_and_nobody_elses(state: State) -> None:
    await state.unbind(Link(PAIR, "k", "1000"))
    await state.bind(Link(PAIR, "k", "1000"))
    await state.unbind(Link(PAIR, "another", "1000"))
    assert await state.link(PAIR, "sap", "1000") is not None
    await state.unbind(Link(PAIR, "k", "1000"))
    assert await state.link(PAIR, "sap", "1000") is None
    await state.bind(Link(PAIR, "another", "1000"))


# -------------------------------------------------------------------------------------------------------------- journal


async def test_the_journal_keeps_150_entries_and_tells_the_newest_first(state: State) -> None:
    link = await state.save(Link(PAIR, "k"), entry(0))
    for minutes in range(1, 150):
        link = await state.save(link, entry(minutes))
    assert await state.journal(PAIR, "k", 1000) == tuple(entry(minutes) for minutes in reversed(range(150)))
    assert await state.journal(PAIR, "k", 3) == (entry(149), entry(148), entry(147))


async def test_entries_of_one_instant_keep_their_order(state: State) -> None:
    link = await state.save(Link(PAIR, "k"), entry(reason="first"))
    for reason in ("second", "third"):
        link = await state.save(link, entry(reason=reason))
    assert [found.reason for found in await state.journal(PAIR, "k", 10)] == ["third", "second", "first"]


async def test_an_entry_with_nothing_but_the_necessary_comes_back(state: State) -> None:
    bare = JournalEntry(NOW, "c", "sweep", "sap", "skipped", "already in step")
    await state.save(Link(PAIR, "k"), bare)
    assert await state.journal(PAIR, "k", 1) == (bare,)
