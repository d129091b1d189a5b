"""All keys and versions of one side, small: 100,000 records take some 25 MB. Kept page by page as they come."""

import base64
from array import array
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

import orjson

from shared.core.model import Side
from shared.ops.backfill.chunks import in_turn
from shared.ops.reconcile.run import Pages, Run, place
from shared.ports import App, Touched

READS_AT_ONCE = 4
UNKNOWN = -1


@dataclass(slots=True)
class Index:
    """Where each key stands in the scan, its version there, and a bit for each that a link knows."""

    at: dict[str, int] = field(default_factory=dict)
    versions: "array[int]" = field(default_factory=lambda: array("q"))
    seen: bytearray = field(default_factory=bytearray)

    def add(self, key: str, version: int | None) -> None:
        """Add a record; one that moved between two pages comes twice and counts once."""
        if key not in self.at:
            self.at[key] = len(self.versions)
            self.versions.append(UNKNOWN if version is None else version)

    def version(self, key: str) -> int | None:
        """Return a record's version, None when there is none or no record."""
        at = self.at.get(key)
        return None if at is None or self.versions[at] == UNKNOWN else self.versions[at]

    def see(self, key: str) -> bool:
        """Note that a link knows the record; return whether the scan has found it."""
        at = self.at.get(key)
        if at is None:
            return False
        self.seen[at >> 3] |= 1 << (at & 7)
        return True

    def unseen(self) -> Iterator[str]:
        """Yield the keys that no link knows."""
        return (key for key, at in self.at.items() if not self.seen[at >> 3] >> (at & 7) & 1)


async def keep_page(run: Run, side: Side, number: int, found: Sequence[Touched], app: App) -> None:
    """Keep one page of a scan."""
    page = orjson.dumps([[one.key for one in found], [one.version for one in found]]).decode()
    await app.state.set_watermark(place(run, _page(side, number)), page)


async def load_index(run: Run, side: Side, app: App) -> Index:
    """Return a side's index from its pages, with the bits of what the links before have shown."""
    index = Index()
    async for keys, versions in _pages(run, run.pages, side, app):
        for key, version in zip(keys, versions, strict=True):
            index.add(key, version)
    index.seen = bytearray(len(index.versions) // 8 + 1)
    held = await app.state.watermark(place(run, f"seen-{side}")) if run.links else ""
    if held:
        index.seen[:] = base64.b64decode(held)
    return index


async def keep_seen(run: Run, side: Side, index: Index, app: App) -> None:
    """Keep the bits."""
    await app.state.set_watermark(place(run, f"seen-{side}"), base64.b64encode(index.seen).decode())


async def moved_since(run: Run, side: Side, index: Index, app: App) -> set[str]:
    """Return the keys whose stamp is another than in the last complete run; new keys are not among them."""
    moved: set[str] = set()
    if run.before is None:
        return moved
    async for keys, versions in _pages(run, run.before, side, app):
        moved |= {key for key, was in zip(keys, versions, strict=True) if key in index.at and index.version(key) != was}
    return moved


async def _pages(run: Run, pages: Pages, side: Side, app: App) -> AsyncIterator[tuple[list[str], list[int | None]]]:
    count = pages.counts.get(side, 0)
    for first in range(0, count, READS_AT_ONCE):
        names = [place(run, _page(side, n), pages.slot) for n in range(first, min(first + READS_AT_ONCE, count))]
        for text in await in_turn(app.state.watermark, names, READS_AT_ONCE):
            keys, versions = orjson.loads(text)
            yield keys, versions


def _page(side: Side, number: int) -> str:
    return f"{side}-{number:05d}"
