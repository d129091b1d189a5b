"""What the link knows after a sync: which fields are in step as both systems now hold them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from shared.core.digest import plain
from shared.core.link import Base, Intent, LineLink, Link, Problem
from shared.core.model import SIDES, Line, Side
from shared.core.plan import Facts
from shared.decision.lines import LinePair, in_context, line_links, pair_lines
from shared.decision.rows import Judged, judge
from shared.mapping.flow import Flow, Lines

RECENT = timedelta(hours=1)
RECENT_COUNT_MAX = 240


def learn(link: Link, facts: Facts, flow: Flow, accepted: frozenset[str] = frozenset()) -> Link:
    """Return the link with the base of every field that is in step now.

    `accepted` are fields that a system keeps in a form of its own: what it holds is the base (law 7). A field that is
    not in step keeps the base it had.
    """
    records = facts.records
    change = replace(facts.change, choices=())  # what a person wants is not what is
    facts = replace(facts, link=link, change=change)
    both = {side: record for side in SIDES if (record := records[side]) is not None}
    if len(both) < len(SIDES):
        return link
    values = {side: both[side].values for side in SIDES}
    base = _bases(list(judge(flow.rows, values, link.base, facts)), link.base, facts, accepted)
    lines = _lines(link, facts, flow.lines, accepted) if flow.lines else link.lines
    return replace(
        link,
        base=base,
        lines=lines,
        versions={side: v for side in SIDES if (v := both[side].version) is not None},
        born={side: at for side in SIDES if (at := both[side].created_at) is not None},
    )


def _bases(judged: list[Judged], old: Mapping[str, Base], facts: Facts, accepted: frozenset[str]) -> dict[str, Base]:
    found: dict[str, Base] = {}
    for one in judged:
        before = old.get(one.field.name)
        if one.verdict == "agree" or one.name in accepted:
            found[one.field.name] = _base(one, before, facts)
        elif before is not None:
            found[one.field.name] = before
    return found


def _base(one: Judged, before: Base | None, facts: Facts) -> Base:
    """Keep the digests that still hold, so that a link in step is not written again."""
    digests = {side: facts.seal.digest(one.raw[side], getattr(before, side) if before else "") for side in SIDES}
    return Base(digests["dynamics"], digests["sap"], one.field.fingerprint)


def _lines(link: Link, facts: Facts, lines: Lines, accepted: frozenset[str]) -> tuple[LineLink, ...]:
    pairs = pair_lines(facts.records, line_links(replace(facts, link=link), lines), lines, facts.linked)
    return tuple(k for pair in pairs if (k := _line(pair, facts, lines, accepted)) is not None)


def _line(pair: LinePair, facts: Facts, lines: Lines, accepted: frozenset[str]) -> LineLink | None:
    if pair.dynamics is None or pair.sap is None:
        if pair.link is None or (pair.dynamics is None and pair.sap is None):
            return None
        return replace(pair.link, gone=pair.link.gone or _dealt_with(pair, lines))
    if pair.link is not None and pair.link.gone:
        return pair.link
    both: dict[Side, Line] = {"dynamics": pair.dynamics, "sap": pair.sap}
    values = {side: in_context(both[side], facts.records[side], lines, side) for side in SIDES}
    old = pair.link.base if pair.link else {}
    judged = list(judge(lines.rows, values, old, facts, f"{pair.name}."))
    return LineLink(pair.dynamics.key, pair.sap.key, _bases(judged, old, facts, accepted))


def _dealt_with(pair: LinePair, lines: Lines) -> bool:
    """Return whether SAP's line shows what a removal in Dynamics means there."""
    if pair.sap is None or lines.gone == "remove":
        return False
    return lines.gone == "keep" or all(plain(pair.sap.values.get(k)) == plain(v) for k, v in lines.reject.items())


def with_writes(link: Link, facts: Facts, written: Mapping[str, str]) -> Link:
    """Add this sync's writes ('sap city' -> digest) to the trail of the last hour."""
    young = tuple(one for one in link.recent if one[0] > facts.now - RECENT)
    new = tuple((facts.now, name, digest) for name, digest in sorted(written.items()))
    return replace(link, recent=(*young, *new)[-RECENT_COUNT_MAX:])


def with_problems(link: Link, problems: tuple[Problem, ...]) -> Link:
    """Replace the parked fields; a problem that was there before keeps its first time.

    What was overwritten stays until its values move: nothing else would ever show it again.
    """
    told = tuple(p for p in link.parked if p.cause == "overwritten" and _as_it_was(p, link))
    kept = {(p.field, p.side): p for p in known_before((*told, *problems), link.parked)}
    return replace(link, parked=tuple(kept.values()))


def known_before(problems: Iterable[Problem], before: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems with since when they are known, and still discarded if nothing moved since that was said."""
    known = {(p.field, p.side, p.cause): p for p in before}
    return tuple(_as_known(p, known.get((p.field, p.side, p.cause))) for p in problems)


def _as_known(problem: Problem, old: Problem | None) -> Problem:
    if old is None:
        return problem
    unmoved = problem.seen == old.seen and (any(problem.seen) or problem.message == old.message)
    return replace(problem, since=old.since, discarded=old.discarded if unmoved else "")


def listed_again(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems with none discarded: somebody wants the record tried once more."""
    return tuple(replace(problem, discarded="") for problem in problems)


def _as_it_was(problem: Problem, link: Link) -> bool:
    base = link.base.get(problem.field)
    return base is None or problem.seen == (base.dynamics, base.sap)


def without_old_intents(link: Link, facts: Facts) -> Link:
    """Forget intents that can no longer commit; somebody may approve a draft after weeks."""
    return replace(link, intents=tuple(intent for intent in link.intents if _may_commit(intent, facts)))


def _may_commit(intent: Intent, facts: Facts) -> bool:
    if intent.kind == "draft":
        return facts.records[intent.side] is None and facts.change.cause != "replay"
    return facts.now < intent.since + timedelta(seconds=facts.longest.get(intent.side, 0))
