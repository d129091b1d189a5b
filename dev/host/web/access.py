"""Who may call: the keys of the host and the authorization level of a function."""

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dev.host.settings import SettingsError

KEYS_SETTING = "FUNCTIONS_HOST_KEYS"


@dataclass(frozen=True, slots=True)
class Keys:
    """The master key opens everything, a host key every function, a function's own key that function."""

    master: str
    host: tuple[str, ...] = ()
    functions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def default(self) -> str:
        """The key to hand to a caller of functions."""
        return self.host[0] if self.host else self.master


def parse_keys(document: Mapping[str, Any]) -> Keys:
    """Read {"master": "m", "host": {"default": "h"}, "functions": {"events": {"crm": "k"}}}."""
    return Keys(
        master=document.get("master") or secrets.token_urlsafe(24),
        host=tuple(document.get("host", {}).values()),
        functions={name: tuple(keys.values()) for name, keys in document.get("functions", {}).items()},
    )


def load_keys(key: str | None, app: Path, env: Mapping[str, str]) -> Keys:
    """Take the one `key` if given; else the JSON file that the setting names (relative to the app); else make a key."""
    if key:
        return Keys(key, (key,))
    if not env.get(KEYS_SETTING):
        fresh = secrets.token_urlsafe(24)
        return Keys(fresh, (fresh,))
    path = app / env[KEYS_SETTING]
    try:
        return parse_keys(json.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError, AttributeError) as error:
        raise SettingsError(f"setting {KEYS_SETTING}: {path}: {error}") from error


def allows(level: str, function: str, presented: str | None, keys: Keys) -> bool:
    """Whether a key opens a function of level 'anonymous', 'function' or 'admin' (any case)."""
    level = level.lower()
    if level == "anonymous":
        return True
    if not presented:
        return False
    opening = [keys.master]
    if level == "function":
        opening += [*keys.host, *keys.functions.get(function, ())]
    return any(hmac.compare_digest(presented.encode(), key.encode()) for key in opening)
