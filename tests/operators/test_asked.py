"""What operators send: every body is read, or refused with what would be right. Nothing else ever comes out."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadRequest
from shared.ops.review import asked
from shared.ops.review.asked import Named, Pick, Selected

READERS = (asked.replayed, asked.discarded, asked.paused, asked.resumed, asked.picks)
NAMES = ["flow", "keys", "key", "cause", "side", "deleted", "reason", "name", "fields", "city", "take", "seen", "value"]
TEXTS = st.one_of(st.text(max_size=9), st.sampled_from(["s4/account", "sap", "dynamics", "value", "k1:ab", "\ud800"]))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS)
BODIES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "as"]) | TEXTS, inner, max_size=5)
    ),
    max_leaves=12,
)


@given(BODIES)
def test_any_json_is_read_or_refused(body: Any) -> None:
    for read in READERS:
        refused_or_read(read, json.dumps(body).encode())


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in READERS:
        refused_or_read(read, body)


@given(TEXTS | st.text(alphabet="/aé %\x00\n", max_size=12))
def test_any_path_and_parameter_is_read_or_refused(text: str) -> None:
    for read in (asked.path, asked.parameter):
        refused_or_read(read, text)


def refused_or_read(read: Any, given_: Any) -> None:
    try:
        found = read(given_)
    except BadRequest as error:
        found = str(error)
    str(found).encode()  # it can be answered


def send(**members: Any) -> bytes:
    return json.dumps(members).encode()


def test_what_is_right_is_read() -> None:
    assert asked.replayed(send(flow="s4/account", key=" 1 ", side="sap")) == Selected("s4/account", ("1",), side="sap")
    assert asked.replayed(send(flow="account", cause="clash: city")) == Selected("account", cause="clash: city")
    assert asked.discarded(send(flow="a", keys=["1", "2"], reason="r")) == Selected("a", ("1", "2"), reason="r")
    assert asked.paused(send(name="s4", reason="r")) == Named("s4", "r")
    assert asked.resumed(send(name="s4")) == Named("s4")
    assert asked.path("s4/account/1000001") == ("s4/account", "1000001")
    assert asked.parameter(None) == ""


def test_a_choice_is_a_side_or_a_value() -> None:
    seen = ["k1:a", "k1:b"]
    city = {"take": "sap", "seen": seen}
    names = {"take": "value", "value": ["Long", None], "as": "sap", "seen": seen}
    amount = b'{"fields": {"x": {"take": "value", "value": 12.50, "seen": ["k1:a", "k1:b"]}}}'
    pick_city, pick_names = asked.picks(send(fields={"city": city, "names": names}))
    assert same(pick_city, Pick("city", "sap", ("k1:a", "k1:b")))
    assert same(pick_names, Pick("names", "sap", ("k1:a", "k1:b"), ("Long", None)))
    (pick_amount,) = asked.picks(amount)
    assert same(pick_amount, Pick("x", "dynamics", ("k1:a", "k1:b"), (Decimal("12.50"),)))


def same(one: Pick, other: Pick) -> bool:
    return one == other


SEEN = ["k1:a", "k1:b"]
WRONG: dict[str, tuple[Any, bytes, str]] = {
    "no json": (asked.replayed, b"flow=1", "JSON"),
    "latin 1": (asked.replayed, '{"flow": "ü"}'.encode("latin-1"), "JSON"),
    "deep": (asked.replayed, b"[" * 40_000, "JSON"),
    "too long": (asked.replayed, b" " * 50_001, "at most 50000"),
    "long number": (asked.picks, b'{"fields": ' + b"9" * 5_000 + b"}", "JSON"),
    "huge number": (
        asked.picks,
        b'{"fields": {"x": {"take": "value", "value": 1e99999, "seen": ["a", "b"]}}}',
        "number",
    ),
    "not a number": (asked.picks, b'{"fields": {"x": {"take": "value", "value": NaN, "seen": ["a", "b"]}}}', "JSON"),
    "a list": (asked.replayed, b"[]", "object"),
    "unknown member": (asked.replayed, send(flow="a", keys=["1"], force=True), "cause, deleted, flow"),
    "no flow": (asked.replayed, send(keys=["1"]), "flow must be a text"),
    "nothing named": (asked.replayed, send(flow="a"), "keys, or a cause"),
    "empty keys": (asked.replayed, send(flow="a", keys=[]), "keys, or a cause"),
    "keys as text": (asked.replayed, send(flow="a", keys="1"), "list"),
    "key and keys": (asked.replayed, send(flow="a", keys=["1"], key="1"), "not both"),
    "number as key": (asked.replayed, send(flow="a", keys=[1]), "a key must be a text"),
    "too many keys": (asked.replayed, send(flow="a", keys=["1"] * 1_001), "at most 1000"),
    "bad side": (asked.replayed, send(flow="a", keys=["1"], side="crm"), "dynamics or sap"),
    "side as list": (asked.replayed, send(flow="a", keys=["1"], side=["sap"]), "dynamics or sap"),
    "deleted as text": (asked.replayed, send(flow="a", keys=["1"], deleted="yes"), "true or false"),
    "no reason": (asked.discarded, send(flow="a", keys=["1"]), "reason must be a text"),
    "blank reason": (asked.discarded, send(flow="a", keys=["1"], reason=" "), "reason must be a text"),
    "half a pair": (asked.discarded, send(flow="a", keys=["1"], reason="\ud83d"), "surrogate"),
    "line feed": (asked.paused, send(name="s4\nx", reason="r"), "control"),
    "pause without reason": (asked.paused, send(name="s4"), "reason must be a text"),
    "no fields": (asked.picks, send(), "fields must be an object"),
    "empty fields": (asked.picks, send(fields={}), "1 to 100"),
    "no digests": (asked.picks, send(fields={"x": {"take": "sap"}}), "two digests"),
    "one digest": (asked.picks, send(fields={"x": {"take": "sap", "seen": ["a"]}}), "two digests"),
    "bad take": (asked.picks, send(fields={"x": {"take": "newest", "seen": SEEN}}), "take must be"),
    "no value": (asked.picks, send(fields={"x": {"take": "value", "seen": SEEN}}), "take must be"),
    "a value and a side": (
        asked.picks,
        send(fields={"x": {"take": "sap", "value": "1", "seen": SEEN}}),
        "take must be",
    ),
    "value of an object": (asked.picks, send(fields={"x": {"take": "value", "value": {}, "seen": SEEN}}), "a value is"),
    "bad as": (asked.picks, send(fields={"x": {"take": "value", "value": 1, "as": "crm", "seen": SEEN}}), "as must be"),
}


@pytest.mark.parametrize(("read", "body", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_refused_with_what_is_right(read: Any, body: bytes, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        read(body)


@pytest.mark.parametrize("text", ["", "1", "/1", "s4/account/", " "])
def test_a_path_names_a_flow_and_a_key(text: str) -> None:
    with pytest.raises(BadRequest, match="path"):
        asked.path(text)


def test_a_typed_value_does_not_show_in_a_log() -> None:
    (pick,) = asked.picks(send(fields={"x": {"take": "value", "value": "secret", "seen": SEEN}}))
    assert "secret" not in repr(pick)
