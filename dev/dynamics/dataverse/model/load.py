"""Reads the model from the YAML in tables/ and from --columns files; an unknown table is refused."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from dev.dynamics.dataverse.model.metadata import Column, Key, Model, Relationship, Table

TABLES: Final = Path(__file__).parent / "tables"
SAP_COLUMNS: Final = TABLES / "sap_columns.yaml"
PRECISION: Final = {"Money": 2, "Decimal": 5, "Double": 5}  # defaults where a column names none
MONEY_LIMIT: Final = Decimal(922337203685477)  # the platform's own range of a currency column
INTEGER_LIMIT: Final = 2147483647

type Spec = Mapping[str, Any]


def make_column(name: str, spec: Spec, *, custom: bool = False) -> Column:
    """Read one column from its data, e.g. {type: String, max_length: 10}."""
    kind = str(spec["type"])
    read_only = bool(spec.get("read_only", False))
    targets = dict(spec.get("to", {}))
    if kind == "Lookup" and set(targets.values()) == {"account", "contact"} and len(targets) > 1:
        kind = "Customer"
    low, high = spec.get("min"), spec.get("max")
    if kind == "Money" and low is None:
        low, high = -MONEY_LIMIT, MONEY_LIMIT
    if kind == "Integer" and low is None:
        low, high = -INTEGER_LIMIT - 1, INTEGER_LIMIT
    return Column(
        name=name,
        type=kind,
        label=str(spec.get("label", name)),
        max_length=int(spec.get("max_length", {"String": 100, "Memo": 2000}.get(kind, 0))),
        minimum=None if low is None else Decimal(str(low)),
        maximum=None if high is None else Decimal(str(high)),
        precision=int(spec.get("precision", PRECISION.get(kind, 0))),
        options={int(value): str(label) for value, label in dict(spec.get("options", {})).items()},
        to=targets,
        required=spec.get("required", "none"),
        create=bool(spec.get("create", not read_only)),
        update=bool(spec.get("update", not read_only)),
        behavior=str(spec.get("behavior", "UserLocal")),
        format=str(spec.get("format", "")),
        default=spec.get("default"),
        custom=custom,
    )


def _system_columns(spec: Spec) -> dict[str, Spec]:
    """Columns that the platform gives every table of that kind."""
    user = {"type": "Lookup", "read_only": True}
    found: dict[str, Spec] = {
        "createdon": {"type": "DateTime", "read_only": True},
        "modifiedon": {"type": "DateTime", "read_only": True},
        "overriddencreatedon": {"type": "DateTime", "format": "DateOnly", "update": False},
        "importsequencenumber": {"type": "Integer", "update": False},
        "versionnumber": {"type": "BigInt", "read_only": True},
    }
    for name in ("createdby", "modifiedby", "createdonbehalfby", "modifiedonbehalfby"):
        found[name] = {**user, "to": {name: "systemuser"}}
    if spec["owned"] == "user":
        found["ownerid"] = {"type": "Owner", "to": {"ownerid": "systemuser", "ownerid#team": "team"}}
        found["owninguser"] = {**user, "to": {"owninguser": "systemuser"}}
        found["owningteam"] = {**user, "to": {"owningteam": "team"}}
        found["owningbusinessunit"] = {**user, "to": {"owningbusinessunit": "businessunit"}}
    if spec.get("currency"):
        found["transactioncurrencyid"] = {"type": "Lookup", "to": {"transactioncurrencyid": "transactioncurrency"}}
        found["exchangerate"] = {"type": "Decimal", "min": 0, "max": 100000000000, "precision": 12, "read_only": True}
    if "states" in spec:
        found["statecode"] = {"type": "State", "options": spec["states"]}
        found["statuscode"] = {
            "type": "Status",
            "options": {key: label for key, (_, label) in spec["statuses"].items()},
        }
    return found


def _columns(name: str, spec: Spec, extra: Mapping[str, Spec]) -> dict[str, Column]:
    specs: dict[str, Spec] = {spec["id"]: {"type": "Uniqueidentifier", "update": False, "required": "system"}}
    for length, names in dict(spec.get("strings") or {}).items():
        specs |= {text: {"type": "String", "max_length": length} for text in names}
    specs |= {flag: {"type": "Boolean"} for flag in spec.get("booleans", [])}
    specs |= dict(spec.get("columns") or {}) | _system_columns(spec)
    columns = {column: make_column(column, data) for column, data in specs.items()}
    columns |= {column: make_column(column, data, custom=True) for column, data in extra.items() if column[0] != "@"}
    if spec.get("currency"):
        for column in [c for c in columns.values() if c.type == "Money"]:
            base = make_column(f"{column.name}_base", {"type": "Money", "precision": 4, "read_only": True})
            columns[base.name] = Column(**{**_fields(base), "base_of": column.name, "custom": column.custom})
    if not columns:
        raise ValueError(f"table {name} has no columns")
    return columns


def _fields(column: Column) -> dict[str, Any]:
    return {name: getattr(column, name) for name in column.__dataclass_fields__}


def _table(name: str, spec: Spec, extra: Mapping[str, Spec]) -> Table:
    keys = {f"{column}_key": Key(f"{column}_key", (column,)) for column, data in extra.items() if data.get("key")}
    for key, columns in dict(extra.get("@keys", {})).items():
        keys[key] = Key(key, tuple(columns))
    return Table(
        name=name,
        set=spec["set"],
        id=spec["id"],
        primary_name=spec["name"],
        code=int(spec["code"]),
        owned=spec["owned"],
        tracked=bool(spec.get("tracked", False)),
        columns=_columns(name, spec, extra),
        states=spec.get("states", {}),
        statuses={status: (state, label) for status, (state, label) in dict(spec.get("statuses", {})).items()},
        keys=keys,
    )


def _connect(model: Model, specs: Mapping[str, Spec]) -> None:
    """Add both directions of every lookup whose target the organisation has."""
    for table in model.tables.values():
        reverse, on_delete = specs[table.name].get("reverse", {}), specs[table.name].get("on_delete", {})
        for column in table.columns.values():
            for written, target in column.to.items():
                if target not in model.tables:
                    continue
                navigation = written.split("#", maxsplit=1)[0]
                relationship = Relationship(
                    table.name,
                    column.name,
                    navigation,
                    target,
                    reverse.get(navigation, f"{target}_{table.name}_{column.name}"),
                    on_delete.get(navigation, "clear"),
                )
                table.single.setdefault(navigation, []).append(relationship)
                model.tables[target].many[relationship.collection] = relationship


@cache
def _parsed(file: Path) -> dict[str, Spec]:
    """Read one of our own files once: tests start many organisations, and YAML is slow."""
    found: dict[str, Spec] = yaml.safe_load(file.read_text("utf-8"))
    return found


def load(extra_files: tuple[Path, ...] = ()) -> Model:
    """Read the organisation's tables, our own columns and any --columns files: {table: {column: {type, ...}}}."""
    specs: dict[str, Spec] = {}
    for file in sorted(TABLES.glob("*.yaml")):
        if file != SAP_COLUMNS:
            specs |= _parsed(file)
    extra: dict[str, dict[str, Spec]] = {}
    for file in (SAP_COLUMNS, *extra_files):
        own = file == SAP_COLUMNS
        for table, columns in (_parsed(file) if own else yaml.safe_load(file.read_text("utf-8"))).items():
            if table not in specs:
                raise ValueError(f"{file}: unknown table {table!r}; known: {', '.join(sorted(specs))}")
            extra.setdefault(table, {}).update(columns)
    tables = {name: _table(name, spec, extra.get(name, {})) for name, spec in specs.items()}
    model = Model(tables, {table.set: table for table in tables.values()})
    _connect(model, specs)
    return model
