"""Bulk work on the bus: many changes as few messages, each worked off a few at a time, every record counted once.

What becomes of a record stays between the pipeline and its own settlement: one that has to wait, or is tried again,
leaves the chunk as a message of its own.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson

from shared.core.model import Change
from shared.ports import App
from shared.settlement import Settled
from shared.steps.dispatch import addressed, dispatch, dispatch_chunks

AT_ONCE = 8
LOOKUPS_AT_ONCE = 32
CHUNK_SECONDS = 240  # then the rest of a chunk travels on as a new one

type Settle = Callable[[Change, App], Awaitable[Settled]]
COUNTED_AS = {"park": "failed", "parked": "failed", "wait": "waiting", "skip": "skipped"}  # all else: "done"


async def in_turn[A, B](work: Callable[[A], Awaitable[B]], items: Iterable[A], at_once: int) -> list[B]:
    """Do the work on all items, a few at a time; raise the first failure when all have ended."""
    ended = await _all(work, items, at_once)
    for one in ended:
        if isinstance(one, BaseException):
            raise one
    return ended  # type: ignore[return-value]  # what is no exception is an answer


async def _all[A, B](work: Callable[[A], Awaitable[B]], items: Iterable[A], at_once: int) -> list[B | BaseException]:
    gate = asyncio.Semaphore(at_once)

    async def one(item: A) -> B:
        async with gate:
            return await work(item)

    return await asyncio.gather(*(one(item) for item in items), return_exceptions=True)


async def send(changes: Sequence[Change], app: App) -> None:
    """Put changes on the backfill queue, those of a partition together. Raises `Unavailable`."""
    homes = await in_turn(lambda change: addressed(change, app), changes, LOOKUPS_AT_ONCE)
    await dispatch_chunks(homes, app)


@dataclass(frozen=True, slots=True)
class _Late:
    """Stands for the outcome of a change whose turn came too late."""


async def work_off(changes: Sequence[Change], app: App, settle: Settle) -> None:
    """Bring the records of a chunk into step. Raises only what is a bug of a record that travels alone."""
    job = changes[0].correlation
    if any(page_of(change) is not None for change in changes) and await is_cancelled(job, app):
        await _count(changes, [(change, "cancelled") for change in changes], app)
        return
    started = app.now()

    async def one(change: Change) -> Settled | _Late:
        if (app.now() - started).total_seconds() > CHUNK_SECONDS:
            return _Late()
        return await settle(change, app)

    ended = await _all(one, changes, AT_ONCE)
    failed = [(c, e) for c, e in zip(changes, ended, strict=True) if isinstance(e, BaseException)]
    if failed and len(changes) == 1:
        raise failed[0][1]
    await dispatch([change for change, _ in failed], app)  # alone, so that a bug takes nobody along
    await dispatch_chunks([c for c, e in zip(changes, ended, strict=True) if isinstance(e, _Late)], app)
    settled = [(c, e) for c, e in zip(changes, ended, strict=True) if isinstance(e, Settled) and e.again_at is None]
    await _count(changes, [(c, COUNTED_AS.get(e.outcome, "done")) for c, e in settled], app)


# ---------------------------------------------------------------------------------------------------------- counting


def page_of(change: Change) -> str | None:
    """Return the page of the job that a change belongs to; None for one that came of it, or is no job's."""
    page = change.origin.removeprefix(f"{change.correlation} ").partition(" paused ")[0]
    mine = change.cause == "backfill" and page != change.origin and page.isdecimal()
    return page if mine else None


async def _count(message: Sequence[Change], ended: Sequence[tuple[Change, str]], app: App) -> None:
    """Note how records of a message ended, in one row under its name: the same message twice writes the same row."""
    mine = [(page, what) for change, what in ended if (page := page_of(change)) is not None]
    if not mine:
        return
    name = blake2b("\x1f".join(sorted(change.key for change in message)).encode(), digest_size=12).hexdigest()
    row: dict[str, Any] = {"at": app.now().isoformat(), **Counter(what for _, what in mine)}
    page, _ = mine[0]
    await app.state.set_watermark(f"{_group(message[0].correlation, page)}/{name}", orjson.dumps(row).decode())


async def counted(job: str, pages: int, app: App) -> tuple[dict[str, int], datetime | None]:
    """Return how many records of a job ended in which way, and when the last one did."""
    groups = [_group(job, str(page)) for page in range(pages)]
    total: dict[str, int] = {}
    last = ""
    for rows in await in_turn(app.state.watermarks, groups, LOOKUPS_AT_ONCE):
        for text in rows.values():
            row: dict[str, Any] = orjson.loads(text)
            last = max(last, row.pop("at"))
            for what, count in row.items():
                total[what] = total.get(what, 0) + count
    return total, datetime.fromisoformat(last) if last else None


async def cancel(job: str, app: App) -> None:
    """Let nothing more of a job begin."""
    await app.state.set_watermark(f"cancelled/{job}", app.now().isoformat())


async def is_cancelled(job: str, app: App) -> bool:
    """Return whether a job was cancelled."""
    return bool(await app.state.watermark(f"cancelled/{job}"))


def _group(job: str, page: str) -> str:
    return f"{job}.{page}"
