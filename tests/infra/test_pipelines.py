"""Both pipelines do the same steps in the same order, with the repository's own scripts and without a secret."""

import re
from typing import Any

import pytest
import yaml

from tests.infra.bicep import INFRA, ROOT

GITHUB = ROOT / ".github" / "workflows" / "deploy.yml"
AZURE = INFRA / "azure-pipelines.yml"
both = pytest.mark.parametrize("path", [GITHUB, AZURE], ids=lambda path: path.name)
ORDER = (
    "bash .ci/run", "policy.sh", "az bicep build", "bundle.sh", "deploy_infra.sh validate", "deploy_infra.sh what-if",
    "deploy_infra.sh apply", "deploy_code.sh", "smoke.sh", "before/app.zip",
)  # fmt: skip


@both
def test_a_pipeline_does_every_step_in_order(path: Any) -> None:
    text = path.read_text("utf-8")
    places = [text.find(step) for step in ORDER]
    assert -1 not in places, dict(zip(ORDER, places, strict=True))
    assert (
        text.rfind("before/app.zip")
        > text.find("smoke.sh")
        > text.find("deploy_code.sh")
        > text.find("deploy_infra.sh apply")
    )
    assert places[:7] == sorted(places[:7])


@both
def test_a_pipeline_holds_no_secret(path: Any) -> None:
    text = path.read_text("utf-8").lower()
    assert re.findall(r"secrets\.|client-secret|password|accesskey|publish.?profile|creds:", text) == []


@both
def test_a_script_that_a_pipeline_runs_exists(path: Any) -> None:
    named = re.findall(r"bash ((?:infra|\.ci)/[\w./]+)", path.read_text("utf-8"))
    assert named
    assert [one for one in named if not (ROOT / one).is_file()] == []


@both
def test_every_environment_of_main_can_be_deployed(path: Any) -> None:
    assert "[dev, test, prod]" in path.read_text("utf-8")


def test_github_asks_azure_with_a_token_of_its_own_and_only_where_it_must() -> None:
    workflow = yaml.safe_load(GITHUB.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        logs_in = any(str(step.get("uses", "")).startswith("azure/login") for step in job["steps"])
        assert (job.get("permissions", {}).get("id-token") == "write") == logs_in, name
        assert logs_in == ("environment" in job), f"{name}: who logs in does so as an environment"


def test_two_deployments_of_one_environment_do_not_meet() -> None:
    workflow = yaml.safe_load(GITHUB.read_text("utf-8"))
    assert workflow["concurrency"] == {"group": "deploy-${{ inputs.environment }}", "cancel-in-progress": False}


def test_a_failed_smoke_test_brings_the_package_before_back() -> None:
    steps = yaml.safe_load(GITHUB.read_text("utf-8"))["jobs"]["code"]["steps"]
    names = [step.get("name", "") for step in steps]
    back = steps[names.index("Roll back")]
    assert back["if"] == "failure() && steps.deploy.outcome != 'skipped'"
    assert names.index("Fetch what runs now, to go back to") < names.index("Deploy") < names.index("Smoke")
    assert names[-1] == "Remember what runs"
    assert "if" not in steps[-1], "only a healthy release is remembered"
