"""Facts in, Plan out. The whole sync policy, with no I/O: read this to know what the system will do.

First what forbids a merge (somebody else is at it, the record is gone, copied, doubled, came back), then the merge.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from shared.core.digest import plain
from shared.core.link import Intent, Link
from shared.core.messages import born_in_sap
from shared.core.model import OTHER, SIDES, Side, Write
from shared.core.plan import Facts, Later, Plan, Skip, Sync
from shared.decision import candidates
from shared.decision.candidates import park
from shared.decision.learning import RECENT
from shared.decision.lines import line_links, pair_lines
from shared.decision.merging import create, merge
from shared.mapping.flow import Flow

LOOK_AGAIN_SECONDS = 5
OPEN_CREATE_LOOK_SECONDS = 30
STALE_READS_MAX = 5


def decide(facts: Facts, flow: Flow) -> Plan:
    """Return what should happen, and why. The first rule with an opinion wins; without one the records are merged."""
    for rule in RULES:
        plan = rule(facts, flow)
        if plan is not None:
            return plan
    twin = next((t.record for t in facts.twins if not t.elsewhere), None)
    missing = next((side for side in SIDES if facts.records[side] is None), None)
    if missing is None or twin is not None:
        return _not_too_often(merge(facts, flow, twin), facts)
    if missing not in flow.create:
        return Skip(f"not on the {missing} side, and this flow does not create there", out_of_scope=True)
    return create(facts, flow, missing)


def _not_too_often(plan: Plan, facts: Facts) -> Plan:
    """More writes to one pair in an hour than people make are two automations at work (law 9)."""
    if _asked_again(facts) or not isinstance(plan, Sync) or not plan.writes:
        return plan
    times = {at for at, *_ in (facts.link.recent if facts.link else ()) if at > facts.now - RECENT}
    if len(times) < facts.limits.writes_per_hour:
        return plan
    names = ", ".join(sorted({name for write in plan.writes.values() for name in write.fields}))
    message = f"{len(times)} writes to this pair within an hour: two automations disagree about {names}"
    return park(facts, "", "fight", message)


def _claimed(facts: Facts, _flow: Flow) -> Plan | None:
    """Another worker is about to write this pair (laws 2 and 8 of messages: the claim excludes, not the session)."""
    until = facts.link.claimed_until if facts.link else None
    if until is None or until <= facts.now:
        return None
    return Later("another worker is writing this pair", min(until, _soon(facts)))


def _stale_read(facts: Facts, _flow: Flow) -> Plan | None:
    """Time does not run backwards (law 13): an older state than the link has seen is a lagging or a restored system."""
    for side, record in facts.records.items():
        seen = facts.link.versions.get(side) if facts.link else None
        if record is None or record.version is None or seen is None or record.version >= seen or _asked_again(facts):
            continue
        if facts.change.stale_reads < STALE_READS_MAX:
            return Later(f"{side} answered with an older state than was seen before", _soon(facts), stale_read=True)
        message = (
            f"{side} keeps answering with an older state than was seen before: a restored database, or a replica; "
            "replay to take it as it is now"
        )
        return park(facts, side, "stale read", message)
    return None


def _merged_away(facts: Facts, _flow: Flow) -> Plan | None:
    for side, record in facts.records.items():
        if record is not None and record.merged_into:
            message = (
                f"merged into {record.merged_into} on the {side} side: decide which partner survives, then link it"
            )
            return park(facts, side, "merged", message, status="merged")
    return None


def _gone(facts: Facts, flow: Flow) -> Plan | None:
    """An unreadable record is not a deleted one: only an explicit delete, and a read that confirms it, retires."""
    link, said = facts.link, facts.change
    gone = [side for side in SIDES if facts.records[side] is None]
    was_there = said.deleted and said.side in gone  # nobody deletes what never came into being
    if link is None or link.status == "retired" or (_not_yet_made(link, gone) and not was_there):
        return _never_there(facts)
    if not gone:
        return None
    if len(gone) == len(SIDES) and said.deleted:
        return _open_create(facts, flow) or Sync("gone on both sides", status="retired")
    side = gone[0]
    if not (said.deleted and said.side == side):
        message = f"the {side} record {link.key(side)} cannot be found, and nobody said that it was deleted"
        return park(facts, side, "gone", message)
    other = OTHER[side]
    survivor = facts.records[other]
    how = flow.retire.get(other)
    if survivor is None or not how or all(plain(survivor.values.get(k)) == plain(v) for k, v in how.items()):
        return Sync(f"deleted in {side}; nothing to retire in {other}", status="retired")
    return Sync(f"deleted in {side}: retired in {other}", status="retired", writes={other: Write(other, "retire", how)})


def _not_yet_made(link: Link, gone: list[Side]) -> bool:
    """Return whether a missing record is one that this very claim is about: it is still to be created."""
    if link.status != "claimed":
        return False
    return not link.sap or (gone == ["dynamics"] and link.dynamics == born_in_sap(link.pair, link.sap))


def _never_there(facts: Facts) -> Plan | None:
    """Nothing to sync, unless the record is only not committed yet: events can come before the commit."""
    link, said = facts.link, facts.change
    if facts.records[said.side] is not None or (link is not None and facts.records[OTHER[said.side]] is not None):
        return None
    if link is not None and link.status == "retired":
        return Skip("retired", out_of_scope=True)
    if said.deleted or said.attempt > 0 or said.cause != "event":
        return Skip("not there, and never linked", out_of_scope=True)
    return Later("not readable yet: the event may have come before the commit", _soon(facts))


def _tombstone(facts: Facts, flow: Flow) -> Plan | None:
    if facts.link is None or facts.link.status not in ("retired", "merged"):
        return None
    if facts.link.status == "merged" or any(facts.records[side] is None for side in SIDES):
        return Skip(facts.link.status, out_of_scope=True)
    if flow.unretire or _asked_again(facts):
        return None
    kept = _retired_still(facts, flow)
    message = "both records are there again after one was deleted: replay to link them again"
    return park(facts, "", "came back", message + (f"; {kept} stays as retiring set it" if kept else ""))


def _retired_still(facts: Facts, flow: Flow) -> str:
    """Name the columns that say "retired": whether they are to be taken back is a person's decision."""
    found = [
        f"{side} {column}"
        for side, how in flow.retire.items()
        for column, value in how.items()
        if (record := facts.records[side]) is not None and plain(record.values.get(column)) == plain(value)
    ]
    return ", ".join(found)


