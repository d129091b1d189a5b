"""host.json, app settings, connections and keys."""

import json
from pathlib import Path

import pytest

from dev.host.bus.link import has_sessions, is_dead_letters
from dev.host.settings import (
    Connection,
    HostJson,
    SettingsError,
    parse_host_json,
    read_host_json,
    read_local_settings,
    resolve_binding,
    resolve_connection,
    timespan_seconds,
)
from dev.host.web.access import Keys, allows, load_keys, parse_keys


def test_host_json_is_read_and_what_is_unknown_is_ignored() -> None:
    document = {
        "version": "2.0",
        "functionTimeout": "00:10:00",
        "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"},
        "logging": {"logLevel": {"default": "Warning", "Host.Results": "Error"}, "applicationInsights": {}},
        "extensions": {
            "http": {"routePrefix": "/v1/", "hsts": {"isEnabled": True}},
            "serviceBus": {
                "maxConcurrentSessions": 32,
                "sessionIdleTimeout": "00:00:01",
                "maxConcurrentCalls": 4,
                "maxAutoLockRenewalDuration": "02:00:00",
                "prefetchCount": 5,
                "autoCompleteMessages": False,
                "clientRetryOptions": {"mode": "exponential"},
            },
            "queues": {"batchSize": 1},
        },
    }
    assert parse_host_json(document) == HostJson(
        route_prefix="v1",
        function_timeout_seconds=600.0,
        sessions_max=32,
        session_idle_seconds=1.0,
        calls_max=4,
        lock_renewal_seconds=7200.0,
        prefetch_count=5,
        auto_complete=False,
        log_level="WARNING",
    )


def test_without_host_json_the_defaults_of_the_platform_hold(tmp_path: Path) -> None:
    assert read_host_json(tmp_path / "host.json") == HostJson()
    assert parse_host_json({"version": "2.0"}) == HostJson()
    assert parse_host_json({"functionTimeout": "-1"}).function_timeout_seconds is None
    assert parse_host_json({"extensions": {"http": {"routePrefix": ""}}}).route_prefix == ""


def test_a_broken_host_json_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"functionTimeout": "soon"}')
    with pytest.raises(SettingsError, match=r"host\.json.*'soon'"):
        read_host_json(tmp_path / "host.json")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:05:00", 300), ("1.00:00:01", 86401), ("23:59:59", 86399), ("25:00:00", 25 * 86400), ("00:00:01.5", 1.5)],
)
def test_a_time_span_is_read_as_dotnet_reads_it(text: str, seconds: float) -> None:
    assert timespan_seconds(text) == seconds


def test_local_settings_are_texts_and_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "local.settings.json"
    file.write_text(json.dumps({"IsEncrypted": False, "Values": {"A": "1", "B": 2}}), encoding="utf-8-sig")
    assert read_local_settings(file) == {"A": "1", "B": "2"}


def test_settings_named_in_a_binding_are_put_in() -> None:
    binding = {"type": "serviceBusTrigger", "name": "%msg%", "queueName": "q-%STAGE%-%N%", "isSessionsEnabled": True}
    resolved = resolve_binding("f", binding, {"STAGE": "dev", "N": "1"})
    assert resolved == {**binding, "queueName": "q-dev-1"}


def test_a_setting_that_is_missing_is_named_with_function_and_binding() -> None:
    with pytest.raises(SettingsError, match=r"function 'f', binding 'msg' \(serviceBusTrigger\): setting 'Q'"):
        resolve_binding("f", {"type": "serviceBusTrigger", "name": "msg", "queueName": "%Q%"}, {})


@pytest.mark.parametrize(
    ("env", "connection"),
    [
        ({"Bus": "Endpoint=sb://a/"}, Connection("Endpoint=sb://a/")),
        ({"AzureWebJobsBus": "Endpoint=sb://b/", "Bus": "Endpoint=sb://a/"}, Connection("Endpoint=sb://b/")),
        ({"Bus__fullyQualifiedNamespace": "b.example"}, Connection(None, "b.example")),
        (
            {"Bus__fullyQualifiedNamespace": "b.example", "Bus__credential": "managedidentity", "Bus__clientId": "c"},
            Connection(None, "b.example", "c"),
        ),
    ],
)
def test_a_connection_is_a_string_or_an_identity(env: dict[str, str], connection: Connection) -> None:
    assert resolve_connection("f", {"type": "serviceBus", "name": "m", "connection": "Bus"}, env) == connection


def test_a_connection_that_is_missing_is_named() -> None:
    with pytest.raises(SettingsError, match=r"function 'f', binding 'm' .*'Bus'.*'Bus__fullyQualifiedNamespace'"):
        resolve_connection("f", {"type": "serviceBus", "name": "m", "connection": "Bus"}, {})


def test_a_dead_letter_queue_is_known_by_its_name() -> None:
    assert is_dead_letters({"queueName": "q/$DeadLetterQueue"})
    assert is_dead_letters({"topicName": "t", "subscriptionName": "s/$deadletterqueue"})
    assert not is_dead_letters({"queueName": "q"})
    assert has_sessions({"queueName": "q", "isSessionsEnabled": True})
    assert not has_sessions({"queueName": "q", "isSessionsEnabled": False})


KEYS = parse_keys({"master": "m", "host": {"default": "h"}, "functions": {"f": {"default": "k"}}})


@pytest.mark.parametrize(
    ("level", "presented", "allowed"),
    [
        ("ANONYMOUS", None, True),
        ("anonymous", "wrong", True),
        *(("FUNCTION", key, True) for key in "mhk"),
        *(("function", key, False) for key in (None, "", "wrong", "M", "schlüssel")),
        ("admin", "m", True),
        *(("ADMIN", key, False) for key in (None, "h", "k")),
    ],
)
def test_a_level_is_opened_by_its_keys_only(level: str, presented: str | None, allowed: bool) -> None:
    assert allows(level, "f", presented, KEYS) is allowed


def test_a_key_of_one_function_does_not_open_another() -> None:
    assert not allows("function", "g", "k", KEYS)


def test_keys_come_from_the_option_the_file_or_are_made(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text('{"master": "m", "host": {"default": "h"}}')
    assert load_keys("x", tmp_path, {"FUNCTIONS_HOST_KEYS": "keys.json"}) == Keys("x", ("x",))
    assert load_keys(None, tmp_path, {"FUNCTIONS_HOST_KEYS": "keys.json"}) == Keys("m", ("h",))
    made = load_keys(None, tmp_path, {})
    assert len(made.master) > 20
    assert made.default == made.master != load_keys(None, tmp_path, {}).master
    with pytest.raises(SettingsError, match="FUNCTIONS_HOST_KEYS"):
        load_keys(None, tmp_path, {"FUNCTIONS_HOST_KEYS": "absent.json"})
