"""All keys of an object with their change stamps, page by page in the order of the keys. Pure.

A page begins behind the last key of the one before, so that nothing moves between pages while records come and go, and
no server has to know `$skiptoken`. The end is an empty page: a server may give fewer rows than it was asked for.
"""

from collections.abc import Sequence

from shared.core.model import Column
from shared.errors import BadRequest, Unavailable
from shared.mapping.schema import closest
from shared.ports import Scan, Term, Touched
from shared.systems.s4 import changes, codec
from shared.systems.s4.reading import Entity, Plan, rows
from shared.systems.terms import Value, expression

PAGE_ROWS = 5_000
ALWAYS_SET = ("flag", "decimal", "int")  # SAP knows no absence of these


def ask(wanted: Plan, where: Sequence[Term], token: str, page_rows: int = PAGE_ROWS) -> str:
    """Return the address of the page behind the key `token`, below the service root."""
    structure = wanted.structure
    after = (Term("", "gt", (token,)),) if token else ()
    condition = expression((*where, *after), lambda name, value: _spelled(wanted, name, value))
    chosen = ",".join(dict.fromkeys((structure.key, *_stamps(wanted))))
    query = f"$select={chosen}&$orderby={structure.key}&$top={page_rows}"
    return f"{structure.header.set}?{query}" + (f"&$filter={codec.escape(condition)}" if condition else "")


def answer(wanted: Plan, body: Entity, token: str) -> Scan:
    """Return the page that came back. Raises Unavailable when it is not what the metadata says."""
    structure, found = wanted.structure, rows(body) or []
    try:
        touched = tuple(Touched(str(row[structure.key]), version=_version(wanted, row)) for row in found)
    except (KeyError, ValueError) as error:
        raise Unavailable(f"s4: the keys of {structure.name} are not as the metadata says: {error}") from error
    last = touched[-1].key if touched else ""
    if last and last == token:
        raise Unavailable(f"s4: {structure.header.set} gives the same page again: it does not order or compare by key")
    return Scan(touched, last)


def _stamps(wanted: Plan) -> tuple[str, ...]:
    if wanted.structure.changed:
        return (wanted.structure.changed,)
    sweep = wanted.structure.quality.changes
    return (*sweep.columns, *sweep.born)


def _version(wanted: Plan, row: Entity) -> int | None:
    """Return the record's version, or day and time of its last change as one number: 20260301081500."""
    structure, sweep = wanted.structure, wanted.structure.quality.changes
    if structure.changed:
        raw = row[structure.changed]
        return codec.milliseconds(codec.moment(raw)) if raw else None
    digits = max(changes.local(row, sweep.columns), changes.local(row, sweep.born)) if sweep.born else ""
    return int("".join(c for c in digits if c.isdigit()) or 0) or None


def _spelled(wanted: Plan, name: str, value: Value) -> tuple[str, str]:
    structure = wanted.structure
    name = name or structure.key
    columns = {structure.key: Column("text"), **structure.header.columns, **wanted.columns}
    column = columns.get(name)
    if column is None or not column.filter:
        hint = "; the column of a part cannot choose records" if "." in name else closest(name, columns)
        raise BadRequest(f"{structure.name}.{name} is no column to choose by{hint}")
    if value is None and column.type in ALWAYS_SET:
        return name, ""
    if isinstance(value, bool) and column.type != "flag":
        raise BadRequest(f"{structure.name}.{name}: found {value!r}, expected {column.type}")
    try:
        return name, codec.literal(column, value if column.type == "text" else codec.read_value(column, value))
    except ValueError as error:
        raise BadRequest(f"{structure.name}.{name}: found {value!r}, expected {column.type}") from error
