"""Messages of the queues, spoiled: a change is read or refused with a ValueError, and a dead one is always recorded."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.core.messages import decode_all, encode_all
from shared.core.model import Change, Choice
from tests.fuzz.house import FLOW, House
from tests.fuzz.spoiled import FUZZ, posted, sent
from tests.laws.world import D1, SEAL, Clock

SEEN = (SEAL.digest("a"), SEAL.digest("b"))
CHANGES = [
    Change(FLOW, "dynamics", D1, "o", "c", attempt=2, first_seen=Clock()(), pair_key=D1, asked_by="ann"),
    Change(FLOW, "sap", "1000001", "o", "c", cause="resolve", choices=(Choice("city", "sap", SEEN, ("Rome", None)),)),
    Change(FLOW, "sap", "", "sweep 1", "sweep 1", cause="sweep"),
    Change(FLOW, "sap", "", "backfill-1 0", "backfill-1", cause="backfill", bulk=True),
    Change(FLOW, "dynamics", "", "reconcile-1", "reconcile-1", cause="reconcile", bulk=True),
]
CHUNK = [Change(FLOW, "dynamics", D1, f"o {n}", "backfill-1", "backfill", bulk=True) for n in range(3)]
GOOD: list[Any] = [json.loads(encode_all([change])) for change in CHANGES] + [json.loads(encode_all(CHUNK))]


def bodies() -> st.SearchStrategy[bytes]:
    return st.sampled_from(GOOD).flatmap(posted)


@FUZZ
@given(bodies())
def test_a_body_is_read_as_it_would_be_written_or_is_a_value_error(body: bytes) -> None:
    try:
        found = decode_all(bytes(body))
    except ValueError:
        return
    assert not found or decode_all(encode_all(found)) == found


@FUZZ
@given(bodies(), st.sampled_from(["changes", "backfill"]))
def test_a_message_is_settled_or_goes_back_as_unreadable(body: bytes, queue: str) -> None:
    house = House().furnished()
    try:
        found = decode_all(bytes(body))
    except ValueError:
        return
    if any(change.flow not in house.app.flows for change in found):
        return  # a flow that was switched off: its messages go back, and are recorded as dead letters
    house.deliver(queue, body)
    house.work_off()


@FUZZ
@given(
    bodies(),
    st.sampled_from(["changes_dead", "backfill_dead"]),
    sent() | st.none(),
    st.none() | st.dictionaries(st.sampled_from(["DeadLetterReason", "DeadLetterErrorDescription"]), sent()),
)
def test_a_dead_change_is_recorded_whatever_it_says(
    body: bytes, name: str, message_id: str | None, why: dict[str, str] | None
) -> None:
    house = House()
    house.deliver(name, body, message_id=message_id, application_properties=why)
    listed = house.ask("parked_records")
    assert listed.body["count"] >= (body != b"[]")
    for one in listed.body["records"]:
        again = json.dumps({"flow": one["flow"], "keys": [one["key"]]}).encode()
        assert house.ask("replay_asked", body=again).status in (202, 400)
    house.work_off()
