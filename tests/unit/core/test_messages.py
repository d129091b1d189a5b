"""A change on its way over the bus: its bytes, its id for the duplicate detection, its partition."""

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.messages import PARTITIONS, born_in_sap, decode, decode_all, encode, message_id, partition, retried
from shared.core.model import Change, Choice

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CHANGE = Change("s4/account", "sap", "1000001", "event 1", "corr")


@given(
    st.builds(
        Change,
        flow=st.text(),
        side=st.sampled_from(["dynamics", "sap"]),
        key=st.text(),
        origin=st.text(),
        correlation=st.text(),
        cause=st.sampled_from(["event", "sweep", "replay", "wake"]),
        deleted=st.booleans(),
        attempt=st.integers(0, 99),
        first_seen=st.none() | st.just(NOW),
        pair_key=st.text(),
        asked_by=st.text(),
    )
)
def test_a_change_survives_its_journey(change: Change) -> None:
    assert decode(encode(change)) == change


def test_members_of_a_newer_version_are_ignored() -> None:
    assert decode(encode(CHANGE)[:-1] + b',"colour":"red"}') == CHANGE


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"[]", "flow"),
        (b'{"flow":"f","side":"north","key":"k","origin":"o","correlation":"c"}', "north"),
        (b'{"flow":"f","side":"sap","key":7,"origin":"o","correlation":"c"}', "key"),
        (b'{"flow":"f","side":"sap","key":"k","origin":"o","correlation":"c","cause":"whim"}', "whim"),
        (b"not json", "line 1 column 1"),
    ],
)
def test_a_body_that_is_no_change_is_refused_with_the_reason(body: bytes, names: str) -> None:
    with pytest.raises(ValueError, match=f"(?i){names}"):
        decode(body)


@pytest.mark.parametrize("text", ["2026-03-01T08:00:00", "2026-03-01", "20260301T080000", "soon"])
def test_a_first_sight_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="first_seen"):
        decode_all(orjson.dumps({**orjson.loads(encode(CHANGE)), "first_seen": text}))


@pytest.mark.parametrize("text", ["2026-03-01T09:00:00+01:00", "2026-03-01T08:00:00Z"])
def test_a_first_sight_in_any_zone_is_that_moment(text: str) -> None:
    (found,) = decode_all(orjson.dumps({**orjson.loads(encode(CHANGE)), "first_seen": text}))
    assert found.first_seen == datetime(2026, 3, 1, 8, tzinfo=UTC)


def test_a_typed_moment_without_a_zone_is_refused() -> None:
    choice = Choice("since", "dynamics", ("k1:a", "k1:b"), (NOW,))
    body = encode(replace(CHANGE, cause="resolve", choices=(choice,)))
    assert decode(body).choices == (choice,)
    with pytest.raises(ValueError, match="a choice needs"):
        decode(body.replace(b"+00:00", b""))


def test_a_retry_is_no_duplicate_of_its_original_but_the_same_retry_twice_is() -> None:
    first = retried(CHANGE, NOW)
    assert message_id("p", first) != message_id("p", CHANGE)
    assert message_id("p", retried(CHANGE, NOW)) == message_id("p", first)
    assert first.first_seen == NOW
    assert retried(first, NOW.replace(day=2)).first_seen == NOW


@pytest.mark.parametrize(
    "other",
    [
        {"origin": "event 2"},
        {"key": "1000002"},
        {"side": "dynamics"},
        {"cause": "replay"},
        {"deleted": True},
    ],
)
def test_another_hint_has_another_message_id(other: dict) -> None:
    assert message_id("p", replace(CHANGE, **other)) != message_id("p", CHANGE)
    assert message_id("q", CHANGE) != message_id("p", CHANGE)


def test_a_message_id_says_nothing_and_fits() -> None:
    assert len(message_id("p", CHANGE)) == 32


def test_a_record_born_in_sap_gets_the_same_row_id_on_every_attempt_and_pair() -> None:
    assert born_in_sap("p", "1") == born_in_sap("p", "1")
    assert born_in_sap("p", "1") != born_in_sap("p", "2") != born_in_sap("q", "2")


def test_partitions_spread_and_stay() -> None:
    names = {partition("p", str(n)) for n in range(2_000)}
    assert len(names) == PARTITIONS
    assert partition("p", "a") == partition("p", "a")
