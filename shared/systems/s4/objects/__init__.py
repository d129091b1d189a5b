"""What the connector knows of SAP's objects: services, sets, keys, rows of collections, columns. Data beside this file.

A part is a row of another entity set that a flow treats as columns of the record ('address.Country'). Its entry says:

    path       navigation from the record, or from the part named in `under`
    set, keys  the rows' own address
    single     the navigation leads to one row, not to a collection
    by         columns that a flow selects the row by; `pick` is what counts when it says nothing
    usage      a sub-collection whose value marks the row; `first`: a column of the row that does; else the lowest key
    born       what a new row carries besides the mapped columns
    essence    without one of these the row means nothing: it is deleted, or not created
    post       set (the body names the parent) | path (below the parent's address) | never
    deletable  rows can be deleted one by one

Columns stand by type: text {name: characters}, decimal {name: decimals}, the others [names]. read_only: neither
created nor updated; create_only: not updated. newer: older releases lack them, so no mapping of ours uses them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal, get_args

import yaml

from shared.core.model import Column
from shared.mapping.catalogue import Catalogue, ObjectInfo

type Post = Literal["set", "path", "never"]
type _Type = Literal["text", "flag", "date", "instant", "time", "guid", "decimal", "int"]

_TYPES: tuple[_Type, ...] = get_args(_Type.__value__)


@dataclass(frozen=True, slots=True)
class Usage:
    """The sub-collection that says which address is the standard one; of several such the one valid longest."""

    path: str
    column: str
    value: str
    until: str


@dataclass(frozen=True, slots=True)
class Part:
    """One entity set below a record; see the module's docstring. `columns` by their own name ('Country')."""

    path: str
    set: str
    keys: tuple[str, ...]
    columns: Mapping[str, Column]
    under: str = ""
    single: bool = False
    by: tuple[str, ...] = ()
    pick: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    usage: Usage | None = None
    first: str = ""
    born: Mapping[str, Any] = field(default_factory=dict)
    essence: tuple[str, ...] = ()
    post: Post = "set"
    deletable: bool = True
    parts: Mapping[str, "Part"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sweep:
    """How changes are found: by an exact `stamp`, or by a `day` and a time of unknown zone. `born` likewise."""

    by: Literal["stamp", "day"]
    columns: tuple[str, ...]
    born: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quality:
    """How far an object can be trusted; see quality.yaml. `silent_parts` change without moving the record's stamp."""

    etags: bool
    honest_stamps: bool
    changes: Sweep
    deletes_visible: bool
    silent_parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Structure:
    """One object: its header is a part too, `header.parts` are the parts below it, `lines` its line items by path.

    `created` (a day), `changed` (an instant) and `changed_by` name the stamp columns, '' where there are none.
    """

    name: str
    service: str
    header: Part
    lines: Mapping[str, Part]
    quality: Quality
    created: str = ""
    changed: str = ""
    changed_by: str = ""

    @property
    def key(self) -> str:
        """Return the header's key column: 'BusinessPartner'."""
        return self.header.keys[0]


def _load() -> tuple[int, dict[str, Structure]]:
    quality = _yaml(files("shared.systems.s4").joinpath("quality.yaml").read_text("utf-8"))
    structures = {}
    for name in ("business_partner", "sales_order", "product"):
        for title, entry in _yaml(files(__package__).joinpath(f"{name}.yaml").read_text("utf-8")).items():
            structures[title] = _structure(title, entry, quality[title])
    return int(quality["longest_transaction_seconds"]), structures


def _yaml(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def _structure(name: str, entry: dict[str, Any], quality: dict[str, Any]) -> Structure:
    sweep: dict[str, Any] = {key: value if key == "by" else tuple(value) for key, value in quality["changes"].items()}
    trust: dict[str, Any] = quality | {"changes": Sweep(**sweep), "silent_parts": tuple(quality["silent_parts"])}
    lines = {path: _part(line) for path, line in entry.get("lines", {}).items()}
    header = _part({key: entry[key] for key in ("set", "keys", "columns", "parts")} | {"path": ""})
    return Structure(name, entry["service"], header, lines, Quality(**trust), **entry["stamps"])


def _part(entry: dict[str, Any]) -> Part:
    shaped = entry | {key: tuple(entry[key]) for key in ("keys", "by", "essence") if key in entry}
    shaped["columns"] = dict(_columns(entry["columns"]))
    shaped["pick"] = {column: tuple(values) for column, values in entry.get("pick", {}).items()}
    shaped["usage"] = Usage(**entry["usage"]) if "usage" in entry else None
    shaped["parts"] = {name: _part(part) for name, part in entry.get("parts", {}).items()}
    return Part(**shaped)


def _columns(entry: dict[str, Any]) -> Iterator[tuple[str, Column]]:
    read_only, create_only = set(entry.get("read_only", ())), set(entry.get("create_only", ()))
    for kind in _TYPES:
        found = entry.get(kind, {})
        for name in found:
            size = found[name] if isinstance(found, dict) else None
            yield (
                name,
                Column(
                    type=kind,
                    max_length=size if kind == "text" else None,
                    scale=size if kind == "decimal" else None,
                    create=name not in read_only,
                    update=name not in read_only | create_only,
                ),
            )


def _named(part: Part) -> dict[str, Column]:
    """Return a header's or a line's columns and those of its parts, by full name ('address.Country')."""
    below = {f"{name}.{column}": what for name, each in part.parts.items() for column, what in each.columns.items()}
    return {**part.columns, **below}


def _info(structure: Structure) -> ObjectInfo:
    selected = {name for part in (structure.header, *structure.lines.values()) for name in _selectable(part)}
    return ObjectInfo(
        columns=_named(structure.header),
        lines={path: _named(line) for path, line in structure.lines.items()},
        parts=frozenset(selected),
        honest_stamps=structure.quality.honest_stamps,
    )


def _selectable(part: Part) -> list[str]:
    return [name for name, each in part.parts.items() if each.by]


LONGEST_TRANSACTION_SECONDS, STRUCTURES = _load()
CATALOGUE: Catalogue = {name: _info(structure) for name, structure in STRUCTURES.items()}
