"""Limits, schedules, telemetry, operators and retention: what the app does on its own account."""

from typing import Literal

from pydantic import BaseModel, Field, SecretStr

NOTHING = SecretStr("")
NONE: frozenset[str] = frozenset()


class Policy(BaseModel):
    """How much, when, how long, and who may look."""

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
        description=(
            "A reconcile that would write more records than this waits for approval; "
            "a first sweep that meets more that nobody linked leaves them to a backfill"
        ),
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
