"""The deployment scripts, run against an `az` that writes down what it was asked and answers as told."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.infra.bicep import INFRA
from tests.infra.conftest import Tools

SCRIPTS = INFRA / "scripts"
FOUND = {"functionapp list": "func-x", "functionapp show": "/sites/func-x"}
FLEX = {**FOUND, "appsettings list": ""}
PREMIUM = {**FOUND, "appsettings list": "https://st.blob.core.windows.net/app-package/app.zip"}


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.name)
def test_a_script_can_be_run_and_stops_at_the_first_fault(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text("utf-8")
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=10)


@pytest.mark.parametrize(("step", "command"), [("validate", "validate"), ("what-if", "what-if"), ("apply", "create")])
def test_infrastructure_is_planned_and_applied_from_the_file_of_its_environment(
    tools: Tools, step: str, command: str
) -> None:
    done = tools.run("deploy_infra.sh", step, "test", "rg", "natGateway=false")
    assert done.returncode == 0, done.stderr
    (asked, *_) = tools.asked()
    assert asked.startswith(f"deployment group {command} --name sync-test --resource-group rg")
    assert (
        "--template-file infra/main.bicep --parameters @infra/parameters/test.parameters.json natGateway=false" in asked
    )


def test_an_unknown_environment_or_step_asks_azure_nothing(tools: Tools) -> None:
    assert tools.run("deploy_infra.sh", "apply", "staging", "rg").returncode == 2
    assert tools.run("deploy_infra.sh", "destroy", "dev", "rg").returncode == 2
    assert tools.asked() == []


def test_code_goes_to_flex_as_one_package(tools: Tools, tmp_path: Path) -> None:
    tools.answers = FLEX
    package = tmp_path / "app.zip"
    package.touch()
    assert tools.run("deploy_code.sh", "rg", str(package)).returncode == 0
    (asked,) = tools.asked("config-zip")
    assert f"--name func-x --src {package} --build-remote false" in asked
    assert tools.asked("blob upload") == []


def test_code_goes_to_premium_where_its_identity_fetches_it(tools: Tools, tmp_path: Path) -> None:
    tools.answers = PREMIUM
    package = tmp_path / "app.zip"
    package.touch()
    assert tools.run("deploy_code.sh", "rg", str(package)).returncode == 0
    steps = [asked for asked in tools.asked() if re.search(r"blob upload|restart|syncfunctiontriggers", asked)]
    assert ["upload" in steps[0], "restart" in steps[1], "sync" in steps[2]] == [True] * 3
    assert "--auth-mode login --blob-url https://st.blob.core.windows.net/app-package/app.zip" in steps[0]
    assert tools.asked("config-zip") == []


def test_core_tools_publish_to_flex_and_not_to_premium(tools: Tools) -> None:
    tools.answers = FLEX
    assert tools.run("deploy_code.sh", "rg", "--func").returncode == 0
    assert tools.asked("azure functionapp publish") == ["azure functionapp publish func-x --python --build remote"]
    tools.answers = PREMIUM
    assert tools.run("deploy_code.sh", "rg", "--func").returncode == 2


def test_two_apps_in_a_group_are_not_guessed_between(tools: Tools, tmp_path: Path) -> None:
    package = tmp_path / "app.zip"
    package.touch()
    for answer in ("func-x\nfunc-y", ""):
        tools.answers = {"functionapp list": answer}
        done = tools.run("deploy_code.sh", "rg", str(package))
        assert (done.returncode, "expected one function app" in done.stderr) == (1, True)
    assert tools.asked("config-zip") == []


def test_settings_that_the_vault_does_not_answer_are_told(tools: Tools, tmp_path: Path) -> None:
    tools.answers = {"configreferences": "DIGEST_KEYS\nS4_PASSWORD", **FLEX}
    package = tmp_path / "app.zip"
    package.touch()
    assert "DIGEST_KEYS S4_PASSWORD" in tools.run("deploy_code.sh", "rg", str(package)).stderr


def test_missing_secrets_are_made_and_no_value_is_shown(tools: Tools) -> None:
    done = tools.run("secrets.sh", "kv", S4_PASSWORD="pass'word")
    assert done.returncode == 0, done.stderr
    written = tools.written()
    made = {"digest-keys", "dataverse-webhook-secrets", "s4-event-secrets", "s4-password", "ops-keys"}
    assert written.keys() == made
    assert written["s4-password"] == "pass'word"
    assert re.fullmatch(r"k\d{14}:[A-Za-z0-9+/]{43}=", written["digest-keys"])
    assert re.fullmatch(r"[\w-]{43}", written["dataverse-webhook-secrets"])
    assert written["dataverse-webhook-secrets"] != written["s4-event-secrets"]
    told = done.stdout + done.stderr + "".join(tools.asked())
    assert not any(value in told for value in written.values())


def test_secrets_that_are_there_stay(tools: Tools) -> None:
    tools.answers = {"secret list": "found"}
    assert tools.run("secrets.sh", "kv").returncode == 0
    assert tools.written() == {}


def test_without_a_password_and_a_terminal_nothing_is_guessed(tools: Tools) -> None:
    done = tools.run("secrets.sh", "kv")
    assert (done.returncode, "set S4_PASSWORD" in done.stderr) == (1, True)
    assert "s4-password" not in tools.written()


def test_a_rotated_secret_keeps_the_old_value_until_it_is_settled(tools: Tools) -> None:
    tools.answers = {"secret show": "old,older"}
    assert tools.run("secrets.sh", "kv", "rotate", "dataverse-webhook-secrets").returncode == 0
    fresh, old = tools.written()["dataverse-webhook-secrets"].split(",")
    assert (len(fresh), old) == (43, "old")
    tools.answers = {"secret show": f"{fresh},old"}
    assert tools.run("secrets.sh", "kv", "settle", "dataverse-webhook-secrets").returncode == 0
    assert tools.written()["dataverse-webhook-secrets"] == fresh


def test_the_operators_keys_are_made_and_rotated_one_a_role_and_the_settings_read_them(tools: Tools) -> None:
    from shared.settings import read_settings

    def roles() -> list[str]:
        return [key.role for key in read_settings({"OPS_KEYS": tools.written()["ops-keys"]}).ops_key_list]

    tools.run("secrets.sh", "kv", S4_PASSWORD="x")
    first = tools.written()["ops-keys"]
    assert roles() == ["reader", "operator", "admin"]
    tools.answers = {"secret show": f"{first},reader:older-older-older"}
    assert tools.run("secrets.sh", "kv", "rotate", "ops-keys").returncode == 0
    assert roles() == ["reader", "operator", "admin"] * 2
    both = tools.written()["ops-keys"]
    assert both.endswith(f",{first}")
    tools.answers = {"secret show": both}
    assert tools.run("secrets.sh", "kv", "settle", "ops-keys").returncode == 0
    assert tools.written()["ops-keys"] == both.removesuffix(f",{first}")


def test_the_password_is_not_rotated_by_us(tools: Tools) -> None:
    assert tools.run("secrets.sh", "kv", "rotate", "s4-password").returncode == 2


def test_the_digest_key_that_is_made_is_one_that_the_settings_read(tools: Tools) -> None:
    from shared.settings import read_settings

    tools.run("secrets.sh", "kv", S4_PASSWORD="x")
    keys = read_settings({"DIGEST_KEYS": tools.written()["digest-keys"]}).seal_keys
    assert [len(key) for key in keys.values()] == [32]


def test_the_entra_app_is_made_once_and_trusts_the_identity_instead_of_a_secret(tools: Tools) -> None:
    tools.answers = {"app create": "app-id", "account show": "tenant-id"}
    done = tools.run("entra.sh", "Sync", "https://func-x.azurewebsites.net/", "principal-id")
    assert (done.returncode, done.stdout) == (0, "app-id\n")
    assert "https://func-x.azurewebsites.net/.auth/login/aad/callback" in tools.asked("ad app create")[0]
    assert '"subject": "principal-id"' in tools.asked("federated-credential create")[0]
    assert tools.asked("credential reset") == []
    tools.answers = {"app list": "app-id", "federated-credential list": "function-app", "account show": "tenant-id"}
    made = len(tools.asked(" create"))
    assert tools.run("entra.sh", "Sync", "https://func-x.azurewebsites.net", "principal-id").stdout == "app-id\n"
    assert len(tools.asked(" create")) == made


def test_the_entra_app_has_the_roles_that_the_routes_ask_for() -> None:
    roles = json.loads((SCRIPTS / "entra_roles.json").read_text("utf-8"))
    assert [role["value"] for role in roles] == ["Sync.Reader", "Sync.Operator", "Sync.Admin"]
    assert len({role["id"] for role in roles}) == 3


@dataclass
class App:
    """What a deployed app answers: the host's key opens the health probe, and nothing else unless it is `open`."""

    health: list[int]
    open: bool = False
    url: str = ""


