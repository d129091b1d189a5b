"""The looks that `gather` takes: the pair's link, both records, and the links of what they refer to."""

import asyncio
from dataclasses import replace

from shared.core.link import Link
from shared.core.messages import partition
from shared.core.model import OTHER, SIDES, Change, Record, Reference, Side
from shared.core.plan import Facts
from shared.decision.rows import unsettled_references
from shared.errors import Elsewhere
from shared.mapping.flow import Flow
from shared.ports import App
from shared.steps.twins import is_another


async def find_link(change: Change, flow: Flow, app: App) -> Link | None:
    """Look where the change says that the pair lives, else by the record's own key."""
    link = await app.state.link(flow.pair, "dynamics", change.pair_key) if change.pair_key else None
    if link is None or link.key(change.side) != change.key:
        link = await app.state.link(flow.pair, change.side, change.key)
    if link and link.key(change.side) != change.key:
        return None  # a way-back row that was left behind: the pair belongs to another record now
    if link and change.pair_key and partition(flow.pair, link.dynamics) != partition(flow.pair, change.pair_key):
        raise Elsewhere("the pair lives in another partition", pair_key=link.dynamics)
    return link


async def read_pair(
    change: Change, link: Link | None, flow: Flow, app: App
) -> tuple[Link | None, dict[Side, Record | None]]:
    """Return both records as they are now, and the link if it is theirs."""
    keys = {side: link.key(side) if link else "" for side in SIDES} | {change.side: change.key}
    read = await asyncio.gather(*(_read(side, keys[side], flow, app) for side in SIDES))
    records = dict(zip(SIDES, read, strict=True))
    source, other = records[change.side], OTHER[change.side]
    if source is not None and source.key != change.key:  # SAP takes a number with zeros before it, too
        raise Elsewhere("the record spells its key otherwise", key=source.key)
    if is_another(link, change.side, source, flow):
        return None, {**records, other: None}
    return link, records


async def _read(side: Side, key: str, flow: Flow, app: App) -> Record | None:
    return await app.system(flow, side).read(flow.selections[side], key) if key else None


async def resolve(facts: Facts, flow: Flow, app: App) -> dict[Reference, str]:
    """Look up the links of what the records refer to; references that did not move since in step cost no look."""
    other = OTHER[facts.change.side]
    both = {**facts.records, other: facts.twins[0].record} if facts.twins else facts.records
    wanted = unsettled_references(replace(facts, records=both), flow)
    links = await asyncio.gather(*(app.state.link(app.flows[r.flow].pair, r.side, r.key) for r in wanted))
    found = zip(wanted, links, strict=True)
    return {r: link.key(OTHER[r.side]) for r, link in found if link is not None and link.status == "linked"}
