"""Bodies as senders spoil them: a good one is taken, and values, members and bytes of it are made strange."""

import json
import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("EXAMPLES", "25"))
CALL_SECONDS = 2.0  # of the processor: nobody else's load counts

SHOWN_BYTES_MAX = 2_000

# In every run the same examples: who wants others asks for more of them.
FUZZ = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)

# What no Python value is written as. Each stands in a tree as one character of the private use area.
RAW = (
    "NaN",
    "-Infinity",
    "1e400",
    "-1e-400",
    "1E+9999999",
    "9" * 5_000,
    "-" + "9" * 400,
    "01",
    "+1",
    ".5",
    "nul",
    "'a'",
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\x00"',
    '"\\u0000"',
    '"\\u001f"',
    '"\\ufeff"',
    "[" * 50_000,
    '{"a":' * 50_000,
    "[" * 900 + "]" * 900,
    '{"a":1,"a":2}',
    "[1,]",
    "",
    "null null",
)
_FIRST = 0xE000
_RAW = {chr(_FIRST + number): text for number, text in enumerate(RAW)}

TEXTS = (
    "",
    " ",
    "\t\r\n",
    "a/b\\c#d?e%2F",
    "..",
    "../../etc",
    "'",
    '" or 1 eq 1',
    "=h00",
    "|",
    "\x00",
    "\x1b[31m",
    "\x7f\x85",
    "ä€😀",
    "e\u0301",
    "\u202e",
    "\ufeff",
    "\ufffd",
    "0" * 200,
    "x" * 1_100,
    "x" * 70_000,
    "x" * 150_000,
    "NULL",
    "00000000-0000-0000-0000-000000000000",
    "{00000000-0000-4000-8000-000000000001}",
    "ZZZZ0000-0000-4000-8000-000000000001",
    "dynamics",
    "sap",
    "s4/partner",
    "dead/changes",
    "2026-03-01T08:00:00",
    "2026-03-01T08:00:00+00:00",
    "9999-12-31",
    "/Date(0)/",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**63,
    2**64,
    -(2**63) - 1,
    10**400,
    0.1,
    1e308,
    [],
    {},
    [[]],
    [{}],
    [None],
    ["a", "b"],
    [1] * 300,
    {"": ""},
    {"key": "a", "value": 1},
    {"decimal": "NaN"},
    {"decimal": "1e9999999"},
    {"instant": "x"},
    {"__value": 1},
    {"in": []},
    {"a/b\\c#?": 1},
    {"x" * 2_000: 1},
)


class Body(bytes):
    """A body that shows itself in short."""

    def __repr__(self) -> str:
        return bytes.__repr__(self) if len(self) < SHOWN_BYTES_MAX else f"{self[:SHOWN_BYTES_MAX]!r} of {len(self)}"


class Twice(dict[str, Any]):
    """An object in which one member is written twice, with two values."""

    def __init__(self, found: dict[str, Any], name: str, value: Any) -> None:
        super().__init__(found)
        self._again = (name, value)

    def items(self) -> Any:
        return [*super().items(), self._again]


def wild() -> st.SearchStrategy[Any]:
    """A value that stands where another was expected."""
    return st.one_of(
        st.sampled_from(VALUES).map(deepcopy),
        st.sampled_from(TEXTS),
        st.sampled_from(sorted(_RAW)),
        st.text(max_size=8),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
    )


def sent() -> st.SearchStrategy[str]:
    """Text that a host may hand over from an address or a header: whole characters, whatever they mean."""
    return st.one_of(
        st.sampled_from([text for text in TEXTS if len(text) < 10_000]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
        st.text("aA1/\\#?%.:;=-_ \x00'\"é", max_size=12),
    )


def header() -> st.SearchStrategy[str]:
    """Text that can stand in a header: no control characters, which no server lets through."""
    return sent().map(lambda text: "".join(c for c in text if c.isprintable() and ord(c) < 256).strip()[:8_000])


@st.composite
def spoiled(draw: Callable[[st.SearchStrategy[Any]], Any], good: Any, most: int = 3) -> Any:
    """Return a copy of `good` with up to `most` of its parts gone, replaced, doubled, renamed or moved."""
    tree = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(0, most))):
        places = list(_places(tree))
        if not places:
            return draw(wild())
        holder, at = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.sampled_from(["replace", "replace", "gone", "renamed", "doubled", "wrapped"])):
            case "replace":
                holder[at] = draw(wild())
            case "gone":
                del holder[at]
            case "renamed" if isinstance(holder, dict):
                holder[draw(sent())] = holder.pop(at)
            case "doubled" if isinstance(holder, dict):
                tree = _with_twice(tree, holder, at, draw(wild()))
            case "doubled":
                holder.insert(at, holder[at])
            case _:
                holder[at] = [holder[at]]
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every part of a tree as its holder and its place there."""
    items = (
        list(dict.items(tree)) if isinstance(tree, dict) else list(enumerate(tree)) if isinstance(tree, list) else []
    )
    for at, value in items:
        yield tree, at
        yield from _places(value)


def _with_twice(tree: Any, holder: Any, name: str, value: Any) -> Any:
    if tree is holder:
        return Twice(tree, name, value)
    for above, at in _places(tree):
        if above[at] is holder:
            above[at] = Twice(holder, name, value)
            break
    return tree


def posted(good: Any, most: int = 3) -> st.SearchStrategy[bytes]:
    """Return a spoiled body as bytes, which may be spoiled once more."""
    return _bytes(good, most).map(Body)


@st.composite
def _bytes(draw: Callable[[st.SearchStrategy[Any]], Any], good: Any, most: int) -> bytes:
    body = written(draw(spoiled(good, most)), ascii_only=draw(st.booleans()))
    how = draw(st.sampled_from(["as it is"] * 4 + ["cut", "byte", "noise", *DRESSED]))
    at = draw(st.integers(0, len(body))) if how in ("cut", "byte") else 0
    match how:
        case "cut":
            body = body[:at]
        case "byte":
            body = body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :]
        case "noise":
            body = draw(st.binary(max_size=60))
        case _:
            body = DRESSED.get(how, bytes)(body)
    return body


DRESSED: dict[str, Callable[[bytes], bytes]] = {
    "mark": lambda body: b"\xef\xbb\xbf" + body,
    "utf-16": lambda body: body.decode("utf-8", "replace").encode("utf-16"),
    "zero": lambda body: body + b"\x00",
    "brace": lambda body: body + b"}",
    "no utf-8": lambda body: body + b"\xff",
    "two": lambda body: body + body,
    "twice encoded": lambda body: json.dumps(body.decode("utf-8", "replace")).encode(),
    "long": lambda body: body + b" " * 1_100_000,
}


def written(tree: Any, *, ascii_only: bool = False) -> bytes:
    """Return JSON, or what a careless sender takes for it."""
    text = json.dumps(tree, ensure_ascii=ascii_only)
    for mark, raw in _RAW.items():
        text = text.replace(json.dumps(mark, ensure_ascii=ascii_only), raw)
    return text.encode("utf-8", "replace")