def _reused_key(facts: Facts, _flow: Flow) -> Plan | None:
    """A key that comes back is not the same record (law 5)."""
    for side, record in facts.records.items():
        born = facts.link.born.get(side) if facts.link else None
        if _asked_again(facts):
            continue  # a person said that it is the right one
        if record is not None and born is not None and record.created_at not in (None, born):
            message = (
                f"the {side} record {record.key} is another one than was linked: it was created anew under this key"
            )
            return park(facts, side, "key reused", message)
    return None


def _out_of_scope(facts: Facts, flow: Flow) -> Plan | None:
    for side, record in facts.records.items():
        if record is not None and not flow.takes[side](record.values):
            return Skip(f"outside the mapping's scope on the {side} side", out_of_scope=True)
    return None


def _open_create(facts: Facts, flow: Flow) -> Plan | None:
    """A create whose answer was lost is repeated only after the system's longest transaction (law 3)."""
    if facts.link is None or facts.twins:
        return None
    for intent in facts.link.intents:
        if intent.kind == "draft" and facts.records[intent.side] is None and not _asked_again(facts):
            message = (
                f"{intent.side} has taken it as a draft: it is linked once it is approved; if it was rejected, replay"
            )
            return park(facts, facts.change.side, "awaits approval", message)
        until = intent.since + timedelta(seconds=facts.longest.get(intent.side, 0))
        if intent.kind == "create" and facts.now < until and _not_seen_yet(intent, facts, flow):
            reason = f"the answer of a create in {intent.side} was lost: it may still commit"
            return Later(reason, min(until, _soon(facts, OPEN_CREATE_LOOK_SECONDS)))
    return None


def _not_seen_yet(intent: Intent, facts: Facts, flow: Flow) -> bool:
    """Return whether the record, or a line, that was on its way has not shown up."""
    if facts.records[intent.side] is None:
        return True
    if flow.lines is None or facts.link is None:
        return False
    pairs = pair_lines(facts.records, line_links(facts, flow.lines), flow.lines, facts.linked)
    alone = {pair.name for pair in pairs if pair.link is None and (pair.sap is None or pair.dynamics is None)}
    return bool(alone & intent.sent.keys())


def _asked_again(facts: Facts) -> bool:
    return facts.change.cause == "replay"


def _soon(facts: Facts, seconds: int = LOOK_AGAIN_SECONDS) -> datetime:
    return facts.now + timedelta(seconds=seconds)


type Rule = Callable[[Facts, Flow], Plan | None]

RULES: tuple[Rule, ...] = (
    _claimed,
    _stale_read,
    _merged_away,
    _gone,
    _tombstone,
    _reused_key,
    _out_of_scope,
    candidates.copied,
    candidates.doubled,
    candidates.takes_no_part,
    _open_create,
)
