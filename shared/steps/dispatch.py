"""The only way onto the bus: every change, whoever asks for it, is addressed to its pair's partition here."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import batched
from typing import Literal

from shared.core.messages import born_in_sap, canonical, message_id, partition
from shared.core.model import Change
from shared.ports import App, Message

CHUNK_MAX = 100


async def dispatch(changes: Sequence[Change], app: App, not_before: datetime | None = None) -> None:
    """Put changes on the bus; return when the bus has them. Raises `Unavailable`."""
    await app.bus.send([_message(change, app, not_before) for change in changes])


async def dispatch_chunks(changes: Sequence[Change], app: App) -> None:
    """Put bulk changes on their queue, those of a partition together, at most 100 a message. Raises `Unavailable`."""
    partitions: dict[str, list[Message]] = {}
    for change in changes:
        message = _message(replace(change, bulk=True), app, None)
        partitions.setdefault(message.session, []).append(message)
    chunks = [chunk for found in partitions.values() for chunk in batched(found, CHUNK_MAX, strict=False)]
    await app.bus.send([replace(first, also=tuple(m.change for m in rest)) for first, *rest in chunks])


async def addressed(change: Change, app: App) -> Change:
    """Return the change with its pair's Dynamics key. For a record of SAP that costs a look at its way-back row."""
    change = replace(change, key=canonical(change.key))
    if change.pair_key:
        return change
    pair = app.flows[change.flow].pair
    if change.side == "dynamics":
        return replace(change, pair_key=change.key)
    home = await app.state.home(pair, change.key)
    return replace(change, pair_key=home or born_in_sap(pair, change.key))


def _message(change: Change, app: App, not_before: datetime | None) -> Message:
    pair = app.flows[change.flow].pair
    if not change.pair_key:
        home = canonical(change.key) if change.side == "dynamics" else born_in_sap(pair, change.key)
        change = replace(change, key=canonical(change.key), pair_key=home)
    queue: Literal["changes", "backfill"] = "backfill" if change.bulk else "changes"
    return Message(message_id(pair, change), partition(pair, change.pair_key), change, not_before, queue)
