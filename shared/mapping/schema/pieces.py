"""The small pieces of the schema: texts, constants, conditions, and how a wrong name is answered."""

import difflib
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, StrictStr, WithJsonSchema

_NAMES_MAX = 40  # a list of all columns of an account would hide the message


class Strict(BaseModel):
    """A part of a mapping file: no unknown keys, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def closest(found: str, allowed: Iterable[str]) -> str:
    """Return "; did you mean 'name'?" or '', and what is allowed: for the end of a message."""
    names = sorted(allowed)
    near = difflib.get_close_matches(found, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    if len(names) > _NAMES_MAX:
        return f"{hint}; {len(names)} names are known, such as {', '.join(names[:3])}"
    return f"{hint}; allowed: {', '.join(names) or 'nothing'}"


def as_list(found: object) -> object:
    """Return one thing as a list of it: files may leave the brackets out."""
    return tuple(found) if isinstance(found, list | tuple) else (found,)


def _constant(found: object) -> str | int | bool | None:
    """Return one value of a file; as a union of types, every fault would be told once a type."""
    if found is None or isinstance(found, str | int):
        return found
    what = "a list" if isinstance(found, list) else "keys and values"
    raise ValueError(f"found {what}, expected one value: a text, a whole number, true, false, or null")


def or_setting(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a value that may be a setting's as well."""
    return {"anyOf": [schema, SETTING]}


_SCALAR: dict[str, Any] = {"type": ["string", "integer", "boolean", "null"]}
SETTING: dict[str, Any] = {
    "type": "object",
    "properties": {"setting": {"type": "string"}},
    "required": ["setting"],
    "additionalProperties": False,
}
type Text = Annotated[StrictStr, Field(min_length=1)]
type Constant = Annotated[
    str | int | bool | None, PlainValidator(_constant), WithJsonSchema(or_setting(_SCALAR) | {"title": "Constant"})
]
type Texts = Annotated[tuple[Text, ...], BeforeValidator(as_list, json_schema_input_type=Text | list[Text])]
type Constants = Annotated[
    tuple[Constant, ...], BeforeValidator(as_list, json_schema_input_type=Constant | list[Constant])
]
type Condition = Annotated[
    dict[Text, Any],
    WithJsonSchema(
        {
            "type": "object",
            "description": "column: value, or {in: [...]}, {not: x}, {present: true}, {gt|ge|lt|le: x}; any/all: [...]",
        }
    ),
]
