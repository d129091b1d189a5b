"""Does a mapping file fit its two objects, apart from the rows: keys, birthmarks, parts, stamps? Pure."""

from collections.abc import Iterable, Mapping

from shared.core.model import SIDES, Column, Scalar, Side
from shared.mapping.catalogue import ObjectInfo
from shared.mapping.compile.conditions import Complain, Path
from shared.mapping.compile.constants import Constant, constant, kind_of
from shared.mapping.schema import FlowFile, LinesFile, OwnColumns, Row, closest

_GUID_CHARACTERS = 36  # what a birthmark in SAP holds when it holds the Dynamics row's id
type Columns = Mapping[Side, Mapping[str, Column]]


def header_columns(file: FlowFile, infos: Mapping[Side, ObjectInfo], complain: Complain) -> Columns:
    """Return the columns of both objects, the customer's own included."""
    return {side: _with_own(infos[side].columns, file.columns, side, complain, ("columns",)) for side in SIDES}


def line_columns(lines: LinesFile, header: Columns, infos: Mapping[Side, ObjectInfo], complain: Complain) -> Columns:
    """Return the columns of both collections of lines, and the header's, read-only, as 'header.<column>'."""
    found: dict[Side, Mapping[str, Column]] = {}
    for side in SIDES:
        name, known = getattr(lines, side), infos[side].lines
        if name not in known:
            complain(("lines", side), f"unknown collection {name!r}{closest(name, known)}")
        own = _with_own(known.get(name, {}), lines.columns, side, complain, ("lines", "columns"))
        found[side] = {**own, **{f"header.{n}": _read_only(column) for n, column in header[side].items()}}
    return found


def _read_only(column: Column) -> Column:
    return Column(column.type, column.max_length, column.scale, create=False, update=False, filter=False)


def _with_own(
    known: Mapping[str, Column], own: OwnColumns, side: Side, complain: Complain, path: Path
) -> dict[str, Column]:
    """An own column that the metadata knows too must be of the same type; what the file says of it counts."""
    declared: dict[str, Column] = {}
    for name, said in getattr(own, side).items():
        declared[name] = Column(**said.model_dump())
        if name in known and known[name].type != said.type:
            complain((*path, side, name), f"found type {said.type}, but the system says {known[name].type}")
    return {**known, **declared}


