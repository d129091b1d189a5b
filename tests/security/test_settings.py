"""What the settings say of keys and of the development identity provider, and what they refuse."""

import json

import pytest

from dev.identity import token
from shared.errors import BadMapping
from shared.settings import IN_AZURE, OpsKey, read_settings
from shared.wiring import settings
from tests.security.door import DEV, KEYS, call

STATUS = ("GET", "ops/status")


@pytest.mark.parametrize("name", IN_AZURE)
def test_the_development_provider_is_refused_in_azure(name: str) -> None:
    assert read_settings({"DEV_IDENTITY": DEV}).dev_identity.get_secret_value() == DEV
    with pytest.raises(BadMapping, match=f"DEV_IDENTITY is .* only; this one has {name}") as caught:
        read_settings({"DEV_IDENTITY": DEV, name: "something"})
    assert DEV not in str(caught.value)


def test_the_development_provider_is_refused_beside_the_platforms_sign_in() -> None:
    with pytest.raises(BadMapping, match="WEBSITE_AUTH_ENABLED"):
        read_settings({"DEV_IDENTITY": DEV, "WEBSITE_AUTH_ENABLED": "True"})


def test_a_development_key_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(BadMapping, match="DEV_IDENTITY must have 16 characters or more"):
        read_settings({"DEV_IDENTITY": "short"})


async def test_with_refused_settings_nobody_gets_in_and_nobody_is_told_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEV_IDENTITY", DEV)
    monkeypatch.setenv("WEBSITE_SITE_NAME", "func-prod")
    settings.cache_clear()
    good = {"Authorization": f"Bearer {token('ann', ['Sync.Admin'], DEV)}", "x-functions-key": KEYS["admin"]}
    for headers in (good, {}):
        found = await call(STATUS, headers)
        assert found.status_code == 500
        assert "DEV_IDENTITY" not in found.get_body().decode()


def test_keys_have_a_role_maybe_a_name_and_come_in_pairs_while_one_is_replaced() -> None:
    found = read_settings({"OPS_KEYS": " operator:0123456789ab , reader:ci:abcdef012345,reader:ci:543210fedcba,"})
    assert found.ops_key_list == (
        OpsKey("operator", "function key", "0123456789ab"),
        OpsKey("reader", "ci", "abcdef012345"),
        OpsKey("reader", "ci", "543210fedcba"),
    )


@pytest.mark.parametrize(
    "line",
    [
        "0123456789abcdef",
        "root:0123456789abcdef",
        "Admin:0123456789abcdef",
        ":0123456789abcdef",
        "admin:",
        "admin::0123456789abcdef",
        "admin:short",
        "admin:name:short",
        "admin:a:b:0123456789abcdef",
        "admin:           :short",
    ],
)
def test_a_key_that_is_not_quite_one_is_refused_by_its_number_and_not_shown(line: str) -> None:
    with pytest.raises(BadMapping, match="OPS_KEYS: key 2 must be ROLE:KEY or ROLE:NAME:KEY") as caught:
        read_settings({"OPS_KEYS": f"reader:0123456789ab,{line}"})
    assert "0123456789" not in str(caught.value)


def test_the_settings_do_not_show_keys() -> None:
    found = read_settings({"OPS_KEYS": "admin:hunter2-hunter2", "DEV_IDENTITY": "hunter2-hunter2-hunter2"})
    assert "hunter2" not in repr(found) + json.dumps(found.model_dump(mode="json"))
