"""EntityDefinitions over HTTP: metadata documents with $select, $filter, $expand and typed casts.

Read-only: an organisation's tables change through --columns, not through the API.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.model.describe import (
    ENUMS,
    Document,
    cast_of,
    column_details,
    column_document,
    key_document,
    option_set,
    relationship_document,
    table_document,
)
from dev.dynamics.dataverse.model.load import make_column
from dev.dynamics.dataverse.model.metadata import Column, Table, metadata_id
from dev.dynamics.dataverse.query.address import Segment, pairs
from dev.dynamics.dataverse.query.filter import parse_filter
from dev.dynamics.dataverse.query.options import Parameters, split
from dev.dynamics.dataverse.query.terms import Scope

SETS: Final = frozenset({"EntityDefinitions", "RelationshipDefinitions"})
NAMESPACE: Final = "Microsoft.Dynamics.CRM."
_ENUM: Final = re.compile(r"Microsoft\.Dynamics\.CRM\.\w+('\w+')")

type Options = Mapping[str, str]


def definitions(org: Org, steps: list[Segment], found: Parameters) -> tuple[str, object]:
    """Serve a metadata address; gives the context's fragment and the document or list of documents."""
    options = found.options
    if steps[0].name == "RelationshipDefinitions":
        every = [item for table in org.model.tables.values() for item in table.many.values()]
        documents = [relationship_document(org.model, item) for item in every]
        return "RelationshipDefinitions", _list(org, documents, options, "RelationshipMetadataBase")
    if steps[0].arguments is None:
        tables = [_table(org, table) for table in org.model.tables.values()]
        return "EntityDefinitions", [
            _expanded(org, document, options, "EntityMetadata")
            for document in _filtered(org, tables, options, "EntityMetadata")
        ]
    table = _find_table(org, steps[0])
    if len(steps) == 1:
        return "EntityDefinitions/$entity", _expanded(org, _table(org, table), options, "EntityMetadata")
    fragment = f"EntityDefinitions('{table.name}')/{'/'.join(step.text for step in steps[1:])}"
    return fragment, _below(org, table, steps[1:], options)


def _table(org: Org, table: Table) -> Document:
    optimistic = table.name not in org.settings.without_optimistic_concurrency
    tracked = table.tracked and table.name not in org.settings.untracked
    return table_document(table, optimistic=optimistic, tracked=tracked)


def _find_table(org: Org, step: Segment) -> Table:
    wanted = _named(step)
    for table in org.model.tables.values():
        if wanted in {table.name, metadata_id(table.name)}:
            return table
    raise refuse("no row", table="EntityMetadata", id=wanted)


def _named(step: Segment) -> str:
    arguments = step.arguments or ""
    if "=" not in arguments:
        return arguments.lower()
    return pairs(arguments).get("LogicalName", pairs(arguments).get("MetadataId", "")).strip("'")


def _below(org: Org, table: Table, steps: list[Segment], options: Options) -> object:
    name = steps[0].name
    if name == "Attributes":
        return _columns(org, table, steps, options)
    related = _related(org, table)
    if name not in related:
        raise refuse("no segment", segment=name)
    documents = related[name]
    if steps[0].arguments is None:
        return _list(org, documents, options, name)
    wanted = _named(steps[0])
    for document in documents:
        if wanted in {document.get("LogicalName"), document["MetadataId"]}:
            return _selected(document, options, name)
    raise refuse("no row", table=name, id=wanted)


def _related(org: Org, table: Table) -> dict[str, list[Document]]:
    single = [item for items in table.single.values() for item in items]
    return {
        "Keys": [key_document(table, key) for key in table.keys.values()],
        "ManyToOneRelationships": [relationship_document(org.model, item) for item in single],
        "OneToManyRelationships": [relationship_document(org.model, item) for item in table.many.values()],
        "ManyToManyRelationships": [],
    }


