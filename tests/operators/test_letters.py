"""Dead letters are recorded so that they are seen, hold no value, and are replayed by what they were about."""

import base64
import json

import pytest

from shared.core.messages import encode, encode_all
from shared.core.model import Change, Choice
from shared.errors import BadRequest
from shared.ops.review.asked import Selected
from shared.ops.review.letters import DEAD, LETTER_BYTES_MAX, Letter, record_changes, record_event
from shared.ops.review.mending import Asked, discard, replay
from shared.ops.review.parked import listing, show
from shared.ops.watch import look
from tests.laws.world import D1, D2, World

FLOW = "s4/partner"
ANN = Asked("run 1", "ann")
WHY = "MaxDeliveryCountExceeded: could not be consumed after 5 attempts"


def dead(*changes: Change, queue: str = "changes") -> Letter:
    return Letter(queue, "0123abcd", encode_all(changes), WHY)


async def kept(world: World, flow: str) -> list[tuple[str, bytes]]:
    return [(one.key, base64.b64decode(one.letter)) for one in await world.state.parked(flow, 100)]


async def test_a_dead_change_stands_among_the_parked_records_of_its_flow_with_the_reason() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    assert await record_changes(dead(world.change(s, "sap")), world.rival) == 1
    found = await show(FLOW, d, world.rival)
    (problem,) = found["problems"]
    assert problem["cause"] == "dead letter"
    assert "MaxDeliveryCountExceeded" in problem["message"]
    assert "correlation" in problem["message"]
    assert found["link"]["sap"] == s


async def test_a_replayed_letter_is_worked_on_and_leaves_the_list_when_the_pair_is_in_step() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    await record_changes(dead(world.change(d)), world.rival)
    assert (await replay(Selected(FLOW, (d,)), ANN, world.rival))["enqueued"] == 1
    await world.deliver_all()
    assert world.erp.rows[s].values["town"] == "Oslo"
    assert await world.parked(d) == ()


async def test_the_letter_of_a_pair_that_is_in_step_leaves_the_list_as_well() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    await record_changes(dead(world.change(s, "sap")), world.rival)
    assert await world.parked(d) == ("dead letter",)
    await world.sync(d)  # any event of the pair tells that it can be worked on
    assert await world.parked(d) == ()


async def test_the_letter_of_a_record_without_a_link_leaves_the_list_when_it_is_linked() -> None:
    world = World()
    s = world.partner()
    await record_changes(dead(world.change(s, "sap")), world.rival)
    assert await world.parked(s, "sap") == ("dead letter",)
    await replay(Selected(FLOW, cause="dead letter"), ANN, world.rival)
    await world.deliver_all()
    assert await world.parked(s, "sap") == ()


async def test_a_dead_deletion_is_replayed_as_a_deletion() -> None:
    world = World()
    d, s = await world.linked()
    world.crm.delete(d)
    await record_changes(dead(world.change(d, deleted=True)), world.rival)
    await replay(Selected(FLOW, (d,)), ANN, world.rival)
    await world.deliver_all()
    assert world.erp.rows[s].values["blocked"] is True


async def test_every_change_of_a_dead_chunk_is_recorded() -> None:
    world = World()
    chunk = dead(world.change(D1, bulk=True), world.change(D2, bulk=True), queue="backfill")
    assert await record_changes(chunk, world.rival) == 2
    assert [key for key, _ in await kept(world, FLOW)] == [D1, D2]


async def test_recording_a_letter_twice_is_harmless() -> None:
    world = World()
    d, _ = await world.linked()
    letter = dead(world.change(d))
    for _ in range(2):
        await record_changes(letter, world.rival)
    assert await world.parked(d) == ("dead letter",)


NO_CHANGES = [
    b"",
    b"nonsense \xff",
    b"Jane Doe, +49 6227 7-0",
    b'{"flow": "s4/partner", "choices": [{"typed": ["Jane Doe"',  # cut off
    b"[]",
    b"{}",
    b"[1, 2]",
    b'["Jane Doe"]',
    b"[]x",
    b"null",
    b'"Jane Doe"',
    json.dumps(json.dumps({"flow": FLOW, "choices": [{"typed": ["Jane Doe"]}]})).encode(),  # encoded twice
    b'{"name": "Jane Doe"}',
    b'{"choices": [{"typed": ["Jane Doe"]}]}',
    b'{"InputParameters": {"flow": "Jane Doe"}}',
]


