"""What the pipeline asks of a system: read, find, write, and list what was touched or is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from shared.core.model import Answer, LineWrite, Record, Scalar, Selection, Values


@dataclass(frozen=True, slots=True)
class Traits:
    """How a system behaves for one object, as far as the pipeline must know.

    `etags`: an update is guarded by the record's etag. `own_keys`: a create may bring its own key, and a repeat with
    the same key is refused by the system (Dataverse rows). `longest_transaction_seconds`: after a lost answer a create
    may still commit for so long. `users`: the system's ids of our own technical users. `silent`: some of what the
    selection reads can change without moving the record's version, so that only bodies tell.
    """

    etags: bool
    own_keys: bool
    longest_transaction_seconds: int
    users: frozenset[str] = frozenset()
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Touched:
    """One record that a sweep found touched."""

    key: str
    deleted: bool = False
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of touched records. `watermark` is where the next page starts; `more` says that there is one now.

    `full` says that it lists records because they are there, touched or not: all of them ('whole'), or one page.
    """

    touched: tuple[Touched, ...]
    watermark: str
    more: bool
    full: Literal["", "page", "whole"] = ""


@dataclass(frozen=True, slots=True)
class Term:
    """One simple condition on one column: Term('statecode', 'in', (0, 1)). `column` '' is the record's own key.

    `in` and `not` take any number of values, None for absence; gt, ge, lt and le take one. Values are as a mapping
    file or JSON has them (text, whole number, flag, None): the connector knows the column's type.
    """

    column: str
    test: Literal["in", "not", "gt", "ge", "lt", "le"]
    values: tuple[str | int | bool | None, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """One page of all records of an object, without their columns. `token` leads to the next page ('' = the last).

    `version` is the record's own where it has one. Where it has none it is a number that moves with the record's
    change stamp: it can be compared with that of another scan only.
    """

    found: tuple[Touched, ...]
    token: str


class System(Protocol):
    """Dataverse, Finance, S/4HANA, ECC or Business One."""

    def traits(self, selection: Selection) -> Traits:
        """Return how this system behaves for the selection's object."""
        ...

    async def identity(self) -> str:
        """Return what this connection really talks to: a Dataverse organisation id, 'S4H/100' for SAP."""
        ...

    async def read(self, selection: Selection, key: str) -> Record | None:
        """Return the record, or None when the system says that it does not exist."""
        ...

    async def find(self, selection: Selection, where: Mapping[str, Scalar]) -> tuple[Record, ...]:
        """Return at most 3 records whose columns equal `where` (more than one is a question for a person)."""
        ...

    async def create(self, selection: Selection, values: Values, lines: Sequence[LineWrite], key: str = "") -> Answer:
        """Create a record, with its lines, in one call.

        `key` is the record's own where the system's trait is `own_keys`. Raises `Stale` when that key is taken,
        `Unconfirmed` when the outcome is unknown, `Refused` when the system says no.
        """
        ...

    async def update(self, selection: Selection, before: Record, values: Values, lines: Sequence[LineWrite]) -> Answer:
        """Write columns and lines of an existing record, guarded by `before.etag` where there is one.

        `before` is the record as gathered: it knows the keys of its parts. Raises `Stale` when the etag moved or the
        record is gone, `Unconfirmed` when the outcome is unknown, `Refused` when the system says no.
        """
        ...

    async def changes(self, selection: Selection, watermark: str) -> Page:
        """Return records touched since `watermark` ('' = begin now: a first page may be empty, or full)."""
        ...

    async def scan(self, selection: Selection, where: Sequence[Term], token: str) -> Scan:
        """Return a page of up to 5,000 keys of the records for which all terms hold ('' = the first page).

        Raises `BadRequest` when a term names a column, or a value, that this object cannot be asked for.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
