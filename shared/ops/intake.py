"""The way in: hints become changes, once a record and flow, addressed, noted under their correlation id, enqueued."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.core.model import Cause, Change, Side
from shared.errors import BadRequest
from shared.ports import App, Step
from shared.steps.dispatch import addressed, dispatch

KEY_COUNT_MAX = 100


@dataclass(frozen=True, slots=True)
class Hint:
    """What an event says: `source` is the system and its object ('dataverse account'), `lookups` the rows it names."""

    source: str
    key: str
    origin: str
    correlation: str
    deleted: bool = False
    lookups: Mapping[str, str] = field(default_factory=dict)


def changes_of(hint: Hint, app: App) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Return the changes that a hint means, and the flows that could not tell which document it is about.

    A line's event touches its document; a deleted line is a changed document.
    """
    found: list[Change] = []
    lost: list[str] = []
    for entrance in app.entrances.get(hint.source, ()):
        document = hint.lookups.get(entrance.lookup, "") if entrance.lookup else hint.key
        if not document:
            lost.append(entrance.flow)
            continue
        flow = app.flows[entrance.flow]
        side: Side = "dynamics" if hint.source.startswith(f"{flow.systems['dynamics']} ") else "sap"
        gone = hint.deleted and not entrance.lookup
        found.append(Change(flow.name, side, document, hint.origin, hint.correlation, deleted=gone))
    return tuple(found), tuple(lost)


async def take_in(changes: Iterable[Change], app: App) -> int:
    """Enqueue changes; return how many were left after equal ones fell together. Raises `Unavailable`: ask again."""
    once = {(c.flow, c.side, c.key, c.deleted): c for c in changes}
    homes = await asyncio.gather(*(addressed(change, app) for change in once.values()))
    now = app.now()
    by_correlation: dict[str, list[Step]] = {}
    for change in homes:
        step = Step(now, change.flow, change.side, change.key, f"received ({change.cause})")
        by_correlation.setdefault(change.correlation, []).append(step)
    await asyncio.gather(*(app.state.note(correlation, steps) for correlation, steps in by_correlation.items()))
    await dispatch(homes, app)
    return len(homes)


def flow_named(name: str, app: App) -> str:
    """Return the full name of a flow: 's4/account', or 'account' where only one flow is called so."""
    names = [full for full in app.flows if name in (full, full.partition("/")[2])]
    if len(names) != 1:
        raise BadRequest(f"no single flow is called {name!r}; there are {', '.join(sorted(app.flows))}")
    return names[0]


async def sync_now(  # noqa: PLR0913 -- what a person says, one by one
    flow: str, side: Side, keys: Sequence[str], app: App, *, run: str, asked_by: str, cause: Cause = "sync"
) -> int:
    """Enqueue records by hand; `run` is a fresh id, so that a deliberate repeat is never dropped as a duplicate."""
    if not keys or len(keys) > KEY_COUNT_MAX or not all(isinstance(k, str) and k.strip() for k in keys):
        raise BadRequest(f"keys must be 1 to {KEY_COUNT_MAX} record keys, as text")
    name = flow_named(flow, app)
    return await take_in(
        (Change(name, side, key.strip(), f"{run} {key}", run, cause=cause, asked_by=asked_by) for key in keys), app
    )
