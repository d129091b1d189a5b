"""Starting the local host, and refusing to start: every mistake is named."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from dev.host import HostNotStarted, start
from dev.host.processes.options import Options, environment
from tests.waiting import until

APPS = Path(__file__).parent / "apps"
PROJECT = Path(__file__).parents[3]


def test_an_app_that_the_runtime_refuses_ends_the_start_with_the_runtimes_words_and_an_exit_code() -> None:
    command = [sys.executable, "-m", "dev.host", "--app", str(APPS / "batch_annotation"), "--port", "0"]
    env = {**os.environ, "BUS": "Endpoint=sb://127.0.0.1/"}
    ended = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "functions host ready" not in ended.stdout
    assert "cannot load the takes_a_builtin_list function" in ended.stderr
    assert "invalid non-type" in ended.stderr


@pytest.mark.parametrize(
    ("app", "settings", "words"),
    [
        ("web", {}, r"function 'guarded', binding 'req' \(httpTrigger\): setting 'SECRET_ROUTE'"),
        ("bus", {"SESSIONS_QUEUE": "q"}, "neither setting 'Bus'"),
        ("timer", {"OFTEN": "every minute"}, r"function 'often': schedule: 'every minute' is no schedule"),
    ],
    ids=["a setting", "a connection", "a schedule"],
)
def test_what_a_trigger_lacks_is_named_at_the_start(app: str, settings: dict[str, str], words: str) -> None:
    with pytest.raises(HostNotStarted, match=words):
        start(APPS / app, settings).__enter__()


FUNCTION = """
@app.{decorator}
@app.function_name("{name}")
def f{number}({argument}) -> {result}:
    return None
"""


def app_of(folder: Path, *functions: str) -> Path:
    """Lay out an app of functions such as 'Name route(route="x")'; a timer or a queue gives its own argument."""
    code = ["import azure.functions as func", "app = func.FunctionApp()"]
    for number, function in enumerate(functions):
        name, _, decorator = function.partition(" ")
        code.append(FUNCTION.format(decorator=decorator, name=name, number=number, argument="req", result="str"))
    (folder / "function_app.py").write_text("\n".join(code))
    return folder


# Sources: FunctionMetadataProvider.ValidateName and ScriptHost.ValidateFunction of the real host.
@pytest.mark.parametrize(
    ("functions", "words"),
    [
        (["1a route(route='x')"], "function '1a': no valid name"),
        (["host route(route='x')"], "function 'host': no valid name"),
        (["a route(route='x')", "A route(route='y')"], "functions 'a' and 'A': names are compared without case"),
        (
            ["a route(route='x')", "b route(route='X/', methods=['GET'])"],
            "function 'b': route 'x' is that of function 'a'",
        ),
        (["a route(route='administrators')"], "function 'a': route 'administrators': routes that begin with admin"),
        (["a route(route='x/id}')"], "function 'a': route 'x/id}': a brace without its pair"),
        (["a route(route='x/{id/y}')"], "function 'a': route 'x/{id/y}': .* a brace without its pair"),
        (
            ["a generic_trigger('req', 'httpTrigger', methods='get,post')"],
            "methods: expected a list .*found 'get,post'",
        ),
        (["a generic_trigger('req', 'httpTrigger', auth_level='user')"], "authLevel: expected one of .*found 'user'"),
    ],
)
def test_what_the_real_host_refuses_is_refused(tmp_path: Path, functions: list[str], words: str) -> None:
    with pytest.raises(HostNotStarted, match=words):
        start(app_of(tmp_path, *functions), {}).__enter__()


def test_one_route_may_have_a_function_for_each_method(tmp_path: Path) -> None:
    app = app_of(tmp_path, "a route(route='x', methods=['GET'])", "b route(route='x', methods=['PUT'])")
    with start(app, {}) as host:
        assert httpx.get(f"{host.url}/api/x", timeout=20).status_code == 401


def test_a_stop_does_not_wait_for_an_app_that_is_still_importing(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text("import time, pathlib\npathlib.Path('begun').touch()\ntime.sleep(50)\n")
    command = [sys.executable, "-m", "dev.host", "--app", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        try:
            until((tmp_path / "begun").exists, "the import")
            process.terminate()
            assert process.wait(10) == 0
            assert process.stdout is not None
            assert process.stdout.read() == ""
        finally:
            process.kill()


def test_a_folder_or_port_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for folder, port, words in (
            (tmp_path, taken.getsockname()[1], "cannot be taken"),
            (tmp_path, 99999, "cannot be taken"),
            (tmp_path / "absent", 0, "absent: no such folder"),
        ):
            command = [sys.executable, "-m", "dev.host", "--app", str(folder), "--port", str(port)]
            ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
            assert ended.returncode == 1
            assert ended.stderr.startswith("functions host: ")
            assert words in ended.stderr
            assert len(ended.stderr.splitlines()) == 1


def test_a_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostNotStarted, match=r"is there a function_app\.py"):
        start(tmp_path, {}).__enter__()


def test_an_app_elsewhere_does_not_see_the_modules_of_this_project(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text("import shared\n")
    with pytest.raises(HostNotStarted, match="No module named 'shared'"):
        start(tmp_path, {}).__enter__()


def test_the_process_environment_wins_over_local_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "local.settings.json").write_text('{"Values": {"ONE": "file", "TWO": "file"}}')
    monkeypatch.setenv("TWO", "process")
    env = environment(Options(app=tmp_path), "http://127.0.0.1:7071")
    assert (env["ONE"], env["TWO"]) == ("file", "process")
    assert (env["FUNCTIONS_WORKER_RUNTIME"], env["WEBSITE_HOSTNAME"]) == ("python", "127.0.0.1:7071")


def test_verbose_prints_the_key_and_the_functions_and_an_interrupt_ends_it_in_order() -> None:
    command = [sys.executable, "-m", "dev.host", "--app", str(APPS / "web"), "--port", "0", "--verbose"]
    env = {**os.environ, "SECRET_ROUTE": "hidden"}
    with subprocess.Popen(command, cwd=PROJECT, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline()]
            process.send_signal(signal.SIGINT)
            lines += process.stdout
            assert process.wait(30) == 0
        finally:
            process.kill()
    key = lines[1].split()[-1]
    assert lines[0].startswith("functions host ready http://127.0.0.1:")
    assert len(key) > 20
    assert any(
        "echo" in line and "GET,POST,OPTIONS" in line and "echo/{entity}/{number:int?}" in line for line in lines
    )
    assert any("switched_off" in line for line in lines)
