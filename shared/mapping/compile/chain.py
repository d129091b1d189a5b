"""The verbs of one row, end to end: do the kinds, the numbers of columns and the lengths fit? Pure.

All questions are answered once, at load: what fits here never meets a value of the wrong type later.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from shared.core.model import OTHER, Column, Side
from shared.mapping.compile.constants import constant, kind_of
from shared.mapping.schema import Step, closest
from shared.mapping.verbs import VERBS, CodeTable, Kind, Verb

_GUID_CHARACTERS = 36
type Columns = Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Link:
    """The row's value is the key of a record that `flow` (short name) syncs."""

    flow: str
    required: bool


def build(steps: Sequence[Step], tables: Mapping[str, CodeTable]) -> Iterator[Verb | str]:
    """Yield each step's verb, or what is wrong with it."""
    for step in steps:
        try:
            made = VERBS[step.verb]
            yield made(**step.arguments, tables=tables) if step.verb == "code" else made(**step.arguments)
        except LookupError as e:
            yield f"unknown code table {e.args[0]!r}{closest(str(e.args[0]), tables)}"
        except ValueError as e:
            yield f"{step.verb}: {e}"


def link_of(verbs: Sequence[Verb]) -> Link | None:
    """Return the link of a row: it stands first, or there is none."""
    return Link(verbs[0].link, verbs[0].required) if verbs and verbs[0].link else None


def fit(
    steps: Sequence[Step], verbs: Sequence[Verb], dynamics: Columns, sap: Columns
) -> tuple[tuple[Verb, ...], list[str]]:
    """Walk from the Dynamics columns to the SAP columns; return the verbs, and what does not fit."""
    faults: list[str] = []
    fitted: list[Verb] = []
    kinds, count = {kind_of(column) for column in dynamics.values()}, len(dynamics)
    kind: Kind | None = next(iter(kinds)) if len(kinds) == 1 else None
    for at, (step, verb) in enumerate(zip(steps, verbs, strict=True)):
        if verb.link and at:
            faults.append("link must be the first verb: it translates Dynamics' key")
        if verb.takes not in ("any", kind):
            faults.append(f"{step.verb} takes {verb.takes}, and here it gets {kind or ' and '.join(sorted(kinds))}")
        if verb.parts[0] != count:
            faults.append(f"{step.verb} takes {_columns(verb.parts[0])}, and here it gets {count}")
        if verb.absent is not None and kind is not None:
            try:
                verb = replace(verb, absent=constant(verb.absent, Column(kind)))  # type: ignore[arg-type]  # noqa: PLW2901  # as fitted
            except ValueError as e:
                faults.append(f"{step.verb}: {e}")
        fitted.append(verb)
        kind, count = (kind if verb.gives == "any" else verb.gives), verb.parts[1]
    if not faults and count != len(sap):
        faults.append(f"{_columns(count)} of values for {_columns(len(sap))} in sap: split or join them with a verb")
    if not faults and not verbs and count > 1:
        faults += [_unlike(a, b) for a, b in zip(dynamics.values(), sap.values(), strict=True) if _unlike(a, b)]
    elif not faults:
        faults += [
            f"{name} in sap is {column.type}, and here it gets {kind or ' and '.join(sorted(kinds))}{_BETWEEN}"
            for name, column in sap.items()
            if kind_of(column) != kind
        ]
    return tuple(fitted), faults


_BETWEEN = ": put a verb between, such as option, day, number or whole"


def _unlike(left: Column, right: Column) -> str:
    if kind_of(left) == kind_of(right):
        return ""
    return f"{left.type} in dynamics meets {right.type} in sap{_BETWEEN}"


def _columns(count: int) -> str:
    return f"{count} column{'s' * (count != 1)}"


def one_way(steps: Sequence[Step], verbs: Sequence[Verb]) -> list[str]:
    """Return why there is no way back from SAP: the verbs that lose something."""
    return [f"{step.verb}{_unclear(verb)}" for step, verb in zip(steps, verbs, strict=True) if verb.back is None]


def _unclear(verb: Verb) -> str:
    missing = ", ".join(verb.unclear)
    return f" (its table does not say which word {missing} becomes: add `back:` to it)" if missing else ""


def too_long(verbs: Sequence[Verb], target: Side, columns: Mapping[Side, Columns], limit: int | None) -> str:
    """Return how the target's columns may be too short for what can come ('' when they are not).

    `limit` is the row's own `check: {max_length}`.
    """
    longest = _length(columns[OTHER[target]], _GUID_CHARACTERS)
    ordered = verbs if target == "sap" else verbs[::-1]
    for verb in ordered:
        longest = verb.lengths[0 if target == "sap" else 1](longest)
    if limit is not None:
        longest = limit if longest is None else min(longest, limit)
    room = _length(columns[target], None)
    if longest is None or room is None or longest <= room:
        return ""
    return (
        f"up to {longest} characters for room of {room} in {target}: cut, split, or add check: {{max_length: {room}}}"
    )


def _length(columns: Columns, guid: int | None) -> int | None:
    lengths = [guid if column.type == "guid" else column.max_length for column in columns.values()]
    if any(kind_of(column) != "text" for column in columns.values()):
        return None
    return None if None in lengths else sum(length for length in lengths if length is not None)
