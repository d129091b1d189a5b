"""A unit of work: who writes, with which optional parameters, and what happened.

One request is one unit. The requests of a change set share `happenings` and `unsettled`, and stand or fall together.
"""

from dataclasses import dataclass, field
from typing import Literal

from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.core.values import Row

type Message = Literal["Create", "Update", "Delete"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who acts: ``user_id`` is whose rights count, ``initiating_id`` who called; they differ under CallerObjectId."""

    user_id: str
    initiating_id: str
    integration: bool = False
    agent: str = ""

    @property
    def impersonates(self) -> bool:
        """Whether the call is made on behalf of somebody else."""
        return self.user_id != self.initiating_id


@dataclass(frozen=True, slots=True)
class Happening:
    """One operation on one row: what the client sent, what the platform made of it, the row before and after."""

    by: "Unit"
    message: Message
    table: str
    id: str
    sent: Row
    target: Row
    before: Row | None
    after: Row | None
    depth: int = 1
    row_version: str | None = None
    cause: "Happening | None" = None


@dataclass(slots=True)
class Unit:
    """The work at hand and its optional parameters: tag, bypassed steps, correlation, and the batch it belongs to."""

    org: Org
    caller: Caller
    correlation_id: str
    request_id: str
    tag: str | None = None
    bypass: frozenset[str] = frozenset()
    bypass_steps: frozenset[str] = frozenset()
    languages: str = ""
    change_set_count: int = 0
    row_version: str | None = None
    happenings: list[Happening] = field(default_factory=list)
    unsettled: dict[str, Happening] = field(default_factory=dict)
