"""Timers on the local host: their schedule, what they are told, and firing them by hand."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from dev.host import Host, start
from tests.contract.host.journal import noted
from tests.waiting import until

APP = Path(__file__).parent / "apps" / "timer"
PAST = {"last": "2020-01-01T00:00:00+00:00", "next": "2021-01-01T00:00:00+00:00"}


@dataclass(frozen=True, slots=True)
class Scene:
    """A host of two workers that was away when `yearly` was due."""

    host: Host
    folder: Path

    def runs(self, function: str) -> list[dict]:
        return [line for line in noted(self.folder / "journal") if line["function"] == function]

    def status(self, function: str) -> dict:
        return json.loads((self.folder / "timers.json").read_text())[function]

    def fire(self, name: str) -> int:
        headers = {"x-functions-key": self.host.key}
        url = f"{self.host.url}/admin/functions/{name}"
        return httpx.post(url, headers=headers, json={"input": "now"}).status_code


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("timers")
    (folder / "journal").touch()
    missed = {**PAST, "last_updated": "2020-01-01T00:00:01+00:00"}
    (folder / "timers.json").write_text(json.dumps({"yearly": missed}))
    settings = {"OFTEN": "* * * * * *", "JOURNAL": str(folder / "journal")}
    with start(APP, settings, data=folder, workers=2) as host:
        yield Scene(host, folder)


def test_a_timer_runs_when_due_never_twice_at_once_and_in_one_worker_only(scene: Scene) -> None:
    until(lambda: len(scene.runs("often")) >= 6, "the third run")
    times = scene.runs("often")
    assert [line["event"] for line in times[:6]] == ["began", "ended"] * 3
    assert len({line["pid"] for line in times}) == 1
    assert all(line["status"] == {} for line in times if line["event"] == "began"), "too frequent to be monitored"


def test_run_on_startup_runs_at_once_and_in_one_worker_only(scene: Scene) -> None:
    until(lambda: bool(scene.runs("at_start")), "the run at the start")
    (first,) = scene.runs("at_start")
    assert (first["past_due"], first["schedule"]) == (False, {"AdjustForDST": False})


def test_a_run_that_was_missed_comes_late_once_and_is_told_so(scene: Scene) -> None:
    until(lambda: bool(scene.runs("yearly")), "the late run")
    (late,) = scene.runs("yearly")
    assert late["past_due"] is True
    assert (late["status"]["Last"], late["status"]["Next"]) == (PAST["last"], PAST["next"])
    until(lambda: scene.status("yearly")["last"] != PAST["last"], "the end of the run in the file of the next start")
    assert datetime.fromisoformat(scene.status("yearly")["next"]) > datetime.now(UTC)


def test_a_timer_is_fired_by_hand_with_the_master_key_only(scene: Scene) -> None:
    assert httpx.post(f"{scene.host.url}/admin/functions/retried", json={}).status_code == 401
    assert scene.fire("unknown") == 404


def test_a_failing_timer_that_is_fired_by_hand_is_tried_again_as_its_policy_says(scene: Scene) -> None:
    assert scene.fire("RETRIED") == 202
    until(lambda: len(scene.runs("retried")) >= 3, "the last retry")
    tried = scene.runs("retried")
    assert [line["retries"] for line in tried] == [0, 1, 2]
    assert {line["most"] for line in tried} == {2}
    assert {line["past_due"] for line in tried} == {False}
