"""What the enabled flows need of Dataverse's tables, and what an organisation lacks of that. Pure.

It asks nobody and changes nothing: `admin` brings the definitions, `command` has the missing made.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from shared.core.model import Column
from shared.errors import BadRequest
from shared.mapping.catalogue import Catalogue
from shared.mapping.flow import Flow
from shared.ports import Entrance

SYSTEM = "dataverse"
TEXT_LENGTH_MAX = 4000  # of a String column; longer ones are Memo: "Column data types" of Dataverse
DECIMAL_MAX = 100_000_000_000
INT_MAX = 2_147_483_647
NONE: frozenset[str] = frozenset()

# Column.type -> the AttributeTypes that can hold it
FITTING: Mapping[str, frozenset[str]] = {
    "text": frozenset({"String", "Memo"}),
    "flag": frozenset({"Boolean"}),
    "int": frozenset({"Integer", "BigInt"}),
    "decimal": frozenset({"Decimal", "Money", "Double"}),
    "date": frozenset({"DateTime"}),
    "instant": frozenset({"DateTime"}),
    "guid": frozenset({"Uniqueidentifier"}),
    "choice": frozenset({"Picklist", "State", "Status"}),
    "lookup": frozenset({"Lookup", "Customer", "Owner"}),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What flows read of one table.

    `columns` as mappings name them ('_customerid_value', 'productid.productnumber'). `own` are those that Dataverse is
    not delivered with, `keys` those that shall be unique. `parent` is the lookup that names a line's document
    ('salesorderid'; '' where the table is no line).
    """

    table: str
    flows: frozenset[str]
    columns: Mapping[str, Column]
    own: frozenset[str] = NONE
    keys: frozenset[str] = NONE
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """A table as an organisation has it.

    `columns` by logical name with their AttributeType ('customerid': 'Customer'), `lengths` of the texts, `keys` with
    the status of their index, `navigations` from navigation property to lookup ('customerid_account': 'customerid').
    `tracked`: change tracking is on; `guarded`: optimistic concurrency is.
    """

    table: str
    primary: str
    columns: Mapping[str, str]
    lengths: Mapping[str, int]
    keys: Mapping[frozenset[str], str]
    navigations: Mapping[str, str]
    tracked: bool = True
    guarded: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an organisation lacks, or has in another form. `blocks`: a flow cannot even read without it.

    `table` and `name` say where; `column` is how a missing column has to be.
    """

    kind: Literal["table", "column", "key", "other"]
    text: str
    blocks: bool = False
    table: str = ""
    name: str = ""
    column: Column | None = None


def readings(
    flows: Mapping[str, Flow], entrances: Mapping[str, tuple[Entrance, ...]], delivered: Catalogue
) -> dict[str, Reading]:
    """Return what the flows read, by table; `entrances` say which tables' events the app takes, and for which flow.

    `delivered` is what Dataverse has of itself.
    """
    found: dict[str, Reading] = {}
    for door, ways in entrances.items():
        system, _, table = door.partition(" ")
        if system == SYSTEM:
            for way in ways:
                one = _reading(table, flows[way.flow], way.lookup, delivered)
                found[table] = _both(found[table], one) if table in found else one
    return dict(sorted(found.items()))


def _reading(table: str, flow: Flow, lookup: str, delivered: Catalogue) -> Reading:
    selection, flows = flow.selections["dynamics"], frozenset({flow.name})
    known = delivered[selection.object]
    if lookup:
        own = frozenset(selection.line_columns.keys() - known.lines[selection.lines].keys())
        return Reading(table, flows, selection.line_columns, own, parent=lookup)
    keys = frozenset({flow.birthmark.dynamics} - {""})
    return Reading(table, flows, selection.columns, frozenset(selection.columns.keys() - known.columns.keys()), keys)


def _both(one: Reading, other: Reading) -> Reading:
    return replace(
        one,
        flows=one.flows | other.flows,
        columns={**other.columns, **one.columns},
        own=one.own | other.own,
        keys=one.keys | other.keys,
        parent=one.parent or other.parent,
    )


def attribute(column: str, definition: Definition) -> str:
    """Return the attribute behind a column: '_customerid_value' and 'customerid_account.name' -> 'customerid'."""
    first, dot, _ = column.partition(".")
    if dot:
        return definition.navigations.get(first, first)
    return first[1:-6] if first.startswith("_") and first.endswith("_value") else first


def filtering(reading: Reading, definition: Definition) -> tuple[str, ...]:
    """Return the attributes whose update is news to a flow, sorted.

    The row's own id is none: every update names it.
    """
    return tuple(sorted({attribute(name, definition) for name in reading.columns} - {definition.primary}))


# ---------------------------------------------------------------------------------------------------- what is lacking


def lacks(reading: Reading, definition: Definition | None) -> Iterator[Finding]:
    """Yield what the organisation lacks for a table, columns before the keys on them."""
    where, why = reading.table, f"for {', '.join(sorted(reading.flows))}"
    if definition is None:
        yield Finding("table", f"table {where} is not there, {why}", blocks=True, table=where)
        return
    for name, column in sorted(reading.columns.items()):
        yield from _column(reading, definition, name, column, why)
    for name in sorted(reading.keys):
        yield from _key(where, definition, name, why)
    if not definition.tracked:
        yield Finding("other", f"table {where}: change tracking is off, the sweeps of {where} need it", table=where)
    if not definition.guarded:
        text = f"table {where}: optimistic concurrency is off, updates of two users could overwrite each other"
        yield Finding("other", text, table=where)


def _column(reading: Reading, definition: Definition, name: str, column: Column, why: str) -> Iterator[Finding]:
    found = attribute(name, definition)
    place = f"column {reading.table}.{found}"
    if found not in definition.columns:
        made = column if name in reading.own else None
        by_hand = "" if made and made.type in _BODIES else "; it has to be made by hand"
        text = f"{place} ({_described(column)}) is not there, {why}{by_hand}"
        yield Finding("column", text, blocks=True, table=reading.table, name=found, column=made)
        return
    if "." in name:
        return
    kind, length = definition.columns[found], definition.lengths.get(found)
    if kind not in FITTING.get(column.type, NONE):
        yield Finding("other", f"{place} is {kind}, the mapping takes it for {column.type}, {why}")
    elif column.type == "text" and length is not None and (column.max_length or 0) > length:
        text = f"{place} holds {length} characters, the mapping counts on {column.max_length}: longer values are parked"
        yield Finding("other", text)


def _key(table: str, definition: Definition, name: str, why: str) -> Iterator[Finding]:
    place = f"alternate key on {table}.{name}"
    status = definition.keys.get(frozenset({name}))
    if status is None:
        yield Finding(
            "key", f"{place} is not there, {why}: it keeps a SAP record from two rows", table=table, name=name
        )
    elif status != "Active":
        yield Finding("other", f"{place} is not in force, its index is {status}; with Failed look for equal values")


def _described(column: Column) -> str:
    sizes = [f"{column.max_length} characters"] if column.max_length else []
    sizes += [f"{column.scale} decimals"] if column.scale is not None else []
    return ", ".join([column.type, *sizes])


# ----------------------------------------------------------------------------------- making it, as the Web API wants it

# Members by column type, from Microsoft's "Create and update column definitions using the Web API".
_BODIES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "text": ("String", {"FormatName": {"Value": "Text"}}),
    "memo": ("Memo", {"Format": "TextArea"}),
    "int": ("Integer", {"Format": "None", "MinValue": -INT_MAX - 1, "MaxValue": INT_MAX}),
    "decimal": ("Decimal", {"MinValue": -DECIMAL_MAX, "MaxValue": DECIMAL_MAX}),
    "instant": ("DateTime", {"Format": "DateAndTime", "DateTimeBehavior": {"Value": "UserLocal"}}),
    "date": ("DateTime", {"Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}}),
    "flag": ("Boolean", {"DefaultValue": False}),
}


def creation(finding: Finding, language: int) -> tuple[str, dict[str, Any]] | None:
    """Return the address to post to and the body that makes what is missing; None where a person has to.

    `language` is the organisation's base language (1033 English): a label in it is obligatory.
    """
    below = f"EntityDefinitions(LogicalName='{finding.table}')"
    label = _label(finding.name, language)
    if finding.kind == "key":
        return f"{below}/Keys", {
            "SchemaName": f"{finding.name}_key",
            "DisplayName": label,
            "KeyAttributes": [finding.name],
        }
    if finding.kind != "column" or finding.column is None or finding.column.type not in _BODIES:
        return None
    column, long = finding.column, (finding.column.max_length or 0) > TEXT_LENGTH_MAX
    kind, members = _BODIES["memo" if column.type == "text" and long else column.type]
    body: dict[str, Any] = {
        "@odata.type": f"Microsoft.Dynamics.CRM.{kind}AttributeMetadata",
        "AttributeType": kind,
        "AttributeTypeName": {"Value": f"{kind}Type"},
        "SchemaName": finding.name,
        "DisplayName": label,
        "RequiredLevel": {"Value": "None"},
        **members,
    }
    match kind:
        case "String" | "Memo":
            if not column.max_length:
                raise BadRequest(f"{finding.table}.{finding.name}: give the column a max_length in the mapping")
            body["MaxLength"] = column.max_length
        case "Decimal":
            body["Precision"] = column.scale or 0
        case "Boolean":
            options = {"TrueOption": (1, "Yes"), "FalseOption": (0, "No")}
            sides = {side: {"Value": value, "Label": _label(text, language)} for side, (value, text) in options.items()}
            body["OptionSet"] = {"OptionSetType": "Boolean", **sides}
    return f"{below}/Attributes", body


def _label(text: str, language: int) -> dict[str, Any]:
    one = {"@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text, "LanguageCode": language}
    return {"@odata.type": "Microsoft.Dynamics.CRM.Label", "LocalizedLabels": [one]}