@pytest.fixture
def app() -> Iterator[App]:
    told = App([200])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            knows = self.headers.get("x-functions-key") == "host-key"
            if self.path == "/api/health":
                status = (told.health.pop(0) if len(told.health) > 1 else told.health[0]) if knows else 401
            else:
                status = 200 if told.open else 401
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815 -- http.server's name

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield told
        server.shutdown()


def smoke(tools: Tools, app: App, *, key: str = "host-key") -> subprocess.CompletedProcess[str]:
    """Run the smoke test without waiting between its tries."""
    return tools.run("smoke.sh", app.url, FUNCTION_KEY=key, SMOKE_PAUSE_SECONDS="0", SMOKE_TRIES="3")


def test_a_healthy_and_closed_app_passes_the_smoke_test(tools: Tools, app: App) -> None:
    done = smoke(tools, app)
    assert (done.returncode, done.stdout.count("ok ")) == (0, 7), done.stdout + done.stderr
    assert "host-key" not in done.stdout + done.stderr


def test_an_app_that_needs_a_while_passes_and_a_sick_one_does_not(tools: Tools, app: App) -> None:
    app.health = [503, 503, 200]
    assert smoke(tools, app).returncode == 0
    app.health = [503]
    done = smoke(tools, app)
    assert (done.returncode, "FAIL  health says 503" in done.stdout) == (1, True)


