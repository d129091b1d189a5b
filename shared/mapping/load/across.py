"""What several flows have to say to each other: who owns a column, what a name means, who waits for whom."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from shared.core.model import SIDES, Side
from shared.mapping.flow import Field, Flow
from shared.mapping.schema import closest

type Say = Callable[[str, tuple[str | int, ...], str], None]  # flow, where in its file, message


def check_across(flows: Mapping[str, Flow], known: frozenset[str], say: Say) -> None:
    """Check all flows of a folder together; `known` are all flow names, also of files that have faults."""
    _check_references(flows, known, say)
    _check_cycles(flows, say)
    by_pair: dict[str, list[Flow]] = defaultdict(list)
    for flow in flows.values():
        by_pair[flow.pair].append(flow)
    for together in by_pair.values():
        _check_owners(together, say)
        _check_names(together, say)


def _fields(flow: Flow) -> Iterator[tuple[str, tuple[str | int, ...], Field]]:
    """Yield 'fields' or 'lines' with the field's place in the file."""
    for one in flow.rows.fields:
        yield "fields", ("fields", one.name), one
    for one in flow.lines.rows.fields if flow.lines else ():
        yield "lines", ("lines", "fields", one.name), one


def _check_references(flows: Mapping[str, Flow], known: frozenset[str], say: Say) -> None:
    for flow in flows.values():
        for _, path, one in _fields(flow):
            if one.reference and one.reference not in known:
                short = one.reference.rpartition("/")[2]
                near = closest(short, [name.rpartition("/")[2] for name in known])
                say(flow.name, (*path, "via"), f"link to unknown flow {short!r}{near}")


def _check_cycles(flows: Mapping[str, Flow], say: Say) -> None:
    """Records that wait for each other wait for ever (law 18)."""
    needs = {
        flow.name: {one.reference: path for _, path, one in _fields(flow) if one.reference and one.required}
        for flow in flows.values()
    }
    for start, references in needs.items():
        for reference, path in references.items():
            if start in _reachable(reference, needs):
                what = f"{start} requires {reference}, which requires {start} in the end: make one of them not required"
                say(start, (*path, "via"), what)


def _reachable(start: str, needs: Mapping[str, Mapping[str, object]]) -> set[str]:
    seen, open_ = set[str](), [start]
    while open_:
        name = open_.pop()
        if name not in seen:
            seen.add(name)
            open_.extend(needs.get(name, ()))
    return seen


def _check_owners(flows: list[Flow], say: Say) -> None:
    """A column has one row that writes it, in all flows over a pair of objects (law 1)."""
    writers: dict[tuple[str, Side, str], tuple[Flow, Field]] = {}
    for flow in flows:
        for where, path, one in _fields(flow):
            for side in SIDES:
                for column in one.writes[side]:
                    first, other = writers.setdefault((where, side, column), (flow, one))
                    if other is not one and not (first is not flow and _alike(one, other)):
                        name = f"{first.name} {other.name}" if first is not flow else other.name
                        say(flow.name, (*path, side), f"{column} in {side} is already written by {name}")


def _alike(one: Field, other: Field) -> bool:
    return (one.name, one.fingerprint, one.owner, one.then) == (other.name, other.fingerprint, other.owner, other.then)


def _check_names(flows: list[Flow], say: Say) -> None:
    """Links keep digests by field name: one name must be read in one way by all flows over a pair."""
    seen: dict[tuple[str, str], tuple[Flow, Field]] = {}
    for flow in flows:
        for where, path, one in _fields(flow):
            first, other = seen.setdefault((where, one.name), (flow, one))
            if first is not flow and one.fingerprint != other.fingerprint:
                say(flow.name, path, f"{one.name} is read differently in {first.name}: rename it, or make them alike")
