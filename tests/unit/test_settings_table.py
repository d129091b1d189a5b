"""One truth about settings: the model. The README's table and the sample file are printed from it."""

import json
import re
from pathlib import Path

import pytest

from dev.cloud import app_settings
from dev.settings_table import BY_IDENTITY, HOST, PLACEHOLDERS, main, sample, settings, table
from shared.settings import Settings, read_settings
from shared.wiring import flows

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
SAMPLE = (ROOT / "local.settings.sample.json").read_text("utf-8")
NAMES = {name for name, _ in settings()}
MARKED = re.compile(r"<!-- settings -->\n(.*?)<!-- /settings -->", re.DOTALL)


def sources() -> str:
    """Return all that may read a setting: the product without the model itself, and the mappings."""
    code = [path.read_text("utf-8") for path in (ROOT / "shared").rglob("*.py") if path.parent.name != "settings"]
    return "\n".join([*code, *(path.read_text("utf-8") for path in (ROOT / "mappings").rglob("*.yaml"))])


def test_the_readme_shows_the_settings_as_they_are() -> None:
    found = MARKED.search(README)
    assert found is not None, "README.md needs the markers <!-- settings --> and <!-- /settings -->"
    assert found[1].strip() == table(), "python -m dev.settings_table --write"


def test_the_sample_file_is_as_printed() -> None:
    assert sample() == SAMPLE, "python -m dev.settings_table --write"


def test_the_sample_holds_every_setting_and_only_known_ones() -> None:
    values = json.loads(SAMPLE)["Values"]
    assert values.keys() == (NAMES - set(BY_IDENTITY)) | HOST.keys()
    assert set(BY_IDENTITY) | PLACEHOLDERS.keys() <= NAMES
    assert all(isinstance(value, str) for value in values.values())  # the Functions host takes nothing else


def test_a_copied_sample_starts_the_app() -> None:
    values = json.loads(SAMPLE)["Values"]
    read = read_settings(values)
    assert read.seal_keys
    assert read.secrets("dataverse_secrets")
    assert sorted(flows(values)) == ["s4/account", "s4/order"]


def test_a_sample_value_that_is_no_placeholder_is_the_default() -> None:
    values = {k: v for k, v in json.loads(SAMPLE)["Values"].items() if k not in PLACEHOLDERS}
    assert read_settings(values) == Settings()


def test_the_local_cloud_sets_only_settings_that_there_are() -> None:
    assert app_settings("t", "b", "d", "s").keys() <= NAMES | HOST.keys()


def test_no_setting_is_without_effect() -> None:
    read = sources()
    idle = [
        field.alias
        for name, field in Settings.model_fields.items()
        if not re.search(rf'\.{name}\b|"{name}"|\b{field.alias}\b', read) and name != "digest_keys"
    ]
    assert not idle
    assert ".seal_keys" in read  # digest_keys, parsed


def test_the_command_prints_what_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--sample"]) == 0
    assert capsys.readouterr().out == sample()
    assert main([]) == 0
    assert capsys.readouterr().out == f"{table()}\n"
