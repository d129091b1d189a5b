"""Builds the App, once per worker and in its loop; the only importer of adapters, and only when they are needed."""

import asyncio
import logging
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from shared.core.digest import Seal
from shared.core.plan import Limits
from shared.errors import BadMapping, Transient, WrongEnvironment
from shared.mapping.catalogue import Catalogue
from shared.mapping.flow import Flow
from shared.ops.registration.admin import DataverseAdmin
from shared.ops.registration.checklist import EntitySet
from shared.ops.schedule import latest
from shared.ports import App, Bus, Entrance, Reconciling, Retention, State, System
from shared.settings import Settings, for_mappings, read_settings
from shared.telemetry import Exporting, event, start

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from shared.systems.dataverse.auth import TokenSource
    from shared.systems.http import Http

MAPPINGS = Path(__file__).parents[1] / "mappings"


@cache
def settings() -> Settings:
    """Return the checked settings of this process."""
    return read_settings(os.environ)


def catalogues() -> Mapping[str, Catalogue]:
    """Return what each system knows of its objects, by system name."""
    from shared.systems.dataverse.objects import CATALOGUE as dataverse  # noqa: N811, PLC0415 -- only the worker needs it
    from shared.systems.s4.objects import CATALOGUE as s4  # noqa: N811, PLC0415 -- only the worker needs it

    return {"dataverse": dataverse, "s4": s4}


def flows(environment: Mapping[str, str]) -> dict[str, Flow]:
    """Load the mappings of the configured SAP systems, less the flows that are switched off. Raises `BadMapping`."""
    from shared.mapping.load import load_flows  # noqa: PLC0415 -- YAML is read by the worker, not at import

    chosen = read_settings(environment)
    known = catalogues()
    found: dict[str, Flow] = {}
    for system in sorted(chosen.sap_systems):
        found |= load_flows(MAPPINGS / system, known, for_mappings(chosen, environment))
    unknown = chosen.flows_off - found.keys()
    if unknown:
        raise BadMapping(f"FLOWS_OFF names {', '.join(sorted(unknown))}; there are {', '.join(sorted(found))}")
    return {name: flow for name, flow in found.items() if flow.enabled and name not in chosen.flows_off}


class Worker:
    """Holds the one App of this worker; the first invocation builds it, the others wait for that."""

    def __init__(self) -> None:
        self._app: App | None = None
        self._look_again_at = 0.0
        self._building = asyncio.Lock()

    async def app(self) -> App:
        """Return the App. Raises `BadMapping` or `WrongEnvironment` when it may not start."""
        if self._app is None or self._unsure(self._app):
            async with self._building:
                app, self._app = self._app or _build(settings(), os.environ), None
                if self._unsure(app):
                    app = replace(app, identities=await _checked_identities(app))
                    self._look_again_at = monotonic() + LOOK_AGAIN_SECONDS
                self._app = app  # only now: nobody works for an environment that was found to be another one
        return self._app

    def _unsure(self, app: App) -> bool:
        return len(app.identities) < len(app.systems) and monotonic() >= self._look_again_at


WORKER = Worker()
LOOK_AGAIN_SECONDS = 30.0


def _build(chosen: Settings, environment: Mapping[str, str]) -> App:
    start(_exporting(chosen, environment))
    found = flows(environment)
    keys = chosen.seal_keys
    if not keys:
        raise BadMapping("DIGEST_KEYS is empty: give a name and 16 to 64 random bytes in base64, k1:…")
    systems = {"dataverse": _dataverse(chosen), "s4": _s4(chosen)}
    return App(
        flows=found,
        systems=systems,
        state=_state(chosen),
        bus=_bus(chosen),
        seal=Seal(next(iter(keys)), keys),
        now=lambda: datetime.now(UTC),
        chance=random.Random().random,  # noqa: S311 -- jitter
        limits=Limits(
            chosen.clock_skew_seconds, chosen.writes_per_hour, chosen.line_count_max, chosen.stale_records_max
        ),
        entrances=entrances(found),
        wait_limit=timedelta(hours=chosen.wait_limit_hours),
        reconciling=_reconciling(chosen),
        reporting=_schedule(chosen.report_cron, "UTC"),
        retention=Retention(chosen.retention_days_journal, chosen.retention_days_correlations),
    )


def _reconciling(chosen: Settings) -> Reconciling:
    schedule = _schedule(chosen.reconcile_cron, chosen.reconcile_zone)
    return Reconciling(
        schedule,
        chosen.reconcile_repairs,
        chosen.reconcile_writes_max,
        chosen.reconcile_writes_percent_max,
        chosen.reconcile_nights,
    )


def _schedule(cron: str, zone: str) -> dict[str, str]:
    """Refuse what nobody can read, now and not at two in the morning."""
    schedule = {} if cron == "off" else {"cron": cron, "zone": zone}
    if schedule:
        latest(schedule, datetime.now(UTC))
    return schedule


