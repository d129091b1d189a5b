"""Rows as Dataverse writes them, and records as the rest of the app knows them; built from a flow's selection.

It shapes queries, bodies and literals. It sends nothing and knows no status. A column is named as on the wire
('name', '_parentaccountid_value'); 'productid.productnumber' is a column of the row that a lookup refers to.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import Decimal, DecimalException
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from shared.core.model import Column, Line, LineWrite, Record, Scalar, Selection, Values
from shared.errors import BadMapping, Complaint, Refused
from shared.systems.dataverse.objects import Table
from shared.systems.dataverse.values import READERS, WRITERS, day_as_instant, day_reader, instant, line_key, version

type Row = Mapping[str, Any]
type Body = dict[str, Any]

OWN_ADDRESS = frozenset({"$select", "$expand", "$filter", "$orderby"})  # options that do not continue anything
STAMPS = ("createdon", "modifiedon", "_modifiedby_value", "versionnumber")


@dataclass(frozen=True, slots=True)
class Shape:
    """One selection on one table: what to ask for, and how to read and write it.

    `query` is $select and $expand, percent-encoded. `zone` is where a day begins that travels as a point in time.
    """

    table: Table
    columns: Mapping[str, Column]
    query: str
    asked: frozenset[str]
    zone: tzinfo
    collection: str = ""
    line: "Shape | None" = None
    _readers: tuple[tuple[str, tuple[str, ...], Callable[[Any], Scalar]], ...] = field(default=(), repr=False)

    # ------------------------------------------------------------------------------------------------------- reading

    def whole(self, row: Row) -> bool:
        """Return whether a write's answer has all that a read gives: not every server selects and expands there."""
        return all(each in row for each in self.asked) and not self.lines_left(row)

    def lines_left(self, row: Row) -> str:
        """Return the link under which further lines of a row are, '' when they are all there.

        Dataverse adds a link to every expanded collection. One without a continuation is the collection's own address,
        to be asked only where the collection came empty (it does when several rows are read at once).
        """
        link = str(row.get(f"{self.collection}@odata.nextLink") or "")
        options = {name for name, _ in parse_qsl(urlsplit(link).query, keep_blank_values=True)}
        return "" if row.get(self.collection) and options <= OWN_ADDRESS else link

    def record(self, row: Row) -> Record:
        """Return a row as a record; its lines must be all there."""
        merged = row.get("merged") is True and self.table.merges
        etag = str(row.get("@odata.etag") or "")
        return Record(
            key=str(row[self.table.key]).lower(),
            values=self.values(row),
            etag=etag,
            version=version(row),
            lines=self.lines(row.get(self.collection) or ()) if self.collection else (),
            created_at=instant(row.get("createdon")),
            changed_at=instant(row.get("modifiedon")),
            changed_by=str(row.get("_modifiedby_value") or "").lower(),
            merged_into=str(row.get("_masterid_value") or "").lower() if merged else "",
        )

    def values(self, row: Row) -> Values:
        """Return the selected columns of a row."""
        found: dict[str, Scalar] = {}
        for name, path, reader in self._readers:
            value: Any = row
            for step in path:
                value = value.get(step) if value else None
            try:
                found[name] = None if value is None else reader(value)
            except (ValueError, TypeError, DecimalException) as error:
                wanted, came = self.columns[name].type, type(value).__name__
                raise BadMapping(
                    f"dataverse {self.table.name}.{name}: expected {wanted}, found other {came}"
                ) from error
        return found

    def lines(self, rows: Sequence[Row]) -> tuple[Line, ...]:
        """Return the lines of a document, by number and then by key, so that two reads agree."""
        assert self.line is not None  # noqa: S101 -- a collection always has its shape
        lines = [Line(str(row[self.line.table.key]).lower(), self.line.values(row)) for row in rows]
        numbers = {str(row[self.line.table.key]).lower(): row.get("lineitemnumber") or 0 for row in rows}
        return tuple(sorted(lines, key=lambda line: (numbers[line.key], line.key)))

    # ------------------------------------------------------------------------------------------------------- writing

    def body(self, values: Values) -> Body:
        """Return columns as the JSON of a POST or PATCH; lookups become binds, None clears."""
        return dict(self._member(name, value) for name, value in values.items())

    def add(self, line: LineWrite, header: str, *, bind: bool) -> Body:
        """Return a new line with its own key; `bind` refers it to its header (a deep insert does so by itself)."""
        assert self.line is not None  # noqa: S101 -- the caller writes lines of this selection
        parent = {f"{self.line.table.parent}@odata.bind": f"/{self.table.set}({header})"} if bind else {}
        return {self.line.table.key: line_key(header, line.peer), **parent, **self.line.body(line.values)}

    def where(self, where: Mapping[str, Scalar]) -> str:
        """Return `where` as a percent-encoded $filter: {'name': "O'Neil"} -> name%20eq%20'O''Neil'."""
        return quote(" and ".join(self._equals(name, value) for name, value in where.items()), safe="$()'/:-._~")

    def _equals(self, name: str, value: Scalar) -> str:
        column = self._column(name)
        if value is None:
            return f"{name.replace('.', '/')} eq null"
        wire = self._wire(name, column, value)
        if column.type == "text":
            literal = "'" + str(wire).replace("'", "''") + "'"
        elif isinstance(wire, Decimal):
            literal = format(wire, "f")
        else:
            literal = str(wire).lower() if isinstance(wire, bool) else str(wire)
        return f"{name.replace('.', '/')} eq {literal}"

    def _member(self, name: str, value: Scalar) -> tuple[str, Any]:
        column = self._column(name)
        if "." in name:
            raise BadMapping(f"dataverse {self.table.name}.{name}: a column of a referred row cannot be written here")
        if column.type != "lookup":
            return name, None if value is None else self._wire(name, column, value)
        if not column.bind or not column.target:
            raise BadMapping(f"dataverse {self.table.name}.{name}: a lookup needs `bind` and `target` to be written")
        target = None if value is None else f"/{column.target}({self._wire(name, column, value)})"
        return f"{column.bind}@odata.bind", target

    def _column(self, name: str) -> Column:
        column = self.columns.get(name)
        if column is None:
            known = ", ".join(sorted(self.columns))
            raise BadMapping(f"dataverse {self.table.name}.{name}: not selected by this flow; selected are {known}")
        return column

    def _wire(self, name: str, column: Column, value: Scalar) -> str | bool | int | Decimal:
        try:
            if name in self.table.days:
                return day_as_instant(value, self.zone)
            return WRITERS[column.type](value)
        except (ValueError, TypeError, DecimalException) as error:
            text = f"expected {column.type}, found {type(value).__name__}"
            complaint = Complaint("type", text, column=name)
            raise Refused(f"dataverse {self.table.name}.{name}: {text}; nothing was sent", (complaint,)) from error


