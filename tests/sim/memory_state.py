"""A `State` in memory: the semantics of the table store (etags, insert-only, Stale) without a wire, the same each run.

Every method is one step that nothing can come in between, as a transaction is. It has no limits of size.
"""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from shared.core.link import JournalEntry, Link
from shared.core.messages import canonical
from shared.core.model import Change, Reference, Side
from shared.errors import Stale
from shared.ports import Parked, Step
from shared.state.keys import key


class MemoryState:
    """Dictionaries, open to a test's eyes. Records are named (pair, key)."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Link] = {}
        self.ways_back: dict[tuple[str, str], str] = {}
        self.entries: dict[tuple[str, str], list[JournalEntry]] = {}
        self.waits: dict[tuple[Reference, str], tuple[Change, datetime]] = {}
        self.parked_records: dict[tuple[str, str], Parked] = {}
        self.correlations: dict[str, list[Step]] = {}
        self.marks: dict[str, str] = {}
        self._etags = (f"etag {number}" for number in itertools.count(1))

    async def link(self, pair: str, side: Side, key: str) -> Link | None:
        key = canonical(key)
        if side == "dynamics":
            return self.rows.get((pair, key))
        dynamics = self.ways_back.get((pair, key))
        if dynamics is None:
            return None
        link = self.rows.get((pair, dynamics), Link(pair, dynamics, key))
        return link if link.sap else replace(link, sap=key)

    async def home(self, pair: str, sap: str) -> str:
        return self.ways_back.get((pair, canonical(sap)), "")

    async def save(self, link: Link, entry: JournalEntry | None = None) -> Link:
        dynamics = canonical(link.dynamics)
        stored = self.rows.get((link.pair, dynamics))
        if link.etag != (stored.etag if stored else ""):
            raise Stale(f"link {link.pair} {dynamics}: saved meanwhile")
        etag = next(self._etags)
        self.rows[link.pair, dynamics] = replace(link, dynamics=dynamics, sap=canonical(link.sap), etag=etag)
        if entry is not None:
            self.entries.setdefault((link.pair, dynamics), []).append(entry)
        return replace(link, etag=etag)

    async def bind(self, link: Link) -> None:
        dynamics = canonical(link.dynamics)
        if self.ways_back.setdefault((link.pair, canonical(link.sap)), dynamics) != dynamics:
            raise Stale(f"way back {link.pair} {link.sap}: belongs to another record")

    async def unbind(self, link: Link) -> None:
        way_back = (link.pair, canonical(link.sap))
        if self.ways_back.get(way_back) == canonical(link.dynamics):
            del self.ways_back[way_back]

    async def links(self, pair: str, token: str, limit: int) -> tuple[tuple[Link, ...], str]:
        found = sorted(key for name, key in self.rows if name == pair and key > token)
        page = tuple(self.rows[pair, key] for key in found[:limit])
        return page, page[-1].dynamics if len(found) > limit else ""

    async def journal(self, pair: str, dynamics: str, limit: int) -> tuple[JournalEntry, ...]:
        entries = self.entries.get((pair, canonical(dynamics)), [])
        return tuple(sorted(entries, key=lambda entry: entry.at)[::-1][:limit])

    async def wait(self, reference: Reference, waiter: Change, now: datetime) -> None:
        self.waits.setdefault((_named(reference), key(waiter.flow, waiter.side, waiter.key)), (waiter, now))

    async def waiters(self, references: Sequence[Reference]) -> tuple[tuple[Reference, Change, datetime], ...]:
        return tuple(
            (reference, *found)
            for reference in references
            for (waited_for, _), found in sorted(self.waits.items(), key=lambda item: item[0][1])
            if waited_for == _named(reference)
        )

    async def waiting(self, limit: int) -> tuple[tuple[Reference, Change, datetime], ...]:
        found = ((reference, *who) for (reference, _), who in self.waits.items())
        return tuple(itertools.islice(found, limit))

    async def unwait(self, reference: Reference, waiter: Change) -> None:
        self.waits.pop((_named(reference), key(waiter.flow, waiter.side, waiter.key)), None)

    async def park(self, parked: Parked) -> None:
        self.parked_records[parked.flow, key(parked.side, parked.key)] = parked

    async def unpark(self, flow: str, side: Side, key: str) -> None:
        self.parked_records.pop((flow, _row(side, key)), None)

    async def parked(self, flow: str, limit: int) -> tuple[Parked, ...]:
        found = sorted(name for name in self.parked_records if name[0] == flow)
        return tuple(self.parked_records[name] for name in found[:limit])

    async def parked_one(self, flow: str, side: Side, key: str) -> Parked | None:
        return self.parked_records.get((flow, _row(side, key)))

    async def note(self, correlation: str, steps: Sequence[Step]) -> None:
        self.correlations.setdefault(correlation, []).extend(steps)

    async def steps(self, correlation: str, limit: int) -> tuple[Step, ...]:
        return tuple(sorted(self.correlations.get(correlation, []), key=lambda step: step.at)[:limit])

    async def watermark(self, name: str) -> str:
        return self.marks.get(name, "")

    async def watermarks(self, group: str) -> dict[str, str]:
        return {name: value for name, value in self.marks.items() if name.startswith(f"{group}/")}

    async def set_watermark(self, name: str, value: str) -> None:
        self.marks[name] = value

    async def erase(self, link: Link) -> None:
        stored = self.rows.get((link.pair, canonical(link.dynamics)))
        if stored is not None:
            if link.etag not in ("", stored.etag):
                raise Stale(f"link {link.pair} {link.dynamics}: saved meanwhile")
            del self.rows[stored.pair, stored.dynamics]

    async def erase_journal(self, pair: str, dynamics: str, limit: int) -> tuple[JournalEntry, ...]:
        found = await self.journal(pair, dynamics, limit)
        kept = [entry for entry in self.entries.pop((pair, canonical(dynamics)), []) if entry not in found]
        if kept:
            self.entries[pair, canonical(dynamics)] = kept
        return found

    async def erase_steps(
        self, records: Collection[tuple[str, str]], token: str = "", correlation: str = ""
    ) -> tuple[int, str]:
        mine = {key(*record) for record in records}
        count = 0
        for name in [correlation] if correlation else list(self.correlations):
            steps = self.correlations.get(name, [])
            kept = [step for step in steps if key(step.flow, step.key) not in mine]
            count += len(steps) - len(kept)
            self.correlations[name] = kept
        return count, ""

    async def purge_journal(self, before: datetime, token: str, limit: int) -> tuple[int, str]:
        count = 0
        for name, entries in list(self.entries.items()):
            self.entries[name] = [entry for entry in entries if entry.at >= before]
            count += len(entries) - len(self.entries[name])
        return count, ""

    async def drop_correlations(self, before: datetime) -> tuple[str, ...]:
        first = before.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        months = {f"{s.at:%Y%m}" for steps in self.correlations.values() for s in steps if s.at < first}
        for name, steps in self.correlations.items():
            self.correlations[name] = [step for step in steps if step.at >= first]
        return tuple(sorted(months))

    async def delete_watermark(self, name: str) -> None:
        self.marks.pop(name, None)

    async def close(self) -> None:
        pass


def _row(side: Side, record_key: str) -> str:
    return key(side, record_key)


def _named(reference: Reference) -> Reference:
    return replace(reference, key=canonical(reference.key))
