"""The settings in Bicep are those that shared/settings needs from a deployment, and none that Azure refuses."""

import json
import re
from typing import Any

import pytest
from pydantic import SecretStr

from shared.settings import Settings
from tests.infra.bicep import INFRA, Expression, files, read, text, value, walk

MAIN = files()[0]
APP = read(INFRA / "modules" / "function-app.bicep")
SECRETS_SCRIPT = (INFRA / "scripts" / "secrets.sh").read_text("utf-8")
OURS = {field.alias or name: field for name, field in Settings.model_fields.items()}
SET = {**MAIN.variable("productSettings"), **APP.variable("platformSettings")}

# Empty by default, and right so in Azure. A new setting with an empty default is to be set in Bicep, or listed here.
LEFT_EMPTY = {
    "FLOWS_OFF": "all flows run",
    "ServiceBus": "identity instead of a connection string",
    "Tables": "identity instead of a connection string",
    "TABLES_PREFIX": "the account belongs to one app",
    "DATAVERSE_TOKEN_URL": "the app's identity is the application user",
    "DATAVERSE_CLIENT_ID": "the app's identity is the application user",
    "DATAVERSE_CLIENT_SECRET": "the app's identity is the application user",
    "S4_TOKEN_URL": "the standard path, or a parameter of the environment",
    "S4_PATHS": "the standard paths, or a parameter of the environment",
    "S4_USERS": "S4_USER is the only one of ours",
    "S4_EVENT_ORIGINS": "a parameter of the environment, where SAP sends events",
    "S4_EVENT_SOURCE": "a parameter of the environment, where SAP sends events",
    "DEV_IDENTITY": "refused in Azure",
}
PLATFORM = {
    "AZURE_CLIENT_ID",
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID",
    *(f"{one}__{part}" for one in ("ServiceBus", "Ingress") for part in ("credential", "clientId")),
    "Ingress__fullyQualifiedNamespace",
}
NEVER = {
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "ENABLE_ORYX_BUILD",
    "WEBSITE_TIME_ZONE",
    "TZ",
}
# error 51021, each name from a refused deployment of somebody
REFUSED_BY_FLEX = {
    "alwaysOn", "ftpsState", "functionsRuntimeScaleMonitoringEnabled", "linuxFxVersion", "netFrameworkVersion",
    "preWarmedInstanceCount", "use32BitWorkerProcess",
}  # fmt: skip
SECRET = r"^@Microsoft\.KeyVault\(VaultName=\$\{vaultName\};SecretName=([a-z0-9-]+)\)$"


def is_empty(default: Any) -> bool:
    """Return whether a default leaves the setting without a value."""
    return (
        not (default.get_secret_value() if isinstance(default, SecretStr) else default)
        and default is not False
        and default != 0
    )


def test_every_setting_is_set_or_has_a_default_that_serves_in_azure() -> None:
    empty = {name for name, field in OURS.items() if is_empty(field.get_default(call_default_factory=True))}
    assert empty - SET.keys() == LEFT_EMPTY.keys()


def test_every_setting_in_bicep_is_read_by_somebody() -> None:
    assert SET.keys() - OURS.keys() == PLATFORM


def test_a_secret_is_a_reference_to_the_vault_and_the_script_writes_it() -> None:
    prefix = str(value(APP.variables["secretNamed"])).strip("'")
    for name, field in OURS.items():
        if field.annotation is SecretStr and name in SET:
            found = re.match(SECRET, str(SET[name]).strip("'").replace("${secretNamed}", prefix))
            assert found, f"{name} is {SET[name]!r}, not a vault reference"
            assert re.search(rf"\b{found[1]}\b", SECRETS_SCRIPT), f"secrets.sh does not write {found[1]}"


def test_what_is_no_secret_is_no_reference() -> None:
    referring = {name for name, held in SET.items() if "secretNamed" in str(held)}
    assert referring == {name for name, field in OURS.items() if field.annotation is SecretStr and name in SET}


def test_no_setting_stands_anywhere_that_flex_refuses() -> None:
    sources = [path.read_text("utf-8") for path in (*INFRA.rglob("*.bicep"), *INFRA.rglob("*.json"))]
    assert {name for name in NEVER for source in sources if re.search(rf"\b{name}\b", source)} == set()


def test_the_settings_of_premium_stay_away_from_flex() -> None:
    premium = APP.variable("premiumSettings").keys()
    assert {"WEBSITE_RUN_FROM_PACKAGE", "FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION"} <= premium
    assert premium & SET.keys() == set()
    made = APP.resources["appSettings"].body["properties"]
    assert made == "union(productSettings, platformSettings, telemetrySettings, flex ? {} : premiumSettings)"


def test_flex_is_not_given_what_it_refuses() -> None:
    common = {text(one) for one in walk(APP.variables["commonSite"]) if one.type == "identifier"}
    access = {text(one) for one in walk(APP.variables["access"]) if one.type == "identifier"}
    assert (common | access) & REFUSED_BY_FLEX == set()
    assert (
        APP.resources["site"].body["properties"]["siteConfig"] == "flex ? commonSite : union(commonSite, premiumSite)"
    )


def test_the_runtime_is_the_one_that_the_project_is_tested_with() -> None:
    assert APP.variable("flexConfig")["runtime"] == {"name": "python", "version": "3.13"}
    assert APP.variable("premiumSite")["linuxFxVersion"] == "PYTHON|3.13"


def test_nobody_overrides_what_the_deployment_decides() -> None:
    assert MAIN.calls["app"].parameters["productSettings"] == "union(settings, productSettings)"


@pytest.mark.parametrize("path", sorted(INFRA.glob("parameters/*.json")), ids=lambda path: path.stem)
def test_further_settings_of_an_environment_are_ours_and_no_secrets(path: Any) -> None:
    given = json.loads(path.read_text("utf-8"))["parameters"].get("settings", {"value": {}})["value"]
    assert given.keys() - OURS.keys() == set()
    assert {name for name in given if OURS[name].annotation is SecretStr} == set()
    assert given.keys() & SET.keys() == set(), "set by a parameter of its own"
    Settings.model_validate(given)


def test_limits_are_shared_among_the_instances() -> None:
    for name in ("DATAVERSE_CONCURRENCY", "S4_CONCURRENCY"):
        assert isinstance(SET[name], Expression)
        assert re.fullmatch(r"string\(max\(1, \w+Concurrency / maximumInstanceCount\)\)", SET[name])