@pytest.mark.parametrize("body", NO_CHANGES)
async def test_of_a_body_that_is_no_change_only_the_length_is_kept_and_the_operator_is_told(body: bytes) -> None:
    world = World()
    assert await record_changes(Letter("changes", "id-1", body, WHY), world.rival) == 1
    assert await kept(world, "dead/changes") == [("id-1", b"")]
    assert (await look.status(world.rival))["dead_letters"] == 1
    (problem,) = (await show("dead/changes", "id-1", world.rival))["problems"]
    assert problem["cause"] == "dead letter"
    assert f"body of {len(body)} bytes" in problem["message"]
    assert "cannot be replayed" in problem["message"]
    assert "Jane" not in repr((world.state.parked_records, world.state.entries))
    assert (await replay(Selected("dead/changes", ("id-1",)), ANN, world.rival))["unreadable"] == ["id-1"]


async def test_of_what_is_nearly_a_change_the_members_that_a_change_has_are_kept() -> None:
    world = World()
    near = {"flow": FLOW, "side": "sap", "key": "7", "attempt": "many", "deleted": True, "first_seen": ["Jane"]}
    strange = {"name": "Jane Doe", "choices": {"typed": "Jane"}, "origin": {"a": "Jane"}}
    for number, body in enumerate(({**near, **strange}, [{**near, **strange}, "Jane"])):
        await record_changes(Letter("changes", f"id-{number}", json.dumps(body).encode(), WHY), world.rival)
    same = {"flow": FLOW, "side": "sap", "key": "7", "attempt": "many", "deleted": True}
    assert [json.loads(found) for _, found in await kept(world, "dead/changes")] == [[same], [same]]


async def test_a_reason_that_quotes_a_body_is_cut() -> None:
    world = World()
    body = json.dumps({"flow": FLOW, "side": "x" * 20_000, "key": "7", "origin": "o", "correlation": "c"}).encode()
    await record_changes(Letter("changes", "id-1", body, WHY), world.rival)
    (problem,) = (await show("dead/changes", "id-1", world.rival))["problems"]
    assert len(problem["message"]) < 1_500


@pytest.mark.parametrize("message_id", ["", "a/b c#?", "x" * 300])
async def test_a_message_id_that_is_no_key_is_replaced_by_one_that_is_the_same_each_time(message_id: str) -> None:
    world = World()
    for _ in range(2):
        await record_changes(Letter("changes", message_id, b"nonsense", WHY), world.rival)
    ((key, _),) = await kept(world, "dead/changes")
    assert key.isalnum()


async def test_a_body_that_is_too_large_is_not_kept_in_part_and_the_operator_is_told() -> None:
    world = World()
    sizes = LETTER_BYTES_MAX - 500, LETTER_BYTES_MAX
    for number, size in enumerate(sizes):
        page = Change(FLOW, "sap", "", "x" * size, "sweep 1", cause="sweep")
        await record_changes(Letter("changes", f"id-{number}", encode(page), WHY), world.rival)
    assert [len(found) > size for (_, found), size in zip(await kept(world, "dead/changes"), sizes, strict=True)] == [
        True,
        False,
    ]
    first, second = [(await show("dead/changes", f"id-{n}", world.rival))["problems"][0]["message"] for n in (0, 1)]
    assert "cannot be replayed" not in first
    assert "cannot be replayed" in second
    done = await replay(Selected("dead/changes", ("id-0", "id-1")), ANN, world.rival)
    assert (done["enqueued"], done["unreadable"]) == (1, ["id-1"])


async def test_a_typed_value_is_taken_out_of_what_is_kept() -> None:
    world = World()
    await world.linked()
    choice = Choice("city", "dynamics", ("a", "b"), ("secret",))
    change = world.change(D1, cause="resolve", choices=(choice,))
    broken = json.dumps({**json.loads(encode(change)), "attempt": "many"}).encode()
    await record_changes(dead(change), world.rival)
    await record_changes(Letter("changes", "id-1", broken, WHY), world.rival)
    found = repr([await kept(world, name) for name in (FLOW, *DEAD)])
    assert "secret" not in found
    assert "many" in found


