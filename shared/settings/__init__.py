"""All settings, read from the environment once. README and local.settings.sample.json are tested against them.

Names are flat and upper case, because Azure's app settings are. `ServiceBus` and `Tables` follow the Functions host's
own convention for connections: `NAME` is a connection string, `NAME__…` describes an identity.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

from pydantic import ConfigDict, SecretStr, ValidationError, field_validator, model_validator

from shared.errors import BadMapping
from shared.settings.dataverse import Dataverse
from shared.settings.platform import Platform
from shared.settings.policy import Policy
from shared.settings.s4 import S4

ADDRESS = re.compile(r"https?://[^/?#\s@]+(/[^?#\s]*)?")
CONNECTION = re.compile(r"\s*\w+=[^;]+(;\s*\w+=[^;]*)*;?\s*")
OPS_KEY_CHARACTERS_MIN = 12
DEV_IDENTITY_CHARACTERS_MIN = 16
# What the platform tells an app that runs in Azure (App Service, environment variables); Core Tools sets none of them.
IN_AZURE = ("WEBSITE_SITE_NAME", "WEBSITE_INSTANCE_ID", "WEBSITE_POD_NAME", "WEBSITE_OWNER_NAME", "WEBSITE_SKU")

type Role = Literal["reader", "operator", "admin"]


class OpsKey(NamedTuple):
    """One key of a machine that calls the operators' routes; `name` stands in journals."""

    role: Role
    name: str
    value: str


class Settings(Policy, S4, Dataverse, Platform):
    """All of them; the order of the README's table is that of the classes, the last one first."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _resolved(cls, values: Any) -> Any:  # noqa: ANN401 -- what the environment holds
        """Refuse a vault reference that Azure could not resolve: as a secret it would be a text that anybody knows."""
        for name, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, str) and value.startswith("@Microsoft.KeyVault("):
                raise ValueError(f"{name} is a Key Vault reference that was not resolved: check the identity's access")
        return values

    @model_validator(mode="before")
    @classmethod
    def _on_this_machine(cls, values: Any) -> Any:  # noqa: ANN401 -- what the environment holds
        """Refuse the development identity provider where real people and records are."""
        if isinstance(values, dict) and values.get("DEV_IDENTITY"):
            where = [name for name in IN_AZURE if values.get(name)]
            signs_in = str(values.get("WEBSITE_AUTH_ENABLED", "")).lower() == "true"
            if where or signs_in:
                told = ", ".join(where) or "WEBSITE_AUTH_ENABLED"
                raise ValueError(f"DEV_IDENTITY is for a developer's machine only; this one has {told}")
        return values

    @field_validator("sap_systems", "flows_off", "s4_users", "s4_event_origins", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:  # noqa: ANN401 -- what the environment holds
        return frozenset(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("dataverse_url", "dataverse_token_url", "s4_url", "s4_token_url")
    @classmethod
    def _addressed(cls, value: str) -> str:
        """Refuse what nothing can be sent to: it would look like a system that is down, and be tried for days."""
        if value and not ADDRESS.fullmatch(value):
            raise ValueError("expected an address such as https://contoso.crm4.dynamics.com, without a query")
        return value

    @field_validator("tables", "service_bus")
    @classmethod
    def _connected(cls, value: SecretStr) -> SecretStr:
        """Refuse what is no connection string: at its first use the SDK would not say whose it is."""
        if (text := value.get_secret_value()) and not CONNECTION.fullmatch(text):
            raise ValueError("expected a connection string, Name=value;Name=value; for an identity leave it empty")
        return value

    @field_validator("s4_paths", mode="before")
    @classmethod
    def _json(cls, value: Any) -> Any:  # noqa: ANN401 -- what the environment holds
        return json.loads(value or "{}") if isinstance(value, str) else value

    @model_validator(mode="after")
    def _keys_readable(self) -> "Settings":
        _ = self.seal_keys, self.ops_key_list
        if 0 < len(self.dev_identity.get_secret_value()) < DEV_IDENTITY_CHARACTERS_MIN:
            raise ValueError(f"DEV_IDENTITY must have {DEV_IDENTITY_CHARACTERS_MIN} characters or more")
        return self

    @cached_property
    def seal_keys(self) -> Mapping[str, bytes]:
        """Return the digest keys by name, newest first."""
        return {name: _key(name, text) for name, text in _pairs(self.digest_keys.get_secret_value())}

    @cached_property
    def ops_key_list(self) -> tuple[OpsKey, ...]:
        """Return the keys of the operators' routes; 'operator:KEY' has the name 'function key'."""
        parts = (part.strip() for part in self.ops_keys.get_secret_value().split(","))
        return tuple(_ops_key(part, number) for number, part in enumerate((p for p in parts if p), 1))

    def secrets(self, which: Literal["dataverse_secrets", "s4_event_secrets"]) -> tuple[str, ...]:
        """Return the values that a way in accepts: two while one is being replaced."""
        held: SecretStr = getattr(self, which)
        return tuple(part.strip() for part in held.get_secret_value().split(",") if part.strip())


def for_mappings(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what `{setting: NAME}` in a mapping may name: the environment, and the defaults of our own settings."""
    fields = type(settings).model_fields
    own = {field.alias or name: getattr(settings, name) for name, field in fields.items()}
    return {**{k: v for k, v in own.items() if isinstance(v, str)}, **environment}


def _pairs(text: str) -> list[tuple[str, str]]:
    return [
        (part.partition(":")[0].strip(), part.partition(":")[2].strip()) for part in text.split(",") if part.strip()
    ]


def _key(name: str, text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"DIGEST_KEYS: the key named {name!r} is not base64") from error
    if not name or not 16 <= len(key) <= 64:  # noqa: PLR2004 -- blake2b takes up to 64 bytes
        raise ValueError(f"DIGEST_KEYS: the key named {name!r} has {len(key)} bytes, expected 16 to 64 and a name")
    return key


def _ops_key(text: str, number: int) -> OpsKey:
    said, _, rest = text.partition(":")
    name, _, value = rest.rpartition(":")
    known: tuple[Role, ...] = get_args(Role.__value__)
    role = next((one for one in known if one == said.strip()), None)
    if role is None or ":" in name or rest.startswith(":") or len(value.strip()) < OPS_KEY_CHARACTERS_MIN:
        raise ValueError(
            f"OPS_KEYS: key {number} must be ROLE:KEY or ROLE:NAME:KEY, with role {', '.join(known)} "
            f"and a key of {OPS_KEY_CHARACTERS_MIN} characters or more"
        )
    return OpsKey(role, name.strip() or "function key", value.strip())


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read and check all settings; all errors at once, none with a value in it. Raises `BadMapping`."""
    try:
        return Settings.model_validate({k: v for k, v in environment.items() if v != ""})
    except ValidationError as error:
        found = error.errors(include_input=False)
        told = [f"{'.'.join(str(p) for p in e['loc']) or 'settings'}: {e['msg']}" for e in found]
        raise BadMapping("settings are wrong: " + "; ".join(told)) from None
