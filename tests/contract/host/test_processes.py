"""The processes of the local host: dying, timing out, taking turns and ending in order."""

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from dev.host import Host, start
from tests.contract.host.state import is_alive, is_stopping, pid_of, workers
from tests.waiting import until

WEB = Path(__file__).parent / "apps" / "web"


def settings(gate: Path) -> dict[str, str]:
    return {"SECRET_ROUTE": "hidden", "GATE": str(gate)}


def in_background(call: Callable[[], httpx.Response]) -> tuple[threading.Thread, list[httpx.Response]]:
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()
    return thread, answers


def held(host: Host) -> tuple[threading.Thread, list[httpx.Response]]:
    """Call the function that waits for the gate, and come back when it does."""
    waiting = in_background(lambda: httpx.get(f"{host.url}/api/held", timeout=60))
    until(lambda: httpx.get(f"{host.url}/api/holding").text == "1", "the request in the function")
    return waiting


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@pytest.fixture
def own_host(gate: Path) -> Iterator[Host]:
    with start(WEB, settings(gate)) as running:
        yield running


@pytest.fixture(scope="module")
def steady_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host that outlives the death of its worker. Its gate never opens."""
    with start(WEB, settings(tmp_path_factory.mktemp("closed") / "gate")) as running:
        yield running


@pytest.fixture(scope="module")
def impatient_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    app = tmp_path_factory.mktemp("impatient") / "app"
    shutil.copytree(WEB, app)
    (app / "host.json").write_text('{"version": "2.0", "functionTimeout": "00:00:02"}')
    with start(app, settings(app / "gate")) as running:
        yield running


def test_a_killed_worker_is_restarted_and_requests_wait_for_it(steady_host: Host) -> None:
    before = pid_of(steady_host)
    os.kill(before, signal.SIGKILL)
    answer = httpx.get(f"{steady_host.url}/api/echo/x", timeout=30)
    assert answer.status_code == 200
    assert answer.json()["pid"] == pid_of(steady_host) != before


def test_a_request_in_a_killed_worker_is_a_502_and_is_not_repeated(steady_host: Host) -> None:
    thread, answers = held(steady_host)
    os.kill(pid_of(steady_host), signal.SIGKILL)
    thread.join()
    assert answers[0].status_code == 502
    assert httpx.get(f"{steady_host.url}/api/holding", timeout=30).text == "0"


def test_a_function_over_its_time_is_a_500_and_the_worker_starts_anew(impatient_host: Host) -> None:
    before = pid_of(impatient_host)
    assert httpx.get(f"{impatient_host.url}/api/held", timeout=30).status_code == 500
    until(lambda: workers(impatient_host)[0]["ready"] and pid_of(impatient_host) != before, "the restart")
    assert httpx.get(f"{impatient_host.url}/api/holding", timeout=30).text == "0"
    assert "exceeded by function held" in impatient_host.log()


def test_a_function_that_blocks_the_loop_is_ended_too(impatient_host: Host) -> None:
    before = pid_of(impatient_host)
    assert httpx.get(f"{impatient_host.url}/api/blocks", timeout=30).status_code == 502
    assert httpx.get(f"{impatient_host.url}/api/holding", timeout=30).text == "0"
    assert pid_of(impatient_host) != before


def test_workers_take_turns(gate: Path) -> None:
    with start(WEB, settings(gate), workers=2) as host:
        served = [httpx.get(f"{host.url}/api/echo/x").json()["pid"] for _ in range(6)]
        assert set(served) == {worker["pid"] for worker in workers(host)}
        os.kill(served[0], signal.SIGKILL)
        until(lambda: served[0] not in {worker["pid"] for worker in workers(host) if worker["ready"]}, "the death")
        left = {httpx.get(f"{host.url}/api/echo/x", timeout=30).json()["pid"] for _ in range(2)}
        assert served[0] not in left
        until(lambda: all(worker["ready"] for worker in workers(host)), "the restart")


def test_a_stop_answers_what_is_running_and_takes_no_more(own_host: Host, gate: Path) -> None:
    worker = pid_of(own_host)
    thread, answers = held(own_host)
    own_host.process.terminate()
    until(lambda: is_stopping(own_host), "the stop")
    assert httpx.get(f"{own_host.url}/api/echo/x", timeout=30).status_code == 503
    gate.touch()
    thread.join()
    assert answers[0].text == "done"
    assert own_host.process.wait(20) == 0
    assert not is_alive(worker)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{own_host.url}/api/echo/x")


def test_a_stop_while_a_worker_restarts_is_orderly(own_host: Host) -> None:
    os.kill(pid_of(own_host), signal.SIGKILL)
    assert own_host.stop() == 0


def test_a_worker_does_not_outlive_its_supervisor(own_host: Host) -> None:
    worker = pid_of(own_host)
    own_host.process.kill()
    until(lambda: not is_alive(worker), "the end of the worker")
