"""One row of a mapping, bound to the columns of both systems: all names looked up, all constants read. Pure.

What does not fit is complained of at its place in the file; a row with a complaint is not compiled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import orjson

from shared.core.model import OTHER, SIDES, Column, Scalar, Side
from shared.mapping.compile import chain
from shared.mapping.compile.conditions import Complain, Condition, Path, condition
from shared.mapping.compile.constants import Constant, constant, kind_of
from shared.mapping.functions import FUNCTIONS, Calculation
from shared.mapping.schema import Row, closest
from shared.mapping.verbs import CodeTable, Verb


@dataclass(frozen=True, slots=True)
class Scope:
    """What rows are bound to: the columns of both sides, the code tables, and where complaints go.

    `parts` are the selectors of collections: they decide which row a column means.
    """

    columns: Mapping[Side, Mapping[str, Column]]
    tables: Mapping[str, CodeTable]
    parts: Mapping[str, Mapping[str, tuple[str, ...]]]
    complain: Complain


@dataclass(slots=True)
class Bound:
    """A row ready to be compiled.

    `columns` are the columns of its value on each side (none on the source side of const and cases); `reads` adds
    those that only its conditions look at. `ways` says from which sides it can be carried.
    """

    name: str
    row: Row
    columns: Mapping[Side, Mapping[str, Column]]
    reads: Mapping[Side, tuple[str, ...]]
    writes: Mapping[Side, tuple[str, ...]]
    ways: frozenset[Side] = frozenset(SIDES)
    fingerprint: str = ""
    verbs: tuple[Verb, ...] = ()
    link: chain.Link | None = None
    const: Scalar = None
    cases: tuple[tuple[Condition, Scalar], ...] = ()
    calculation: Calculation | None = None
    when: Condition | None = None


def bind(name: str, row: Row, scope: Scope, path: Path) -> Bound | None:
    """Return the row bound to its columns, or None after complaining."""
    binder = _Binder(row, scope, path)
    bound = binder.bind(name)
    if binder.faults:
        return None
    bound.fingerprint = _fingerprint(bound, scope)
    return bound


@dataclass(slots=True)
class _Binder:
    row: Row
    scope: Scope
    path: Path
    faults: int = field(default=0)

    def complain(self, path: Path, message: str) -> None:
        self.faults += 1
        self.scope.complain(path, message)

    def bind(self, name: str) -> Bound:
        row = self.row
        columns = {side: self._look_up(side) for side in SIDES}
        # a side is written when the other side, or both, own the row at one time or another
        writes = {side: getattr(row, side) if row.owners & {OTHER[side], "both"} else () for side in SIDES}
        bound = Bound(name, row, columns, {side: tuple(columns[side]) for side in SIDES}, writes)
        for side in SIDES:
            for column in writes[side]:
                if column in columns[side]:
                    self._check_writable(columns[side][column], column, side)
        if not self.faults:
            self._bind_value(bound)
        return bound

    def _bind_value(self, bound: Bound) -> None:
        match self.row.makes, self.row.source:
            case "const", ("dynamics" | "sap") as source:
                self._const(bound, source)
            case "cases", ("dynamics" | "sap") as source:
                self._cases(bound, source)
            case "calc", ("dynamics" | "sap") as source:
                self._calc(bound, source)
            case _:
                self._via(bound)

    def _look_up(self, side: Side) -> dict[str, Column]:
        known, names = self.scope.columns[side], getattr(self.row, side)
        for name in names:
            if name not in known:
                self.complain((*self.path, side), f"unknown column {name!r}{closest(name, known)}")
        return {name: known[name] for name in names if name in known}

    def _check_writable(self, column: Column, name: str, side: Side) -> None:
        path = (*self.path, side)
        if not column.create and not column.update:
            self.complain(path, f"{name} is read-only, and this row would write it: change the owner")
        elif not column.update and self.row.on != "create":
            self.complain(path, f"{name} can only be written when a record is created: add `on: create`")
        elif not column.create and self.row.on == "create":
            self.complain(path, f"{name} cannot be written when a record is created: remove `on: create`")

    def _via(self, bound: Bound) -> None:
        row, path = self.row, (*self.path, "via")
        missing = [side for side in SIDES if not bound.columns[side]]
        if missing:
            self.complain(self.path, f"needs a column in {' and '.join(missing)}, or one of const, cases, calc")
            return
        built = list(chain.build(row.via, self.scope.tables))
        for at, one in enumerate(built):
            if isinstance(one, str):
                self.complain((*path, at), one)
        verbs = tuple(one for one in built if isinstance(one, Verb))
        if len(verbs) == len(built):
            bound.verbs, faults = chain.fit(row.via, verbs, bound.columns["dynamics"], bound.columns["sap"])
            for fault in faults:
                self.complain(path, fault)
            self._check_ways(bound)
        bound.link = chain.link_of(bound.verbs)
        if bound.link and row.source:
            bound.ways = frozenset({row.source})  # a link is one to one: the way back would tell nothing new

    def _check_ways(self, bound: Bound) -> None:
        row, lost = self.row, chain.one_way(self.row.via, bound.verbs)
        if lost and row.source != "dynamics":
            path = (*self.path, "via")
            self.complain(path, f"no way back from sap, which owner {_owners(row)} needs: {', '.join(lost)}")
        if lost:
            bound.ways = frozenset({"dynamics"})
        for target in SIDES:
            room = chain.too_long(bound.verbs, target, bound.columns, row.check.max_length)
            if bound.writes[target] and room:
                self.complain(self.path, room)
        if row.when and row.source:
            bound.when = self._condition(row.when, row.source, (*self.path, "when"))
            bound.ways = frozenset({row.source})
            bound.reads = {**bound.reads, row.source: _union(bound.reads[row.source], bound.when.columns)}

    def _const(self, bound: Bound, source: Side) -> None:
        target = self._only_target(bound, source)
        if target is not None:
            bound.ways = frozenset({source})
            bound.const = self._constant(self.row.const, target, (*self.path, "const"))

    def _cases(self, bound: Bound, source: Side) -> None:
        target = self._only_target(bound, source)
        if target is None:
            return
        bound.ways = frozenset({source})
        bound.cases = tuple(
            (
                self._condition(case.when, source, (*self.path, "cases", at, "when")),
                self._constant(case.then, target, (*self.path, "cases", at, "then")),
            )
            for at, case in enumerate(self.row.cases)
        )
        bound.reads = {**bound.reads, source: _union(*(when.columns for when, _ in bound.cases))}

    def _only_target(self, bound: Bound, source: Side) -> Column | None:
        target = bound.columns[OTHER[source]]
        if bound.columns[source] or len(target) != 1:
            message = f"{self.row.makes} needs no column in {source} and exactly one in {OTHER[source]}"
            self.complain(self.path, message)
            return None
        return next(iter(target.values()))

    def _calc(self, bound: Bound, source: Side) -> None:
        name, path = self.row.calc, (*self.path, "calc")
        calculation = FUNCTIONS.get(name)
        if calculation is None:
            self.complain(path, f"unknown function {name!r}{closest(name, FUNCTIONS)}")
            return
        given = tuple(kind_of(column) for column in bound.columns[source].values())
        if given != calculation.takes:
            self.complain(path, f"{name} takes ({', '.join(calculation.takes)}), here it gets ({', '.join(given)})")
        wanted = [kind_of(column) for column in bound.columns[OTHER[source]].values()]
        if wanted != [calculation.gives]:
            self.complain(path, f"{name} gives one {calculation.gives}, to be written here: ({', '.join(wanted)})")
        bound.ways, bound.calculation = frozenset({source}), calculation

    def _condition(self, data: Mapping[str, object], side: Side, path: Path) -> Condition:
        return condition(data, self.scope.columns[side], self.complain, path)

    def _constant(self, value: Constant, column: Column, path: Path) -> Scalar:
        try:
            return constant(value, column)
        except ValueError as e:
            self.complain(path, str(e))
            return None


def _owners(row: Row) -> str:
    return row.owner.until_linked + (f", then {row.owner.then}" if row.owner.then else "")


def _union(*groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))


def _fingerprint(bound: Bound, scope: Scope) -> str:
    """Digest how the field is read and carried (law 12). Owner, clash and checks take no part: they read nothing."""
    row = bound.row
    prefixes = {name.removeprefix("header.").rpartition(".")[0] for side in SIDES for name in bound.reads[side]}
    says = {
        "columns": {side: list(bound.columns[side]) for side in SIDES},
        "via": [[step.verb, step.arguments] for step in row.via],
        "about": [dict(verb.about) for verb in bound.verbs],
        "const": row.const,
        "cases": [[case.when, case.then] for case in row.cases],
        "calc": row.calc,
        "when": row.when,
        "parts": {prefix: scope.parts[prefix] for prefix in prefixes if prefix in scope.parts},
    }
    return blake2b(orjson.dumps(says, option=orjson.OPT_SORT_KEYS), digest_size=6).hexdigest()
