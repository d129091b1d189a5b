"""Settings to adapters; the only importer of adapters.

Imports stand in the functions: a worker that starts for a webhook loads no SDK that it does not call.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.mapping.catalogue import Catalogue
from shared.ports import Bus, State, System
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from shared.systems.dataverse.auth import TokenSource
    from shared.systems.http import Http


def catalogues() -> Mapping[str, Catalogue]:
    """Return what each system knows of its objects, by system name."""
    from shared.systems.dataverse.objects import CATALOGUE as dataverse  # noqa: N811 -- both are their system's
    from shared.systems.s4.objects import CATALOGUE as s4  # noqa: N811 -- both are their system's

    return {"dataverse": dataverse, "s4": s4}


def _credential() -> "AsyncTokenCredential":
    from azure.identity.aio import DefaultAzureCredential  # 180 ms to import

    return DefaultAzureCredential()


def state(chosen: Settings) -> State:
    """Return the connection to Table Storage."""
    from shared.state.tables import TableState

    connection = chosen.tables.get_secret_value()
    months = chosen.retention_days_correlations // 28 + 2  # as far back as whole months may lie
    if connection:
        return TableState(connection, prefix=chosen.tables_prefix, correlation_months=months)
    return TableState(
        endpoint=chosen.tables_endpoint,
        credential=_credential(),
        prefix=chosen.tables_prefix,
        correlation_months=months,
    )


def bus(chosen: Settings) -> Bus:
    """Return the connection to Service Bus."""
    from shared.bus.servicebus import ServiceBus

    connection = chosen.service_bus.get_secret_value()
    if connection:
        return ServiceBus(connection)
    return ServiceBus(fully_qualified_namespace=chosen.service_bus_namespace, credential=_credential())


def dataverse(chosen: Settings) -> System:
    """Return the connection to Dataverse."""
    from shared.systems.dataverse.client import CALL_SECONDS, Dataverse
    from shared.systems.http import Http

    http = Http("dataverse", concurrency=chosen.dataverse_concurrency, timeout_seconds=CALL_SECONDS)
    return Dataverse(chosen.dataverse_url, dataverse_token(chosen, http), tag=chosen.dataverse_tag, http=http)


def dataverse_token(chosen: Settings, http: "Http") -> "TokenSource":
    """Return who signs calls to Dataverse: the application that is named, else the app's own identity."""
    from shared.systems.dataverse import auth

    if not chosen.dataverse_client_id:
        return auth.from_credential(_credential(), chosen.dataverse_url)
    scope = f"{chosen.dataverse_url.rstrip('/')}/.default"
    secret = chosen.dataverse_client_secret.get_secret_value()
    return auth.from_client_secret(http, chosen.dataverse_token_url, chosen.dataverse_client_id, secret, scope)


def s4(chosen: Settings) -> System:
    """Return the connection to S/4HANA."""
    from shared.systems.s4.auth import Basic, ClientCredentials
    from shared.systems.s4.client import S4

    password = chosen.s4_password.get_secret_value()
    token_url = chosen.s4_token_url or f"{chosen.s4_url.rstrip('/')}/sap/bc/sec/oauth2/token"
    logon = (
        ClientCredentials(token_url, chosen.s4_user, password)
        if chosen.s4_auth == "oauth"
        else Basic(chosen.s4_user, password)
    )
    return S4(
        chosen.s4_url,
        logon,
        client=chosen.s4_client,
        language=chosen.s4_language,
        system_id=chosen.s4_system_id,
        paths=chosen.s4_paths,
        users=chosen.s4_users or {chosen.s4_user},
        concurrency=chosen.s4_concurrency,
        longest_transaction_seconds=chosen.s4_longest_transaction_seconds,
    )
