"""Merges the lines of a document: each a small record, judged by the same rows as a header. Pure."""

from shared.core.digest import plain
from shared.core.link import LineLink, Problem
from shared.core.model import OTHER, SIDES, Line, LineWrite, Record, Side, Values
from shared.decision.draft import Draft, stuck, told_seen
from shared.decision.lines import LinePair, in_context, line_links, mark, pair_lines
from shared.decision.rows import judge
from shared.mapping.flow import Lines


def merge_lines(draft: Draft, lines: Lines) -> None:
    """Add to the draft what the lines need. A line in the base that is missing was removed; one never there is new."""
    facts = draft.facts
    if any(len(r.lines) > facts.limits.line_count_max for r in facts.records.values() if r):
        message = f"more than {facts.limits.line_count_max} lines: split the document, or raise LINE_COUNT_MAX"
        draft.problems.append(Problem("lines", "", "too many lines", message, since=facts.now))
        draft.hopeless = True
        return
    for pair in pair_lines(facts.records, line_links(facts, lines), lines, facts.linked):
        match pair:
            case LinePair(link=LineLink(gone=True)):
                continue
            case LinePair(dynamics=Line() as crm, sap=Line() as erp):
                _merge(draft, pair, {"dynamics": crm, "sap": erp}, lines)
            case LinePair(dynamics=Line() as crm, link=None):
                _add(draft, pair, crm, "sap", lines)
            case LinePair(sap=Line() as erp, link=None):
                _add(draft, pair, erp, "dynamics", lines)
            case LinePair(sap=Line() as erp, link=LineLink(dynamics=peer)):
                _removed_in_dynamics(draft, pair, LineWrite("remove", erp.key, {}, peer), erp, lines)
            case LinePair(dynamics=Line()):
                message = f"{pair.name} was removed in sap: remove it in dynamics, or add it again as a new line"
                draft.problems.append(Problem(pair.name, "sap", "line removed", message, since=facts.now))


def told_line(draft: Draft, line: Line, header: Record, target: Side, lines: Lines) -> Values:
    """Return the columns of a new line, with its birthmark."""
    values = in_context(line, header, lines, OTHER[target])
    told = draft.told(lines.rows, values, target, f"line {line.key}.")
    if target == "sap" and lines.birthmark and (known := mark(line, lines, header.lines)):
        told[lines.birthmark] = known
    return told


def _merge(draft: Draft, pair: LinePair, both: dict[Side, Line], lines: Lines) -> None:
    facts = draft.facts
    values = {side: in_context(both[side], facts.records[side], lines, side) for side in SIDES}
    judged = judge(lines.rows, values, pair.link.base if pair.link else {}, facts, f"{pair.name}.")
    for side, columns in draft.wanted(judged).items():
        if columns:
            draft.lines[side].append(LineWrite("change", both[side].key, columns, peer=both[OTHER[side]].key))


def _add(draft: Draft, pair: LinePair, line: Line, target: Side, lines: Lines) -> None:
    header = draft.facts.records[OTHER[target]]
    if target not in lines.create or header is None:
        return
    before = len(draft.problems)
    told = told_line(draft, line, header, target, lines)
    if len(draft.problems) > before:
        return
    old = stuck(Problem(pair.name, target, "", "", told_seen(told, draft.facts)), draft.facts)
    if old is not None:
        draft.problems.append(old)
        return
    draft.lines[target].append(LineWrite("add", "", told, peer=line.key))
    draft.fields[target].add(pair.name)


def _removed_in_dynamics(draft: Draft, pair: LinePair, removal: LineWrite, erp: Line, lines: Lines) -> None:
    match lines.gone:
        case "keep":
            return
        case "reject":
            if all(plain(erp.values.get(k)) == plain(v) for k, v in lines.reject.items()):
                return
            removal = LineWrite("change", erp.key, dict(lines.reject), removal.peer)
    if (old := stuck(Problem(pair.name, "sap", "", ""), draft.facts)) is not None:
        draft.problems.append(old)
        return
    draft.lines["sap"].append(removal)
    draft.fields["sap"].add(pair.name)
