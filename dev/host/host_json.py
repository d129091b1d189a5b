"""host.json: what this host acts on, what makes no difference here, and what it refuses (host.json reference).

A member that would change which functions run, or what they are given, is refused if this host lacks it. What only
tunes machinery of Azure is without effect, and named once at the start if a caller could notice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.host.settings import SettingsError, read_json, timespan_seconds

_LEVELS = {
    "trace": "DEBUG",
    "debug": "DEBUG",
    "information": "INFO",
    "warning": "WARNING",
    "error": "ERROR",
    "critical": "CRITICAL",
    "none": "CRITICAL",
}
_REFUSED = {
    "functions": "a list of the functions that run; set AzureWebJobs.NAME.Disabled for the others instead",
    "customHandler": "this host runs Python functions only",
    "retry": "a policy for every function; decorate the functions instead",
    "http": "a member of version 1; it belongs to extensions.http",
    "serviceBus": "a member of version 1; it belongs to extensions.serviceBus",
}
_BUS_PLACE = "extensions.serviceBus."
_BUS = frozenset(
    {
        *("autoCompleteMessages", "maxAutoLockRenewalDuration", "maxConcurrentCalls", "maxConcurrentSessions"),
        *("maxMessageBatchSize", "prefetchCount", "sessionIdleTimeout"),
    }
)
# With these values, which are the defaults, they change nothing.
_BUS_FIXED = {"maxConcurrentCallsPerSession": 1, "minMessageBatchSize": 1}
_BUS_WITHOUT_EFFECT = frozenset(
    {"clientRetryOptions", "enableCrossEntityTransactions", "maxBatchWaitTime", "transportType", "webProxy"}
)


@dataclass(frozen=True, slots=True)
class HostJson:
    """The members of host.json that this host acts on, with the defaults of extension bundle 4 (host.json reference).

    A time of `None` is no limit. Batches have `batch_max` messages at most (`maxMessageBatchSize`). `without_effect`
    names members that a caller of the functions could miss here.
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
    without_effect: tuple[str, ...] = ()


def read_host_json(path: Path) -> HostJson:
    """Read host.json; a missing file means the defaults."""
    if not path.exists():
        return HostJson()
    document = read_json(path)
    try:
        return parse_host_json(document)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{path}: {error}") from error


def parse_host_json(document: Mapping[str, Any]) -> HostJson:
    """Take what is known out of host.json.

    Raises ValueError or TypeError that says which member it is, what was expected and what was found.
    """
    if document.get("version") != "2.0":
        raise ValueError(f"version: expected '2.0', found {document.get('version')!r}")
    for member, reason in _REFUSED.items():
        if document.get(member) is not None:
            raise ValueError(f"{member}: not provided by this host: {reason}")
    concurrency = _members(document, "concurrency")
    if _switch(concurrency, "concurrency.", "dynamicConcurrencyEnabled", default=False):
        raise ValueError("concurrency.dynamicConcurrencyEnabled: not provided by this host; set limits instead")
    extensions = _members(document, "extensions")
    http, bus = (_members(extensions, name, "extensions.") for name in ("http", "serviceBus"))
    _check_bus(bus)
    levels = _members(_members(document, "logging"), "logLevel", "logging.")
    default = HostJson()
    return HostJson(
        route_prefix=_text(http, "extensions.http.", "routePrefix", default.route_prefix).strip("/"),
        function_timeout_seconds=_timeout(document, default),
        sessions_max=_count(bus, "maxConcurrentSessions", default.sessions_max),
        session_idle_seconds=_seconds(bus, _BUS_PLACE, "sessionIdleTimeout", default.session_idle_seconds),
        calls_max=_count(bus, "maxConcurrentCalls", default.calls_max),
        lock_renewal_seconds=_seconds(bus, _BUS_PLACE, "maxAutoLockRenewalDuration", default.lock_renewal_seconds),
        prefetch_count=_count(bus, "prefetchCount", default.prefetch_count, least=0),
        auto_complete=_switch(bus, _BUS_PLACE, "autoCompleteMessages", default=default.auto_complete),
        batch_max=_count(bus, "maxMessageBatchSize", default.batch_max),
        log_level=_level(levels),
        without_effect=(
            *(f"extensions.http.{member}" for member in http if member != "routePrefix"),
            *(f"{_BUS_PLACE}{member}" for member in bus if member in _BUS_WITHOUT_EFFECT),
            *(f"logging.logLevel.{name}" for name in levels if name.startswith("Function.")),
        ),
    )


def _check_bus(bus: Mapping[str, Any]) -> None:
    for member, value in bus.items():
        if member in _BUS_FIXED:
            if value != _BUS_FIXED[member]:
                raise ValueError(
                    f"{_BUS_PLACE}{member}: expected {_BUS_FIXED[member]}, found {value!r}: "
                    "more is not provided by this host"
                )
        elif member not in _BUS | _BUS_WITHOUT_EFFECT:
            raise ValueError(
                f"{_BUS_PLACE}{member}: unknown in extension bundle 4; "
                f"known are {', '.join(sorted(_BUS | _BUS_WITHOUT_EFFECT | set(_BUS_FIXED)))}"
            )


def _timeout(document: Mapping[str, Any], default: HostJson) -> float | None:
    text = document.get("functionTimeout")
    return None if text == "-1" else _seconds(document, "", "functionTimeout", default.function_timeout_seconds)


def _level(levels: Mapping[str, Any]) -> str:
    """Read the level of what the app logs: its category is `Function.NAME.User`, so `Function` beats `default`."""
    name = _text(levels, "logging.logLevel.", "default", "Information")
    name = _text(levels, "logging.logLevel.", "Function", name)
    if name.lower() not in _LEVELS:
        raise ValueError(f"logging.logLevel: expected one of {', '.join(_LEVELS)}, found {name!r}")
    return _LEVELS[name.lower()]


def _members(parent: Mapping[str, Any], name: str, place: str = "") -> Mapping[str, Any]:
    value = parent.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"{place}{name}: expected a JSON object, found {value!r}")
    return value


def _text(members: Mapping[str, Any], place: str, name: str, default: str) -> str:
    value = members.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise TypeError(f"{place}{name}: expected a text, found {value!r}")
    return value


def _seconds[T: float | None](members: Mapping[str, Any], place: str, name: str, default: T) -> float | T:
    value = members.get(name)
    if value is None:
        return default
    try:
        return timespan_seconds(str(value))
    except ValueError as error:
        raise ValueError(f"{place}{name}: {error}") from error


def _count(bus: Mapping[str, Any], name: str, default: int, least: int = 1) -> int:
    """Read a number; as in .NET's configuration a text of digits is one as well."""
    value = bus.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not str(value).isdecimal() or int(value) < least:
        raise ValueError(f"{_BUS_PLACE}{name}: expected a number of {least} or more, found {value!r}")
    return int(value)


def _switch(members: Mapping[str, Any], place: str, name: str, *, default: bool) -> bool:
    """Read true or false; as in .NET's configuration the text "false" is false."""
    value = members.get(name)
    if value is None:
        return default
    if str(value).lower() not in {"true", "false"}:
        raise ValueError(f"{place}{name}: expected true or false, found {value!r}")
    return str(value).lower() == "true"
