"""The registry of connectors: each passes the one suite in test_every_connector.py, over a real wire.

A connector's module offers `subject()`, an async context manager that starts a simulator with nothing of our kinds in
it, connects, and yields a `Subject`. Add yours to `CONNECTORS`; nothing else has to know it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.core.model import Selection, Values
from shared.ports import System

CONNECTORS = {
    "dataverse": "tests.contract.connectors.dataverse_subject",
    "s4": "tests.contract.connectors.s4_subject",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What shall happen to the next call: to a write (`writes`) or to a read.

    `lost`: the server does the work, and the connection breaks before the answer. `html`: a gateway's page instead of
    the service's own body. `times`: to how many calls in a row.
    """

    writes: bool
    status: int = 0
    retry_after: int | None = None
    html: bool = False
    lost: bool = False
    times: int = 1


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record that the suite makes, changes and finds.

    `new(n)` gives the key to create the n-th under ('' where the system numbers) and its columns. `text` is a column of
    free text that may be changed and cleared; `limited` one that takes no more than `limit` characters. `mark` is the
    column to find by: text, given by each `new(n)` and equal for equal n. `absent` is a key that no record has.
    `line(n)` gives the columns of the n-th line, `amount` the line's column that may be changed (a Decimal).
    """

    selection: Selection
    absent: str
    new: Callable[[int], tuple[str, Values]]
    text: str
    limited: str
    limit: int
    mark: str
    line: Callable[[int], Values] = lambda _: {}
    amount: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A connector with its simulator: a flat kind (a customer), a kind with lines (an order), and faults on demand."""

    system: System
    flat: Kind
    document: Kind
    fault: Callable[[Fault], Awaitable[None]]