def _columns(org: Org, table: Table, steps: list[Segment], options: Options) -> object:
    cast = next((step.name.removeprefix(NAMESPACE) for step in steps[1:] if step.name.startswith(NAMESPACE)), "")
    inner = [step.name for step in steps[1:] if not step.name.startswith(NAMESPACE)]
    if steps[0].arguments is None:
        chosen = [column for column in table.columns.values() if not cast or _fits(column, cast)]
        documents = [_column(table, column) for column in chosen]
        kept = _filtered(org, documents, options, cast or "AttributeMetadata")
        return [_selected(document, options, cast or "AttributeMetadata") for document in kept]
    wanted = _named(steps[0])
    for column in table.columns.values():
        if wanted in {column.name, metadata_id(table.name, column.name)} and (not cast or _fits(column, cast)):
            document = _column(table, column)
            if inner in (["OptionSet"], ["GlobalOptionSet"]):
                return document["OptionSet"]
            return _selected(document, options, cast or "AttributeMetadata")
    raise refuse("no row", table="AttributeMetadata", id=wanted)


def _fits(column: Column, cast: str) -> bool:
    return cast == cast_of(column) or (cast == "EnumAttributeMetadata" and column.type in ENUMS)


def _column(table: Table, column: Column) -> Document:
    found = column_document(table, column) | column_details(column)
    if column.type in ENUMS or column.type == "Boolean":
        found["OptionSet"] = option_set(table, column)
        found["GlobalOptionSet"] = None
    return found


def _list(org: Org, documents: list[Document], options: Options, kind: str) -> list[Document]:
    return [_selected(document, options, kind) for document in _filtered(org, documents, options, kind)]


def _filtered(org: Org, documents: list[Document], options: Options, kind: str) -> list[Document]:
    """Apply $filter by reading the documents' plain members as columns of a table."""
    text = options.get("$filter")
    if not text:
        return documents
    types = {bool: "Boolean", int: "Integer", str: "String"}
    plain = {name: types[type(value)] for item in documents for name, value in item.items() if type(value) in types}
    columns = {name: make_column(name, {"type": of}) for name, of in plain.items()}
    shape = Table(kind, kind, "MetadataId", "LogicalName", 0, "none", tracked=False, columns=columns)
    test = parse_filter(_ENUM.sub(r"\1", text), Scope(org, shape, "")).test
    return [document for document in documents if test(_as_row(document))]


def _as_row(document: Document) -> Any:  # noqa: ANN401 - plain members of a document stand in for a row's values
    return document


def _selected(document: Document, options: Options, kind: str) -> Document:
    """Apply $select and $expand=OptionSet; a member of a derived type needs a cast to be selected."""
    wanted = split(options.get("$select", ""), ",")
    expanded = {part.partition("(")[0] for part in split(options.get("$expand", ""), ",")}
    sets = {name: document[name] for name in ("OptionSet", "GlobalOptionSet") if name in document and name in expanded}
    body = {name: value for name, value in document.items() if name not in {"OptionSet", "GlobalOptionSet"}}
    if not wanted:
        return body | sets
    base = kind in {"AttributeMetadata", "EnumAttributeMetadata"}
    if unknown := [name for name in wanted if name not in body or (base and name in DERIVED)]:
        raise refuse("no property", name=unknown[0], type=NAMESPACE + kind)
    kept = {name: body[name] for name in wanted}
    head = {name: body[name] for name in ("@odata.type", "MetadataId") if name in body}
    return head | kept | sets


DERIVED: Final = frozenset(
    {"MaxLength", "MinValue", "MaxValue", "Precision", "Format", "Targets", "DateTimeBehavior", "DefaultFormValue"}
)


def _expanded(org: Org, document: Document, options: Options, kind: str) -> Document:
    """Apply $select and $expand to a table's document, e.g. ``$expand=Attributes($select=LogicalName),Keys``."""
    table = org.model.tables[str(document["LogicalName"])]
    found = _selected(document, {"$select": options.get("$select", "")}, kind)
    for part in split(options.get("$expand", ""), ","):
        name, _, inner = part.partition("(")
        nested = dict(piece.partition("=")[::2] for piece in split(inner.removesuffix(")"), ";"))
        if name == "Attributes":
            documents = [_column(table, column) for column in table.columns.values()]
            found[name] = _list(org, documents, nested, "AttributeMetadata")
        elif name in (related := _related(org, table)):
            found[name] = _list(org, related[name], nested, name)
        else:
            raise refuse("no property", name=name, type=NAMESPACE + kind)
    return found
