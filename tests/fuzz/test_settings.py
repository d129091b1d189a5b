"""Settings and mapping files, spoiled: they are read, or refused as a whole with every reason and no secret."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadMapping
from shared.mapping.catalogue import Catalogue
from shared.mapping.load import load_flows
from shared.settings import Settings, for_mappings, read_settings
from shared.wiring import MAPPINGS, catalogues
from tests.fuzz.spoiled import CALL_SECONDS, FUZZ, TEXTS, sent
from tests.laws import flows as laws
from tests.laws.flows import CRM, ERP

NAMES = sorted(field.alias or name for name, field in Settings.model_fields.items())
SECRETS = ("DIGEST_KEYS", "DATAVERSE_CLIENT_SECRET", "S4_PASSWORD", "DATAVERSE_WEBHOOK_SECRETS", "S4_EVENT_SECRETS")
MARK = "hunter2-hunter2"
VALUES = [
    *(text for text in TEXTS if len(text) < 10_000),
    "1",
    "0",
    "-1",
    "1.5",
    "1e400",
    "true",
    "maybe",
    "{}",
    "[]",
    "null",
    "{",
    "[" * 5_000,
    '{"a": 1}',
    '{"a": "b", "a": "c"}',
    '{"API": "/sap"}',
    "9" * 5_000,
    "NaN",
    "k1:",
    ":",
    "k1:AAAA",
    "k1:é",
    "k1:QUFBQUFBQUFBQUFBQUFBQQ==",
    "k1:QUFBQUFBQUFBQUFBQUFBQQ==,k1:QkJCQkJCQkJCQkJCQkJCQg==",
    ",,,",
    "oauth",
    "s4,nosuch",
    "@Microsoft.KeyVault(SecretUri=https://x)",
    MARK,
    f"{MARK}:{MARK}",
    f"k1:{MARK}",
    "http://[::1",
    "*/5 * * * *",
]
ENVIRONMENTS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES) | sent(), max_size=6)
TABLES = sorted((MAPPINGS / "codes").glob("*.yaml"))
SMALL = Path(laws.__file__).parent / "mappings"
CATALOGUES = catalogues()
KNOWN = for_mappings(Settings(), {})
SNIPPETS = [
    "",
    "~",
    "null",
    "true",
    "-1",
    "0001",
    "99999999999999999999",
    "9" * 5_000,
    "1e3",
    "NaN",
    "text",
    "'",
    '"',
    "{",
    "[",
    "}",
    "]",
    "- a",
    "a: 1",
    "{a: 1}",
    "[a, b]",
    "[]",
    "{}",
    "{const: 1}",
    "{setting: NO_SUCH}",
    "{setting: S4_ID_TYPE}",
    "{setting: [1]}",
    "&a",
    "*a",
    "!!python/object:os.system {}",
    "!tag x",
    "? [a]\n: 1",
    "<<: {a: 1}",
    "%YAML 1.1",
    "---\na: 1",
    "...",
    "\t",
    "# no",
    "|\n  x",
    ">-",
    "\x00",
    "\ufeff",
    "\x85",
    "😀",
    "x" * 3_000,
    "[" * 2_000,
    "{a: " * 2_000,
    "- " * 2_000,
    "{split: {width: 0}}",
    "{split: {width: -1}}",
    "{cut: {length: x}}",
    "[upper, nosuch]",
    "{code: {table: nosuch}}",
    "{link: {to: nosuch}}",
    "{match: '('}",
    "dynamics",
    "sap",
    "tax.BPTaxNumber",
    "..",
    "a..b",
    "header.",
    "{daily: '25:00'}",
    "{every: 0m}",
    "{cron: '* *'}",
    "{in: []}",
    "{any: []}",
    "2026-01-01",
]


@FUZZ
@given(ENVIRONMENTS)
def test_any_environment_is_read_or_refused_without_a_secret_in_the_reason(environment: dict[str, str]) -> None:
    try:
        found = read_settings(environment)
    except BadMapping as error:
        told = str(error)
        assert told.startswith("settings are wrong: ")
    else:
        told = repr(found)
        for which in ("dataverse_secrets", "s4_event_secrets"):
            assert all(found.secrets(which))
        assert all(found.seal_keys)
        assert for_mappings(found, environment)
    held = {environment[name] for name in SECRETS if MARK in environment.get(name, "")}
    assert not held or MARK not in told or MARK in str({k: v for k, v in environment.items() if k not in SECRETS})


@st.composite
def spoiled_text(draw: Any, good: str) -> bytes:
    """Return a mapping file some of whose lines, words and bytes are others."""
    lines = good.split("\n")
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        head, colon, _ = lines[at].partition(":")
        snippet = draw(st.sampled_from(SNIPPETS) | sent())
        match draw(st.sampled_from(["value", "value", "key", "gone", "double", "insert", "indent", "word", "swap"])):
            case "value":
                lines[at] = f"{head}{colon} {snippet}"
            case "key":
                lines[at] = f"{head[: len(head) - len(head.lstrip())]}{snippet}:{lines[at].partition(':')[2]}"
            case "gone":
                del lines[at]
                lines = lines or [""]
            case "double":
                lines.insert(at, lines[at])
            case "insert":
                lines.insert(at, snippet)
            case "indent":
                lines[at] = "  " + lines[at]
            case "word":
                words = lines[at].split(" ")
                words[draw(st.integers(0, len(words) - 1))] = snippet
                lines[at] = " ".join(words)
            case _:
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
    body = "\n".join(lines).encode("utf-8", "replace")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.binary(max_size=3)) + body[at:]
    return body


@pytest.mark.parametrize("name", ["account", "order"])
def test_a_spoiled_mapping_file_is_loaded_or_refused_with_file_and_line(name: str, tmp_path: Path) -> None:
    shutil.copytree(MAPPINGS, tmp_path / "mappings")
    loads(tmp_path / "mappings", f"s4/{name}.yaml", (MAPPINGS / "s4" / f"{name}.yaml").read_text("utf-8"), CATALOGUES)


@pytest.mark.parametrize("path", TABLES, ids=[path.stem for path in TABLES])
def test_a_spoiled_code_table_is_loaded_or_refused_with_file_and_line(path: Path, tmp_path: Path) -> None:
    shutil.copytree(SMALL, tmp_path / "mappings")
    loads(tmp_path / "mappings", "codes/countries.yaml", path.read_text("utf-8"), {"dataverse": CRM, "s4": ERP})


def loads(folder: Path, name: str, good: str, known: Mapping[str, Catalogue]) -> None:
    @FUZZ
    @given(spoiled_text(good))
    def loaded_or_refused(body: bytes) -> None:
        (folder / name).write_bytes(body)
        started = time.process_time()
        try:
            load_flows(folder / "s4", known, KNOWN)
        except BadMapping as error:
            first, *faults = str(error).splitlines()
            assert "in mapping files" in first
            assert any(line.startswith(("s4/", "codes/")) for line in faults)
        assert time.process_time() - started < CALL_SECONDS

    loaded_or_refused()
