"""Settings and mappings to the App of this process."""

import os
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from shared.core.digest import Seal
from shared.core.plan import Limits
from shared.errors import BadMapping
from shared.mapping.flow import Flow
from shared.ops.schedule import latest
from shared.ports import App, Entrance, Reconciling, Retention
from shared.settings import Settings, for_mappings, read_settings
from shared.telemetry import Exporting, start
from shared.wiring import adapters

MAPPINGS = Path(__file__).parents[2] / "mappings"


@cache
def settings() -> Settings:
    """Return the checked settings of this process."""
    return read_settings(os.environ)


def flows(environment: Mapping[str, str]) -> dict[str, Flow]:
    """Load the mappings of the configured SAP systems, less the flows that are switched off. Raises `BadMapping`."""
    from shared.mapping.load import load_flows

    chosen = read_settings(environment)
    known = adapters.catalogues()
    found: dict[str, Flow] = {}
    for system in sorted(chosen.sap_systems):
        if system not in known:
            there = ", ".join(sorted(name for name in known if (MAPPINGS / name).is_dir()))
            raise BadMapping(f"SAP_SYSTEMS names {system!r}; there are {there}")
        found |= load_flows(MAPPINGS / system, known, for_mappings(chosen, environment))
    unknown = chosen.flows_off - found.keys()
    if unknown:
        raise BadMapping(f"FLOWS_OFF names {', '.join(sorted(unknown))}; there are {', '.join(sorted(found))}")
    return {name: flow for name, flow in found.items() if flow.enabled and name not in chosen.flows_off}


def build(chosen: Settings, environment: Mapping[str, str]) -> App:
    """Return the App, connected to nothing yet. Raises `BadMapping`."""
    start(_exporting(chosen, environment))
    found = flows(environment)
    keys = chosen.seal_keys
    if not keys:
        raise BadMapping("DIGEST_KEYS is empty: give a name and 16 to 64 random bytes in base64, k1:…")
    for name, address in (("DATAVERSE_URL", chosen.dataverse_url), ("S4_URL", chosen.s4_url)):
        if not address:
            raise BadMapping(f"{name} is empty: give the system's address, such as https://host.example")
    systems = {"dataverse": adapters.dataverse(chosen), "s4": adapters.s4(chosen)}
    return App(
        flows=found,
        systems=systems,
        state=adapters.state(chosen),
        bus=adapters.bus(chosen),
        seal=Seal(next(iter(keys)), keys),
        now=lambda: datetime.now(UTC),
        chance=random.Random().random,  # noqa: S311 -- jitter
        limits=Limits(
            chosen.clock_skew_seconds, chosen.writes_per_hour, chosen.line_count_max, chosen.stale_records_max
        ),
        entrances=entrances(found),
        wait_limit=timedelta(hours=chosen.wait_limit_hours),
        reconciling=_reconciling(chosen),
        reporting=_schedule("REPORT_CRON", chosen.report_cron, "UTC"),
        retention=Retention(chosen.retention_days_journal, chosen.retention_days_correlations),
    )


def _reconciling(chosen: Settings) -> Reconciling:
    schedule = _schedule("RECONCILE_CRON", chosen.reconcile_cron, chosen.reconcile_zone)
    return Reconciling(
        schedule,
        chosen.reconcile_repairs,
        chosen.reconcile_writes_max,
        chosen.reconcile_writes_percent_max,
        chosen.reconcile_nights,
    )


def _schedule(setting: str, cron: str, zone: str) -> dict[str, str]:
    """Refuse what nobody can read, now and not at two in the morning."""
    schedule = {} if cron == "off" else {"cron": cron, "zone": zone}
    try:
        if schedule:
            latest(schedule, datetime.now(UTC))
    except BadMapping as error:
        raise BadMapping(f"{setting}: {error}") from error
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


def entrances(found: Mapping[str, Flow]) -> dict[str, tuple[Entrance, ...]]:
    """Return whose events the app takes, by system and object, and for which flow each is."""
    from shared.systems.dataverse.objects import TABLES

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
