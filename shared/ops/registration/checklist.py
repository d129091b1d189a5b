"""What a person has to do in SAP before the enabled flows can run, as markdown, from the mappings. Pure.

It asks no system. What SAP's own documentation does not publish plainly is marked "check", not claimed.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from shared.mapping.flow import Flow, Rows

ROUTE = "https://<app>/api/sap/events"
CREATE, CHANGE, DISPLAY = "01 create", "02 change", "03 display"

# Communication scenarios of S/4HANA Cloud by service; SAP's API hub publishes the first two for these services.
SCENARIOS: Mapping[str, str] = {
    "API_BUSINESS_PARTNER": "SAP_COM_0008",
    "API_PRODUCT_SRV": "SAP_COM_0009",
    "API_SALES_ORDER_SRV": "SAP_COM_0109 (check the name in your release)",
}
EVENT_SCENARIO = "SAP_COM_0092 (check the name in your release)"

# Authorisation objects of the classic applications behind the services; a trace with STAUTHTRACE shows what is left.
AUTHORISATIONS: Mapping[str, Mapping[str, str]] = {
    "BusinessPartner": {
        "B_BUPA_GRP": "business partners of an authorisation group",
        "B_BUPA_RLT": "roles of a business partner",
        "F_KNA1_GRP": "customers by account group",
        "F_KNA1_BUK": "customers by company code",
        "V_KNA1_VKO": "customers by sales area",
    },
    "SalesOrder": {"V_VBAK_VKO": "sales documents by sales area", "V_VBAK_AAT": "sales documents by type"},
    "Product": {
        "M_MATE_STA": "materials by maintenance status",
        "M_MATE_WRK": "materials by plant",
        "M_MATE_VKO": "materials by distribution chain",
    },
}

# What S/4 raises of an object: SAP's event catalogue (CE_BUSINESSPARTNEREVENTS, CE_SALESORDEREVENTS).
EVENTS: Mapping[str, tuple[str, ...]] = {
    "BusinessPartner": ("Created", "Changed"),
    "Product": ("Created", "Changed"),
    "SalesOrder": (
        "Created",
        "Changed",
        "Deleted",
        "ItemCreated",
        "ItemChanged",
        "ItemDeleted",
        "OvrlDelivStsChgd",
        "OvrlRjcnStsChgd",
        "OvrlSDProcStsChgd",
        "ItmDelivStsChgd",
        "ItmRjcnStsChgd",
        "ItmSDProcStsChgd",
    ),
}


class EntitySet(Protocol):
    """One entity set that a flow uses; `columns` are the mapping's names of fields ('address.Country': 'Country')."""

    @property
    def service(self) -> str: ...  # noqa: D102 -- said above
    @property
    def path(self) -> str: ...  # noqa: D102 -- said above
    @property
    def set(self) -> str: ...  # noqa: D102 -- said above
    @property
    def fields(self) -> AbstractSet[str]: ...  # noqa: D102 -- said above
    @property
    def columns(self) -> Mapping[str, str]: ...  # noqa: D102 -- said above
    @property
    def lines(self) -> bool: ...  # noqa: D102 -- said above


@dataclass(frozen=True, slots=True)
class Sap:
    """The SAP system that the settings lead to. `events` is the address that events go to."""

    address: str
    client: str
    events: str = ROUTE


@dataclass(slots=True)
class _Opened:
    """One entity set over all flows."""

    read: set[str]
    written: set[str]


def checklist(flows: Mapping[str, Flow], used: Mapping[str, Sequence[EntitySet]], sap: Sap) -> Iterator[str]:
    """Yield the list line by line. `used` gives each flow's entity sets; flows of other SAP products are named only."""
    mine = {name: flow for name, flow in flows.items() if flow.systems["sap"] == "s4"}
    yield "# SAP S/4HANA: what has to be set up"
    yield ""
    yield f"Made from the enabled flows {', '.join(mine) or '(none)'} for client {sap.client} of {sap.address or '?'}."
    others = sorted(flows.keys() - mine.keys())
    if others:
        yield f"Not covered here: {', '.join(others)}."
    sections = (
        _services(mine, used),
        _sets(mine, used),
        _user(mine),
        _customizing(mine),
        _events(mine, sap),
        _settings(),
    )
    for section in sections:
        yield ""
        yield from section


