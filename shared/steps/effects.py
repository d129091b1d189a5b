"""Applies a plan: SAP first, then Dynamics with what SAP has made of it. `writing.py` guards each write.

* After each answer the pair is judged again: the number that SAP has just given is written back in the same sync.
* A value that comes back different is written once more; the same answer twice is the system's own form of it.
* A refused field is parked and the rest is written. A refusal on one side does not cancel the other.
"""

from dataclasses import dataclass, field, replace

from shared.core.digest import plain, same
from shared.core.link import Intent, Problem
from shared.core.merge import accepts
from shared.core.model import OTHER, Record, Side, Write
from shared.core.plan import Facts, Park, Plan, Sync
from shared.decide import decide
from shared.decision.draft import told_seen
from shared.decision.learning import learn, with_problems
from shared.decision.merging import all_judged
from shared.decision.rows import Judged
from shared.decision.wording import line_name, raws_of, without
from shared.errors import SyncError
from shared.mapping.flow import Flow
from shared.ports import App
from shared.steps.outcome import Outcome, new_link, write_of
from shared.steps.writing import Writer


async def apply(plan: Plan, facts: Facts, flow: Flow, app: App) -> Outcome:
    """Carry out what the plan says. Never raises an expected failure: the outcome holds it."""
    outcome = Outcome(facts, plan, facts.link, facts.link)
    outcome.bound = facts.link is not None and facts.link.status != "claimed"
    if isinstance(plan, Sync):
        try:
            await _Work(outcome, flow, Writer(outcome, flow, app)).do(plan)
        except SyncError as error:
            outcome.error = error
    return outcome


@dataclass(slots=True)
class _Work:
    """Brings one pair into step; `ours` is what our own writes made of their fields: no person moved those."""

    out: Outcome
    flow: Flow
    writer: Writer
    ours: dict[Side, dict[str, str]] = field(default_factory=dict)

    async def do(self, plan: Sync) -> None:
        current: Plan = plan
        try:
            if plan.twin is not None:
                await self.writer.couple(plan.twin)
            elif self.out.link is not None and self.out.link.status == "claimed" and self.out.link.sap:
                await self.writer.finish(self.out.link)
            for side in ("sap", "dynamics"):
                current = await self._bring(side, current)
        finally:
            last = current if isinstance(current, Sync) else plan
            self.out.problems = [*last.problems, *self.out.problems]
        self.out.again = isinstance(current, Sync) and "sap" in current.writes and plan.status == "linked"

    async def _bring(self, side: Side, plan: Plan) -> Plan:
        """Write one side what the plan wants; what comes back different is written once more, and then accepted."""
        first = write_of(plan, side)
        if first is None:
            return plan
        answer = await self.writer.write(first)
        if first.kind == "retire" or (answer is None and first.kind == "create"):
            return Sync("") if answer else _parked(self.out)
        if answer is not None:
            self._mark_ours(first)
        plan = self._decide_again()
        again = write_of(plan, side)
        if answer is None or again is None or not _overlap(first, again):
            return plan
        again = self._without_added(first, again)
        if again is None:
            return self._decide_again()
        second = await self.writer.write(again)
        if second is not None:
            self._mark_ours(again)
            self._accept(side, again, answer.after, second.after)
        return self._decide_again()

    def _without_added(self, first: Write, again: Write) -> Write | None:
        """Park lines that were added and cannot be told apart in the answer: a line is never added twice unseen."""
        added = {line.peer for line in first.lines if line.kind == "add"}
        twice = [line for line in again.lines if line.kind == "add" and line.peer in added]
        problems = tuple(
            Problem(
                line_name(line, again.side),
                again.side,
                "form",
                f"{again.side} has taken {line_name(line, again.side)}, and its answer does not show which line it "
                "became: look whether the birthmark column keeps its value",
                told_seen(line.values, self.out.facts),
                self.out.facts.now,
            )
            for line in twice
        )
        self.out.problems += problems
        return without(again, problems, self.flow) if problems else again

    def _accept(self, side: Side, write: Write, once: Record, twice: Record) -> None:
        """Take the same answer twice as the system's own form; of owner both only a declared form (law 7)."""
        kept: set[str] = set()
        for one in all_judged(self._facts(), self.flow):
            if one.verdict not in (side, "both") or one.name not in write.fields:
                continue
            if not self._same_twice(one, side, once, twice):
                continue
            sent = one.carried[OTHER[side]]
            typed = one.verdict == "both"  # the other side is yet to be written: its form is judged when it is
            if typed or one.field.owner != "both" or accepts(one.field.forms, _text(sent), plain(one.raw[side])):
                kept.add(one.name)
                self.out.notes.append(f"{side} keeps {one.name} in a form of its own")
            else:
                self.out.problems.append(_form_problem(one, side, self.out.facts))
        if self.out.link is not None:
            self.out.link = learn(self.out.link, self.out.facts, self.flow, frozenset(kept))

    def _same_twice(self, one: Judged, side: Side, once: Record, twice: Record) -> bool:
        if one.name.startswith("line "):
            return True  # lines have keys of their own; the second answer is what counts
        before, after = (raws_of(self.flow.rows, side, r.values)[one.name] for r in (once, twice))
        return same(before, after)

    def _mark_ours(self, write: Write) -> None:
        """Remember what a system made of our write; all of a record that we created is ours."""
        theirs = {name for side, name in self.out.put_back if side == write.side}
        made = {
            one.name: self.out.facts.seal.digest(one.raw[write.side])
            for one in all_judged(self._facts(), self.flow)
            if (write.kind == "create" or f"{write.side} {one.name}" in self.out.written) and one.name not in theirs
        }
        self.ours[write.side] = self.ours.get(write.side, {}) | made

    def _facts(self) -> Facts:
        """Return the pair as the last answer shows it; our own claim, and what our writes made, are known."""
        link = self.out.link or new_link(self.out.facts, self.flow)
        made = [Intent(side, "update", self.out.facts.now, sent) for side, sent in self.ours.items()]
        link = replace(link, claimed_until=None, intents=(*link.intents, *made))
        return replace(self.out.facts, link=link, twins=())

    def _decide_again(self) -> Plan:
        """Judge the pair as the last answer shows it; what was refused just now is known."""
        facts = self._facts()
        link = facts.link and with_problems(facts.link, (*facts.link.parked, *self.out.problems))
        return decide(replace(facts, link=link), self.flow)


def _parked(out: Outcome) -> Plan:
    """Turn a refused create into what it is: a pair that a person has to look at."""
    out.plan = Park(tuple(out.problems), out.link)
    return out.plan


def _overlap(first: Write, again: Write) -> bool:
    return first.kind == "create" or bool(first.fields & again.fields)


def _text(value: object) -> str:
    return plain(value) if isinstance(value, str | tuple) else ""


def _form_problem(one: Judged, side: Side, facts: Facts) -> Problem:
    message = (
        f"{side} keeps {one.name} otherwise than it was told, twice: declare how in the mapping "
        "(forms: upper, trim, cut), give the field one owner, or correct the value"
    )
    seen = (facts.seal.digest(one.raw["dynamics"]), facts.seal.digest(one.raw["sap"]))
    return Problem(one.name, side, "form", message, seen, facts.now)
