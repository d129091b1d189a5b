"""What the app runs on: flows, bus, state, and who may ask it what."""

from pydantic import BaseModel, Field, SecretStr

NOTHING = SecretStr("")
NONE: frozenset[str] = frozenset()
TABLE_NAME_PREFIX = r"^([A-Za-z][A-Za-z0-9]{0,20})?$"


class Platform(BaseModel):
    """Flows, Service Bus, Table Storage, digest keys."""

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
