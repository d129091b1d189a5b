"""The links against what both scans have found: what a version vouches for is done with, without a look at a body."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import blake2b
from itertools import batched

from shared.core.link import Link
from shared.core.model import OTHER, SIDES, Side
from shared.mapping.flow import Flow
from shared.ops.reconcile.index import Index, keep_seen, load_index, moved_since
from shared.ops.reconcile.run import Candidate, Kind, Run, keep_candidates
from shared.ports import App

LINKS_A_PAGE = 500
CANDIDATES_A_CHUNK = 200
LONGEST = timedelta(seconds=40)  # then the rest is the next message's work


async def compare(run: Run, app: App) -> Run:
    """Walk on through the links; after the last one, what no link knows. Keeps candidates chunk by chunk."""
    flow = app.flows[run.flow]
    look = _Look(run, flow, app, {side: await load_index(run, side, app) for side in SIDES})
    until, token, links = app.now() + LONGEST, run.token, 0
    found: list[Candidate] = []
    while True:
        page, token = await app.state.links(flow.pair, token, LINKS_A_PAGE)
        links += len(page)
        found += [one async for one in look.at_all(page)]
        if not token or app.now() > until:
            break
    if not token:
        found += look.unlinked()
    chunks = [list(some) for some in batched(found, CANDIDATES_A_CHUNK, strict=False)]
    for number, chunk in enumerate(chunks, run.chunks):
        await keep_candidates(run, chunk, number, app)
    for side in SIDES:
        await keep_seen(run, side, look.index[side], app)
    run = replace(run, token=token, at=run.at + 1, links=run.links + links, chunks=run.chunks + len(chunks))
    run = run.counting(look.counts)
    return run if token else run.next_stage("judge")


@dataclass(slots=True)
class _Look:
    run: Run
    flow: Flow
    app: App
    index: dict[Side, Index]
    counts: Counter[str] = field(default_factory=Counter)
    moved: dict[Side, set[str]] = field(default_factory=dict)

    async def at_all(self, links: tuple[Link, ...]) -> AsyncIterator[Candidate]:
        for link in links:
            there = [side for side in SIDES if self.index[side].see(link.key(side))]
            kind = await self._kind(link, there)
            if kind is not None:
                asked = [side for side in SIDES if (side in there) != (kind == "missing")]
                yield Candidate(kind, asked[0], link.key(asked[0]))

    async def _kind(self, link: Link, there: list[Side]) -> Kind | None:
        match link.status:
            case "merged":
                self.counts["merged"] += 1
                return None
            case "claimed":
                return "unfinished" if there else None
            case "retired":
                return self._retired(link, there)
            case "linked":
                return "missing" if len(there) < len(SIDES) else await self._linked(link)

    async def _linked(self, link: Link) -> Kind | None:
        if any([await self._has_moved(link, side) for side in SIDES]):
            return "moved"
        if self._is_silent() and self._is_tonight(link):
            return "slice"
        self.counts["unchanged"] += 1
        return None

    def _retired(self, link: Link, there: list[Side]) -> Kind | None:
        self.counts["retired"] += 1
        if len(there) == len(SIDES):
            return None if any(p.cause == "came back" for p in link.parked) else "came back"
        # Whether the survivor is retired stands in its body; nothing keeps the version that it had then.
        looked_at = there and self.flow.retire.get(there[0]) and self._is_tonight(link)
        return "retired" if looked_at else None

    async def _has_moved(self, link: Link, side: Side) -> bool:
        version = self.index[side].version(link.key(side))
        if side in link.versions or version is None:
            return version is not None and version != link.versions[side]
        if side not in self.moved:
            self.moved[side] = await moved_since(self.run, side, self.index[side], self.app)
        return link.key(side) in self.moved[side]

    def _is_silent(self) -> bool:
        return any(self.app.traits(self.flow, side).silent for side in SIDES)

    def _is_tonight(self, link: Link) -> bool:
        nights = self.app.reconciling.nights
        number = int.from_bytes(blake2b(link.dynamics.encode(), digest_size=4).digest())
        return nights > 0 and number % nights == self.run.number % nights

    def unlinked(self) -> Iterator[Candidate]:
        """Yield what no link knows and this flow may create on the other side; the rest only counts."""
        for side in SIDES:
            for key in self.index[side].unseen():
                if OTHER[side] in self.flow.create:
                    yield Candidate("unlinked", side, key)
                else:
                    self.counts["not for this flow to create"] += 1
