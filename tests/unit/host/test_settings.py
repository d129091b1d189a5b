"""host.json, app settings, connections and keys."""

import json
from pathlib import Path

import pytest

from dev.host.bus.link import has_sessions, is_dead_letters
from dev.host.host_json import HostJson, parse_host_json, read_host_json
from dev.host.settings import (
    Connection,
    SettingsError,
    check_runtime,
    read_local_settings,
    resolve_binding,
    resolve_connection,
    timespan_seconds,
)
from dev.host.web.access import Keys, allows, load_keys, parse_keys


def test_host_json_is_read_and_what_has_no_effect_is_named() -> None:
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
        without_effect=("extensions.http.hsts", "extensions.serviceBus.clientRetryOptions"),
    )


def test_without_host_json_the_defaults_of_the_platform_hold(tmp_path: Path) -> None:
    assert read_host_json(tmp_path / "host.json") == HostJson()
    assert parse_host_json({"version": "2.0"}) == HostJson()
    assert parse_host_json({"version": "2.0", "functionTimeout": "-1"}).function_timeout_seconds is None
    assert parse_host_json({"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}).route_prefix == ""


def test_a_broken_host_json_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0", "functionTimeout": "soon"}')
    with pytest.raises(SettingsError, match=r"host\.json.*'soon'"):
        read_host_json(tmp_path / "host.json")


def host_json(**members: object) -> dict[str, object]:
    return {"version": "2.0", **members}


def bus(**members: object) -> dict[str, object]:
    return host_json(extensions={"serviceBus": members})


# Source of the version rule: HostJsonFileConfigurationSource of the real host.
@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, r"version: expected '2\.0', found None"),
        ({"version": "1.0"}, r"version: expected '2\.0', found '1\.0'"),
        (host_json(functions=["a"]), "functions: not provided.*Disabled"),
        (host_json(customHandler={}), "customHandler: not provided"),
        (host_json(retry={"strategy": "fixedDelay"}), "retry: not provided.*decorate"),
        (host_json(serviceBus={}), "serviceBus: .*extensions.serviceBus"),
        (host_json(concurrency={"dynamicConcurrencyEnabled": True}), "dynamicConcurrencyEnabled: not provided"),
        (host_json(extensions=[]), r"extensions: expected a JSON object, found \[\]"),
        (host_json(extensions={"http": {"routePrefix": 1}}), "routePrefix: expected a text, found 1"),
        (host_json(logging={"logLevel": {"default": "Info"}}), "logLevel: expected one of trace, .*, found 'Info'"),
        (bus(maxConcurrentCallsPerSession=4), "maxConcurrentCallsPerSession: expected 1, found 4"),
        (bus(minMessageBatchSize=5), "minMessageBatchSize: expected 1, found 5"),
        (bus(messageHandlerOptions={}), "messageHandlerOptions: unknown in extension bundle 4; known are autoComplete"),
        (bus(maxConcurrentCalls=-4), "maxConcurrentCalls: expected a number of 1 or more, found -4"),
        (bus(prefetchCount="many"), "prefetchCount: expected a number of 0 or more, found 'many'"),
        (bus(autoCompleteMessages="no"), "autoCompleteMessages: expected true or false, found 'no'"),
        (bus(sessionIdleTimeout=1), "sessionIdleTimeout: '1' is no time span"),
    ],
)
def test_what_this_host_would_do_otherwise_is_refused(document: dict[str, object], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        parse_host_json(document)


def test_the_level_of_functions_is_that_of_their_category() -> None:
    levels = {"default": "Warning", "Function": "Debug", "Function.sweep": "Error", "Host.Results": "Error"}
    read = parse_host_json(host_json(logging={"logLevel": levels}))
    assert (read.log_level, read.without_effect) == ("DEBUG", ("logging.logLevel.Function.sweep",))


def test_texts_are_numbers_and_switches_as_in_dotnets_configuration_and_null_is_the_default() -> None:
    read = parse_host_json(bus(autoCompleteMessages="False", maxConcurrentCalls="4", maxConcurrentSessions=None))
    assert (read.auto_complete, read.calls_max, read.sessions_max) == (False, 4, 8)
    assert parse_host_json(host_json(extensions=None, logging=None, functionTimeout=None)) == HostJson()
    assert parse_host_json(host_json(extensions={"http": {"routePrefix": None}})) == HostJson()


def test_json_files_may_have_comments(tmp_path: Path) -> None:
    text = '{ // mine\n "version": "2.0", /* two\n lines */ "extensions": {"http": {"routePrefix": "a//b"}}}'
    (tmp_path / "host.json").write_text(text)
    assert read_host_json(tmp_path / "host.json").route_prefix == "a//b"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"Values": ', "cannot be read as JSON"),
        ("[]", "expected a JSON object, found list"),
        ('{"IsEncrypted": true, "Values": {"A": "x"}}', "cannot decrypt"),
        ('{"Values": ["A"]}', "Values: expected an object of texts, found list"),
        ('{"Values": {"A": {"b": 1}}}', "Values: A: expected a text, found dict"),
    ],
)
def test_local_settings_that_cannot_be_meant_are_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "local.settings.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match=words):
        read_local_settings(file)


def test_what_only_core_tools_take_from_local_settings_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "local.settings.json"
    file.write_text('{"Values": {}, "Host": {"LocalHttpPort": 7071, "CORS": "*"}}')
    assert read_local_settings(file) == {}
    assert caplog.messages == [f"{file}: without effect on this host: Host (LocalHttpPort, CORS)"]


def test_the_settings_of_an_app_in_another_language_are_refused() -> None:
    check_runtime({})
    check_runtime({"FUNCTIONS_WORKER_RUNTIME": "Python"})
    with pytest.raises(SettingsError, match="'node'; this host runs 'python' only"):
        check_runtime({"FUNCTIONS_WORKER_RUNTIME": "node"})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:05:00", 300), ("1.00:00:01", 86401), ("23:59:59", 86399), ("25:00:00", 25 * 86400), ("00:00:01.5", 1.5)],
)
def test_a_time_span_is_read_as_dotnet_reads_it(text: str, seconds: float) -> None:
    assert timespan_seconds(text) == seconds


def test_local_settings_are_texts_and_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "local.settings.json"
    file.write_text(
        json.dumps({"IsEncrypted": False, "Values": {"A": "1", "B": 2, "C": True, "D": None}}), encoding="utf-8-sig"
    )
    assert read_local_settings(file) == {"A": "1", "B": "2", "C": "true", "D": ""}


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


def test_a_connection_string_of_something_else_is_named_without_its_value() -> None:
    env = {"Bus": "DefaultEndpointsProtocol=https;AccountKey=secret"}
    with pytest.raises(SettingsError, match="'Bus' is no Service Bus connection string") as refused:
        resolve_connection("f", {"type": "serviceBus", "name": "m", "connection": "Bus"}, env)
    assert "secret" not in str(refused.value)


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
