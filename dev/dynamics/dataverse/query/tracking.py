"""Change tracking: a first full read that ends in a delta link, and what changed since.

A token is a row version and a moment, as on the service: ``919042!08/22/2017 08:10:44``. A delta gives current values
of changed rows and then the ids of deleted ones; it does not tell what changed in between, nor who did it.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.model.metadata import Table
from dev.dynamics.dataverse.query.options import Parameters, Query
from dev.dynamics.dataverse.query.read import Asked, next_link, write_cookie
from dev.dynamics.dataverse.query.shape import Entity, View, context, entity, ordered

NOT_ALLOWED: Final = ("filter", "orderby", "expand", "top")
_TOKEN: Final = re.compile(r"^(\d+)!(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)$")
_FORM: Final = "%m/%d/%Y %H:%M:%S"


def check_tracked(org: Org, table: Table, parameters: Parameters) -> None:
    """Refuse options that change tracking excludes, and tables without it."""
    for name in NOT_ALLOWED:
        if parameters.get(f"${name}") is not None:
            raise refuse("tracking parameter", option=name)
    if not table.tracked or table.name in org.settings.untracked:
        raise refuse("not tracked", table=table.name)


def read_token(org: Org, text: str, expired_before: int) -> int:
    """Give the version in a token; one that is older than the organisation keeps changes is 0x80044352."""
    match = _TOKEN.match(text)
    if match is None:
        raise refuse("bad query", detail=f"Invalid delta token '{text}'.")
    issued = datetime.strptime(match[2], _FORM).replace(tzinfo=UTC)
    keeps = timedelta(days=int(str(org.organization["expirechangetrackingindays"])))
    if org.clock.now() - issued > keeps or int(match[1]) < expired_before:
        raise refuse("expired token")
    return int(match[1])


def _delta_link(view: View, asked: Asked, version: int) -> str:
    token = f"{version}!{view.org.now().strftime(_FORM)}"
    return next_link(asked, quote(token, safe=""), "$deltatoken")


def first_read(view: View, table: Table, query: Query, asked: Asked) -> Entity:
    """Give a page of everything; the last one carries the link to what changed since the first."""
    cookie = asked.cookie or {"page": 1, "after": "", "from": view.org.store.version}
    rows = ordered(view.org.store.rows[table.name].values(), query, table)
    rest = [row for row in rows if str(row[table.id]) > str(cookie["after"])]
    shown = rest[: asked.size]
    found: Entity = {"@odata.context": context(view, table, query)}
    found["value"] = [entity(view, table, row, query) for row in shown]
    if len(rest) > asked.size:
        state = {"page": cookie["page"] + 1, "after": shown[-1][table.id], "from": cookie["from"]}
        found["@odata.nextLink"] = next_link(asked, write_cookie(state, tracking=True))
    else:
        found["@odata.deltaLink"] = _delta_link(view, asked, int(cookie["from"]))
    return found


def delta(view: View, table: Table, query: Query, asked: Asked, since: int) -> Entity:
    """Give a page of what changed after a version: changed rows in the order of writing, then deleted ones.

    ``upto`` is fixed when the last changed row is out: what is written later belongs to the next delta.
    """
    store = view.org.store
    cookie = asked.cookie or {"page": 1, "after": since, "gone": since, "upto": 0}
    changed = [] if cookie["upto"] else store.changed_since(table.name, int(cookie["after"]))
    shown = changed[: asked.size]
    items: list[object] = [entity(view, table, row, query) for row in shown]
    found: Entity = {"@odata.context": context(view, table, query, "/$delta"), "value": items}
    if len(shown) < len(changed):
        state = {**cookie, "page": cookie["page"] + 1, "after": shown[-1]["versionnumber"]}
        found["@odata.nextLink"] = next_link(asked, write_cookie(state, tracking=True))
        return found
    upto = int(cookie["upto"]) or store.version
    gone = store.deleted_since(table.name, int(cookie["gone"]))
    told = gone[: asked.size - len(shown)]
    head = {"@odata.context": f"{view.base}/$metadata#{table.set}/$deletedEntity"}
    items += [{**head, "id": row_id, "reason": "deleted"} for _, row_id in told]
    if len(told) < len(gone):
        last = told[-1][0] if told else cookie["gone"]
        state = {"page": cookie["page"] + 1, "after": upto, "gone": last, "upto": upto}
        found["@odata.nextLink"] = next_link(asked, write_cookie(state, tracking=True))
    else:
        found["@odata.deltaLink"] = _delta_link(view, asked, upto)
    return found


def count(org: Org, table: Table, since: int) -> int:
    """Count the changes after a version, deletions included."""
    return len(org.store.changed_since(table.name, since)) + len(org.store.deleted_since(table.name, since))
