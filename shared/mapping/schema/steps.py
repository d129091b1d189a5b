"""What `via:` may say: verbs and their arguments, taken from the signatures of the verbs themselves."""

import inspect
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema, create_model

from shared.mapping.schema.pieces import Strict, as_list, closest, or_setting
from shared.mapping.verbs import VERBS


def _arguments(name: str) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(VERBS[name]).parameters.values():
        if parameter.kind is not parameter.KEYWORD_ONLY:  # those are given by the loader, not by the file
            given = ... if parameter.default is parameter.empty else parameter.default
            fields[parameter.name] = (parameter.annotation, given)
    made = create_model(f"{name}_arguments", __config__=ConfigDict(extra="forbid", strict=True), **fields)
    made.__doc__ = inspect.getdoc(VERBS[name])
    return made


ARGUMENTS: Mapping[str, type[BaseModel]] = {name: _arguments(name) for name in VERBS}


class Step(Strict):
    """One verb of a `via` with its arguments, all of them spelled out."""

    verb: str
    arguments: dict[str, Any]


def _step(found: object) -> object:
    pairs = {found: {}} if isinstance(found, str) else found
    if not isinstance(pairs, dict) or len(pairs) != 1:
        raise ValueError("expected one verb, as `street` or `{split: {width: 40}}`")
    ((name, given),) = pairs.items()
    if name not in VERBS:
        raise ValueError(f"unknown verb {name!r}{closest(str(name), VERBS)}")
    try:
        return Step(verb=name, arguments=ARGUMENTS[name].model_validate(given or {}).model_dump())
    except ValidationError as e:
        found_wrong = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in e.errors())
        raise ValueError(f"{name}: {found_wrong}{closest('', ARGUMENTS[name].model_fields)}") from e


def _via_schema() -> dict[str, Any]:
    one = {
        "anyOf": [
            {"enum": sorted(name for name in VERBS if not _needed(name))},
            *(
                {
                    "type": "object",
                    "properties": {name: _arguments_schema(model)},
                    "required": [name],
                    "additionalProperties": False,
                }
                for name, model in ARGUMENTS.items()
            ),
        ]
    }
    return {"anyOf": [one, {"type": "array", "items": one}]}


def _arguments_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a verb's arguments: a text may come from a setting."""
    found = model.model_json_schema()
    properties = {
        name: or_setting(each) if _takes_text(each) else each for name, each in found.get("properties", {}).items()
    }
    return {**found, "properties": properties}


def _takes_text(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "string" or any(_takes_text(each) for each in schema.get("anyOf", ()))


def _needed(name: str) -> bool:
    return any(field.is_required() for field in ARGUMENTS[name].model_fields.values())


type Via = Annotated[
    tuple[Annotated[Step, BeforeValidator(_step)], ...], BeforeValidator(as_list), WithJsonSchema(_via_schema())
]
