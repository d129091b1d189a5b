"""What a mappings/*/*.yaml file may say, as pydantic models. From them come the checks and the editors' JSON schema.

Only the shape of one file is judged here; whether it fits the systems and the other files is `load`'s business.
`{setting: NAME}` is resolved before these models see the file.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    TypeAdapter,
    model_validator,
)

from shared.core import cron
from shared.core.merge import Clash
from shared.core.model import Side
from shared.mapping.schema.pieces import Condition, Constant, Constants, Strict, Text, Texts, as_list, closest
from shared.mapping.schema.rows import Row
from shared.mapping.schema.steps import Step

__all__ = ["FlowFile", "Key", "LinesFile", "OwnColumns", "Row", "Step", "closest", "json_schema"]


class OwnColumn(Strict):
    """A column of the customer's own, as the systems' delivered metadata does not know it."""

    type: Literal["text", "flag", "int", "decimal", "date", "instant", "time", "guid", "choice", "lookup"] = "text"
    max_length: Annotated[StrictInt, Field(gt=0)] | None = None
    scale: Annotated[StrictInt, Field(ge=0)] | None = None
    create: bool = True
    update: bool = True
    filter: bool = True
    bind: StrictStr = ""
    target: StrictStr = ""


class OwnColumns(Strict):
    """The customer's own columns of both objects, by name."""

    dynamics: dict[Text, OwnColumn] = Field(default_factory=dict)
    sap: dict[Text, OwnColumn] = Field(default_factory=dict)


class Key(Strict):
    """A column on either side whose equality makes two records candidates."""

    dynamics: Text
    sap: Text


class LineBirthmark(Strict):
    """The SAP line column that holds the Dynamics line's identity: the column `holds`, or a short code of its key."""

    sap: Text
    holds: StrictStr = ""


class LinesFile(Strict):
    """The line items of a document, judged by rows like the header's; `header.<column>` reads the header."""

    dynamics: Text
    sap: Text
    match: Annotated[tuple[Key, ...], BeforeValidator(as_list, json_schema_input_type=Key | list[Key])] = ()
    same: Texts = ()
    birthmark: LineBirthmark | None = None
    create: tuple[Side, ...] = ()
    gone: Literal["reject", "remove", "keep"] = "keep"
    reject: dict[Text, Constant] = Field(default_factory=dict)
    columns: OwnColumns = OwnColumns()
    fields: Annotated[dict[Text, Row], Field(min_length=1)]

    @model_validator(mode="after")
    def _reject_says_how(self) -> Self:
        if (self.gone == "reject") != bool(self.reject):
            raise ValueError("`gone: reject` and the columns of `reject` belong together")
        return self


class DynamicsObject(Strict):
    """The Dynamics side: a product and its table."""

    system: Literal["dataverse", "finance"]
    table: Text


class SapObject(Strict):
    """The SAP side: a product and the connector's object."""

    system: Literal["s4", "ecc", "b1"]
    object: Text


class BirthmarkFile(Strict):
    """The columns that hold the other side's identity, written in the create itself."""

    dynamics: StrictStr = ""
    sap: StrictStr = ""
    holds: StrictStr = ""


class Conditions(Strict):
    """Who takes part, by side."""

    dynamics: Condition = Field(default_factory=dict)
    sap: Condition = Field(default_factory=dict)


class Retire(Strict):
    """The columns that retire a record whose twin was deleted, by side."""

    dynamics: dict[Text, Constant] = Field(default_factory=dict)
    sap: dict[Text, Constant] = Field(default_factory=dict)


_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"


def _strikes(text: str) -> str:
    cron.parse(text)  # a ValueError says what is wrong
    return text


class Sweep(Strict):
    """When to look for changes that no event told of."""

    every: Annotated[str, Field(pattern=r"^[1-9][0-9]*[smhd]$")] | None = None
    daily: Annotated[str, Field(pattern=rf"^{_CLOCK}$")] | None = None
    weekly: Annotated[str, Field(pattern=r"^(mon|tue|wed|thu|fri|sat|sun) ([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = (
        None
    )
    cron: Annotated[str, Field(pattern=r"^\S+( \S+){4}$"), AfterValidator(_strikes)] | None = None
    zone: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]*$")] | None = None

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        kinds = self.model_fields_set - {"zone"}
        if len(kinds) > 1:
            raise ValueError(f"found {' and '.join(sorted(kinds))}, expected one schedule")
        if self.zone is not None and not kinds & {"daily", "weekly", "cron"}:
            raise ValueError("zone belongs to daily, weekly or cron")
        return self


class FlowFile(Strict):
    """One mapping file: two objects that are the same thing, and every field they share."""

    flow: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    dynamics: DynamicsObject
    sap: SapObject
    columns: OwnColumns = OwnColumns()
    parts: dict[Text, dict[Text, Constants]] = Field(default_factory=dict)
    birthmark: BirthmarkFile = BirthmarkFile()
    match: tuple[Key, ...] = ()
    when: Conditions = Conditions()
    create: tuple[Side, ...] = ()
    clash: Clash = "park"
    retire: Retire = Retire()
    unretire: StrictBool = False
    copies: Literal["park", "new"] = "park"
    sweep: Sweep = Sweep()
    enabled: StrictBool = True
    fields: Annotated[dict[Text, Row], Field(min_length=1)]
    lines: LinesFile | None = None


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a mapping file, for editors and linters."""
    made = TypeAdapter(FlowFile).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
