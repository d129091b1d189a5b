"""What the answers to change sets mean together. Pure."""

import httpx

from shared.errors import NotAllowed, Refused, Stale, SyncError, Unconfirmed
from shared.systems.batch import PartAnswer
from shared.systems.replies import failure
from shared.systems.s4.gateway import faults
from shared.systems.s4.writes import operations as ops
from shared.systems.s4.writes.operations import Operation

type Sets = list[tuple[Operation, ...]]
type Pairs = list[tuple[tuple[Operation, ...], tuple[PartAnswer, ...]]]  # a change set and what came back

_MOVED = (httpx.codes.PRECONDITION_FAILED, httpx.codes.PRECONDITION_REQUIRED)


def raise_failed(pairs: Pairs) -> None:
    """Raise what failed operations mean together; answers of others count, so a part may have gone through."""
    bad = [(members, reply) for members, answers in pairs if (reply := failed((members, answers)))]
    errors: list[SyncError] = []
    for members, reply in bad:
        what = f"s4: {members[0].method} {members[0].address.partition('(')[0]}"
        if reply.status in _MOVED or (reply.status == httpx.codes.NOT_FOUND and members[0].method != "POST"):
            raise failure(what, reply, writes=True, kind=Stale)
        errors.append(faults.problem(what, reply, writes=True, place=ops.placing(members)))
    refused = [each for each in errors if isinstance(each, Refused)]
    if refused:
        others = f" ({len(pairs) - len(bad)} of {len(pairs)} other parts were written)" if len(pairs) > len(bad) else ""
        complaints = tuple(complaint for each in refused for complaint in each.complaints)
        raise Refused("; ".join(str(each) for each in refused) + others, complaints)
    for each in errors:
        if len(pairs) > len(bad) and not isinstance(each, NotAllowed):
            raise Unconfirmed(f"{each}; other parts were written") from each
        raise each


def failed(pair: tuple[tuple[Operation, ...], tuple[PartAnswer, ...]]) -> PartAnswer | None:
    """Return the first failed answer of a change set. Deleting what is gone has succeeded."""
    members, answers = pair
    gone = len(members) == 1 and members[0].method == "DELETE"
    for each in answers:
        if each.status >= httpx.codes.BAD_REQUEST and not (gone and each.status == httpx.codes.NOT_FOUND):
            return each
    return None
