"""What the host reads before it may run an app: host.json, the app settings, `%NAME%` in bindings, connections.

Pure but for the two `read_` functions. It never falls back silently: whatever an app names and does not define is a
`SettingsError` that says which function, binding and setting.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TIMESPAN = re.compile(r"(?:(?P<days>\d+)\.)?(?P<a>\d{1,2}):(?P<b>\d{1,2})(?::(?P<c>\d{1,2})(?P<fraction>\.\d{1,7})?)?")
_TOKEN = re.compile(r"%([^%]+)%")
_HOURS_IN_A_DAY = 24
_DEFAULT_CONNECTION = "AzureWebJobsServiceBus"
# The members of a binding which are names in the code and not values to resolve.
_NOT_RESOLVED = frozenset({"name", "type", "direction"})
_LEVELS = {
    "trace": "DEBUG",
    "debug": "DEBUG",
    "information": "INFO",
    "warning": "WARNING",
    "error": "ERROR",
    "critical": "CRITICAL",
    "none": "CRITICAL",
}


class SettingsError(Exception):
    """The app or its settings cannot run as they are; the text is for the person who starts the host."""


@dataclass(frozen=True, slots=True)
class HostJson:
    """The members of host.json that this host acts on, with the defaults of extension bundle 4 (host.json reference).

    A time of `None` is no limit. Batches have `batch_max` messages at most (`maxMessageBatchSize`).
    """

    route_prefix: str = "api"
    function_timeout_seconds: float | None = 1800.0
    sessions_max: int = 8
    session_idle_seconds: float = 60.0
    calls_max: int = 16
    lock_renewal_seconds: float = 300.0
    prefetch_count: int = 0
    auto_complete: bool = True
    batch_max: int = 1000
    log_level: str = "INFO"


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a namespace: by `connection_string`, or by identity at `namespace` ("b.servicebus.windows.net")."""

    connection_string: str | None = None
    namespace: str | None = None
    client_id: str | None = None


def timespan_seconds(text: str) -> float:
    """Seconds of a .NET TimeSpan: '00:05:00' is 300, '1.00:00:00' a day.

    As in .NET, a first part of 24 or more makes it days: '24:00:00' is 24 days (timer trigger reference).
    """
    found = _TIMESPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no time span; expected 'hh:mm:ss', e.g. '00:05:00'")
    first, second, third = (int(found[part] or 0) for part in "abc")
    if first >= _HOURS_IN_A_DAY and found["days"] is None:
        return float(((first * 24 + second) * 60 + third) * 60)
    return ((int(found["days"] or 0) * 24 + first) * 60 + second) * 60 + third + float(found["fraction"] or 0)


def read_host_json(path: Path) -> HostJson:
    """Read host.json; a missing file means the defaults, unknown members are ignored."""
    if not path.exists():
        return HostJson()
    try:
        return parse_host_json(json.loads(path.read_text(encoding="utf-8-sig")))
    except (ValueError, TypeError, AttributeError) as error:
        raise SettingsError(f"{path}: {error}") from error


def parse_host_json(document: Mapping[str, Any]) -> HostJson:
    """Take what is known out of host.json, e.g. `extensions.serviceBus.sessionIdleTimeout` (host.json reference)."""
    extensions = document.get("extensions", {})
    bus = extensions.get("serviceBus", {})
    default = HostJson()
    timeout = document.get("functionTimeout", "00:30:00")
    level = document.get("logging", {}).get("logLevel", {}).get("default", "Information")
    return HostJson(
        route_prefix=extensions.get("http", {}).get("routePrefix", default.route_prefix).strip("/"),
        function_timeout_seconds=None if timeout == "-1" else timespan_seconds(timeout),
        sessions_max=int(bus.get("maxConcurrentSessions", default.sessions_max)),
        session_idle_seconds=_seconds(bus, "sessionIdleTimeout", default.session_idle_seconds),
        calls_max=int(bus.get("maxConcurrentCalls", default.calls_max)),
        lock_renewal_seconds=_seconds(bus, "maxAutoLockRenewalDuration", default.lock_renewal_seconds),
        prefetch_count=int(bus.get("prefetchCount", default.prefetch_count)),
        auto_complete=bool(bus.get("autoCompleteMessages", default.auto_complete)),
        batch_max=int(bus.get("maxMessageBatchSize", default.batch_max)),
        log_level=_LEVELS.get(str(level).lower(), default.log_level),
    )


def _seconds(members: Mapping[str, Any], name: str, default: float) -> float:
    return timespan_seconds(members[name]) if members.get(name) is not None else default


def read_local_settings(path: Path) -> dict[str, str]:
    """`Values` of a local.settings.json, every value as text."""
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig")).get("Values", {})
        return {str(name): str(value) for name, value in values.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise SettingsError(f"{path}: {error}") from error


def resolve_binding(function: str, binding: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """Give the binding with each `%NAME%` in a text member replaced by the setting of that name."""

    def value_of(token: re.Match[str]) -> str:
        if token[1] not in env:
            raise SettingsError(
                f"function {function!r}, binding {binding.get('name')!r} ({binding.get('type')}): "
                f"setting {token[1]!r} of {token.string!r} is not defined"
            )
        return env[token[1]]

    return {
        member: _TOKEN.sub(value_of, value) if isinstance(value, str) and member not in _NOT_RESOLVED else value
        for member, value in binding.items()
    }


def resolve_connection(function: str, binding: Mapping[str, Any], env: Mapping[str, str]) -> Connection:
    """Find the connection that a binding names.

    A setting `AzureWebJobs<NAME>` or `<NAME>` is a connection string; `<NAME>__fullyQualifiedNamespace` (with
    `__clientId` for a user-assigned identity) means identity.
    """
    name = binding.get("connection") or _DEFAULT_CONNECTION
    for setting in (f"AzureWebJobs{name}", name):
        if env.get(setting):
            return Connection(connection_string=env[setting])
        if env.get(f"{setting}__fullyQualifiedNamespace"):
            client_id = env.get(f"{setting}__clientId")
            return Connection(namespace=env[f"{setting}__fullyQualifiedNamespace"], client_id=client_id)
    raise SettingsError(
        f"function {function!r}, binding {binding.get('name')!r} ({binding.get('type')}): neither setting {name!r} "
        f"(a connection string) nor {name + '__fullyQualifiedNamespace'!r} (identity) is defined"
    )
