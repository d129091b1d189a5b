"""Where changes queue up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from shared.core.model import Change


@dataclass(frozen=True, slots=True)
class Message:
    """A change on its way. `id` is what duplicate detection compares, `session` is the pair's partition.

    `also` are further changes of that partition that travel along, on the backfill queue only.
    """

    id: str
    session: str
    change: Change
    not_before: datetime | None = None
    queue: Literal["changes", "backfill"] = "changes"
    also: tuple[Change, ...] = ()


class Bus(Protocol):
    """Where changes queue up."""

    async def send(self, messages: Sequence[Message]) -> None:
        """Put messages on their queues; return when the bus has them. Raises `Unavailable`."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