def _services(flows: Mapping[str, Flow], used: Mapping[str, Sequence[EntitySet]]) -> Iterator[str]:
    yield "## 1. Open the services"
    yield ""
    yield "| service | address | flows | S/4HANA Cloud: communication scenario |"
    yield "|---|---|---|---|"
    rows: dict[tuple[str, str], list[str]] = {}
    for name in flows:
        for one in used[name]:
            if name not in rows.setdefault((one.service, one.path), []):
                rows[one.service, one.path].append(name)
    for (service, path), names in sorted(rows.items()):
        yield f"| {service} | `{path}` | {', '.join(names)} | {SCENARIOS.get(service, 'look it up in the API hub')} |"
    yield ""
    yield "- [ ] S/4HANA Cloud: a communication system and user, and one communication arrangement for each scenario"
    yield "- [ ] on premise: each service activated in /IWFND/MAINT_SERVICE, with the system alias of this client"
    yield "- [ ] on premise: the SICF node of each address above is active, and reachable over https from the app"
    yield "- [ ] each address answers `$metadata` with 200 for the technical user"


def _sets(flows: Mapping[str, Flow], used: Mapping[str, Sequence[EntitySet]]) -> Iterator[str]:
    yield "## 2. What is read and written"
    yield ""
    yield "| service | entity set | written | only read |"
    yield "|---|---|---|---|"
    opened: dict[tuple[str, str], _Opened] = {}
    for name, flow in flows.items():
        for one in used[name]:
            both = opened.setdefault((one.service, one.set), _Opened(set(), set()))
            both.read |= one.fields
            both.written |= {
                field for column, field in one.columns.items() if column in _written(flow, lines=one.lines)
            }
    for (service, entity_set), both in sorted(opened.items()):
        told = (", ".join(sorted(fields)) or "-" for fields in (both.written, both.read - both.written))
        yield f"| {service} | {entity_set} | {' | '.join(told)} |"


def _written(flow: Flow, *, lines: bool) -> frozenset[str]:
    """Return the SAP columns that a flow may write, of its header or of its lines."""
    if not lines:
        return _row_writes(flow.rows) | {flow.birthmark.sap, *flow.retire.get("sap", {})}
    return _row_writes(flow.lines.rows) | {flow.lines.birthmark, *flow.lines.reject} if flow.lines else frozenset()


def _row_writes(rows: Rows) -> frozenset[str]:
    return frozenset(column for field in rows.fields for column in field.writes["sap"])


def _user(flows: Mapping[str, Flow]) -> Iterator[str]:
    yield "## 3. The technical user"
    yield ""
    yield "- [ ] a user of its own for this app (type System, no dialog) whose password does not expire"
    yield "- [ ] its logon language is the one of S4_LANGUAGE; some codes depend on it"
    yield "- [ ] on premise: S_SERVICE for each service of section 1 (IWSG on the hub, IWSV in the backend)"
    for name, flow in flows.items():
        activities = ", ".join(_activities(flow))
        for item, what in AUTHORISATIONS.get(flow.selections["sap"].object, {}).items():
            yield f"- [ ] {item}, activities {activities}: {what} ({name}; check with a trace)"
    yield "- [ ] nobody else works with this user: its changes count as ours"


def _activities(flow: Flow) -> Iterator[str]:
    if "sap" in flow.create:
        yield CREATE
    if _written(flow, lines=False) - {""} or _written(flow, lines=True) - {""}:
        yield CHANGE
    yield DISPLAY


