"""What the pipeline keeps: links, journal, waiters, parked records, correlations, watermarks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from shared.core.link import JournalEntry, Link, Problem
from shared.core.model import Change, Reference, Side


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a correlation id."""

    at: datetime
    flow: str
    side: Side
    key: str
    what: str


@dataclass(frozen=True, slots=True)
class Parked:
    """One record that a person has to look at.

    `gone` is the side where it was said to be deleted, so that a replay says so again. `letter` is the body of a dead
    message, in base64.
    """

    flow: str
    side: Side
    key: str
    problems: tuple[Problem, ...]
    correlation: str
    attempts: int = 0
    gone: Side | Literal[""] = ""
    letter: str = ""

    @property
    def open(self) -> tuple[Problem, ...]:
        """Return the problems that nobody has discarded; a record without any is not on the list."""
        return tuple(problem for problem in self.problems if not problem.discarded)


class State(Protocol):
    """Links, journal, waiters, parked records, correlations and watermarks."""

    async def link(self, pair: str, side: Side, key: str) -> Link | None:
        """Return the link of a record, complete or still a claim (a way-back row alone counts as a claim)."""
        ...

    async def home(self, pair: str, sap: str) -> str:
        """Return the Dynamics key that an SAP key leads back to, '' when it has no way-back row: one point read."""
        ...

    async def save(self, link: Link, entry: JournalEntry | None = None) -> Link:
        """Insert (etag '') or update (If-Match etag) a link and its journal entry in one transaction.

        Returns the link with its new etag. Raises `Stale` when another worker was first.
        """
        ...

    async def bind(self, link: Link) -> None:
        """Insert the way-back row of `link.sap`, insert-only. A row that already says the same is success.

        Raises `Stale` when the SAP key belongs to another pair: it is what makes a link one to one.
        """
        ...

    async def unbind(self, link: Link) -> None:
        """Take back a way-back row that `bind` made for a pair that then failed to come into being."""
        ...

    async def links(self, pair: str, token: str, limit: int) -> tuple[tuple[Link, ...], str]:
        """Return a page of all links of a pair of objects, and the token of the next page ('' = that was the last)."""
        ...

    async def journal(self, pair: str, dynamics: str, limit: int) -> tuple[JournalEntry, ...]:
        """Return the newest journal entries of a pair, newest first."""
        ...

    async def wait(self, reference: Reference, waiter: Change, now: datetime) -> None:
        """Note that `waiter` needs `reference`; repeating is harmless and keeps the first time."""
        ...

    async def waiters(self, references: Sequence[Reference]) -> tuple[tuple[Reference, Change, datetime], ...]:
        """Return who waits for any of the references, and since when."""
        ...

    async def waiting(self, limit: int) -> tuple[tuple[Reference, Change, datetime], ...]:
        """Return who waits for anything, and since when."""
        ...

    async def unwait(self, reference: Reference, waiter: Change) -> None:
        """Strike out a waiter."""
        ...

    async def park(self, parked: Parked) -> None:
        """Insert or replace the entry of a record that a person has to look at."""
        ...

    async def unpark(self, flow: str, side: Side, key: str) -> None:
        """Strike out the entry, if there is one."""
        ...

    async def parked(self, flow: str, limit: int) -> tuple[Parked, ...]:
        """Return parked records of a flow."""
        ...

    async def parked_one(self, flow: str, side: Side, key: str) -> Parked | None:
        """Return the entry of one record, None when it has none."""
        ...

    async def note(self, correlation: str, steps: Sequence[Step]) -> None:
        """Add steps to a correlation id."""
        ...

    async def steps(self, correlation: str, limit: int) -> tuple[Step, ...]:
        """Return the steps of a correlation id, oldest first."""
        ...

    async def watermark(self, name: str) -> str:
        """Return the watermark, '' when there is none."""
        ...

    async def watermarks(self, group: str) -> Mapping[str, str]:
        """Return all watermarks whose name begins with `group` and a slash, by name."""
        ...

    async def set_watermark(self, name: str, value: str) -> None:
        """Keep a watermark (a delta token of some KB fits)."""
        ...

    async def erase(self, link: Link) -> None:
        """Delete a link's row; its way back is `unbind`'s. Raises `Stale` when it moved since it was read."""
        ...

    async def erase_journal(self, pair: str, dynamics: str, limit: int) -> tuple[JournalEntry, ...]:
        """Delete the newest entries of a pair, and return them (() = there are none left)."""
        ...

    async def erase_steps(
        self, records: Collection[tuple[str, str]], token: str = "", correlation: str = ""
    ) -> tuple[int, str]:
        """Delete steps that name one of the records (flow, key); return how many, and where to go on ('' = that's all).

        Looks at the steps of one correlation id or, without it, at a page of all that there are.
        """
        ...

    async def purge_journal(self, before: datetime, token: str, limit: int) -> tuple[int, str]:
        """Delete entries older than `before` among the next `limit`, over all pairs that ever were.

        Returns how many, and where to go on ('' = that was the end). The token may be kept for days.
        """
        ...

    async def drop_correlations(self, before: datetime) -> tuple[str, ...]:
        """Drop the steps of whole months that ended before; return the months, such as '202410'."""
        ...

    async def delete_watermark(self, name: str) -> None:
        """Forget a watermark, if there is one."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