def test_an_open_app_fails_the_smoke_test(tools: Tools, app: App) -> None:
    app.open = True
    done = smoke(tools, app)
    assert (done.returncode, done.stdout.count("FAIL")) == (1, 5)


def test_an_app_that_cannot_be_reached_fails_the_smoke_test(tools: Tools) -> None:
    done = smoke(tools, App([200], url="http://127.0.0.1:9"))
    assert done.returncode == 1


def test_the_smoke_test_finds_app_and_key_by_the_resource_group(tools: Tools) -> None:
    tools.answers = {"functionapp list": "func-x\t127.0.0.1:9", "keys list": "host-key"}
    done = tools.run("smoke.sh", "rg", SMOKE_TRIES="1")
    assert done.returncode == 1
    assert "--resource-group rg --name func-x --query functionKeys.default" in tools.asked("keys list")[0]


def test_the_run_before_is_found_among_those_that_released(tools: Tools) -> None:
    tools.answers = {"artifacts": "4711"}
    done = tools.run("released.sh", "released-prod", "2", GITHUB_REPOSITORY="contoso/sync")
    assert done.stdout == "4711\n"
    (asked,) = tools.asked()
    assert "repos/contoso/sync/actions/artifacts?name=released-prod" in asked
    assert ".[1].workflow_run.id" in asked
