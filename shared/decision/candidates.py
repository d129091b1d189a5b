"""What a record without a link is to the candidates that were found for it: a copy, a duplicate, no part. Pure."""

from dataclasses import replace
from typing import Literal

from shared.core.link import Problem, Status
from shared.core.model import OTHER, Side
from shared.core.plan import Facts, Park, Plan, Skip
from shared.mapping.flow import Flow


def copied(facts: Facts, flow: Flow) -> Plan | None:
    """A candidate that is linked elsewhere is not a twin (law 4): a copy, or a second record of one customer."""
    if flow.copies == "new":
        return None
    for twin in facts.twins:
        if twin.elsewhere:
            how = "carries the mark of" if twin.birthmark else "matches"
            message = (
                f"{how} record {twin.record.key}, which belongs to {twin.elsewhere}: remove the mark, merge the two, "
                "or set `copies: new` in the mapping"
            )
            return park(facts, facts.change.side, "copy" if twin.birthmark else "duplicate", message)
    return None


def doubled(facts: Facts, _flow: Flow) -> Plan | None:
    """Two are a question, one is an answer (law 4), from whichever side one looks."""
    free = [t for t in facts.twins if not t.elsewhere]
    keys = sorted(t.record.key for t in free)
    rival = next((t.rival for t in free if t.rival), "")
    if len(free) <= 1 and not rival:
        return None
    found = f"{len(free)} records match ({', '.join(keys)})" if len(free) > 1 else f"{rival} matches {keys[0]} as well"
    return park(
        facts,
        facts.change.side,
        "duplicate",
        f"{found}: merge them, or leave the match key on one of them only",
    )


def takes_no_part(facts: Facts, flow: Flow) -> Plan | None:
    """A candidate that the mapping leaves out is not written; nor is the same company made a second time."""
    for twin in facts.twins:
        if twin.elsewhere or flow.takes[OTHER[facts.change.side]](twin.record.values):
            continue
        if twin.birthmark:
            return Skip(f"outside the mapping's scope on the {OTHER[facts.change.side]} side", out_of_scope=True)
        message = (
            f"matches record {twin.record.key}, which takes no part in this flow: make it take part (`when` in the "
            "mapping says how), or remove the match key from one of the two"
        )
        return park(facts, facts.change.side, "duplicate", message)
    return None


def park(facts: Facts, side: Side | Literal[""], cause: str, message: str, status: Status | None = None) -> Park:
    """Leave the pair to a person, with a link of this status if one is given."""
    link = replace(facts.link, status=status) if facts.link and status else facts.link
    return Park((Problem("", side, cause, message, since=facts.now),), link)