async def test_an_unreadable_letter_cannot_be_replayed_and_can_be_discarded() -> None:
    world = World()
    await record_changes(Letter("changes", "id-1", b"nonsense", WHY), world.rival)
    done = await replay(Selected("dead/changes", ("id-1",)), ANN, world.rival)
    assert (done["enqueued"], done["unreadable"]) == (0, ["id-1"])
    assert len(await kept(world, "dead/changes")) == 1
    await discard(Selected("dead/changes", ("id-1",), reason="garbage"), ANN, world.rival)
    assert await kept(world, "dead/changes") == []
    assert (await world.state.steps("run 1", 10))[0].what == "discarded by ann: garbage"


async def test_a_dead_page_of_a_sweep_is_replayed_as_one() -> None:
    world = World()
    page = Change(FLOW, "sap", "", "sweep 1", "sweep 1", cause="sweep")
    await record_changes(dead(page), world.rival)
    assert await kept(world, FLOW) == []
    await replay(Selected("dead/changes", ("0123abcd",)), ANN, world.rival)
    (message,) = world.bus.queue
    assert (message.message.change.cause, message.message.change.key) == ("sweep", "")
    assert await kept(world, "dead/changes") == []


async def test_a_dead_change_of_a_flow_that_is_switched_off_is_kept() -> None:
    world = World()
    await record_changes(dead(Change("s4/gone", "sap", "1", "o", "c")), world.rival)
    assert [key for key, _ in await kept(world, "dead/changes")] == ["0123abcd"]
    assert (await replay(Selected("dead/changes", ("0123abcd",)), ANN, world.rival))["unreadable"] == ["0123abcd"]


async def test_a_dead_event_stands_under_the_record_that_it_touched() -> None:
    world = World()
    d, s = await world.linked(city="Lyon")
    world.crm.edit(d, city="Oslo")
    body = b'{"InputParameters": "secret"}'
    letter = Letter("dataverse-events", "id-1", body, WHY)
    await record_event(letter, (world.change(d),), {"table": "account", "row": d}, world.rival)
    assert await world.parked(d) == ("dead letter",)
    assert b"secret" not in b"".join(found for _, found in await kept(world, FLOW))
    await replay(Selected(FLOW, (d,)), ANN, world.rival)
    await world.deliver_all()
    assert world.erp.rows[s].values["town"] == "Oslo"


async def test_of_a_dead_event_that_means_nothing_to_us_only_the_ids_are_kept() -> None:
    world = World()
    letter = Letter("dataverse-events", "id-1", b'{"secret": 1}', WHY)
    await record_event(letter, (), {"table": "contact", "row": D1, "message": "Update"}, world.rival)
    ((_, found),) = await kept(world, "dead/dataverse-events")
    assert json.loads(found) == {"table": "contact", "row": D1, "message": "Update"}
    assert (await replay(Selected("dead/dataverse-events", ("id-1",)), ANN, world.rival))["unreadable"] == ["id-1"]


async def test_an_event_of_another_organisation_is_never_replayed() -> None:
    world = World()
    letter = Letter("dataverse-events", "id-1", b"{}", WHY)
    why = "the event is of organisation X, this app is bound to Y"
    await record_event(letter, (), {"table": "account", "row": D1}, world.rival, why=why)
    (entry,) = await world.state.parked("dead/dataverse-events", 10)
    assert entry.letter == ""
    assert why in entry.problems[0].message
    assert (await replay(Selected("dead/dataverse-events", ("id-1",)), ANN, world.rival))["enqueued"] == 0


async def test_a_list_of_dead_letters_is_named_or_refused() -> None:
    world = World()
    with pytest.raises(BadRequest, match="no single flow"):
        await listing("dead/nonsense", "", world.rival)


async def test_a_discarded_letter_keeps_its_mark_and_drops_its_body() -> None:
    world = World()
    d, _ = await world.linked()
    await record_changes(dead(world.change(d)), world.rival)
    await discard(Selected(FLOW, (d,), reason="known"), ANN, world.rival)
    assert await kept(world, FLOW) == [(d, b"")]
    assert (await listing(FLOW, "", world.rival))["count"] == 0
