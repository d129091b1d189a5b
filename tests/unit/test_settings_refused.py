"""A setting that cannot work is refused when the app starts, by its name and without its value."""

import json
from pathlib import Path

import pytest

from shared.errors import BadMapping
from shared.settings import read_settings
from shared.wiring.app import build, flows

SAMPLE = json.loads((Path(__file__).parents[2] / "local.settings.sample.json").read_text("utf-8"))["Values"]


def refused(**wrong: str) -> str:
    environment = {**SAMPLE, **wrong}
    with pytest.raises(BadMapping) as raised:
        build(read_settings(environment), environment)
    return str(raised.value)


@pytest.mark.parametrize("name", ["DATAVERSE_URL", "DATAVERSE_TOKEN_URL", "S4_URL", "S4_TOKEN_URL"])
@pytest.mark.parametrize(
    "address", ["contoso.crm4.dynamics.com", "ftp://host", "https://", "sap:44300", "https://h/?q"]
)
def test_an_address_that_nothing_can_be_sent_to(name: str, address: str) -> None:
    assert refused(**{name: address}).startswith(f"settings are wrong: {name}: Value error, expected an address")


@pytest.mark.parametrize("name", ["DATAVERSE_URL", "S4_URL"])
def test_an_address_that_is_missing(name: str) -> None:
    assert refused(**{name: ""}).startswith(f"{name} is empty")


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:22001", "https://gateway.example/sap/quality/", "http://[::1]:1"]
)
def test_an_address_may_have_a_port_and_a_path(address: str) -> None:
    assert read_settings({**SAMPLE, "S4_URL": address}).s4_url == address


@pytest.mark.parametrize("name", ["Tables", "ServiceBus"])
def test_a_connection_string_that_is_none_is_not_quoted(name: str) -> None:
    said = refused(**{name: "hunter2"})
    assert f"{name}: Value error, expected a connection string" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("text", ["UseDevelopmentStorage=true", "AccountName=a;AccountKey=a+/b==;EndpointSuffix=x.y;"])
def test_a_connection_string_is_taken_as_it_is(text: str) -> None:
    assert read_settings({**SAMPLE, "Tables": text}).tables.get_secret_value() == text


@pytest.mark.parametrize("name", ["RECONCILE_CRON", "REPORT_CRON"])
def test_a_schedule_that_nobody_can_read_is_named(name: str) -> None:
    assert refused(**{name: "61 * * * *"}).startswith(f"{name}: ")


def test_a_system_that_there_is_not_is_named_with_its_setting() -> None:
    with pytest.raises(BadMapping, match="SAP_SYSTEMS names 's5'; there are s4"):
        flows({"SAP_SYSTEMS": "s5"})
