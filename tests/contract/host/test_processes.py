"""The processes of the local host: starting, refusing to start, dying, timing out and ending in order."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from dev.host import Host, HostNotStarted, start
from dev.host.processes.supervisor import Options, environment

APPS = Path(__file__).parent / "host_apps"
PROJECT = Path(__file__).parents[2]
SETTINGS = {"SECRET_ROUTE": "hidden"}


def workers(host: Host) -> list[dict]:
    return httpx.get(f"{host.url}/admin/host/status", timeout=20).json()["workers"]


def pid_of(host: Host) -> int:
    return workers(host)[0]["pid"]


def wait_for(found: Callable[[], bool], what: str, seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < limit, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def in_background(call: Callable[[], httpx.Response]) -> tuple[threading.Thread, list[httpx.Response]]:
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()
    return thread, answers


@pytest.fixture
def host() -> Iterator[Host]:
    with start(APPS / "web", SETTINGS) as running:
        yield running


def test_an_app_that_the_runtime_refuses_stops_the_start_with_the_runtimes_words() -> None:
    with pytest.raises(HostNotStarted, match=r"cannot load the takes_a_builtin_list function.*invalid non-type"):
        start(APPS / "batch_annotation", {"BUS": "Endpoint=sb://127.0.0.1/"}).__enter__()


def test_the_exit_code_of_a_refused_app_is_not_zero() -> None:
    command = [sys.executable, "-m", "dev.host", "--app", str(APPS / "batch_annotation"), "--port", "0"]
    ended = subprocess.run(  # noqa: S603 - this project's own program
        command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "functions host ready" not in ended.stdout
    assert "takes_a_builtin_list" in ended.stderr


def test_a_setting_that_a_binding_needs_is_named_at_the_start() -> None:
    with pytest.raises(
        HostNotStarted, match=r"function 'guarded', binding 'req' \(httpTrigger\): setting 'SECRET_ROUTE'"
    ):
        start(APPS / "web", {}).__enter__()


def test_a_connection_that_a_trigger_needs_is_named_at_the_start() -> None:
    with pytest.raises(HostNotStarted, match="neither setting 'Bus'"):
        start(APPS / "bus", {"SESSIONS_QUEUE": "q"}).__enter__()


def test_a_schedule_that_cannot_be_read_is_named_at_the_start() -> None:
    with pytest.raises(HostNotStarted, match=r"function 'often': schedule: 'every minute' is no schedule"):
        start(APPS / "timer", {"OFTEN": "every minute"}).__enter__()


def test_a_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostNotStarted, match=r"is there a function_app\.py"):
        start(tmp_path, {}).__enter__()


def test_the_process_environment_wins_over_local_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "local.settings.json").write_text('{"Values": {"ONE": "file", "TWO": "file"}}')
    monkeypatch.setenv("TWO", "process")
    env = environment(Options(app=tmp_path), "http://127.0.0.1:7071")
    assert (env["ONE"], env["TWO"]) == ("file", "process")
    assert (env["FUNCTIONS_WORKER_RUNTIME"], env["WEBSITE_HOSTNAME"]) == ("python", "127.0.0.1:7071")


def test_verbose_prints_the_key_and_the_functions() -> None:
    command = [sys.executable, "-m", "dev.host", "--app", str(APPS / "web"), "--port", "0", "--verbose"]
    env = {**os.environ, **SETTINGS}
    with subprocess.Popen(  # noqa: S603 - this project's own program
        command, cwd=PROJECT, env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(11)]
        process.terminate()
        assert process.wait(30) == 0
    key = lines[1].split()[-1]
    assert lines[0].startswith("functions host ready http://127.0.0.1:")
    assert len(key) > 20
    assert any(
        "echo" in line and "GET,POST,OPTIONS" in line and "echo/{entity}/{number:int?}" in line for line in lines
    )
    assert any("switched_off" in line for line in lines)


def test_an_app_elsewhere_does_not_see_the_modules_of_this_project(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text("import shared\n")
    with pytest.raises(HostNotStarted, match="No module named 'shared'"):
        start(tmp_path, {}).__enter__()


def test_a_killed_worker_is_restarted_and_requests_wait_for_it(host: Host) -> None:
    before = pid_of(host)
    os.kill(before, signal.SIGKILL)
    answer = httpx.get(f"{host.url}/api/echo/x", timeout=30)
    assert answer.status_code == 200
    assert answer.json()["pid"] == pid_of(host) != before


def test_a_request_in_a_killed_worker_is_a_502_and_is_not_repeated(host: Host) -> None:
    before = pid_of(host)
    thread, answers = in_background(lambda: httpx.get(f"{host.url}/api/slow/1.5", timeout=30))
    time.sleep(0.5)  # on its way; too early would only make the request wait, and the assertion below fail
    os.kill(before, signal.SIGKILL)
    thread.join()
    assert answers[0].status_code == 502


def test_a_function_over_its_time_is_a_500_and_the_worker_starts_anew(host: Host) -> None:
    before = pid_of(host)
    assert httpx.get(f"{host.url}/api/slow/30", timeout=30).status_code == 500
    wait_for(lambda: workers(host)[0]["ready"] and pid_of(host) != before, "the restart")
    assert httpx.get(f"{host.url}/api/slow/0", timeout=30).text == "done"
    assert "exceeded by function slow" in host.log()


def test_a_function_that_blocks_the_loop_is_ended_too(host: Host) -> None:
    before = pid_of(host)
    assert httpx.get(f"{host.url}/api/blocks", timeout=30).status_code == 502
    assert httpx.get(f"{host.url}/api/slow/0", timeout=30).text == "done"
    assert pid_of(host) != before


def test_workers_take_turns() -> None:
    with start(APPS / "web", SETTINGS, workers=2) as host:
        served = [httpx.get(f"{host.url}/api/echo/x").json()["pid"] for _ in range(6)]
        assert set(served) == {worker["pid"] for worker in workers(host)}
        os.kill(served[0], signal.SIGKILL)
        wait_for(lambda: [worker["ready"] for worker in workers(host)].count(True) == 1, "the death")
        left = {httpx.get(f"{host.url}/api/echo/x", timeout=30).json()["pid"] for _ in range(2)}
        assert served[0] not in left
        wait_for(lambda: all(worker["ready"] for worker in workers(host)), "the restart")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_stop_answers_what_is_running_and_takes_no_more(host: Host, number: signal.Signals) -> None:
    worker = pid_of(host)
    thread, answers = in_background(lambda: httpx.get(f"{host.url}/api/slow/1.5", timeout=30))
    time.sleep(0.5)  # on its way; too early would fail the assertion below
    host.process.send_signal(number)
    thread.join()
    assert answers[0].text == "done"
    assert host.process.wait(20) == 0
    assert not is_alive(worker)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{host.url}/api/slow/0")


def test_a_stop_while_a_worker_restarts_is_orderly(host: Host) -> None:
    os.kill(pid_of(host), signal.SIGKILL)
    assert host.stop() == 0


def test_a_worker_does_not_outlive_its_supervisor(host: Host) -> None:
    worker = pid_of(host)
    host.process.kill()
    wait_for(lambda: not is_alive(worker), "the end of the worker")
