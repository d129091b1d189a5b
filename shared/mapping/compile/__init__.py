"""Turns a checked mapping file into a `Flow`: names bound to metadata, rows to generated functions. Pure.

Reading files, and what several flows have to say to each other, is `load`'s business.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from shared.core.model import SIDES, Column, Reference, Selection, Side, Value, Values
from shared.mapping.catalogue import ObjectInfo
from shared.mapping.compile import fit
from shared.mapping.compile.conditions import Complain, Condition, Path, condition
from shared.mapping.compile.limits import limits
from shared.mapping.compile.rows import Bound, Scope, bind
from shared.mapping.compile.source import caster, functions, steps
from shared.mapping.flow import Birthmark, Field, Flow, Lines, Rows
from shared.mapping.schema import FlowFile, Key, LinesFile, Row
from shared.mapping.verbs import CodeTable, Unfit

__all__ = ["Complain", "Path", "World", "compile_flow", "full_name", "pair_of"]


@dataclass(frozen=True, slots=True)
class World:
    """What a file is compiled against: both objects' metadata, the code tables, the SAP client."""

    infos: Mapping[Side, ObjectInfo]
    tables: Mapping[str, CodeTable]
    client: str


def full_name(file: FlowFile) -> str:
    """Return 's4/account'."""
    return f"{file.sap.system}/{file.flow}"


def pair_of(file: FlowFile, client: str) -> str:
    """Return the identity of the two objects: 'dataverse.account@s4.100.BusinessPartner' (law 1)."""
    return f"{file.dynamics.system}.{file.dynamics.table}@{file.sap.system}.{client}.{file.sap.object}"


def compile_flow(file: FlowFile, world: World, complain: Complain) -> Flow:
    """Return the flow. After a complaint it lacks what does not fit: it is for more checks then, and not to be run."""
    columns = fit.header_columns(file, world.infos, complain)
    below: fit.Columns = (
        fit.line_columns(file.lines, columns, world.infos, complain) if file.lines else {s: {} for s in SIDES}
    )
    parts = fit.selectors(file, (columns["sap"], below["sap"]), complain)
    fit.check_keys(file, columns, complain)
    fit.check_newest(file, world.infos, complain)
    rows = _bind_all(file.fields, Scope(columns, world.tables, parts, complain), ("fields",))
    takes = {side: condition(getattr(file.when, side), columns[side], complain, ("when", side)) for side in SIDES}
    retire = {side: fit.writes(getattr(file.retire, side), columns[side], complain, ("retire", side)) for side in SIDES}
    line_rows: list[Bound] = []
    lines = None
    if file.lines is not None:
        line_rows = _bind_all(file.lines.fields, Scope(below, world.tables, parts, complain), ("lines", "fields"))
        lines = _lines(file, file.lines, line_rows, below, complain)
    used = {side: _used(side, file, rows, takes[side], lines) for side in SIDES}
    used_below = {side: _used_below(side, file.lines, line_rows) for side in SIDES}
    fit.check_parts((*used["sap"], *used_below["sap"]), file, world.infos["sap"], complain)
    compiled = _rows(rows, file, complain, ("fields",))
    return Flow(
        name=full_name(file),
        pair=pair_of(file, world.client),
        systems={"dynamics": file.dynamics.system, "sap": file.sap.system},
        selections={
            side: _selection(side, file, parts, _pick(columns[side], used[side]), _pick(below[side], used_below[side]))
            for side in SIDES
        },
        rows=compiled,
        takes={side: takes[side].holds for side in SIDES},
        when={side: getattr(file.when, side) for side in SIDES},
        birthmark=Birthmark(file.birthmark.dynamics, file.birthmark.sap, file.birthmark.holds),
        match=tuple(_both(key) for key in file.match),
        create=frozenset(file.create),
        retire=retire,
        lines=lines,
        unretire=file.unretire,
        copies=file.copies,
        sweep=file.sweep.model_dump(exclude_none=True),
        enabled=file.enabled,
    )


def _bind_all(fields: Mapping[str, Row], scope: Scope, path: Path) -> list[Bound]:
    bound = [bind(name, row, scope, (*path, name)) for name, row in fields.items()]
    return [one for one in bound if one is not None]


# --------------------------------------------------------------------------------------------------------- the rows


def _rows(bound: list[Bound], file: FlowFile, complain: Complain, path: Path) -> Rows:
    folder = file.sap.system
    made = {side: functions(bound, side, folder) for side in SIDES}
    return Rows(
        fields=tuple(_field(one, file, complain, (*path, one.name)) for one in bound),
        read={side: made[side][0] for side in SIDES},
        carry={side: made[side][1] for side in SIDES},
        references=_references(bound, folder),
    )


