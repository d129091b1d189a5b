"""From an address to what serves it. Reads answer at once; writes become work for a transaction.

No HTTP server here and no commit: a call in, an answer or a piece of work out.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.core.values import Ref, Row
from dev.dynamics.dataverse.model.csdl import csdl
from dev.dynamics.dataverse.model.definitions import SETS, definitions
from dev.dynamics.dataverse.model.metadata import Table
from dev.dynamics.dataverse.query import tracking
from dev.dynamics.dataverse.query.address import ROOT, Segment, key_of, segments
from dev.dynamics.dataverse.query.options import Parameters, parameters, read_query
from dev.dynamics.dataverse.query.read import COUNT_MAX, Asked, candidates, collection, read_cookie
from dev.dynamics.dataverse.query.terms import Scope
from dev.dynamics.dataverse.web.bulk import BULK
from dev.dynamics.dataverse.web.call import Answer, Call, answer, replace_reference
from dev.dynamics.dataverse.web.links import change_collection, put_link, put_property
from dev.dynamics.dataverse.web.rows import (
    applied,
    create_row,
    delete_row,
    patch_row,
    read_property,
    read_row,
    view_of,
)
from dev.dynamics.dataverse.writes.actions import NAMES, run_action
from dev.dynamics.dataverse.writes.unit import Unit

type Work = Callable[[Unit], Answer]
READS: Final = frozenset({"GET", "HEAD"})
# Known to the real service and to common clients; a 404 would say that the service has no such thing.
NOT_SIMULATED: Final = frozenset(SETS) | {
    "BulkDelete",
    "CreateEntities",
    "DeleteFile",
    "GlobalOptionSetDefinitions",
    "InitializeFileBlocksUpload",
    "PublishAllXml",
    "PublishXml",
    "RetrieveTotalRecordCount",
    "RetrieveVersion",
}


def read(org: Org, call: Call, *, expired_before: int = 0) -> Answer:  # noqa: PLR0911 - one return for a kind of address
    """Serve a GET."""
    steps = segments(replace_reference(call.path, call.references).lstrip("/"))
    if not steps:
        sets = [{"name": table.set, "kind": "EntitySet", "url": table.set} for table in org.model.tables.values()]
        return answer({"@odata.context": f"{call.base}/$metadata", "value": sets})
    if steps[0].name == "$metadata":
        return Answer(200, {"Content-Type": "application/xml"}, csdl(org.model))
    if steps[0].name in SETS:
        return _metadata(org, call, steps)
    if steps[0].name == "WhoAmI":
        return _who_am_i(org, call)
    table = _table(org, steps[0].name)
    if steps[0].arguments is None:
        return _read_set(org, call, table, steps, expired_before)
    row = org.need_row(table, key_of(table, steps[0]))
    if len(steps) == 1:
        parameters(call.query)
        return read_row(org, call, table, row)
    return _read_below(org, call, table, row, steps[1:])


def _table(org: Org, name: str) -> Table:
    if name.removeprefix("Microsoft.Dynamics.CRM.") in NOT_SIMULATED:
        raise refuse("not simulated", what=name)
    return org.table_of_set(name)


def _metadata(org: Org, call: Call, steps: list[Segment]) -> Answer:
    fragment, found = definitions(org, steps, parameters(call.query))
    head: dict[str, object] = {"@odata.context": f"{call.base}/$metadata#{fragment}"}
    return answer(head | (found if isinstance(found, dict) else {"value": found}))


def _who_am_i(org: Org, call: Call) -> Answer:
    where = f"{call.base}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse"
    ids = {"BusinessUnitId": org.settings.business_unit_id, "UserId": call.caller.user_id}
    return answer({"@odata.context": where, **ids, "OrganizationId": org.settings.organization_id})


def _asked(org: Org, call: Call, found: Parameters) -> Asked:
    size = call.preferences.get("odata.maxpagesize", "")
    limit = org.settings.page_size
    wanted = min(int(size), limit) if size.isdecimal() and int(size) > 0 else limit
    return Asked(f"{call.base}/{call.path.lstrip('/')}", call.query, wanted, read_cookie(found.get("$skiptoken")))


def _read_set(org: Org, call: Call, table: Table, steps: list[Segment], expired_before: int) -> Answer:
    found = parameters(call.query)
    scope = Scope(org, table, call.caller.user_id, found.aliases)
    token = found.get("$deltatoken")
    counting = [step.name for step in steps[1:]] == ["$count"]
    if len(steps) > 1 and not counting:
        raise refuse("no segment", segment=steps[1].name)
    cookie = found.get("$skiptoken") or ""
    tracks = token is not None or "odata.track-changes" in call.preferences or 'istracking="True"' in cookie
    if tracks:
        tracking.check_tracked(org, table, found)
    query = read_query(found.options, scope)
    since = tracking.read_token(org, token, expired_before) if token is not None else 0
    if counting:
        rows = [row for row in candidates(org, table, query.filter) if not query.filter or query.filter.test(row)]
        number = tracking.count(org, table, since) if token is not None else min(len(rows), COUNT_MAX)
        return Answer(200, {"Content-Type": "text/plain"}, str(number).encode())
    asked, view = _asked(org, call, found), view_of(org, call)
    if token is not None or (asked.cookie is not None and "gone" in asked.cookie):
        return answer(tracking.delta(view, table, query, asked, since))
    if tracks:
        headers = applied(call, "odata.track-changes", "odata.maxpagesize")
        return answer(tracking.first_read(view, table, query, asked), headers=headers)
    page = collection(view, table, query, asked)
    return answer(page, headers=applied(call, "odata.maxpagesize"))


def _read_below(org: Org, call: Call, table: Table, row: Row, steps: list[Segment]) -> Answer:
    """Serve what lies below a row: a property, a single row behind a navigation, or a collection."""
    name = steps[0].name
    rest = [step.name for step in steps[1:]]
    if name in table.many:
        return _read_children(org, call, table, row, steps)
    if name not in table.single:
        return read_property(call, table, row, steps)
    held = row.get(table.single[name][0].column)
    if not isinstance(held, Ref) or held.table not in {item.target for item in table.single[name]}:
        return Answer(204)
    target = org.model.tables[held.table]
    if rest == ["$ref"]:
        where = f"{call.base}/{target.set}({held.id})"
        return answer({"@odata.context": f"{call.base}/$metadata#$ref", "@odata.id": where})
    aimed = org.store.rows[held.table][held.id]
    return read_row(org, call, target, aimed) if not rest else _read_below(org, call, target, aimed, steps[1:])


def _read_children(org: Org, call: Call, table: Table, row: Row, steps: list[Segment]) -> Answer:
    relationship, found = table.many[steps[0].name], parameters(call.query)
    child = org.model.tables[relationship.table]
    rows = org.store.linked(child.name, relationship.column, Ref(table.name, str(row[table.id])))
    rest = [step.name for step in steps[1:]]
    if rest == ["$count"]:
        return Answer(200, {"Content-Type": "text/plain"}, str(min(len(rows), COUNT_MAX)).encode())
    if rest == ["$ref"]:
        links = [{"@odata.id": f"{call.base}/{child.set}({item[child.id]})"} for item in rows]
        return answer({"@odata.context": f"{call.base}/$metadata#Collection($ref)", "value": links})
    if rest or steps[0].arguments is not None:
        raise refuse("no segment", segment=(rest or [steps[0].text])[0])
    query = read_query(found.options, Scope(org, child, call.caller.user_id, found.aliases))
    page = collection(view_of(org, call), child, query, _asked(org, call, found), rows)
    return answer(page, headers=applied(call, "odata.maxpagesize"))


def work(org: Org, call: Call) -> Work:
    """Find what a writing call has to do inside a transaction."""
    steps = segments(replace_reference(call.path, call.references).lstrip("/"))
    if not steps:
        raise refuse("no method", method=call.method)
    last = steps[-1].name.removeprefix("Microsoft.Dynamics.CRM.")
    if call.method == "POST" and last in NAMES:
        return lambda unit: _act(unit, call, last)
    table = _table(org, steps[0].name)
    if call.method == "POST":
        return _post(call, table, steps)
    if steps[0].arguments is None:
        raise refuse("no method", method=call.method)
    key = key_of(table, steps[0])
    if len(steps) == 1 and call.method == "PATCH":
        return lambda unit: patch_row(unit, call, table, key)
    if len(steps) == 1 and call.method == "DELETE":
        return lambda unit: delete_row(unit, call, table, unit.org.need_row(table, key))
    if call.method not in {"PUT", "DELETE"} or len(steps) == 1:
        raise refuse("no method", method=call.method)
    return lambda unit: _change_below(unit, call, table, unit.org.need_row(table, key), steps[1:])


def _act(unit: Unit, call: Call, name: str) -> Answer:
    run_action(unit, name, call.json())
    return Answer(204)


def _post(call: Call, table: Table, steps: list[Segment]) -> Work:
    names = [step.name for step in steps[1:]]
    if steps[0].arguments is None:
        if not names:
            return lambda unit: create_row(unit, call, table)
        if len(names) == 1 and names[0] in BULK:
            return lambda unit: BULK[names[0]](unit, call, table)
        raise refuse("no segment", segment=names[0])
    key = key_of(table, steps[0])
    if len(names) == 2 and names[1] == "$ref" and names[0] in table.many:  # noqa: PLR2004 - collection and $ref
        return lambda unit: change_collection(unit, call, table, unit.org.need_row(table, key), steps[1])
    if len(names) != 1 or names[0] not in table.many:
        raise refuse("no method", method="POST")
    relationship = table.many[names[0]]

    def create_child(unit: Unit) -> Answer:
        own = Ref(table.name, str(unit.org.need_row(table, key)[table.id]))
        return create_row(unit, call, unit.org.model.tables[relationship.table], {relationship.column: own})

    return create_child


def _named_member(call: Call) -> Segment | None:
    """Read the member that ``DELETE .../collection/$ref?$id=address`` names."""
    named = parse_qs(call.query).get("$id", [""])[0]
    steps = segments(ROOT.sub("", named, count=1)) if named else []
    return steps[0] if steps and steps[0].arguments is not None else None


def _change_below(unit: Unit, call: Call, table: Table, row: Row, steps: list[Segment]) -> Answer:
    name = steps[0].name
    if [step.name for step in steps[1:]] == ["$ref"]:
        if name in table.single:
            return put_link(unit, call, table, row, name)
        member = steps[0] if steps[0].arguments is not None else _named_member(call)
        if name in table.many and call.method == "DELETE" and member is not None:
            return change_collection(unit, call, table, row, Segment(name, member.arguments, member.text))
    if len(steps) > 1:
        raise refuse("no segment", segment=steps[1].name)
    return put_property(unit, call, table, row, name)