def _customizing(flows: Mapping[str, Flow]) -> Iterator[str]:
    yield "## 4. Customizing that must exist"
    yield ""
    for name, flow in flows.items():
        yield from _birthmark(name, flow)
        yield from (f"- [ ] {name}: {column} {code}" for column, code in sorted(set(_codes(flow))))
    yield "- [ ] every SAP code in the tables of `mappings/codes` that your data uses"


def _codes(flow: Flow) -> Iterator[tuple[str, str]]:
    """Yield the fixed codes of a flow by column: those that choose rows, and those that it writes."""
    for part, chosen in flow.selections["sap"].parts.items():
        for column, values in chosen.items():
            yield f"{part}.{column}", ", ".join(values)
    yield from _constants(flow.rows)
    if flow.lines is not None:
        yield from _constants(flow.lines.rows)
        yield from ((column, value) for column, value in flow.lines.reject.items() if isinstance(value, str))


def _birthmark(name: str, flow: Flow) -> Iterator[str]:
    """Yield where the Dynamics key lives: what finds a record again after a lost answer."""
    mark = flow.birthmark.sap
    if not mark:
        return
    part, dot, _ = mark.partition(".")
    types = flow.selections["sap"].parts.get(part, {}).get("BPIdentificationType") if dot else None
    if types:
        what = f"identification type {', '.join(types)} for organisations, nobody else's"
        yield f"- [ ] {name}: {what} (Business Partner, Identification Numbers: Define Identification Types)"
    else:
        yield f"- [ ] {name}: {mark} holds the mark of the Dynamics record; no user or exit may change it"


def _constants(rows: Rows) -> Iterator[tuple[str, str]]:
    """Yield the texts that the rows write whatever Dynamics holds: constants, and what an empty record gets."""
    for field, value in zip(rows.fields, rows.carry["dynamics"]({}, {}), strict=True):
        if isinstance(value, str) and value and field.writes["sap"]:
            often = " unless Dynamics says otherwise" if field.columns["dynamics"] else ""
            yield ", ".join(field.writes["sap"]), f"{value}{often}"


def _events(flows: Mapping[str, Flow], sap: Sap) -> Iterator[str]:
    yield "## 5. Events"
    yield ""
    yield "Without events the sweeps find every change, only later."
    yield ""
    objects = sorted({flow.selections["sap"].object for flow in flows.values()})
    for name in (one for one in objects if one in EVENTS):
        yield f"- [ ] topic `<namespace>/ce/sap/s4/beh/{name.lower()}/v1/{name}/*`, or these types one by one:"
        yield from (f"  - `sap.s4.beh.{name.lower()}.v1.{name}.{event}.v1`" for event in EVENTS[name])
    silent = [name for name in objects if name not in EVENTS]
    if silent:
        yield f"- no events are known for {', '.join(silent)}: their sweep is the only way"
    yield f"- [ ] S/4HANA Cloud: an arrangement of scenario {EVENT_SCENARIO} for Event Mesh, these topics outbound"
    yield "- [ ] on premise: an Enterprise Event Enablement channel (/IWXBE/CONFIG), these topics outbound"
    yield f"- [ ] a queue with these topics, and a webhook from it to `{sap.events}`"
    yield "- [ ] the webhook sends one of the values of S4_EVENT_SECRETS: header x-webhook-secret, or password of Basic"
    yield "- [ ] its handshake origin is in S4_EVENT_ORIGINS, the CloudEvents source of this client in S4_EVENT_SOURCE"


def _settings() -> Iterator[str]:
    yield "## 6. Then"
    yield ""
    yield "- [ ] S4_URL, S4_CLIENT, S4_SYSTEM_ID, S4_AUTH, S4_USER and S4_PASSWORD are set, the last from the vault"
    yield "- [ ] one record of each flow was synced by hand and looked at in both systems, in a sandbox first"
