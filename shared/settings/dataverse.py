"""How Dataverse is reached, and what is taken from it."""

from pydantic import BaseModel, Field, SecretStr

NOTHING = SecretStr("")
NONE: frozenset[str] = frozenset()


class Dataverse(BaseModel):
    """One application user of one environment."""

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