def selectors(
    file: FlowFile, known: Iterable[Mapping[str, Column]], complain: Complain
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return which row of each SAP collection is meant: {'tax': {'BPTaxType': ('DE0', 'GB0')}}."""
    columns = {name: column for group in known for name, column in group.items()}
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for part, by in file.parts.items():
        for name, values in by.items():
            path = ("parts", part, name)
            column = columns.get(f"{part}.{name}")
            if column is None:
                near = [n.removeprefix(f"{part}.") for n in columns if n.startswith(f"{part}.")]
                complain(path, f"unknown column {name!r} of part {part!r}{closest(name, near)}")
                continue
            texts = tuple(str(read(value, column, complain, path)) for value in values)
            found.setdefault(part, {})[name] = texts
    return found


def check_parts(used: Iterable[str], file: FlowFile, info: ObjectInfo, complain: Complain) -> None:
    """Every collection that a column is taken from needs a selector, or the column means any of its rows."""
    for part in sorted({name.rpartition(".")[0] for name in used} & info.parts):
        if part not in file.parts:
            complain(("parts",), f"{part!r} is a collection: say which row is meant, e.g. {part}: {{Column: value}}")


def read(value: Constant, column: Column, complain: Complain, path: Path) -> Scalar:
    """Return the constant for the column, or None after complaining."""
    try:
        return constant(value, column)
    except ValueError as e:
        complain(path, str(e))
        return None


def writes(
    said: Mapping[str, Constant], columns: Mapping[str, Column], complain: Complain, path: Path
) -> dict[str, Scalar]:
    """Return columns that an update shall set to constants (retire, reject)."""
    found: dict[str, Scalar] = {}
    for name, value in said.items():
        column = columns.get(name)
        if column is None:
            complain((*path, name), f"unknown column {name!r}{closest(name, columns)}")
        elif not column.update:
            complain((*path, name), f"{name} cannot be updated")
        else:
            found[name] = read(value, column, complain, (*path, name))
    return found


def check_keys(file: FlowFile, columns: Columns, complain: Complain) -> None:
    """Match keys and birthmarks are what records are found by, in the systems."""
    for at, key in enumerate(file.match):
        for side in SIDES:
            findable(getattr(key, side), columns[side], complain, ("match", at, side))
    mark = file.birthmark
    for side in SIDES:
        name = getattr(mark, side)
        path = ("birthmark", side)
        if side in file.create and not name:
            complain(path, f"the flow creates in {side}: without a birthmark there, a lost answer makes a duplicate")
        if not name or not findable(name, columns[side], complain, path):
            continue
        column = columns[side][name]
        if kind_of(column) != "text" or not column.create:
            complain(path, f"{name} must be a text that can be written when a record is created")
        too_short = column.max_length is not None and column.max_length < _GUID_CHARACTERS
        if side == "sap" and not mark.holds and too_short:
            complain(path, f"{name} has {column.max_length} characters, the Dynamics key has {_GUID_CHARACTERS}")
    if mark.holds and mark.holds not in columns["dynamics"]:
        complain(("birthmark", "holds"), f"unknown column {mark.holds!r}{closest(mark.holds, columns['dynamics'])}")


def findable(name: str, columns: Mapping[str, Column], complain: Complain, path: Path) -> bool:
    """Return whether records can be searched by this column; complain if not."""
    if name not in columns:
        complain(path, f"unknown column {name!r}{closest(name, columns)}")
        return False
    if not columns[name].filter:
        complain(path, f"{name} is not filterable: records cannot be found by it")
    return True


def check_line_keys(lines: LinesFile, columns: Columns, complain: Complain) -> None:
    """Lines pair in memory: their keys need to be known, not filterable."""
    for at, key in enumerate(lines.match):
        for side in SIDES:
            _known(getattr(key, side), columns[side], complain, ("lines", "match", at, side))
    for name in lines.same:
        if name not in lines.fields:
            complain(("lines", "same"), f"unknown field {name!r}{closest(name, lines.fields)}")
    if lines.birthmark is not None:
        path = ("lines", "birthmark")
        if _known(lines.birthmark.sap, columns["sap"], complain, (*path, "sap")):
            column = columns["sap"][lines.birthmark.sap]
            if not column.create:
                complain((*path, "sap"), f"{lines.birthmark.sap} cannot be written when a line is created")
        if lines.birthmark.holds:
            _known(lines.birthmark.holds, columns["dynamics"], complain, (*path, "holds"))
    elif "sap" in lines.create:
        complain(
            ("lines", "birthmark"), "the flow creates lines in sap: without a birthmark, a lost answer doubles them"
        )


def _known(name: str, columns: Mapping[str, Column], complain: Complain, path: Path) -> bool:
    if name not in columns:
        complain(path, f"unknown column {name!r}{closest(name, columns)}")
    return name in columns


def check_newest(file: FlowFile, infos: Mapping[Side, ObjectInfo], complain: Complain) -> None:
    """`clash: newest` needs stamps with a zone and sub-day precision on both sides (law 11)."""
    dull = [side for side in SIDES if not infos[side].honest_stamps]
    if not dull:
        return
    message = f"newest cannot be judged: the change stamp of {' and '.join(dull)} has no zone or only the day"
    places: list[tuple[Path, FlowFile | Row]] = [(("clash",), file)]
    places += [(("fields", name, "clash"), row) for name, row in file.fields.items()]
    if file.lines is not None:
        places += [(("lines", "fields", name, "clash"), row) for name, row in file.lines.fields.items()]
    for path, place in places:
        if place.clash == "newest":
            complain(path, message)
