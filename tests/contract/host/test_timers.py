"""Timers on the local host: their schedule, what they are told, and firing them by hand."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from dev.host import Host, start

APP = Path(__file__).parent / "host_apps" / "timer"
NEVER = "0 0 0 30 2 *"


def runs(journal: Path, function: str) -> list[dict]:
    lines = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
    return [line for line in lines if line["function"] == function]


def wait_for(found: Callable[[], bool], what: str, seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < limit, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def fire(host: Host, name: str) -> httpx.Response:
    headers = {"x-functions-key": host.key}
    return httpx.post(f"{host.url}/admin/functions/{name}", headers=headers, json={"input": "now"})


def test_a_timer_runs_when_due_never_twice_at_once_and_in_one_worker_only(journal: Path) -> None:
    with start(APP, {"OFTEN": "* * * * * *", "JOURNAL": str(journal)}, workers=2):
        wait_for(lambda: len(runs(journal, "often")) >= 6, "the third run")
    times = runs(journal, "often")
    assert [line["event"] for line in times[:6]] == ["began", "ended"] * 3
    assert len({line["pid"] for line in times}) == 1
    began = [line["at"] for line in times if line["event"] == "began"]
    assert all(moment % 1 < 0.5 for moment in began), "a run begins on its second"
    assert all(line["status"] == {} for line in times if line["event"] == "began"), "too frequent to be monitored"


def test_run_on_startup_runs_at_once(journal: Path) -> None:
    with start(APP, {"OFTEN": NEVER, "JOURNAL": str(journal)}):
        wait_for(lambda: bool(runs(journal, "at_start")), "the run at the start")
    first = runs(journal, "at_start")[0]
    assert (first["past_due"], first["schedule"]) == (False, {"AdjustForDST": False})


def test_a_run_that_was_missed_comes_late_once_and_is_told_so(journal: Path, tmp_path: Path) -> None:
    past = {"last": "2020-01-01T00:00:00+00:00", "next": "2021-01-01T00:00:00+00:00"}
    status = {"yearly": {**past, "last_updated": "2020-01-01T00:00:01+00:00"}}
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "timers.json").write_text(json.dumps(status))
    settings = {"OFTEN": NEVER, "JOURNAL": str(journal)}
    with start(APP, settings, data=tmp_path / "data"):
        wait_for(lambda: bool(runs(journal, "yearly")), "the late run")
    (late,) = runs(journal, "yearly")
    assert late["past_due"] is True
    assert late["status"]["Last"] == past["last"]
    assert late["status"]["Next"] == past["next"]
    with start(APP, settings, data=tmp_path / "data"):
        wait_for(lambda: len(runs(journal, "at_start")) == 2, "the second start")
    assert len(runs(journal, "yearly")) == 1


def test_a_timer_is_fired_by_hand_with_the_master_key_only(journal: Path) -> None:
    with start(APP, {"OFTEN": NEVER, "JOURNAL": str(journal)}) as host:
        assert httpx.post(f"{host.url}/admin/functions/yearly", json={}).status_code == 401
        assert fire(host, "unknown").status_code == 404
        assert fire(host, "YEARLY").status_code == 202
        wait_for(lambda: bool(runs(journal, "yearly")), "the run by hand")
        assert runs(journal, "yearly")[0]["past_due"] is False


def test_a_failing_timer_is_tried_again_as_its_policy_says(journal: Path) -> None:
    with start(APP, {"OFTEN": NEVER, "JOURNAL": str(journal)}) as host:
        assert fire(host, "retried").status_code == 202
        wait_for(lambda: len(runs(journal, "retried")) >= 3, "the last retry")
    tried = runs(journal, "retried")
    assert [line["retries"] for line in tried] == [0, 1, 2]
    assert {line["most"] for line in tried} == {2}
