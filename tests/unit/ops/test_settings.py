"""Settings as the environment gives them: lists, keys, and errors that name the setting and never its value."""

import base64

import pytest

from shared.errors import BadMapping
from shared.settings import read_settings

KEY = base64.b64encode(b"0123456789abcdef").decode()


def test_the_newest_digest_key_comes_first_and_old_ones_stay_known() -> None:
    keys = read_settings({"DIGEST_KEYS": f"k2:{KEY},k1:{KEY}"}).seal_keys
    assert list(keys) == ["k2", "k1"]


def test_lists_are_comma_separated_and_an_empty_value_is_the_default() -> None:
    settings = read_settings({"FLOWS_OFF": "s4/order, s4/account", "S4_CLIENT": ""})
    assert settings.flows_off == {"s4/order", "s4/account"}
    assert settings.s4_client == "100"


def test_two_webhook_secrets_are_accepted_while_one_is_replaced() -> None:
    assert read_settings({"DATAVERSE_WEBHOOK_SECRETS": "old, new"}).secrets("dataverse_secrets") == ("old", "new")


def test_all_errors_are_told_at_once_by_setting_and_no_value_is_repeated() -> None:
    with pytest.raises(BadMapping) as caught:
        read_settings(
            {"S4_AUTH": "hunter2", "S4_CLIENT": "hunter2", "S4_PATHS": "{hunter2", "DATAVERSE_CONCURRENCY": "900"}
        )
    told = str(caught.value)
    assert all(name in told for name in ("S4_AUTH", "S4_CLIENT", "S4_PATHS", "DATAVERSE_CONCURRENCY"))
    assert "hunter2" not in told


def test_a_digest_key_that_is_too_short_is_named_but_not_shown() -> None:
    with pytest.raises(BadMapping, match="'k1' has 3 bytes") as caught:
        read_settings({"DIGEST_KEYS": "k1:YWJj"})
    assert "YWJj" not in str(caught.value)


def test_a_secret_does_not_show_in_the_settings_text() -> None:
    assert "hunter2" not in repr(read_settings({"S4_PASSWORD": "hunter2"}))


def test_an_unresolved_vault_reference_is_refused_because_anybody_could_send_it_as_the_secret() -> None:
    with pytest.raises(BadMapping, match="DATAVERSE_WEBHOOK_SECRETS is a Key Vault reference"):
        read_settings({"DATAVERSE_WEBHOOK_SECRETS": "@Microsoft.KeyVault(SecretUri=https://v/secrets/s)"})
