"""What only the table store does: how often it asks, how it groups, and how it gets in. Trouble is another file's."""

import asyncio
import logging
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Self

import pytest
from azure.core.credentials import AccessToken

from dev import azurite
from shared.core.link import Base, LineLink, Link
from shared.errors import NeedsPerson, Stale, Unavailable
from shared.ports import Step
from shared.state.tables import TableState
from tests.contract.state.stores import (
    PAIR,
    Wire,
    entry,
    fresh_prefix,
    full_link,
    table_state,
    together,
)


@pytest.fixture
def state(watched: TableState) -> TableState:
    """Only the table store here."""
    return watched


# --------------------------------------------------------------------------------------------------------- round trips


async def test_an_update_of_a_linked_record_costs_one_read_and_one_transaction(state: TableState, wire: Wire) -> None:
    await state.save(full_link())
    wire.sent.clear()
    link = await state.link(PAIR, "dynamics", "k")
    assert link is not None
    await state.save(replace(link, status="retired"), entry())
    assert wire.sent == ["GET links", "POST $batch"]


async def test_a_record_found_by_its_sap_key_costs_two_reads(state: TableState, wire: Wire) -> None:
    await state.bind(await state.save(full_link()))
    wire.sent.clear()
    await state.link(PAIR, "sap", "1000")
    assert wire.sent == ["GET links", "GET links"]


async def test_a_table_is_created_once_and_only_when_a_write_misses_it(storage: azurite.Azurite, wire: Wire) -> None:
    async with table_state(storage, transport=wire) as state:
        assert await state.watermark("a/b") == ""
        assert "POST Tables" not in wire.sent
        await state.set_watermark("a/b", "1")
        await state.set_watermark("a/b", "2")
        assert wire.sent.count("POST Tables") == 1
        first, second = full_link("k1"), full_link("k2")
        await asyncio.gather(state.save(first, entry()), state.save(second, entry()))
        assert await state.link(PAIR, "dynamics", "k1") is not None


async def test_fifty_saves_that_arrive_together_are_one_transaction(state: TableState, wire: Wire) -> None:
    saved = await asyncio.gather(*(state.save(Link(PAIR, key), entry()) for key in together(50)))
    assert wire.sent == ["POST $batch"]
    wire.sent.clear()
    again = await asyncio.gather(*(state.save(replace(link, sap="1"), entry(1)) for link in saved))
    assert wire.sent == ["POST $batch"]
    for link in again:
        assert await state.link(PAIR, "dynamics", link.dynamics) == link


async def test_more_saves_than_a_transaction_holds_are_several(state: TableState, wire: Wire) -> None:
    keys = together(120)
    await asyncio.gather(*(state.save(Link(PAIR, key), entry()) for key in keys))
    assert wire.sent == ["POST $batch"] * 3
    for key in keys:
        assert await state.link(PAIR, "dynamics", key) is not None


async def test_saves_of_several_partitions_do_not_wait_for_each_other(state: TableState, wire: Wire) -> None:
    await asyncio.gather(*(state.save(Link(f"pair {n}", "k"), entry()) for n in range(5)))
    assert wire.sent == ["POST $batch"] * 5


async def test_a_stale_row_in_a_transaction_is_isolated(state: TableState, wire: Wire) -> None:
    keys = together(6)
    saved = await asyncio.gather(*(state.save(Link(PAIR, key), entry()) for key in keys))
    await state.save(replace(saved[2], claimed_by="somebody faster"))
    wire.sent.clear()
    saves = (state.save(replace(link, status="linked"), entry(1)) for link in saved)
    outcomes = await asyncio.gather(*saves, return_exceptions=True)
    assert [isinstance(outcome, Stale) for outcome in outcomes] == [n == 2 for n in range(6)]
    assert wire.sent == ["POST $batch"] * 7
    statuses = [(await state.link(PAIR, "dynamics", key) or Link("", "")).status for key in keys]
    assert statuses == ["linked", "linked", "claimed", "linked", "linked", "linked"]
    assert await state.journal(PAIR, keys[2], 10) == (entry(),)


async def test_the_same_link_twice_at_once_goes_in_two_transactions_and_the_second_is_stale(
    state: TableState, wire: Wire
) -> None:
    saved = await state.save(Link(PAIR, "k"))
    wire.sent.clear()
    outcomes = await asyncio.gather(
        state.save(replace(saved, claimed_by="one"), entry(1)),
        state.save(replace(saved, claimed_by="two"), entry(2)),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], Link)
    assert isinstance(outcomes[1], Stale)
    assert wire.sent == ["POST $batch"] * 2


