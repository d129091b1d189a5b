"""A parameter file is checked here as Azure would check it: known names, right types, allowed values."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.infra.bicep import INFRA, Parameter, files

MAIN = files()[0]
PATHS = sorted(INFRA.glob("parameters/*.parameters.json"))
TYPES: dict[str, type[Any]] = {"string": str, "int": int, "bool": bool, "object": dict, "array": list}
every_file = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name.partition(".")[0])


def held(path: Path) -> dict[str, Any]:
    """Return the values by name."""
    return {name: one["value"] for name, one in json.loads(path.read_text("utf-8"))["parameters"].items()}


def problems(values: dict[str, Any], parameters: dict[str, Parameter]) -> list[str]:
    """Return what Azure would refuse."""
    found = [f"{name} is missing" for name, one in parameters.items() if one.default is None and name not in values]
    for name, given in values.items():
        if name not in parameters:
            found.append(f"{name} is unknown")
            continue
        rules = parameters[name].decorators
        if type(given) is not TYPES[parameters[name].type]:
            found.append(f"{name} is no {parameters[name].type}")
        elif "allowed" in rules and given not in rules["allowed"][0]:
            found.append(f"{name} is {given}, allowed are {rules['allowed'][0]}")
        elif ("minValue" in rules and given < rules["minValue"][0]) or (
            "maxValue" in rules and given > rules["maxValue"][0]
        ):
            found.append(f"{name} is out of bounds")
        elif "maxLength" in rules and not rules["minLength"][0] <= len(given) <= rules["maxLength"][0]:
            found.append(f"{name} is too long or too short")
    return found


@every_file
def test_a_parameter_file_fits_main(path: Path) -> None:
    assert problems(held(path), MAIN.parameters) == []


@every_file
def test_a_parameter_file_is_of_the_environment_that_its_name_says(path: Path) -> None:
    assert held(path)["environmentName"] == path.name.partition(".")[0]


def test_there_is_a_file_for_every_environment() -> None:
    (allowed,) = MAIN.parameters["environmentName"].decorators["allowed"]
    assert {path.name.partition(".")[0] for path in PATHS} == set(allowed)


@every_file
def test_no_secret_and_no_real_address_stands_in_it(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "contoso" in text
    assert not any(word in text.lower() for word in ("password", "secret", "accountkey", "sharedaccess"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("plan", "Y1"), ("maximumInstanceCount", 0), ("maximumInstanceCount", "10"), ("workload", "x"), ("unheard", 1)],
)
def test_a_wrong_value_is_found(name: str, value: Any) -> None:
    assert len(problems({**held(PATHS[0]), name: value}, MAIN.parameters)) == 1


def test_a_missing_value_is_found() -> None:
    values = held(PATHS[0])
    del values["s4Url"]
    assert problems(values, MAIN.parameters) == ["s4Url is missing"]


def test_production_keeps_what_it_holds_and_survives_a_zone() -> None:
    prod = held(INFRA / "parameters" / "prod.parameters.json")
    assert (prod["zoneRedundant"], prod["privateNetwork"], prod["serviceBusSku"]) == (True, True, "Premium")
    default = MAIN.parameters["locked"].default
    assert default is not None
    assert (default.text or b"").decode() == "environmentName == 'prod'"


@every_file
def test_names_fit_azure(path: Path) -> None:
    """24 characters for storage and vaults, 32 for a function app's host id."""
    environment, workload = held(path)["environmentName"], "x" * MAIN.parameters["workload"].decorators["maxLength"][0]
    names = MAIN.variable("names")
    for kind, longest in {"hostStorage": 24, "stateStorage": 24, "vault": 24, "app": 32, "ingress": 50}.items():
        text = str(names[kind]).removeprefix("toLower(").removesuffix(")").strip("'")
        made = text.replace("${base}", f"{workload}-{environment}").replace("${token}", "a" * 6)
        made = made.replace("${workload}", workload).replace("${environmentName}", environment)
        assert "$" not in made
        assert len(made) <= longest, (kind, made)
