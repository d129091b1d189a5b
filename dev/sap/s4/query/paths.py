"""Resource paths: `A_SalesOrder('1')/to_Item` to the rows it addresses.

Splitting minds the quotes of key literals. What a method may do with the target is decided elsewhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dev.sap.s4.model.edm import SETS, EntitySet, Nav, Service
from dev.sap.s4.model.errors import refused
from dev.sap.s4.model.values import Row
from dev.sap.s4.query import literals
from dev.sap.s4.query.filters import navigation
from dev.sap.s4.store.rows import Key, Store

_SEGMENT = re.compile(r"([$\w]+)(?:\((.*)\))?", re.DOTALL)
_PAIR = re.compile(rf"\s*(?:(\w+)\s*=\s*)?({literals.PATTERN})\s*(,|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Target:
    """What a path addresses. `rows` of a collection, else `row`; `parent` and `nav` when it came by navigation.

    A collection without `rows` is the whole set.
    """

    set: EntitySet
    kind: Literal["collection", "entity", "count", "property", "value"]
    rows: Sequence[Row] | None = None
    row: Row | None = None
    parent: tuple[EntitySet, Row] | None = None
    nav: Nav | None = None
    name: str = ""

    @property
    def found(self) -> Row:
        """Return the entity's row or answer 404."""
        if self.row is None:
            raise refused("/IWBEP/CM_MGW_RT/020", f"{self.set.name}Type", status=404)
        return self.row


def split(path: str) -> list[str]:
    """Split at slashes outside of quotes; a doubled quote toggles twice and so changes nothing."""
    parts, quoted = [""], False
    for character in path:
        quoted ^= character == "'"
        if character == "/" and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part]


def related(store: Store, nav: Nav, row: Row) -> list[Row]:
    """Return the rows that the navigation leads to from this row."""
    found = store.select(nav.target, {target: row[source] for source, target in nav.on})
    return [each for each in found if all(each[name] in wanted.split("|") for name, wanted in nav.where)]


def resolve(store: Store, service: Service, path: str) -> Target:
    """Follow the path; unknown sets, keys, navigations and properties are refused with 404, bad keys with 400."""
    first, *rest = split(path)
    name, predicate = _parts(first)
    if name not in service.sets:
        raise refused("/IWFND/CM_MGW/018", name, status=404)
    entity_set = service.sets[name]
    if predicate is None:
        target = Target(entity_set, "collection")
    else:
        target = Target(entity_set, "entity", row=store.get(name, *key_of(entity_set, predicate)))
    for segment in rest:
        target = _step(store, target, segment)
    return target


def _parts(segment: str) -> tuple[str, str | None]:
    match = _SEGMENT.fullmatch(segment)
    if match is None:
        raise refused("/IWFND/CM_MGW/004", segment)
    return match[1], match[2]


def _step(store: Store, target: Target, segment: str) -> Target:
    name, predicate = _parts(segment)
    if name == "$count" and target.kind == "collection":
        return replace(target, kind="count")
    if name == "$value" and target.kind == "property":
        return replace(target, kind="value")
    if target.kind != "entity" or name.startswith("$"):
        raise refused("/IWFND/CM_MGW/018", name, status=404)
    if name in target.set.fields and predicate is None:
        return replace(target, kind="property", name=name, row=target.found)
    if name not in target.set.navs:
        raise refused("/IWFND/CM_MGW/018", name, status=404)
    return _follow(store, target, navigation(target.set, name), predicate)


def _follow(store: Store, target: Target, nav: Nav, predicate: str | None) -> Target:
    other = SETS[nav.target]
    rows = related(store, nav, target.found)
    origin = (target.set, target.found)
    if nav.many and predicate is None:
        return Target(other, "collection", rows=rows, parent=origin, nav=nav)
    if predicate is not None:
        wanted = key_of(other, predicate)
        rows = [row for row in rows if other.key_of(row) == wanted]
    return Target(other, "entity", row=rows[0] if rows else None, parent=origin, nav=nav)


def key_of(entity_set: EntitySet, predicate: str) -> Key:
    """Read a key predicate's inside: `'1'` or `BusinessPartner='1',AddressID='22'`, in any order."""
    found = _pairs(predicate)
    keys = entity_set.keys
    if len(keys) == 1 and set(found) == {""}:
        found = {keys[0]: found[""]}
    if set(found) != set(keys):
        raise refused("/IWFND/CM_MGW/027", f"expected {', '.join(keys)}")
    for name, literal in found.items():
        if literal.edm != entity_set.fields[name].edm:
            raise refused("/IWFND/CM_MGW/027", f"{name} is of type Edm.{entity_set.fields[name].edm}")
    return tuple(found[name].value for name in keys)


def _pairs(predicate: str) -> dict[str, literals.Literal]:
    found: dict[str, literals.Literal] = {}
    position, more = 0, True
    while more:
        match = _PAIR.match(predicate, position)
        if match is None or (match[1] or "") in found:
            raise refused("/IWFND/CM_MGW/027", predicate)
        try:
            found[match[1] or ""] = literals.parse(match[2])
        except (ValueError, OverflowError):
            raise refused("/IWFND/CM_MGW/027", predicate) from None
        position, more = match.end(), match[3] == ","
    if predicate[position:].strip():
        raise refused("/IWFND/CM_MGW/027", predicate)
    return found
