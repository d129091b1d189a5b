"""One row of a mapping file: a business field with its owner, its ends and how it travels."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StrictStr, model_validator

from shared.core.merge import Clash, Form
from shared.core.merge import Owner as OneOwner
from shared.core.model import SIDES, Side
from shared.mapping.schema.pieces import Condition, Constant, Constants, Strict, Texts
from shared.mapping.schema.steps import Via

type Makes = Literal["const", "cases", "calc", "via"]
MAKES: tuple[Makes, ...] = ("const", "cases", "calc", "via")


class Owner(Strict):
    """Who owns a field: one for ever, or another one once the pair was first in step."""

    until_linked: OneOwner
    then: OneOwner | None = None


def _owner(found: object) -> object:
    return {"until_linked": found} if isinstance(found, str) else found


class Case(Strict):
    """One line of `cases`: the first whose `when` holds gives the value."""

    when: Condition = Field(default_factory=dict)
    then: Constant


class Check(Strict):
    """What a value must be before it is written; judged in the form of the written side, several columns as one text.

    `required: sap` asks for it only when SAP is written.
    """

    required: Literal["dynamics", "sap"] | StrictBool = False
    max_length: Annotated[StrictInt, Field(gt=0)] | None = None
    pattern: StrictStr | None = None
    min: Constant = None
    max: Constant = None
    in_: Annotated[Constants, Field(alias="in")] = ()


class Row(Strict):
    """One business field: where it lives on each side, who owns it, how it travels.

    `when` (for rows with one owner) is a condition on the owner's record: where it fails, the field is absent there.
    """

    owner: Annotated[Owner, BeforeValidator(_owner, json_schema_input_type=OneOwner | Owner)]
    dynamics: Texts = ()
    sap: Texts = ()
    via: Via = ()
    const: Constant = None
    cases: tuple[Case, ...] = ()
    calc: StrictStr = ""
    when: Condition = Field(default_factory=dict)
    on: Literal["create", "always"] = "always"
    empty: Literal["wins", "keeps"] = "keeps"
    clash: Clash | None = None
    check: Check = Check()
    personal: StrictBool = True
    money: StrictBool = False
    forms: tuple[Form, ...] = ()

    @property
    def makes(self) -> Makes:
        """Return how the value comes about."""
        return next((name for name in MAKES if name in self.model_fields_set), "via")

    @property
    def owners(self) -> frozenset[OneOwner]:
        """Return who owns the field at one time or another: with `then`, both do until the pair was first in step."""
        return frozenset({"both", self.owner.then} if self.owner.then else {self.owner.until_linked})

    @property
    def source(self) -> Side | None:
        """Return the side whose value always wins; None for a row that is written both ways."""
        return next((side for side in SIDES if self.owners == {side}), None)

    @model_validator(mode="after")
    def _one_way_to_make(self) -> Self:
        given = [name for name in MAKES if name in self.model_fields_set]
        if len(given) > 1:
            raise ValueError(f"found {' and '.join(given)}, expected one of them at most")
        if self.source is None and (self.makes != "via" or self.when):
            raise ValueError(f"a row with `{'when' if self.when else self.makes}` needs one owner, dynamics or sap")
        return self
