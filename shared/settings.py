"""All settings, read from the environment once. README and local.settings.sample.json are tested against them.

Names are flat and upper case, because Azure's app settings are. `ServiceBus` and `Tables` follow the Functions host's
own convention for connections: `NAME` is a connection string, `NAME__…` describes an identity.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from shared.errors import BadMapping

NOTHING = SecretStr("")
NONE: frozenset[str] = frozenset()
TABLE_NAME_PREFIX = r"^([A-Za-z][A-Za-z0-9]{0,20})?$"
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


class Settings(BaseModel):
    """One field a setting; the description is what the README says of it."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    sap_systems: frozenset[str] = Field(
        alias="SAP_SYSTEMS",
        default=frozenset({"s4"}),
        description=("SAP systems whose mappings are loaded, comma separated: s4"),
    )
    flows_off: frozenset[str] = Field(
        alias="FLOWS_OFF",
        default=NONE,
        description=("Flows that are switched off, comma separated: s4/order"),
    )

    service_bus: SecretStr = Field(
        alias="ServiceBus",
        default=NOTHING,
        description=("Service Bus connection string (local cloud); with identity leave it out"),
    )
    service_bus_namespace: str = Field(
        alias="ServiceBus__fullyQualifiedNamespace",
        default="",
        description=("Service Bus host name, reached with the app's identity"),
    )
    tables: SecretStr = Field(
        alias="Tables",
        default=NOTHING,
        description=("Table Storage connection string (local cloud); with identity leave it out"),
    )
    tables_endpoint: str = Field(
        alias="Tables__tableServiceUri",
        default="",
        description=("Table Storage address, reached with the app's identity"),
    )
    tables_prefix: str = Field(
        alias="TABLES_PREFIX",
        default="",
        pattern=TABLE_NAME_PREFIX,
        description=("Letters put before each table name, so that several apps can share an account"),
    )
    digest_keys: SecretStr = Field(
        alias="DIGEST_KEYS",
        default=NOTHING,
        description=(
            "Keys of the stored digests, newest first: name:base64 of 16 to 64 bytes, comma separated. Keep "
            "an old one until every pair has synced once"
        ),
    )

    dataverse_url: str = Field(
        alias="DATAVERSE_URL",
        default="",
        description=("Address of the Dataverse environment, without a path"),
    )
    dataverse_token_url: str = Field(
        alias="DATAVERSE_TOKEN_URL",
        default="",
        description=("OAuth token address for DATAVERSE_CLIENT_ID; empty: the app's identity is used"),
    )
    dataverse_client_id: str = Field(
        alias="DATAVERSE_CLIENT_ID",
        default="",
        description=("Application id, when no managed identity is used"),
    )
    dataverse_client_secret: SecretStr = Field(
        alias="DATAVERSE_CLIENT_SECRET",
        default=NOTHING,
        description=("Secret of that application; in Azure a Key Vault reference"),
    )
    dataverse_organization_id: str = Field(
        alias="DATAVERSE_ORGANIZATION_ID",
        default="",
        description=("Id of the one organisation whose events are taken; empty: the connected one"),
    )
    dataverse_tag: str = Field(
        alias="DATAVERSE_TAG",
        default="dynamics-sap-sync",
        description=("Marks our own writes, so that their events are dropped"),
    )
    dataverse_secrets: SecretStr = Field(
        alias="DATAVERSE_WEBHOOK_SECRETS",
        default=NOTHING,
        description=(
            "Values accepted from Dataverse in the header x-webhook-secret or ?code=, comma separated: two "
            "while one is being replaced"
        ),
    )
    dataverse_concurrency: int = Field(
        alias="DATAVERSE_CONCURRENCY",
        default=16,
        ge=1,
        le=52,
        description=("Calls to Dataverse at a time, per worker (Dataverse allows 52 a user)"),
    )

    s4_url: str = Field(
        alias="S4_URL",
        default="",
        description=("Address of the S/4HANA Gateway, without a path"),
    )
    s4_auth: Literal["basic", "oauth"] = Field(
        alias="S4_AUTH",
        default="basic",
        description=("How to log on: basic or oauth (client credentials)"),
    )
    s4_user: str = Field(
        alias="S4_USER",
        default="",
        description=("Communication user, or OAuth client id"),
    )
    s4_password: SecretStr = Field(
        alias="S4_PASSWORD",
        default=NOTHING,
        description=("Its password, or OAuth client secret; in Azure a Key Vault reference"),
    )
    s4_token_url: str = Field(
        alias="S4_TOKEN_URL",
        default="",
        description=("OAuth token address; empty: /sap/bc/sec/oauth2/token of S4_URL"),
    )
    s4_client: str = Field(
        alias="S4_CLIENT",
        default="100",
        pattern=r"^\d{3}$",
        description=("SAP client; part of every link's identity"),
    )
    s4_system_id: str = Field(
        alias="S4_SYSTEM_ID",
        default="S4H",
        description=("SAP system id; stored with the state and checked at start"),
    )
    s4_language: str = Field(
        alias="S4_LANGUAGE",
        default="EN",
        description=("Logon language; keep it fixed, some SAP codes are language dependent"),
    )
    s4_paths: dict[str, str] = Field(
        alias="S4_PATHS",
        default_factory=dict,
        description=('Service paths that differ from the standard, JSON: {"API_BUSINESS_PARTNER": "/sap/opu/…"}'),
    )
    s4_users: frozenset[str] = Field(
        alias="S4_USERS",
        default=NONE,
        description=("SAP ids of our own technical users, comma separated; empty: S4_USER"),
    )
    s4_concurrency: int = Field(
        alias="S4_CONCURRENCY",
        default=4,
        ge=1,
        le=100,
        description=("Calls to S/4 at a time, per worker"),
    )
    s4_longest_transaction_seconds: int = Field(
        alias="S4_LONGEST_TRANSACTION_SECONDS",
        default=660,
        ge=1,
        description=("After a lost answer a create may still commit for so long (dialog limit and a margin)"),
    )
    s4_event_secrets: SecretStr = Field(
        alias="S4_EVENT_SECRETS",
        default=NOTHING,
        description=(
            "Values accepted from SAP's event sender (header x-webhook-secret, bearer, basic password or "
            "?code=), comma separated"
        ),
    )
    s4_event_origins: frozenset[str] = Field(
        alias="S4_EVENT_ORIGINS",
        default=NONE,
        description=("Origins whose CloudEvents handshake is answered, comma separated; * for any"),
    )
    s4_event_source: str = Field(
        alias="S4_EVENT_SOURCE",
        default="",
        description=("CloudEvents source of the one SAP client whose events are taken; empty: any"),
    )

    s4_id_type: str = Field(
        alias="S4_ID_TYPE",
        default="ZD365",
        max_length=6,
        description=(
            "Identification type that marks a business partner with its Dynamics id; to be created in SAP customizing"
        ),
    )
    s4_company_code: str = Field(
        alias="S4_COMPANY_CODE", default="1010", max_length=4, description=("Company code of new customers")
    )
    s4_sales_organization: str = Field(
        alias="S4_SALES_ORGANIZATION",
        default="1010",
        max_length=4,
        description=("Sales organisation of new customers and orders"),
    )
    s4_distribution_channel: str = Field(
        alias="S4_DISTRIBUTION_CHANNEL",
        default="10",
        max_length=2,
        description=("Distribution channel of new customers and orders"),
    )
    s4_division: str = Field(
        alias="S4_DIVISION", default="00", max_length=2, description=("Division of new customers and orders")
    )
    s4_currency: str = Field(
        alias="S4_CURRENCY",
        default="EUR",
        max_length=5,
        description=("Currency of a new customer's sales area when the account names none"),
    )

    writes_per_hour: int = Field(
        alias="WRITES_PER_HOUR",
        default=60,
        ge=5,
        description=("More writes to one pair within an hour park it: two automations disagree"),
    )
    clock_skew_seconds: int = Field(
        alias="CLOCK_SKEW_SECONDS",
        default=120,
        ge=0,
        description=("Two change stamps closer than this do not say who was last"),
    )
    stale_records_max: int = Field(
        alias="STALE_RECORDS_MAX",
        default=20,
        ge=1,
        description=(
            "So many records of one flow that show an older state than was seen before, within ten minutes on one "
            "worker, pause the flow: a restored database"
        ),
    )
    line_count_max: int = Field(
        alias="LINE_COUNT_MAX",
        default=1000,
        ge=1,
        le=5000,
        description=("Most lines of one document"),
    )
    wait_limit_hours: int = Field(
        alias="WAIT_LIMIT_HOURS",
        default=24,
        ge=1,
        description=("A record that waits longer for another one is parked with the reason"),
    )

    reconcile_cron: str = Field(
        alias="RECONCILE_CRON",
        default="0 2 * * *",
        description=("When each flow is reconciled: minute hour day month weekday; off: only when asked"),
    )
    reconcile_zone: str = Field(
        alias="RECONCILE_ZONE",
        default="UTC",
        description=("Time zone of RECONCILE_CRON, such as Europe/Berlin"),
    )
    reconcile_repairs: bool = Field(
        alias="RECONCILE_REPAIRS",
        default=True,
        description=("Reconcile enqueues what is not in step; false: it only reports"),
    )
    reconcile_writes_max: int = Field(
        alias="RECONCILE_WRITES_MAX",
        default=500,
        ge=0,
        description=("A reconcile that would write more records than this waits for approval"),
    )
    reconcile_writes_percent_max: int = Field(
        alias="RECONCILE_WRITES_PERCENT_MAX",
        default=10,
        ge=0,
        le=100,
        description=("A reconcile that would write a greater share of the linked records waits for approval"),
    )
    reconcile_nights: int = Field(
        alias="RECONCILE_NIGHTS",
        default=28,
        ge=0,
        description=("Records whose change no version shows are compared by body once in so many runs; 0: never"),
    )

    report_cron: str = Field(
        alias="REPORT_CRON",
        default="0 6 * * 1",
        description=("When the weekly health report is written, in UTC: minute hour day month weekday; off: never"),
    )

    ops_keys: SecretStr = Field(
        alias="OPS_KEYS",
        default=NOTHING,
        description=(
            "Keys of machines for the operators' routes (header x-functions-key), comma separated: ROLE:KEY or "
            "ROLE:NAME:KEY with role reader, operator or admin; two of a name while one is being replaced"
        ),
    )
    dev_identity: SecretStr = Field(
        alias="DEV_IDENTITY",
        default=NOTHING,
        description=("Signs the tokens of python -m dev.identity, on a developer's machine only: refused in Azure"),
    )
    telemetry_exporter: Literal["", "none", "opencensus", "opentelemetry"] = Field(
        alias="TELEMETRY_EXPORTER",
        default="",
        description=(
            "How telemetry leaves: opencensus, opentelemetry or none; empty: opencensus where there is a "
            "connection string"
        ),
    )
    insights: str = Field(
        alias="APPLICATIONINSIGHTS_CONNECTION_STRING",
        default="",
        repr=False,
        description=("Connection string of Application Insights; empty: events are lines of the log only"),
    )
    insights_authentication: str = Field(
        alias="APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        default="",
        description=(
            "Authorization=AAD, with ClientId=… of an identity: how telemetry is signed in; empty: by its key"
        ),
    )
    telemetry_percent: float = Field(
        alias="TELEMETRY_PERCENT",
        default=100,
        gt=0,
        le=100,
        description=("Share of calls that went well, and of changes in step, that is kept; the rest always is"),
    )
    requests_per_minute: int = Field(
        alias="REQUESTS_PER_MINUTE",
        default=600,
        ge=1,
        description=("Operators' requests a minute of one caller, per worker; more are answered 429"),
    )
    request_bytes_max: int = Field(
        alias="REQUEST_BYTES_MAX",
        default=1_048_576,
        ge=262_144,
        le=1_048_576,
        description=("Largest body of a request, also of an event (Dataverse sends up to 262144); above: 413"),
    )
    retention_days_journal: int = Field(
        alias="RETENTION_DAYS_JOURNAL",
        default=365,
        ge=1,
        description=("Journal entries and ended backfills older than this are purged"),
    )
    retention_days_correlations: int = Field(
        alias="RETENTION_DAYS_CORRELATIONS",
        default=90,
        ge=1,
        le=3650,
        description=("Steps of correlation ids are kept so long at least, then dropped by whole months"),
    )

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
