"""A function of the app, as the runtime indexed it and with its settings resolved."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from dev.host.settings import SettingsError, resolve_binding

TRIGGERS = frozenset({"httpTrigger", "serviceBusTrigger", "timerTrigger"})
_OUTPUTS = frozenset({"http", "serviceBus"})
# FunctionMetadataProvider.ValidateName of the real host; `host` is the name of its own routes.
_NAME = re.compile(r"(?!host$)[a-z][a-z0-9_-]{0,127}", re.IGNORECASE)
_log = logging.getLogger("host")


@dataclass(frozen=True, slots=True)
class Retry:
    """A retry policy as decorated; `count_max` of -1 is without end."""

    count_max: int
    first_seconds: float
    longest_seconds: float

    def wait_seconds(self, attempt: int) -> float:
        """Seconds before the `attempt`th retry (1, 2, ...): constant, or doubling up to the longest."""
        return min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempt - 1, 30))


@dataclass(frozen=True, slots=True)
class Function:
    """One indexed function; `trigger` and `outputs` are its bindings with their settings resolved."""

    name: str
    id: str
    trigger: Mapping[str, Any]
    outputs: tuple[Mapping[str, Any], ...]
    retry: Retry | None = None
    disabled: bool = False


def indexed(entries: Sequence[SimpleNamespace], env: Mapping[str, str]) -> list[Function]:
    """Take over what the runtime indexed; raises `SettingsError` for what the real host refuses, or this one lacks."""
    functions = [_function(entry, env) for entry in entries]
    names: dict[str, str] = {}
    for function in functions:
        if not _NAME.fullmatch(function.name):
            raise SettingsError(
                f"function {function.name!r}: no valid name; expected a letter, then at most 127 letters, digits, "
                "'_' and '-', and not 'host'"
            )
        other = names.setdefault(function.name.lower(), function.name)
        if other != function.name:
            raise SettingsError(
                f"functions {other!r} and {function.name!r}: names are compared without case; rename one"
            )
        if function.retry and function.trigger["type"] != "timerTrigger":
            _log.warning("%s: retry policy: not honoured for %s", function.name, function.trigger["type"])
    return functions


def _function(entry: SimpleNamespace, env: Mapping[str, str]) -> Function:
    bindings = [json.loads(raw) for raw in entry.raw_bindings]
    unknown = {binding["type"] for binding in bindings} - TRIGGERS - _OUTPUTS
    if unknown:
        raise SettingsError(
            f"function {entry.name!r}: binding type {min(unknown)!r} is not provided by this host; "
            f"it has {', '.join(sorted(TRIGGERS | _OUTPUTS))}"
        )
    resolved = [resolve_binding(entry.name, binding, env) for binding in bindings]
    return Function(
        name=entry.name,
        id=entry.function_id,
        trigger=next(binding for binding in resolved if binding["type"] in TRIGGERS),
        outputs=tuple(binding for binding in resolved if binding["type"] in _OUTPUTS),
        retry=_retry(entry.retry_options),
        disabled=env.get(f"AzureWebJobs.{entry.name}.Disabled", "").lower() in {"1", "true"},
    )


def _retry(options: SimpleNamespace | None) -> Retry | None:
    if options is None:
        return None
    if options.retry_strategy == "fixed_delay":
        delay: timedelta = options.delay_interval
        return Retry(options.max_retry_count, delay.total_seconds(), delay.total_seconds())
    shortest, longest = options.minimum_interval.total_seconds(), options.maximum_interval.total_seconds()
    return Retry(options.max_retry_count, shortest, longest)
