"""A compiled mapping: what `decide` works with. Built by `compile` from what `load` has read; pure.

A flow has one row set for the header and, for documents, one for the lines: the same type, judged by the same rules.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.core.merge import Clash, Form, Owner
from shared.core.model import Reference, Scalar, Selection, Side, Value, Values

type References = Mapping[Reference, str]  # a reference -> the referred record's key on the other side


@dataclass(frozen=True, slots=True)
class Missing:
    """Carried instead of a value: the referred record has no link yet."""

    reference: Reference


@dataclass(frozen=True, slots=True)
class Failure:
    """Carried instead of a value: the row cannot say this. `rule` is a short cause such as 'code countries'."""

    rule: str
    message: str


class Silence:
    """Type of `SILENT`: the row has nothing to say in this direction."""

    __slots__ = ()


SILENT = Silence()

type Carried = Value | Missing | Failure | Silence


@dataclass(frozen=True, slots=True)
class Field:
    """One row: where a business field lives, who owns it, how it may be written.

    `columns[side]` are what it reads on that side (a calc or a case may read several); `writes[side]` what it writes
    there (() = never). `problems` says what forbids to write a carried value to a side, as failures.
    `forms` are changes that a system may make to a value of owner both without that being news.
    `then` is the owner once the pair has been in step (None: `owner` for ever).
    """

    name: str
    owner: Owner
    clash: Clash
    columns: Mapping[Side, tuple[str, ...]]
    writes: Mapping[Side, tuple[str, ...]]
    fingerprint: str
    problems: Callable[[Side, Value], tuple[Failure, ...]]
    then: Owner | None = None
    create_only: bool = False
    required: bool = False
    personal: bool = True
    money: bool = False
    empty_wins: bool = False
    forms: tuple[Form, ...] = ()
    reference: str = ""  # full name of the flow that syncs the referred record

    def spread(self, side: Side, value: Value) -> dict[str, Scalar]:
        """Return the columns to write on `side` for a carried value: ('Long name', 'Ltd') -> two columns."""
        columns = self.writes[side]
        if isinstance(value, tuple):
            return dict(zip(columns, value, strict=True))
        return dict.fromkeys(columns, value)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a header or of a line.

    `read[side](values)` gives each field's raw value on that side, in the order of `fields` (a tuple when the field has
    several columns there; the computed value for const and cases).
    `carry[side](values, references)` gives what each field of that side says in the other side's raw form, or
    SILENT / Missing / Failure. Both are generated code: 10 µs for 40 fields.
    `references(side, values)` gives what a record refers to, with the field's name.
    """

    fields: tuple[Field, ...]
    read: Mapping[Side, Callable[[Values], tuple[Value, ...]]]
    carry: Mapping[Side, Callable[[Values, References], tuple[Carried, ...]]]
    references: Callable[[Side, Values], tuple[tuple[str, Reference], ...]]


@dataclass(frozen=True, slots=True)
class Lines:
    """How the lines of a document pair up and what their going means.

    `match` are the columns whose equality (as text) makes two unlinked lines candidates, and `same` the fields that
    must also be in step for that (a number alone is no identity). `birthmark` is the SAP line column that holds the
    Dynamics line column `holds`. `create` are the sides where this flow may add lines. `gone` says what happens in SAP
    to a line that was removed in Dynamics; `reject` are the columns that a rejection writes.
    `header` are the header columns that line rows read, by side, as 'header.<column>'.
    """

    rows: Rows
    match: tuple[Mapping[Side, str], ...]
    same: tuple[str, ...]
    create: frozenset[Side]
    gone: Literal["reject", "remove", "keep"]
    reject: Values = field(default_factory=dict)
    birthmark: str = ""
    holds: str = ""
    header: Mapping[Side, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Birthmark:
    """Where each side's record holds the other's identity: written in the create itself.

    `dynamics` is the column that holds the SAP key ('' = none), `sap` the SAP column that holds the pair's mark:
    the Dynamics key, or the Dynamics column `holds` ('ordernumber').
    """

    dynamics: str
    sap: str
    holds: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """One mapping, ready to run in both directions. `name` is full ('s4/account'), `pair` the two objects' identity.

    `takes[side](values)` says whether a record takes part; `when[side]` is that condition as the file has it.
    """

    name: str
    pair: str
    systems: Mapping[Side, str]  # 'dataverse', 's4'
    selections: Mapping[Side, Selection]
    rows: Rows
    takes: Mapping[Side, Callable[[Values], bool]]
    birthmark: Birthmark
    match: tuple[Mapping[Side, str], ...]
    create: frozenset[Side]
    retire: Mapping[Side, Values]
    lines: Lines | None = None
    unretire: bool = False
    copies: Literal["park", "new"] = "park"
    sweep: Mapping[str, str] = field(default_factory=dict)  # {'every': '15m'}, or daily, weekly, cron with zone
    enabled: bool = True
    when: Mapping[Side, Mapping[str, Any]] = field(default_factory=dict)