def _field(bound: Bound, file: FlowFile, complain: Complain, path: Path) -> Field:
    row = bound.row
    return Field(
        name=bound.name,
        owner=row.owner.until_linked,
        clash=row.clash or file.clash,
        columns=bound.reads,
        writes=bound.writes,
        fingerprint=bound.fingerprint,
        problems=limits(bound, complain, path),
        then=row.owner.then,
        create_only=row.on == "create",
        required=bound.link is not None and bound.link.required,
        personal=row.personal,
        money=row.money,
        empty_wins=row.empty == "wins",
        forms=row.forms,
        reference=f"{file.sap.system}/{bound.link.flow}" if bound.link else "",
    )


def _references(bound: list[Bound], folder: str) -> Callable[[Side, Values], tuple[tuple[str, Reference], ...]]:
    linked = [one for one in bound if one.link is not None]

    def references(side: Side, values: Values) -> tuple[tuple[str, Reference], ...]:
        found = ((one, _key(one, side, values)) for one in linked if side in one.ways)
        return tuple(
            (one.name, Reference(f"{folder}/{one.link.flow}", side, key)) for one, key in found if key and one.link
        )

    return references


def _key(bound: Bound, side: Side, values: Values) -> str:
    """Return the key that the row refers to, in the form its own side has ('' for none, or none that can be read)."""
    (name,) = bound.columns[side]
    value: Value = values.get(name)
    if value in (None, "") or (bound.when is not None and not bound.when.holds(values)):
        return ""
    ahead = [step for step, _ in steps(bound, side) if step is not None] if side == "sap" else []  # of the link
    try:
        value = caster(bound, side)(value)
        for step in ahead:
            value = step(value) if value not in (None, "") else None
    except Unfit:
        return ""
    return value if isinstance(value, str) else ""


# ----------------------------------------------------------------------------------------- lines, and what is selected


def _lines(file: FlowFile, said: LinesFile, rows: list[Bound], below: fit.Columns, complain: Complain) -> Lines:
    fit.check_line_keys(said, below, complain)
    header = {side: tuple(n for row in rows for n in row.reads[side] if n.startswith("header.")) for side in SIDES}
    return Lines(
        rows=_rows(rows, file, complain, ("lines", "fields")),
        match=tuple(_both(key) for key in said.match),
        same=said.same,
        create=frozenset(said.create),
        gone=said.gone,
        reject=fit.writes(said.reject, below["sap"], complain, ("lines", "reject")),
        birthmark=said.birthmark.sap if said.birthmark else "",
        holds=said.birthmark.holds if said.birthmark else "",
        header={side: tuple(dict.fromkeys(names)) for side, names in header.items()},
    )


def _used(side: Side, file: FlowFile, rows: list[Bound], takes: Condition, lines: Lines | None) -> tuple[str, ...]:
    mark = file.birthmark
    return (
        *(name for row in rows for name in row.reads[side]),
        *takes.columns,
        *(getattr(key, side) for key in file.match),
        *((mark.dynamics, mark.holds) if side == "dynamics" else (mark.sap,)),
        *getattr(file.retire, side),
        *(name.removeprefix("header.") for name in (lines.header[side] if lines else ())),
    )


def _used_below(side: Side, lines: LinesFile | None, rows: list[Bound]) -> tuple[str, ...]:
    if lines is None:
        return ()
    mark = lines.birthmark
    marks = ((mark.holds,) if side == "dynamics" else (mark.sap,)) if mark else ()
    return (
        *(name for row in rows for name in row.reads[side] if not name.startswith("header.")),
        *(getattr(key, side) for key in lines.match),
        *marks,
        *(lines.reject if side == "sap" else ()),
    )


def _both(key: Key) -> dict[Side, str]:
    return {"dynamics": key.dynamics, "sap": key.sap}


def _selection(
    side: Side,
    file: FlowFile,
    parts: Mapping[str, Mapping[str, tuple[str, ...]]],
    header: Mapping[str, Column],
    line: Mapping[str, Column],
) -> Selection:
    return Selection(
        object=file.dynamics.table if side == "dynamics" else file.sap.object,
        columns=header,
        parts=parts if side == "sap" else {},
        lines=getattr(file.lines, side) if file.lines else "",
        line_columns=line,
    )


def _pick(columns: Mapping[str, Column], names: Iterable[str]) -> dict[str, Column]:
    return {name: columns[name] for name in dict.fromkeys(names) if name in columns}
