"""What the host reads before it may run an app: the app settings, `%NAME%` in bindings, connections.

Pure but for the `read_` functions. It never falls back silently: whatever an app names and does not define is a
`SettingsError` that says which function, binding and setting.
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TIMESPAN = re.compile(r"(?:(?P<days>\d+)\.)?(?P<a>\d{1,2}):(?P<b>\d{1,2})(?::(?P<c>\d{1,2})(?P<fraction>\.\d{1,7})?)?")
_TOKEN = re.compile(r"%([^%]+)%")
_CONNECTION_STRING = re.compile(r"(?:.*;)?\s*Endpoint\s*=\s*sb://[^/;]", re.IGNORECASE)
_HOURS_IN_A_DAY = 24
_DEFAULT_CONNECTION = "AzureWebJobsServiceBus"
# The members of a binding which are names in the code and not values to resolve.
_NOT_RESOLVED = frozenset({"name", "type", "direction"})
_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_log = logging.getLogger("host")


class SettingsError(Exception):
    """The app or its settings cannot run as they are; the text is for the person who starts the host."""


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


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object, with comments or without: the real host takes them too (Newtonsoft)."""
    try:
        document = json.loads(_COMMENT.sub(_without_comment, path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{path}: expected a JSON object, found {type(document).__name__}")
    return document


def _without_comment(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else " "


def read_local_settings(path: Path) -> dict[str, str]:
    """`Values` of a local.settings.json, every value as text."""
    document = read_json(path)
    if document.get("IsEncrypted"):
        raise SettingsError(f"{path}: IsEncrypted: this host cannot decrypt; run `func settings decrypt` first")
    if document.get("Host"):
        _log.warning("%s: without effect on this host: Host (%s)", path, ", ".join(document["Host"]))
    values = document.get("Values") or {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: Values: expected an object of texts, found {type(values).__name__}")
    return {name: _text(path, name, value) for name, value in values.items()}


def _text(path: Path, name: str, value: object) -> str:
    if isinstance(value, dict | list):
        raise SettingsError(f"{path}: Values: {name}: expected a text, found {type(value).__name__}")
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def check_runtime(env: Mapping[str, str]) -> None:
    """Refuse the settings of an app in another language."""
    runtime = env.get("FUNCTIONS_WORKER_RUNTIME", "python")
    if runtime.lower() != "python":
        raise SettingsError(f"setting 'FUNCTIONS_WORKER_RUNTIME' is {runtime!r}; this host runs 'python' only")


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
            if not _CONNECTION_STRING.match(env[setting]):
                raise SettingsError(
                    f"function {function!r}, binding {binding.get('name')!r} ({binding.get('type')}): setting "
                    f"{setting!r} is no Service Bus connection string; expected 'Endpoint=sb://...;...'"
                )
            return Connection(connection_string=env[setting])
        if env.get(f"{setting}__fullyQualifiedNamespace"):
            client_id = env.get(f"{setting}__clientId")
            return Connection(namespace=env[f"{setting}__fullyQualifiedNamespace"], client_id=client_id)
    raise SettingsError(
        f"function {function!r}, binding {binding.get('name')!r} ({binding.get('type')}): neither setting {name!r} "
        f"(a connection string) nor {name + '__fullyQualifiedNamespace'!r} (identity) is defined"
    )