async def test_big_links_are_spread_over_transactions_of_4_mib(state: TableState, wire: Wire) -> None:
    saved = await asyncio.gather(*(state.save(big_link(key), entry()) for key in together(12)))
    assert len(wire.sent) > 1
    assert set(wire.sent) == {"POST $batch"}
    for link in saved:
        assert await state.link(PAIR, "dynamics", link.dynamics) == link


async def test_a_link_beyond_the_limit_of_a_row_names_its_pair_and_takes_no_neighbour_with_it(
    state: TableState,
) -> None:
    keys = together(3)
    outcomes = await asyncio.gather(
        state.save(Link(PAIR, keys[0]), entry()),
        state.save(big_link(keys[1], lines=6000), entry()),
        state.save(Link(PAIR, keys[2]), entry()),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Link, NeedsPerson, Link]
    assert f"{PAIR} {keys[1]}" in str(outcomes[1])
    assert await state.link(PAIR, "dynamics", keys[1]) is None


def big_link(key: str, lines: int = 1000) -> Link:
    """Return a link whose digests do not repeat, as real ones do not: about 0.2 MB compressed for 1,000 lines."""

    def base(line: int) -> dict[str, Base]:
        names = [f"field {n}" for n in range(5)]
        return {name: Base(_digest(key, line, name, "d"), _digest(key, line, name, "s"), "f0f0f0") for name in names}

    return Link(PAIR, key, lines=tuple(LineLink(str(n), str(n * 10), base(n)) for n in range(lines)))


def _digest(*parts: object) -> str:
    return blake2b(repr(parts).encode(), digest_size=9).hexdigest()


async def test_prefixes_keep_two_apps_on_one_account_apart(storage: azurite.Azurite) -> None:
    async with table_state(storage) as ours, table_state(storage) as theirs:
        await ours.set_watermark("a/b", "ours")
        assert await theirs.watermark("a/b") == ""


async def test_steps_are_looked_for_in_as_many_months_as_told(storage: azurite.Azurite) -> None:
    prefix = fresh_prefix()
    steps = [Step(datetime(2024, month, 5, tzinfo=UTC), "s4/account", "sap", "1", str(month)) for month in (1, 2, 3)]
    async with table_state(storage, prefix=prefix) as state:
        await state.note("c", steps)
    for months, expected in ((1, "3"), (2, "23"), (3, "123"), (14, "123")):
        async with table_state(storage, prefix=prefix, correlation_months=months) as state:
            assert "".join(step.what for step in await state.steps("c", 10)) == expected


# ----------------------------------------------------------------------------------------------------- start and access


class Credential:
    """A managed identity that always has a token."""

    async def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken("a-token", int((datetime.now(UTC) + timedelta(hours=1)).timestamp()))

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


async def test_an_endpoint_is_reached_with_a_credential_s_token() -> None:
    wire = Wire()
    state = TableState(endpoint="https://127.0.0.1:9", credential=Credential(), transport=wire)
    with pytest.raises(Unavailable):
        await state.link(PAIR, "dynamics", "k")
    assert {headers["Authorization"] for headers in wire.headers} == {"Bearer a-token"}
    await state.close()


async def test_nothing_is_connected_before_the_first_call() -> None:
    state = TableState("AccountName=nobody;not even a connection string")
    await state.close()


def test_the_cloud_library_is_not_imported_before_the_first_call() -> None:
    code = "import sys, shared.state.tables as t; t.TableState('x'); print([m for m in sys.modules if 'azure' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


async def test_the_library_s_chatter_is_quiet(state: TableState) -> None:
    await state.watermark("a/b")
    assert not logging.getLogger("azure.core.pipeline.policies.http_logging_policy").isEnabledFor(logging.INFO)


async def test_a_closed_state_opens_again(storage: azurite.Azurite) -> None:
    async with table_state(storage) as state:
        saved = await state.save(Link(PAIR, "k"))
        await state.close()
        await state.close()
        assert await state.link(PAIR, "dynamics", "k") == saved


async def test_closing_waits_for_what_is_under_way(storage: azurite.Azurite) -> None:
    async with table_state(storage) as state:
        saving = asyncio.create_task(state.save(Link(PAIR, "k")))
        await asyncio.sleep(0)
        await state.close()
        assert await state.link(PAIR, "dynamics", "k") == await saving
