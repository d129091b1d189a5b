import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mapping.load.codes import code_table
from shared.mapping.load.text import parse


@pytest.mark.parametrize(
    "written",
    [
        *("NO", "no", "yes", "on", "Off", "y", "True", "NULL", "0001", "007", "1e3", "12.50", "0x10", "0b1", "1_000"),
        *("2024-03-09", "2024-03-09T07:15:00Z", "12:30:45", "1:20", "+5", "-0", ".inf", "=", "<<", "0o7", "-01"),
    ],
)
def test_what_yaml_would_guess_stays_text_as_written(written: str) -> None:
    text = parse(f"key: {written}\n{written}: value\n")
    assert text.faults == []
    assert text.data == {"key": written, written: "value"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [("true", True), ("false", False), ("null", None), ("~", None), ("", None), ("0", 0), ("-12", -12), ("42", 42)],
)
def test_only_flags_whole_numbers_and_null_are_not_text(written: str, meant: object) -> None:
    found = parse(f"key: {written}\n").data["key"]
    assert (found, type(found)) == (meant, type(meant))


def test_quotes_make_text_of_anything() -> None:
    assert parse("[\"12\", 'true', '']").data == ["12", "true", ""]


PRINTED = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), min_size=1)


@given(st.dictionaries(PRINTED, st.none() | st.booleans() | st.integers() | PRINTED, max_size=5))
def test_json_is_read_as_json(data: dict[str, object]) -> None:
    text = parse(json.dumps(data, ensure_ascii=False))
    assert (text.faults, text.data) == ([], data)


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "key 'a' comes twice; first in line 1"),
        ("x:\n  a: 1\n  a: 2\n", 3, "key 'a' comes twice; first in line 2"),
        ("a: &b 1\n", 1, "anchors and aliases are not used here"),
        ("a: *b\n", 1, "anchors and aliases are not used here"),
        ("a: 1\nb: !!int '7'\nc: !cat x\n", 3, "found tag '!cat', expected plain values"),
        ("a: [1\n", 2, "expected ',' or ']', but got '<stream end>'"),
        ("a: 1\n---\nb: 2\n", 2, "but found another document"),
        ("? [a]\n: 1\n", 1, "a key must be a text"),
        ("a: \x01", 1, "not YAML"),
        ("[" * 40 + "]" * 40, 1, "more than 30 levels"),
    ],
)
def test_faults_are_told_with_their_line(source: str, line: int, message: str) -> None:
    faults = parse(source).faults
    assert faults[0][0] == line
    assert message in faults[0][1]


def test_every_part_knows_its_line() -> None:
    text = parse("a:\n  b:\n    - 1\n    - c: 2\n")
    assert text.line(("a", "b", 1, "c")) == 4
    assert text.line(("a", "b", 1, "nowhere", 7)) == 4
    assert text.line(("elsewhere",)) == 1
    assert parse("").data is None


# ---------------------------------------------------------------------------------------------------------- code tables


def test_a_table_without_doubles_goes_both_ways() -> None:
    table = code_table("t", parse("Germany: DE\n1: 0001\nNorway: NO\n"))
    assert table.there == {"Germany": "DE", "1": "0001", "Norway": "NO"}
    assert table.back == {"DE": "Germany", "0001": "1", "NO": "Norway"}
    assert table.unclear == ()


def test_a_doubled_code_is_unclear_unless_the_table_chooses() -> None:
    assert code_table("t", parse("a: X\nb: X\nc: Y\n")).unclear == ("X",)
    chosen = code_table("t", parse("a: X\nb: X\nback: {X: b, Z: null, W: a}\n"))
    assert (chosen.unclear, chosen.back) == ((), {"X": "b", "Z": None, "W": "a"})


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("- a\n", 1, "expected lines such as"),
        ("a: X\nback: X\n", 2, "expected `back:"),
        ("a: X\nb: [1]\n", 2, "'b' has [1], expected a code"),
        ("a: X\nb:\n", 2, "'b' has None, expected a code"),
        ("a: true\n", 1, "'a' has True, expected a code"),
        ("a: X\nb: X\nc: Y\nback:\n  X: c\n", 5, "'c' is no word for 'X'; allowed: a, b"),
        ("Germany: X\nback: {Z: Germani}\n", 2, "unknown word 'Germani'; did you mean 'Germany'?"),
    ],
)
def test_faults_of_a_table_are_told_with_their_line(source: str, line: int, message: str) -> None:
    text = parse(source)
    code_table("t", text)
    assert text.faults[0][0] == line
    assert message in text.faults[0][1]


@pytest.mark.parametrize("deep", ["[" * 2_000, "[" * 2_000 + "]" * 2_000, "[a, " * 2_000, "{a: " * 2_000, "- " * 2_000])
def test_what_is_nested_far_too_deep_is_refused_without_being_read_to_its_end(deep: str) -> None:
    began = time.process_time()
    assert [fault for _, fault in parse(f"x:\n {deep}").faults] == ["more than 30 levels"]
    assert time.process_time() - began < 0.2  # it takes milliseconds


@pytest.mark.parametrize(("levels", "faults"), [(30, 0), (31, 1), (40, 1)])
def test_thirty_levels_below_a_key_are_read(levels: int, faults: int) -> None:
    assert len(parse("x: " + "[" * levels + "]" * levels).faults) == faults
