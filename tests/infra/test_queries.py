"""Every query is parsed by Kusto's own parser, stands once, and asks for what our telemetry really says."""

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from shared import errors
from shared.core import model
from shared.ops.reconcile import run
from shared.telemetry.catalogue import EVENTS, METRICS
from tests.infra.bicep import INFRA, ROOT, files
from tests.infra.queries import columns, loads, parse, texts

TEXTS = texts()
ASKED = {name: re.sub(r"//.*", "", text) for name, text in TEXTS.items()}
every_query = pytest.mark.parametrize("name", TEXTS)
FURTHER = {"event"}  # says which event it is
OF_TABLES = {"AppDependencies": {"system"}, "AppExceptions": {"flow", "correlation"}}
OUTCOMES = {"skip", "sync", "park", "wait", "later", "parked", "paused", "rerouted", "swept"}
BY_CLASS = {name.lower() for name, one in vars(errors).items() if isinstance(one, type)}
VALUES = {
    "state": set(get_args(run.State.__value__)),
    "cause": set(get_args(model.Cause.__value__)),
    "side": set(model.SIDES),
    "outcome": OUTCOMES | BY_CLASS,
}


def strings(text: str, left: str) -> set[str]:
    """Return what `left` is compared with: left == 'x', left in ('x', 'y')."""
    found: set[str] = set()
    for one, several in re.findall(rf"{left}\)? (?:(?:==|!=) '([^']*)'|!?in~? \(([^)]*)\))", text):
        found |= {one} if one else set(re.findall(r"'([^']*)'", several))
    return found


def measured() -> dict[str, set[str]]:
    """Return each metric's dimensions: those that events feed, and those in the calls of count() and gauge()."""
    found: dict[str, set[str]] = {name: set() for name in METRICS}
    for event in EVENTS.values():
        for one in event.feeds:
            found[one.metric] |= set(one.by)
    for path in (ROOT / "shared").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = node.args[0].value
                if isinstance(node.func, ast.Name) and node.func.id in ("count", "gauge") and name in found:
                    found[name] |= {one.arg for one in node.keywords if one.arg}
    return found


MEASURED = measured()


def test_kusto_finds_no_fault_in_any_query() -> None:
    assert columns().keys() == TEXTS.keys()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("AppTraces | group count()", "Query operator expected"),
        ("AppTracs | take 1", "AppTracs"),
        ("AppMetrics | where Names == 'sync.changes'", "Names"),
        ("AppMetrics | project x = percentage(Sum, 95)", "percentage"),
        ("AppTraces | where TimeGenerated + 'a' > ago(1h)", "not defined"),
        ("let x = 1;", "no table"),
    ],
)
def test_a_wrong_query_is_refused_with_file_and_line(tmp_path: Path, query: str, said: str) -> None:
    (tmp_path / "wrong.kql").write_text(f"// What?\n{query}\n")
    done = parse(tmp_path)
    assert done.returncode > 0
    assert re.search(r"wrong\.kql:[12]: ", done.stderr)
    assert said in done.stderr


def test_kusto_finds_no_fault_in_the_queries_of_the_runbook(tmp_path: Path) -> None:
    found = re.findall(r"`([A-Z]\w+ \| [^`]+)`", (ROOT / "docs" / "operate" / "runbook.md").read_text("utf-8"))
    assert len(found) >= 3
    for number, query in enumerate(found):
        (tmp_path / f"{number}.kql").write_text(query)
    done = parse(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_without_queries_is_no_success(tmp_path: Path) -> None:
    assert parse(tmp_path).returncode > 0


@every_query
def test_a_query_says_first_what_it_answers(name: str) -> None:
    first = TEXTS[name].partition("\n")[0]
    assert re.fullmatch(r"// [A-Z].{10,110}[?.]", first)


def test_each_query_is_shown_or_watched_exactly_once() -> None:
    assert sorted(loads()) == sorted(TEXTS)


def test_no_query_stands_in_bicep_itself() -> None:
    assert not [
        file.path for file in files() if re.search(r"\bApp(Traces|Metrics|Dependencies)\b", file.path.read_text())
    ]


@every_query
def test_events_and_metrics_that_a_query_names_exist(name: str) -> None:
    text = ASKED[name]
    events = strings(text, r"Properties\.event") | strings(text, r"(?<!\.)\bevent")
    metrics = {found for found in re.findall(r"'([^']*)'", text) if found.startswith("sync.")}
    assert events - EVENTS.keys() == set()
    assert metrics - METRICS.keys() == set()
    if "AppTraces" in text:
        assert events or "correlation" in text
    if "AppMetrics" in text:
        assert metrics


@every_query
def test_dimensions_that_a_query_reads_are_told(name: str) -> None:
    text = ASKED[name]
    events = strings(text, r"Properties\.event") | strings(text, r"(?<!\.)\bevent") or set(EVENTS)
    told = set(FURTHER)
    told |= {one for event in events for one in EVENTS[event].dimensions} if "AppTraces" in text else set()
    told |= {one for metric, by in MEASURED.items() if f"'{metric}'" in text for one in by}
    for table, more in OF_TABLES.items():
        told |= more if table in text else set()
    assert set(re.findall(r"Properties\.(\w+)", text)) - told == set()


@every_query
def test_a_value_that_a_query_compares_with_can_be(name: str) -> None:
    for dimension, allowed in VALUES.items():
        assert strings(ASKED[name], rf"Properties\.{dimension}") - allowed == set()


def test_what_every_metric_tells_is_looked_at() -> None:
    everything = "\n".join(ASKED.values())
    shown_otherwise = {"sync.breaker_open", "sync.lag_seconds"}  # the events behind them say more
    assert {name for name in METRICS if f"'{name}'" not in everything} == shown_otherwise


def test_the_parser_is_pinned_and_comes_from_no_named_place() -> None:
    lock = (ROOT / "package-lock.json").read_text("utf-8")
    assert '"@kusto/language-service-next": "12.4.1"' in (ROOT / "package.json").read_text("utf-8")
    assert '"resolved"' not in lock
    assert (INFRA / "queries" / "schema.json").exists()
