"""A change with choices on the wire: it comes back as it was, and the version before reads it as a plain sync."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.messages import decode, encode, message_id, retried
from shared.core.model import Change, Choice

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(codec="utf-8")),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
)
CHOICES = st.builds(
    Choice,
    st.text(st.characters(codec="utf-8")),
    st.sampled_from(["dynamics", "sap"]),
    st.tuples(st.just("k1:a"), st.just("k1:b")),
    st.none() | st.lists(VALUES, max_size=3).map(tuple),
)


def change(*choices: Choice) -> Change:
    return Change("s4/account", "dynamics", "1", "o", "c", cause="resolve", asked_by="ann", choices=choices)


@given(st.lists(CHOICES, min_size=1, max_size=3))
def test_choices_come_back_as_they_went(choices: list[Choice]) -> None:
    found = decode(encode(change(*choices)))
    assert found == change(*choices)
    assert [kinds(choice) for choice in found.choices] == [kinds(choice) for choice in choices]


def kinds(choice: Choice) -> list[type]:
    return [type(value) for value in choice.typed or ()]


def test_a_value_keeps_its_type() -> None:
    typed = (Decimal("12.50"), date(2026, 3, 1), datetime(2026, 3, 1, 8, tzinfo=UTC), True, 7, "x", None)
    assert decode(encode(change(Choice("x", "sap", ("a", "b"), typed)))).choices[0].typed == typed


def test_the_version_before_reads_a_plain_sync() -> None:
    body = orjson.loads(encode(change(Choice("x", "sap", ("a", "b")))))
    assert body.pop("choices")
    assert body["cause"] == "sync"
    assert decode(orjson.dumps(body)).choices == ()


def test_a_change_without_choices_is_written_as_before() -> None:
    assert b"choices" not in encode(Change("s4/account", "dynamics", "1", "o", "c"))


def test_a_retry_keeps_its_choices_and_is_another_message() -> None:
    one = change(Choice("x", "sap", ("a", "b")))
    again = retried(one, datetime(2026, 3, 1, tzinfo=UTC))
    assert again.choices == one.choices
    assert message_id("p", again) != message_id("p", one)


@pytest.mark.parametrize(
    "choice",
    [
        1,
        {},
        {"field": "x", "take": "sap"},
        {"field": "x", "take": "crm", "seen": ["a", "b"]},
        {"field": "x", "take": ["sap"], "seen": ["a", "b"]},
        {"field": "x", "take": "sap", "seen": ["a"]},
        {"field": "x", "take": "sap", "seen": ["a", "b"], "typed": 5},
        {"field": "x", "take": "sap", "seen": ["a", "b"], "typed": [{"decimal": "many"}]},
        {"field": "x", "take": "sap", "seen": ["a", "b"], "typed": [{"date": 7}]},
        {"field": "x", "take": "sap", "seen": ["a", "b"], "typed": [1.5]},
    ],
)
def test_a_choice_that_is_none_makes_the_body_unreadable(choice: Any) -> None:
    body = orjson.loads(encode(Change("s4/account", "dynamics", "1", "o", "c")))
    for choices in ([choice], choice):
        if choices:
            with pytest.raises(ValueError, match="a choice needs"):
                decode(orjson.dumps({**body, "choices": choices}))


@pytest.mark.parametrize(
    "wrong", [{"attempt": "1"}, {"deleted": 1}, {"bulk": "no"}, {"pair_key": None}, {"asked_by": 5}]
)
def test_a_member_of_another_type_makes_the_body_unreadable(wrong: dict[str, Any]) -> None:
    body = orjson.loads(encode(Change("s4/account", "dynamics", "1", "o", "c")))
    with pytest.raises(ValueError, match=r"expected"):
        decode(orjson.dumps({**body, **wrong}))


def test_a_typed_value_does_not_show_in_a_log() -> None:
    assert "secret" not in repr(change(Choice("x", "sap", ("a", "b"), ("secret",))))
