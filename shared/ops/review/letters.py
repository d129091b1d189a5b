"""Dead letters: recorded among the parked records, so that they are seen, and replayed by what they were about.

No value is kept: of a change all but its choices, of a Dataverse event its ids, of anything else its length.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from shared.core.link import Problem
from shared.core.messages import decode_all, encode
from shared.core.model import Change
from shared.ops.intake import Hint, changes_of
from shared.ports import App, Parked
from shared.steps.waiting import park

DEAD = ("dead/changes", "dead/backfill", "dead/dataverse-events")  # where a letter stands that belongs to no flow
LETTER_BYTES_MAX = 24 * 1024
REASON_CHARACTERS_MAX = 500
CAUSE = "dead letter"
MEMBERS = frozenset(Change.__slots__) - {"choices"}


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead message: its queue and id, what it said, and why the bus, or we, gave it up."""

    queue: str
    id: str
    body: bytes
    why: str = ""


async def record_changes(letter: Letter, app: App) -> int:
    """Park what the dead changes were about; a body that cannot be read stands under its message id."""
    try:
        changes = decode_all(letter.body)
    except ValueError as error:
        what = f"{str(error)[:REASON_CHARACTERS_MAX]}: its body cannot be read"
        body = _members_of_changes(letter.body)
        await _keep(letter, what if body else f"{what}; {_not_kept(len(letter.body))}", body, app)
        return 1
    for number, change in enumerate(changes):
        body = encode(replace(change, choices=()))
        if change.flow in app.flows and change.key:
            await park(change, _problem(letter, change, app), app, _kept(body))
        else:  # a sweep's page has no record, and a flow may be switched off
            one = replace(letter, id=f"{_key(letter, app)}-{number}" if number else letter.id)
            await _keep(one, f"a change of {change.flow} ({change.cause})", body, app)
    return len(changes)


async def record_event(
    letter: Letter, changes: Sequence[Change], ids: Mapping[str, str], app: App, why: str = ""
) -> int:
    """Park what a dead Dataverse event was about: its changes or, where it means none to us, its ids.

    `why` says what we have against it, such as another organisation: then nothing of it can be replayed.
    """
    for change in changes:
        await park(change, _problem(letter, change, app), app, _kept(encode(change)))
    if not changes:
        told = " ".join(f"{name} {value}" for name, value in ids.items() if value)
        body = b"" if why else orjson.dumps(dict(ids))
        await _keep(letter, "; ".join(part for part in (why, told) if part), body, app)
    return max(len(changes), 1)


def changes_in(entry: Parked, app: App) -> tuple[Change, ...]:
    """Return what a dead letter asks for. Raises ValueError where it (still) cannot be read."""
    body = base64.b64decode(entry.letter)
    found: Any = orjson.loads(body)
    if isinstance(found, dict) and isinstance(found.get("table"), str):
        ids = {name: str(value) for name, value in found.items()}
        hint = Hint(f"dataverse {ids['table']}", ids.get("row", ""), "", "", ids.get("message") == "Delete")
        return changes_of(hint, app)[0]
    return tuple(change for change in decode_all(body) if change.flow in app.flows)


async def _keep(letter: Letter, what: str, body: bytes, app: App) -> None:
    """Put a letter on the list that is about no record of ours."""
    message = f"{_why(letter)}; {what}"
    if len(body) > LETTER_BYTES_MAX:
        message += f"; {_not_kept(len(body))}"
    problem = Problem("", "", CAUSE, message, since=app.now())
    key = _key(letter, app)
    await app.state.park(Parked(f"dead/{letter.queue}", "dynamics", key, (problem,), "", letter=_kept(body)))


def _problem(letter: Letter, change: Change, app: App) -> Problem:
    message = f"{_why(letter)}: the log says more under correlation {change.correlation}; replay it when that is mended"
    return Problem("", change.side, CAUSE, message, since=app.now())


def _why(letter: Letter) -> str:
    return f"a dead letter of queue {letter.queue}: {letter.why[:REASON_CHARACTERS_MAX] or 'no reason given'}"


def _key(letter: Letter, app: App) -> str:
    """Return a key that is the same each time: the message id or, if that is none, a digest."""
    if re.fullmatch(r"[A-Za-z0-9._-]{1,200}", letter.id):
        return letter.id
    digest = app.seal.digest(letter.id or letter.body.decode(errors="replace"))
    return digest.partition(":")[2]


def _kept(body: bytes) -> str:
    """Return a body as an entry holds it. A part of one could not be read, so none of a large one is kept."""
    return base64.b64encode(body if len(body) <= LETTER_BYTES_MAX else b"").decode()


def _not_kept(bytes_count: int) -> str:
    return (
        f"the body of {bytes_count} bytes is not kept, so it cannot be replayed: find out who sent it, sync the "
        "records that it was about, then discard this"
    )


def _members_of_changes(body: bytes) -> bytes:
    """Return what a change has, of JSON that is nearly one: a later version may read it. All else may be a value."""
    try:
        found: Any = orjson.loads(body)
    except ValueError:
        return b""
    changes = [
        {name: value for name, value in one.items() if name in MEMBERS and isinstance(value, str | int)}
        for one in (found if isinstance(found, list) else [found])
        if isinstance(one, dict)
    ]
    return orjson.dumps([one for one in changes if one]) if any(changes) else b""
