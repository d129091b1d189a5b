"""One request and its answer, apart from any server: the parts of a batch are calls of their own."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Final

from dev.dynamics.dataverse.core.errors import ServiceError, refuse
from dev.dynamics.dataverse.core.values import to_json
from dev.dynamics.dataverse.writes.unit import Caller

API: Final = re.compile(r"^/api/data/v9\.\d/?")
_PREFERENCE: Final = re.compile(r'\s*([\w.-]+)\s*(?:=\s*("[^"]*"|[^,;]*))?\s*(?:[,;]|$)')
_REFERENCE: Final = re.compile(r"^/?\$(\w+)(?=$|[/(?])")


@dataclass(frozen=True, slots=True)
class Call:
    """A request below the API's root: raw path and query, lower-case header names, and who calls."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    base: str
    caller: Caller
    references: Mapping[str, str] = field(default_factory=dict)

    @property
    def preferences(self) -> dict[str, str]:
        """Give the Prefer header as names and values, e.g. {"odata.maxpagesize": "3", "return": "representation"}."""
        found = _PREFERENCE.finditer(self.headers.get("prefer", ""))
        return {match[1]: (match[2] or "").strip().strip('"') for match in found if match[1]}

    @property
    def wants_representation(self) -> bool:
        """Whether the answer to a write shall hold the row."""
        return self.preferences.get("return") == "representation"

    @property
    def annotations(self) -> tuple[str, ...]:
        """Give the annotation patterns asked for, e.g. ("*",)."""
        wanted = self.preferences.get("odata.include-annotations", "")
        return tuple(part.strip() for part in wanted.split(",") if part.strip())

    def json(self, table_set: str = "") -> object:
        """Read the body; amounts stay decimal, ``$1`` in bind values becomes the address of that request's row."""
        media = self.headers.get("content-type", "")
        if not media.lower().startswith("application/json"):
            raise refuse("no media type", media=media or "none")
        try:
            found = json.loads(
                self.body.decode("utf-8-sig"),
                parse_float=Decimal,
                parse_constant=_no_constant,
                object_pairs_hook=partial(_object, table_set),
            )
        except (ValueError, RecursionError) as error:
            raise refuse("bad json", table=table_set, detail=_complaint(error)) from None
        return self._referenced(found) if self.references else found

    def _referenced(self, value: object) -> object:
        if isinstance(value, dict):
            return {name: self._referenced(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._referenced(item) for item in value]
        return replace_reference(value, self.references) if isinstance(value, str) else value


def _object(table_set: str, members: list[tuple[str, object]]) -> dict[str, object]:
    """Make an object; Microsoft.OData refuses one that says a property twice."""
    found = dict(members)
    if len(found) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise refuse("said twice", table=table_set, name=twice)
    return found


def _complaint(error: ValueError | RecursionError) -> str:
    """Say what is wrong with the JSON in the words of Microsoft.OData's reader."""
    if isinstance(error, RecursionError):
        return "Invalid JSON. The nesting is too deep."
    if isinstance(error, json.JSONDecodeError):
        if not error.doc.strip():
            return "Empty Payload. JSON content expected."
        if error.msg == "Extra data":
            return (
                "Invalid JSON. More than one value was found at the root of the JSON content. JSON content can only "
                "have one value at the root level, which is an array, an object or a primitive value."
            )
        if error.pos >= len(error.doc.rstrip()):
            return (
                "Invalid JSON. Unexpected end of input was found in JSON content. Not all object and array scopes were "
                "closed."
            )
    return "Invalid JSON. A token was not recognized in the JSON content."


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not allowed")


def replace_reference(text: str, references: Mapping[str, str]) -> str:
    """Replace a leading ``$1`` or ``/$1`` by the address of the row that request 1 made."""
    match = _REFERENCE.match(text)
    return references[match[1]] + text[match.end() :] if match and match[1] in references else text


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: status, headers and body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def answer(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with JSON."""
    media = {"Content-Type": "application/json; odata.metadata=minimal"}
    return Answer(status, {**media, **(headers or {})}, to_json(document))


def refusal(error: ServiceError, call: Call | None = None) -> Answer:
    """Answer with an error; annotations wanted with "*" add the details that the service then gives."""
    body: dict[str, object] = {"code": error.code, "message": error.message}
    if call is not None and "*" in call.annotations:
        body["@Microsoft.PowerApps.CDS.ErrorDetails.HttpStatusCode"] = str(error.status)
        body["@Microsoft.PowerApps.CDS.HelpLink"] = "http://go.microsoft.com/fwlink/?LinkID=398563"
        body["@Microsoft.PowerApps.CDS.TraceText"] = ""
        body["@Microsoft.PowerApps.CDS.InnerError.Message"] = error.message
    return answer({"error": body}, error.status, error.headers)
