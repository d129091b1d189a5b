"""What the table store makes of a service in trouble: restarts, lost answers, and every answer that is none."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import pytest

from dev import azurite
from shared.core.link import Link
from shared.core.model import Change, Reference
from shared.errors import NeedsPerson, NotAllowed, Stale, SyncError, Throttled, Unavailable, Unconfirmed
from shared.ports import Parked, Step
from shared.state.tables import TableState
from tests.contract.state.stores import (
    NOW,
    PAIR,
    Wire,
    answering,
    entry,
    full_link,
    table_state,
    together,
)


@pytest.fixture
def state(watched: TableState) -> TableState:
    """Only the table store here."""
    return watched


async def test_what_was_written_survives_a_restart_of_the_service_and_the_state_goes_on(tmp_path: Path) -> None:
    with azurite.start(tmp_path) as running:
        ports = running.ports
        state = TableState(running.connection_string, now=lambda: NOW)
        saved = await state.save(full_link(), entry())
        await state.bind(saved)
    try:
        with pytest.raises(Unavailable):
            await state.link(PAIR, "dynamics", "k")
        with pytest.raises(Unavailable):
            await state.save(saved)
        blob, queue, table = ports
        with azurite.start(tmp_path, blob_port=blob, queue_port=queue, table_port=table):
            assert await state.link(PAIR, "sap", "1000") == saved
            assert await state.journal(PAIR, "k", 10) == (entry(),)
            await state.save(replace(saved, status="retired"), entry(1))
            assert len(await state.journal(PAIR, "k", 10)) == 2
    finally:
        await state.close()


async def test_a_service_killed_in_the_middle_of_many_saves_leaves_each_caller_with_an_answer(tmp_path: Path) -> None:
    with azurite.start(tmp_path) as running:
        async with table_state(running) as state:
            await state.save(Link(PAIR, "k"))
            saves = [asyncio.create_task(state.save(Link(PAIR, f"key-{n}"), entry())) for n in range(60)]
            await asyncio.wait(saves, return_when=asyncio.FIRST_COMPLETED)
            running.kill()
            outcomes = await asyncio.gather(*saves, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {Link, Unconfirmed}
    assert Link in {type(outcome) for outcome in outcomes}


async def test_a_write_whose_answer_got_lost_is_unconfirmed_and_looking_shows_it_done(
    state: TableState, wire: Wire
) -> None:
    saved = await state.save(Link(PAIR, "k"))
    changed = replace(saved, status="linked")
    wire.answers_to_lose = 1
    with pytest.raises(Unconfirmed):
        await state.save(changed, entry())
    with pytest.raises(Stale):
        await state.save(changed, entry())
    found = await state.link(PAIR, "dynamics", "k")
    assert found is not None
    assert found.status == "linked"
    assert await state.journal(PAIR, "k", 10) == (entry(),)


async def test_a_read_whose_answer_got_lost_is_repeated(state: TableState, wire: Wire) -> None:
    saved = await state.save(Link(PAIR, "k"))
    wire.answers_to_lose = 1
    assert await state.link(PAIR, "dynamics", "k") == saved


async def test_a_way_back_whose_answer_got_lost_can_be_bound_again(state: TableState, wire: Wire) -> None:
    wire.answers_to_lose = 1
    with pytest.raises(Unconfirmed):
        await state.bind(Link(PAIR, "k", "1000"))
    await state.bind(Link(PAIR, "k", "1000"))


READS: list[Callable[[TableState], Coroutine[None, None, object]]] = [
    lambda state: state.link(PAIR, "dynamics", "k"),
    lambda state: state.link(PAIR, "sap", "k"),
    lambda state: state.journal(PAIR, "k", 1),
    lambda state: state.waiters([Reference("f", "sap", "k")]),
    lambda state: state.parked("f", 1),
    lambda state: state.steps("c", 1),
    lambda state: state.watermark("a/b"),
]
WRITES: list[Callable[[TableState], Coroutine[None, None, object]]] = [
    lambda state: state.save(Link(PAIR, "k")),
    lambda state: state.save(Link(PAIR, "k", etag='W/"1"'), entry()),
    lambda state: state.bind(Link(PAIR, "k", "1")),
    lambda state: state.wait(Reference("f", "sap", "k"), Change("f", "sap", "k", "o", "c"), NOW),
    lambda state: state.unwait(Reference("f", "sap", "k"), Change("f", "sap", "k", "o", "c")),
    lambda state: state.park(Parked("f", "sap", "k", (), "c")),
    lambda state: state.unpark("f", "sap", "k"),
    lambda state: state.note("c", [Step(NOW, "f", "sap", "k", "w")]),
    lambda state: state.set_watermark("a/b", "1"),
]


@pytest.mark.parametrize(
    ("status", "code", "on_read", "on_write"),
    [
        (401, "InvalidAuthenticationInfo", NotAllowed, NotAllowed),
        (403, "AuthorizationPermissionMismatch", NotAllowed, NotAllowed),
        (403, "AuthenticationFailed", NotAllowed, NotAllowed),
        (429, "TooManyRequests", Throttled, Throttled),
        (503, "ServerBusy", Throttled, Throttled),
        (500, "OperationTimedOut", Unavailable, Unconfirmed),
        (502, "", Unavailable, Unconfirmed),
        (504, "", Unavailable, Unconfirmed),
        (409, "TableBeingDeleted", Unavailable, Unavailable),
        (400, "PropertyValueTooLarge", NeedsPerson, NeedsPerson),
    ],
)
async def test_answers_of_the_service_become_our_errors(
    status: int, code: str, on_read: type[SyncError], on_write: type[SyncError]
) -> None:
    async with answering(status, code) as connection_string:
        state = TableState(connection_string, now=lambda: NOW)
        for calls, expected in ((READS, on_read), (WRITES, on_write)):
            for call in calls:
                with pytest.raises(SyncError) as caught:
                    await call(state)
                assert type(caught.value) is expected, f"{call}: {caught.value}"
        await state.close()


async def test_a_busy_service_is_left_alone_for_as_long_as_it_says() -> None:
    async with answering(429, "TooManyRequests", **{"Retry-After": "300"}) as connection_string:
        state = TableState(connection_string)
        with pytest.raises(Throttled) as caught:  # at once: nothing sleeps inside an invocation
            await state.link(PAIR, "dynamics", "k")
        assert caught.value.wait_seconds == 300
        await state.close()
    async with answering(503, "ServerBusy") as connection_string:
        state = TableState(connection_string)
        with pytest.raises(Throttled) as caught:
            await state.link(PAIR, "dynamics", "k")
        assert caught.value.wait_seconds > 0
        await state.close()


async def test_a_refused_transaction_of_many_is_no_reason_to_ask_for_each_alone() -> None:
    async with answering(403, "AuthorizationFailure") as connection_string:
        wire = Wire()
        state = TableState(connection_string, transport=wire)
        saves = (state.save(Link(PAIR, key), entry()) for key in together(5))
        outcomes = await asyncio.gather(*saves, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {NotAllowed}
        assert wire.sent == ["POST $batch"]
        await state.close()
