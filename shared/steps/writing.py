"""One write to one side, so guarded that it goes over nothing unread, and what is known of the pair afterwards.

* A create is claimed in the link row before it leaves, with an open intent; then its birthmark is looked for once more.
* A record with an etag is written with it. One without is claimed, and what the system held in the breath before the
  write is compared: what a person typed meanwhile is put back and judged anew.
* Two records that exist are coupled by the way-back row first, insert-only, so that a rival loses before any write.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from shared.core.digest import same
from shared.core.link import Intent, Link
from shared.core.model import OTHER, Answer, Record, Side, Write
from shared.core.plan import Facts
from shared.decide import decide
from shared.decision.learning import learn
from shared.decision.wording import (
    all_raws,
    expected,
    overwritten,
    put_back,
    refusals,
    with_own_doing,
    without,
    without_choices,
)
from shared.errors import (
    AwaitsApproval,
    NeedsPerson,
    NotAllowed,
    NotYet,
    Refused,
    Stale,
    SyncError,
    Transient,
    Unconfirmed,
)
from shared.mapping.flow import Flow
from shared.ports import App
from shared.steps.outcome import Outcome, new_link, write_of
from shared.steps.twins import already_ours, find_marked, nothing_on_its_way
from shared.steps.way_back import bind, set_free

CLAIM_SECONDS = 90  # longer than the 60 s that one change may take
REFUSALS_MAX = 3
PUT_BACK_MAX = 3


@dataclass(slots=True)
class Writer:
    """Writes for one sync; everything that happens is noted in `out`."""

    out: Outcome
    flow: Flow
    app: App

    async def couple(self, twin: Record) -> None:
        """Link two records that exist: the way-back row first, insert-only, so that a rival loses before any write."""
        facts, other = self.out.facts, OTHER[self.out.facts.change.side]
        found = {**facts.records, other: twin}
        crm, erp = found["dynamics"], found["sap"]
        if crm is None or erp is None:
            raise AssertionError("two records are coupled, so both are there")
        link = self.out.link
        if link is None or link.dynamics != crm.key:
            await set_free(self.flow.pair, erp.key, self.app)
            link = await self.app.state.link(self.flow.pair, "dynamics", crm.key) or Link(self.flow.pair, crm.key)
        if link.sap not in ("", erp.key):
            raise Stale(f"{crm.key} was linked to another SAP record meanwhile")
        if link.claimed_until is not None and link.claimed_until > facts.now:
            raise NotYet("another worker is writing this pair", until=link.claimed_until)
        nothing_on_its_way(link, twin, facts)
        link = replace(link, sap=erp.key, claimed_until=self.app.now() + timedelta(seconds=CLAIM_SECONDS))
        await self._bind(link)
        await self._save(link)
        self.see(other, twin)

    async def finish(self, link: Link) -> None:
        """Complete a claim that another worker left behind: its way-back row may be missing."""
        try:
            await self._bind(link)
        except Stale as error:
            raise NeedsPerson(
                f"SAP record {link.sap} was made for {link.dynamics}, but is linked to another record by now: "
                "merge the two Dynamics records, or remove the match key from one"
            ) from error

    def see(self, side: Side, record: Record) -> Facts:
        """Go on with a record as it is known now."""
        facts = self.out.facts
        self.out.facts = replace(facts, records={**facts.records, side: record}, twins=())
        return self.out.facts

    # ------------------------------------------------------------------------------------------------ one write

    async def write(self, write: Write | None) -> Answer | None:
        """Send a write; without the refused fields once more. None when all of it was refused."""
        for _ in range(1 + REFUSALS_MAX):
            if write is None:
                return None
            try:
                answer = await self._guarded(write)
            except Refused as refused:
                name = self.flow.systems[write.side]
                problems = refusals(refused, write, self.out.facts, self.flow, name)
                self.out.problems += problems
                self.out.facts = without_choices(frozenset(p.field for p in problems), self.out.facts)
                write = without(write, problems, self.flow) if write.kind == "update" else None
                continue
            self._note(write, answer)
            return answer
        return None

    def _note(self, write: Write, answer: Answer) -> None:
        arrived = expected(write, self.out.facts, self.flow)
        digests = {f"{write.side} {name}": self.out.facts.seal.digest(value) for name, value in arrived.items()}
        self.out.written |= digests
        self.out.writes.append(f"{write.side} {write.kind}")
        self.out.notes += answer.notes
        facts = self.out.facts = with_own_doing(self.see(write.side, answer.after), write, self.flow)
        self.out.link = learn(self.out.link or new_link(facts, self.flow), facts, self.flow)

    async def _guarded(self, write: Write) -> Answer:
        """Claim where no etag guards, write, and strike the intent out unless the outcome is unknown."""
        facts = self.out.facts
        record = facts.records[write.side]
        adds = any(line.kind == "add" for line in write.lines)
        claimed = adds or record is None or not self.app.traits(self.flow, write.side).etags
        if claimed:
            await self._claim(write, may_appear=adds or record is None)
        try:
            answer = await (self._create(write) if record is None else self._update(write, record))
        except Unconfirmed:
            if not claimed and self.out.link is not None:  # known from now on: should it arrive late, it is no edit
                intents = (*self.out.link.intents, self._intent(write, "update"))
                self.out.link = replace(self.out.link, intents=intents)
            raise
        except AwaitsApproval as error:
            self._keep_draft()
            raise Stale(str(error)) from error  # look again: the decision says what it waits for
        except (Transient, Refused):
            self._strike_out(claimed=claimed)
            raise
        self._strike_out(claimed=claimed)
        return answer

    async def _claim(self, write: Write, *, may_appear: bool) -> None:
        """Write down what is about to leave; the row's etag, or its insert, lets one worker through (laws 2, 3, 8)."""
        facts, side = self.out.facts, write.side
        intent = self._intent(write, "create" if may_appear else "update")
        link = self.out.link or new_link(facts, self.flow)
        until = self.app.now() + timedelta(seconds=CLAIM_SECONDS)  # the sync may have begun minutes ago
        await self._save(replace(link, intents=(*link.intents, intent), claimed_until=until))
        if facts.records[side] is not None or self.out.link is None:
            return
        try:
            await self._look_once_more(self.out.link, side)
        except SyncError:
            self._strike_out(claimed=True)  # nothing has left: an open create would be waited for (law 3)
            raise

    async def _look_once_more(self, link: Link, side: Side) -> None:
        """Do what a create waits for: its way back is bound, and nobody has made the record meanwhile."""
        if side == "dynamics":
            await self._bind(link)
        source = self.out.facts.records[OTHER[side]]
        if source is not None and await find_marked(source, OTHER[side], self.flow, self.app):
            raise Stale(f"a record for {source.key} has appeared in {side}")

    def _intent(self, write: Write, kind: Literal["create", "update"]) -> Intent:
        """Return what is about to be sent, as it would arrive."""
        facts = self.out.facts
        sent = {name: facts.seal.digest(value) for name, value in expected(write, facts, self.flow).items()}
        return Intent(write.side, kind, self.app.now(), sent)

    async def _create(self, write: Write) -> Answer:
        link, side = self.out.link, write.side
        if link is None:
            raise AssertionError("a create is claimed first")
        system, selection = self.app.system(self.flow, side), self.flow.selections[side]
        if side == "sap":
            answer = await system.create(selection, write.values, write.lines)
            self.out.link = replace(link, sap=answer.after.key)
            await self._bind(self.out.link)
            return answer
        try:
            return await system.create(selection, write.values, write.lines, link.dynamics)
        except Stale:
            return await already_ours(link, self.flow, self.app)

    async def _update(self, write: Write, record: Record) -> Answer:
        system, selection = self.app.system(self.flow, write.side), self.flow.selections[write.side]
        answer = await system.update(selection, record, write.values, write.lines)
        if answer.before is None:
            return answer
        names = self._written_over(write, record, answer.before)
        if not names:
            return answer
        self.out.facts = without_choices(names, self.out.facts)
        columns, lines = put_back(names, write, answer.before, self.flow)
        told = ", ".join(sorted(names))
        for _ in range(PUT_BACK_MAX):
            try:
                undone = await system.update(selection, answer.after, columns, lines)
            except NotAllowed:
                break  # SAP locks users
            except SyncError:
                continue
            self.out.put_back |= {(write.side, name) for name in names}
            return Answer(undone.after, notes=(*answer.notes, f"put back {told}: changed meanwhile"))
        self.out.problems += overwritten(names, write.side, answer.after, self.out.facts, self.flow)
        return Answer(answer.after, notes=answer.notes)

    def _written_over(self, write: Write, gathered: Record, before: Record) -> frozenset[str]:
        """Return written fields that moved between our read and our write, and would not have been written then.

        What they hold may be just what we send: another worker of ours, or an earlier part of this write, was at it.
        """
        was, held = (all_raws(write, r, self.flow) for r in (gathered, before))
        sent = held | expected(write, self.out.facts, self.flow)
        names = write.fields & was.keys()
        moved = {name for name in names if not same(was[name], held[name]) and not same(sent[name], held[name])}
        if not moved:
            return frozenset()
        records = {**self.out.facts.records, write.side: before}
        link = self.out.link and replace(self.out.link, claimed_until=None, intents=self.out.link.intents[:-1])
        still = write_of(decide(replace(self.out.facts, records=records, link=link), self.flow), write.side)
        return frozenset(moved - (still.fields if still else frozenset()))

    # -------------------------------------------------------------------------------------------------- the link

    def _strike_out(self, *, claimed: bool) -> None:
        if claimed and self.out.link is not None:
            self.out.link = replace(self.out.link, intents=self.out.link.intents[:-1], claimed_until=None)

    def _keep_draft(self) -> None:
        link = self.out.link
        if link is not None and link.intents:
            intents = (*link.intents[:-1], replace(link.intents[-1], kind="draft"))
            self.out.link = replace(link, intents=intents, claimed_until=None)

    async def _bind(self, link: Link) -> None:
        await bind(link, self.app)
        self.out.bound = True

    async def _save(self, link: Link) -> None:
        self.out.link = self.out.stored = await self.app.state.save(link)