def _exporting(chosen: Settings, environment: Mapping[str, str]) -> Exporting:
    return Exporting(
        exporter=(chosen.telemetry_exporter or "opencensus") if chosen.insights else "",
        connection=chosen.insights,
        authentication=chosen.insights_authentication,
        percent=chosen.telemetry_percent,
        role=environment.get("WEBSITE_SITE_NAME", "dynamics-sap-sync"),
        instance=environment.get("WEBSITE_INSTANCE_ID", ""),
    )


async def _checked_identities(app: App) -> dict[str, str]:
    """Refuse to work on another organisation or SAP client than the one that the state belongs to (law 13)."""
    identities: dict[str, str] = {}
    for name, system in app.systems.items():
        known = await app.state.watermark(f"identity/{name}")
        try:
            found = await system.identity()
        except Transient as error:
            event("identity unknown", logging.WARNING, system=name, reason=str(error))
            continue
        identities[name] = found
        if known and known != found:
            raise WrongEnvironment(
                f"the state belongs to {name} {known}, but the connection leads to {found}: "
                "restore the address, or give this environment its own TABLES_PREFIX"
            )
        if not known:
            await app.state.set_watermark(f"identity/{name}", found)
    return identities


def entrances(found: Mapping[str, Flow]) -> dict[str, tuple[Entrance, ...]]:
    """Return whose events the app takes, by system and object, and for which flow each is."""
    from shared.systems.dataverse.objects import TABLES  # noqa: PLC0415 -- only the worker needs it

    doors: dict[str, tuple[Entrance, ...]] = {}
    for flow in found.values():
        table = TABLES[flow.selections["dynamics"].object]
        mine = {
            f"{flow.systems['dynamics']} {table.name}": "",
            f"{flow.systems['sap']} {flow.selections['sap'].object}": "",
        }
        if flow.lines is not None and (line := TABLES[table.lines[flow.selections["dynamics"].lines]]):
            mine[f"{flow.systems['dynamics']} {line.name}"] = line.parent
        for door, lookup in mine.items():
            doors[door] = (*doors.get(door, ()), Entrance(flow.name, lookup))
    return doors


def _credential() -> "AsyncTokenCredential":
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 -- 180 ms, and only where identity is used

    return DefaultAzureCredential()


def _state(chosen: Settings) -> State:
    from shared.state.tables import TableState  # noqa: PLC0415 -- only the worker needs it

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


def _bus(chosen: Settings) -> Bus:
    from shared.bus.servicebus import ServiceBus  # noqa: PLC0415 -- only the worker needs it

    connection = chosen.service_bus.get_secret_value()
    if connection:
        return ServiceBus(connection)
    return ServiceBus(fully_qualified_namespace=chosen.service_bus_namespace, credential=_credential())


def dataverse_admin() -> DataverseAdmin:
    """Return the connection that registers events and columns; the caller closes it."""
    from shared.systems.dataverse.admin import CALL_SECONDS, Admin  # noqa: PLC0415 -- only the command needs it
    from shared.systems.http import Http  # noqa: PLC0415 -- only the command needs it

    chosen = settings()
    http = Http("dataverse", concurrency=1, timeout_seconds=CALL_SECONDS)
    return Admin(chosen.dataverse_url, _dataverse_token(chosen, http), http=http)


def sap_sets(found: Mapping[str, Flow]) -> Mapping[str, Sequence[EntitySet]]:
    """Return the entity sets that each flow uses in S/4HANA, by flow."""
    from shared.systems.s4.usage import used  # noqa: PLC0415 -- only the checklist needs it

    paths = settings().s4_paths
    return {name: used(flow.selections["sap"], paths) for name, flow in found.items() if flow.systems["sap"] == "s4"}


def _dataverse(chosen: Settings) -> System:
    from shared.systems.dataverse.client import CALL_SECONDS, Dataverse  # noqa: PLC0415 -- only the worker needs it
    from shared.systems.http import Http  # noqa: PLC0415 -- only the worker needs it

    http = Http("dataverse", concurrency=chosen.dataverse_concurrency, timeout_seconds=CALL_SECONDS)
    return Dataverse(chosen.dataverse_url, _dataverse_token(chosen, http), tag=chosen.dataverse_tag, http=http)


def _dataverse_token(chosen: Settings, http: "Http") -> "TokenSource":
    from shared.systems.dataverse import auth  # noqa: PLC0415 -- only the worker needs it

    if not chosen.dataverse_client_id:
        return auth.from_credential(_credential(), chosen.dataverse_url)
    scope = f"{chosen.dataverse_url.rstrip('/')}/.default"
    secret = chosen.dataverse_client_secret.get_secret_value()
    return auth.from_client_secret(http, chosen.dataverse_token_url, chosen.dataverse_client_id, secret, scope)


def _s4(chosen: Settings) -> System:
    from shared.systems.s4.auth import Basic, ClientCredentials  # noqa: PLC0415 -- only the worker needs it
    from shared.systems.s4.client import S4  # noqa: PLC0415 -- only the worker needs it

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