def shape(selection: Selection, table: Table, line_table: Table | None, zone: tzinfo) -> Shape:
    """Return how a selection reads and writes `table`; `line_table` is that of its lines."""
    line = _shape(line_table, selection.line_columns, zone) if line_table else None
    stamps = (*STAMPS, "merged", "_masterid_value") if table.merges else STAMPS
    return _shape(table, selection.columns, zone, extra=stamps, collection=selection.lines, line=line)


def _shape(
    table: Table,
    columns: Mapping[str, Column],
    zone: tzinfo,
    *,
    extra: tuple[str, ...] = (),
    collection: str = "",
    line: Shape | None = None,
) -> Shape:
    extra += ("lineitemnumber",) if "lineitemnumber" in table.columns else ()
    own = dict.fromkeys(
        (table.key, *(_property(name, each) for name, each in columns.items() if "." not in name), *extra)
    )
    tree: dict[str, Any] = {}  # 'productid.productnumber' -> {'productid': {'productnumber': None}}
    for name in (each for each in columns if "." in each):
        *path, leaf = name.split(".")
        node = tree
        for step in path:
            node = node.setdefault(step, {})
        node[leaf] = None
    expands = [_expand(step, node) for step, node in tree.items()]
    expands += [f"{collection}({line.query.replace('&', ';')})"] if line else []
    query = "&".join([f"$select={','.join(own)}", *([f"$expand={','.join(expands)}"] if expands else [])])
    readers = tuple(
        (
            name,
            tuple(name.split(".")) if "." in name else (_property(name, column),),
            day_reader(zone) if name in table.days else READERS[column.type],
        )
        for name, column in columns.items()
    )
    asked = frozenset((*own, *tree, *((collection,) if line else ())))
    return Shape(table, columns, query, asked, zone, collection if line else "", line, readers)


def _property(name: str, column: Column) -> str:
    return f"_{name}_value" if column.type == "lookup" and not name.startswith("_") else name


def _expand(step: str, node: Mapping[str, Any]) -> str:
    own = ",".join(name for name, inner in node.items() if inner is None)
    inner = ",".join(_expand(name, each) for name, each in node.items() if each is not None)
    return f"{step}({';'.join([*([f'$select={own}'] if own else []), *([f'$expand={inner}'] if inner else [])])})"
