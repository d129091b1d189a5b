"""How S/4HANA is reached, what is taken from it, and what new customers and orders get there."""

from typing import Literal

from pydantic import BaseModel, Field, SecretStr

NOTHING = SecretStr("")
NONE: frozenset[str] = frozenset()


class S4(BaseModel):
    """One client of one system."""

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
