"""Reads a JSON body against the metadata: unknown properties, wrong JSON types, lengths and scales are refused.

Read-only fields are dropped, as the gateway drops them, unless the system is set to refuse them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dev.sap.s4.model.edm import SETS, EntitySet, Field
from dev.sap.s4.model.errors import refused
from dev.sap.s4.model.values import Value, from_json
from dev.sap.s4.rules.work import Payload

DEPTH_MAX = 6


@dataclass(frozen=True, slots=True)
class BodyReader:
    """Reads the body of one request; `raw` is only for the offsets in messages.

    `keep_readonly` is for a person in the GUI, to whom the API's flags do not apply.
    """

    raw: str
    keep_readonly: bool = False
    refuse_readonly: bool = False

    def read(self, entity_set: EntitySet, data: object, depth: int = 0) -> Payload:
        """Read an entity with inline children."""
        if not isinstance(data, Mapping) or depth > DEPTH_MAX:
            raise refused("CX_SXML_PARSE_ERROR/001", f"an object of type {entity_set.type_name} is expected")
        payload = Payload(entity_set.name, {})
        for name, value in data.items():
            if name == "__metadata":
                continue
            if name in entity_set.navs:
                children = _inline(value)
                if children is not None:
                    target = SETS[entity_set.navs[name].target]
                    payload.children[name] = [self.read(target, child, depth + 1) for child in children]
            elif name in entity_set.fields:
                self._field(entity_set, payload, entity_set.fields[name], value)
            else:
                raise refused("CX_SXML_PARSE_ERROR/004", name, entity_set.type_name, target=name)
        return payload

    def _field(self, entity_set: EntitySet, payload: Payload, field: Field, value: object) -> None:
        read = self._value(field, value)
        if field.writable or self.keep_readonly:
            payload.values[field.name] = read
        elif self.refuse_readonly:
            raise refused("CX_SXML_PARSE_ERROR/004", field.name, entity_set.type_name, target=field.name)

    def _value(self, field: Field, value: object) -> Value:
        try:
            read = from_json(field.edm, value)
        except TypeError:
            raise refused("CX_SXML_PARSE_ERROR/002", field.name, self._offset(field.name), target=field.name) from None
        except (ValueError, OverflowError):
            raise self._invalid(field, value) from None
        if isinstance(read, str) and field.cut:
            return read.upper()[: field.length]
        if not _fits(field, read):
            raise self._invalid(field, value)
        return read

    def _offset(self, name: str) -> int:
        return self.raw.find(f'"{name}"') + 1

    def _invalid(self, field: Field, value: object) -> Exception:
        values = (field.name, self._offset(field.name), value)
        return refused("CX_SXML_PARSE_ERROR/003", *values, target=field.name)


def _inline(value: object) -> list[Any] | None:
    """Bare arrays, `{"results": []}` and single objects are taken; null and deferred links are no children."""
    if value is None or (isinstance(value, Mapping) and "__deferred" in value):
        return None
    if isinstance(value, Mapping) and isinstance(value.get("results"), list):
        return list(value["results"])
    return value if isinstance(value, list) else [value]


def _fits(field: Field, value: Value) -> bool:
    if isinstance(value, str):
        return field.length is None or len(value) <= field.length
    if isinstance(value, Decimal) and field.precision is not None and field.scale is not None:
        exponent = value.normalize().as_tuple().exponent
        whole_max = Decimal(10) ** (field.precision - field.scale)
        return isinstance(exponent, int) and -exponent <= field.scale and abs(value) < whole_max
    return True


def parse_object(raw: bytes) -> dict[str, Any]:
    """Parse a body that must be a JSON object; an outer `d` is taken off."""
    try:
        data = json.loads(raw.decode("utf-8"))
        if b"\\u" in raw:
            json.dumps(data, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:  # of the encoding, of the JSON, of its depth
        raise refused("CX_SXML_PARSE_ERROR/001", str(error)) from None
    if isinstance(data, dict) and set(data) == {"d"} and isinstance(data["d"], dict):
        data = data["d"]
    if not isinstance(data, dict):
        raise refused("CX_SXML_PARSE_ERROR/001", "an object is expected")
    return data
