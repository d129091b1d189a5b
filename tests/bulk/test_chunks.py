"""How a chunk travels: one message of a partition, at most a hundred changes, readable beside single ones."""

import pytest

from shared.bus.senders import _wire
from shared.core.messages import decode_all, encode, encode_all
from shared.core.model import Change
from shared.steps.dispatch import CHUNK_MAX, dispatch_chunks
from tests.bulk.world import PARTNER, World, account_key, changes_of


def change(number: int) -> Change:
    return Change(PARTNER, "dynamics", account_key(number), "job 0", "job", "backfill", bulk=True)


def test_one_change_travels_as_ever_and_several_as_a_list() -> None:
    some = [change(n) for n in range(3)]
    assert encode_all(some[:1]) == encode(some[0])
    assert decode_all(encode(some[0])) == (some[0],)
    assert decode_all(encode_all(some)) == tuple(some)


@pytest.mark.parametrize("body", [b"[1]", b'[{"flow": "x"}]', b"3", b"{", b'[[{"flow": "x"}]]'])
def test_a_body_that_is_no_chunk_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- JSON has words of its own
        decode_all(body)


async def test_more_than_a_hundred_of_one_partition_are_several_messages_and_the_bus_carries_all() -> None:
    world = World()
    found = [change(int(key[-12:])) for key in world.neighbours(CHUNK_MAX + 5)]
    await dispatch_chunks(found, world.app)
    messages = [delivery.message for delivery in world.bus.queue]
    assert [1 + len(m.also) for m in messages] == [CHUNK_MAX, 5]
    assert {c.key for c in changes_of(messages)} == {c.key for c in found}
    assert len({m.session for m in messages}) == 1
    wired = [decode_all(b"".join(_wire(m).body)) for m in messages]
    assert [len(chunk) for chunk in wired] == [CHUNK_MAX, 5]
    assert all(len(encode_all(chunk)) < 50_000 for chunk in wired)
