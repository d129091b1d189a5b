"""The services' metadata, read from the compact tables beside this file.

Everything that validates, addresses or renders goes by these records. They hold no business rules and no rows.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dev.sap.s4.model.values import UNSET, Row

_TYPES = {
    "flag": "Boolean",
    "date": "DateTime",
    "stamp": "DateTimeOffset",
    "stamp0": "DateTimeOffset",
    "time": "Time",
    "guid": "Guid",
    "int16": "Int16",
    "byte": "Byte",
    "double": "Double",
    "text": "String",
}
_PRECISION = {"date": 0, "stamp": 7, "stamp0": 0, "time": 0}
_FIELD = re.compile(r"(\w+):([a-z]\w*|\d+(?:\.\d+)?)([!~^*-]*)(?:@(\w+))?")


@dataclass(frozen=True, slots=True)
class Field:
    """One property. `edm` is the type without `Edm.`; `length` of a text, `precision` of a decimal or time, `scale`."""

    name: str
    edm: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    key: bool = False
    writable: bool = True
    filterable: bool = True
    cut: bool = False
    etag: bool = False
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Nav:
    """A navigation: `on` pairs source and target fields; `where` names a target field and its values, "2|3"."""

    name: str
    target: str
    many: bool
    on: tuple[tuple[str, str], ...]
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class EntitySet:
    """An entity set and its type. `nav_create`: rows are POSTed to the parent's navigation, never to the set."""

    name: str
    service: str
    fields: dict[str, Field]
    navs: dict[str, Nav]
    create: bool
    update: bool
    delete: bool
    nav_create: bool

    @property
    def type_name(self) -> str:
        """'API_BUSINESS_PARTNER.A_BusinessPartnerType'."""
        return f"{self.service}.{self.name}Type"

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Names of the key fields, in the metadata's order."""
        return tuple(name for name, field in self.fields.items() if field.key)

    @cached_property
    def etag_field(self) -> str | None:
        """The field whose value is the etag, None where the set has none."""
        return next((name for name, field in self.fields.items() if field.etag), None)

    def key_of(self, row: Row) -> tuple[object, ...]:
        """Return the row's key values, in the metadata's order."""
        return tuple(row[name] for name in self.keys)

    def blank(self) -> Row:
        """Make a row in which nothing is set: text "", flags false, decimals 0, dates None."""
        return {name: UNSET[field.edm] for name, field in self.fields.items()}


@dataclass(frozen=True, slots=True)
class Service:
    """A service under /sap/opu/odata/sap/; `component` is SAP's component that its errors name."""

    name: str
    component: str
    sets: dict[str, EntitySet]


def _field(token: str) -> Field:
    match = _FIELD.fullmatch(token)
    if match is None:
        raise ValueError(f"not a field: {token!r}")
    name, kind, flags, unit = match.groups()
    whole, _, fraction = kind.partition(".")
    is_text = kind.isdigit()
    return Field(
        name=name,
        edm="String" if is_text else "Decimal" if fraction else _TYPES[kind],
        length=int(kind) if is_text else None,
        precision=int(whole) if fraction else _PRECISION.get(kind),
        scale=int(fraction) if fraction else None,
        key="!" in flags,
        writable="-" not in flags,
        filterable="~" not in flags,
        cut="^" in flags,
        etag="*" in flags,
        unit=unit,
    )


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    found = (part.partition("=") for part in text.split(",") if part)
    return tuple((left, right or left) for left, _, right in found)


def _nav(words: list[str], source: dict[str, Field], target: dict[str, Field]) -> Nav:
    name, target_name, count, *rest = words
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    on = _pairs(options.get("on", ""))
    if not on:
        # A child repeats its parent's key; a row that points upwards or sideways holds the other's key.
        down = [key for key, field in source.items() if field.key]
        up = [key for key, field in target.items() if field.key]
        on = tuple((key, key) for key in (down if all(key in target for key in down) else up))
    return Nav(name, target_name, count == "many", on, _pairs(options.get("where", "")))


def _blocks(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    text = "\n".join(line for line in lines if line.strip() and not line.startswith("#"))
    for block in re.split(r"\n(?=set )", text):
        head, *body = block.split("\n")
        yield head, body


def _service(path: Path) -> Service:
    (head, _), *blocks = _blocks(path.read_text(encoding="utf-8").splitlines())
    _, name, _, component = head.split()
    fields: dict[str, dict[str, Field]] = {}
    navs: dict[str, list[list[str]]] = {}
    flags: dict[str, set[str]] = {}
    for set_head, body in blocks:
        _, set_name, *set_flags = set_head.split()
        tokens = " ".join(line for line in body if ">" not in line).split()
        fields[set_name] = {field.name: field for field in map(_field, tokens)}
        navs[set_name] = [line.split()[1:] for line in body if ">" in line]
        flags[set_name] = set(set_flags)
    sets = {
        set_name: EntitySet(
            name=set_name,
            service=name,
            fields=fields[set_name],
            navs={words[0]: _nav(words, fields[set_name], fields[words[1]]) for words in navs[set_name]},
            create="no-create" not in flags[set_name],
            update="no-update" not in flags[set_name],
            delete="no-delete" not in flags[set_name],
            nav_create="nav-create" in flags[set_name],
        )
        for set_name in fields
    }
    return Service(name, component, sets)


def label(name: str) -> str:
    """Make a readable label from a field's name: 'SearchTerm1' is 'Search Term 1'."""
    return " ".join(re.findall(r"[A-Z]+(?=[A-Z][a-z]|\d|$)|[A-Z][a-z]+|[a-z]+|\d+", name))


_FOLDER = Path(__file__).parent / "tables"
SERVICES = {service.name: service for service in map(_service, sorted(_FOLDER.glob("*.txt")))}
SETS = {name: entity_set for service in SERVICES.values() for name, entity_set in service.sets.items()}
