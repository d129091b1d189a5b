"""Facts by hand, for tests of what is decided from them. Nothing is read and nothing is written."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.link import Base, Intent, LineLink, Link, Problem
from shared.core.model import SIDES, Change, Line, Record, Side, Value, Values
from shared.core.plan import Facts, Park, Plan, Skip, Sync, Twin
from shared.mapping.flow import Flow, Rows
from tests.laws.flows import ORDER, PARTNER
from tests.laws.world import D1, SEAL

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
S1 = "1000001"
LONGEST_SECONDS = 600


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def account(**values: Any) -> Record:  # a record's members as well as its columns
    """Return an account in scope; `members` are what a record knows besides its columns."""
    members = values.pop("members", {})
    return Record(D1, {"name": "Firm", "kind": 3, "sapnumber": S1, **values}, **{"etag": "W/1", **members})


def partner(**values: Any) -> Record:  # a record's members as well as its columns
    members = values.pop("members", {})
    key = members.pop("key", S1)
    return Record(key, {"category": "2", "name1": "Firm", "search": "FIRM", "mark": D1, **values}, **members)


def bases(rows: Rows, held: Mapping[Side, Values]) -> dict[str, Base]:
    """Return the base that a link has when both sides were in step as they are `held`."""
    raws: dict[Side, tuple[Value, ...]] = {side: rows.read[side](held[side]) for side in SIDES}
    return {
        field.name: Base(SEAL.digest(raws["dynamics"][at]), SEAL.digest(raws["sap"][at]), field.fingerprint)
        for at, field in enumerate(rows.fields)
        if not field.create_only
    }


def linked(crm: Record, erp: Record, flow: Flow = PARTNER, **more: Any) -> Link:  # a link's members
    """Return the link of two records that were in step as they are given here; lines pair up in their order."""
    lines = tuple(
        LineLink(c.key, s.key, bases(flow.lines.rows, {"dynamics": c.values, "sap": s.values}) if flow.lines else {})
        for c, s in zip(crm.lines, erp.lines, strict=False)
    )
    base = bases(flow.rows, {"dynamics": crm.values, "sap": erp.values})
    return replace(Link(flow.pair, crm.key, erp.key, "linked", base, lines, linked_at=ago(9_000), etag="e"), **more)


def facts(  # noqa: PLR0913  # what a decision may depend on
    crm: Record | None = None,
    erp: Record | None = None,
    link: Link | None = None,
    *,
    side: Side = "dynamics",
    twins: tuple[Twin, ...] = (),
    flow: Flow = PARTNER,
    said: Mapping[str, Any] | None = None,
    **more: Any,  # whatever else facts hold
) -> Facts:
    """Return what a sync would have gathered; `said` are members of the change."""
    key = (D1 if side == "dynamics" else S1) if link is None else link.key(side)
    change = Change(flow.name, side, key, "event 1", "correlation 1", **{"pair_key": D1, **(said or {})})
    longest = dict.fromkeys(SIDES, LONGEST_SECONDS)
    users = dict.fromkeys(SIDES, frozenset({"engine"}))
    found: dict[Side, Record | None] = {"dynamics": crm, "sap": erp}
    return Facts(change, NOW, found, link, SEAL, twins=twins, **{"longest": longest, "users": users, **more})


def order(*lines: Line, **values: Any) -> Record:  # columns
    return Record(D1, {"ordernumber": "ORD1", "state": 1, "sapnumber": S1, **values}, "W/1", lines=lines)


def sap_order(*lines: Line, **values: Any) -> Record:  # columns
    return Record(S1, {"ponumber": "ORD1", **values}, lines=lines)


def line(key: str, **values: Any) -> Line:  # columns
    return Line(key, values)


def intent(side: Side, kind: Any = "create", seconds_ago: float = 10, **sent: Value) -> Intent:  # a kind
    """Return an open intent; `sent` are values by field name."""
    return Intent(side, kind, ago(seconds_ago), {name: SEAL.digest(value) for name, value in sent.items()})


def columns(plan: Plan, side: Side) -> dict[str, Any] | None:
    """Return what a plan writes to the header of a side; None when it writes nothing there."""
    assert isinstance(plan, Sync), plan
    return dict(plan.writes[side].values) if side in plan.writes else None


def parks(plan: Plan) -> dict[str, str]:
    """Return the parked fields of a plan, with their causes."""
    assert isinstance(plan, Sync | Park), plan
    return {p.field: p.cause for p in plan.problems}


def parked_pair(plan: Plan) -> str:
    """Return why the whole pair is parked."""
    assert isinstance(plan, Park), plan
    (problem,) = plan.problems
    assert problem.field == "", problem
    return problem.cause


def problem(field: str, side: Side, cause: str, crm: Value = None, erp: Value = None) -> Problem:
    """Return a problem as it is remembered, with the values of both sides at the time."""
    return Problem(field, side, cause, "as before", (SEAL.digest(crm), SEAL.digest(erp)), ago(600))


__all__ = ["D1", "ORDER", "PARTNER", "S1", "SEAL", "Skip", "Sync"]
