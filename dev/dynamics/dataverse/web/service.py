"""The service: one organisation with its gate, its transactions and its log; everything below the HTTP server.

`serve` takes a call and gives an answer, whether it came alone or as a part of a batch.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs

from dev.dynamics.dataverse.core.errors import ServiceError, refuse
from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.data.journal import Journal
from dev.dynamics.dataverse.events.delivery import Delivery
from dev.dynamics.dataverse.gate.auth import Tokens
from dev.dynamics.dataverse.gate.faults import Fault, Faults
from dev.dynamics.dataverse.gate.limits import Protection
from dev.dynamics.dataverse.web.call import Answer, Call, refusal
from dev.dynamics.dataverse.web.dispatch import READS, read, work
from dev.dynamics.dataverse.web.rows import BATCH_REFERENCE
from dev.dynamics.dataverse.writes.operations import settle
from dev.dynamics.dataverse.writes.unit import Caller, Happening, Unit

LOG_MAX = 100_000


@dataclass(slots=True)
class Service:
    """What serves; ``log`` is what GET /sim/log shows."""

    org: Org
    faults: Faults
    delivery: Delivery
    protection: Protection
    tokens: Tokens
    journal: Journal | None = None
    log: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=LOG_MAX))

    async def serve(self, call: Call) -> Answer:
        """Serve one call; refusals become answers."""
        try:
            if call.method in READS:
                return read(self.org, call, expired_before=self.faults.deltas_expired_before)
            return (await self.change([call]))[0]
        except ServiceError as error:
            return refusal(error, call)
        except RecursionError:  # a filter or an expansion without end; Microsoft.OData has limits as well
            return refusal(refuse("too deep"), call)

    async def strike(self, fault: Fault | None, call: Call) -> Answer | None:
        """Let a fault do its worst; gives the answer that replaces the call's own, if any."""
        if fault is None:
            return None
        if fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        if fault.race:
            await self._race(call)
        if fault.html:
            return Answer(fault.status or 503, {"Content-Type": "text/html"}, b"<html><body>Gateway</body></html>")
        return refusal(fault.error(), call) if fault.status is not None else None

    async def _race(self, call: Call) -> None:
        """Let somebody else make the same call first, whatever comes of it."""
        person = next(user for user in self.org.settings.users if not user.client_id)
        await self.serve(replace(call, caller=Caller(person.id, person.id)))

    def unit(self, call: Call, happenings: list[Happening], unsettled: dict[str, Happening], count: int) -> Unit:
        """Give the unit of work of a call, with its optional parameters."""
        headers = call.headers
        bypass = {part.strip() for part in headers.get("mscrm.bypassbusinesslogicexecution", "").split(",")}
        if headers.get("mscrm.bypasscustompluginexecution", "").lower() == "true":
            bypass.add("CustomSync")
        step_ids = headers.get("mscrm.bypassbusinesslogicexecutionstepids", "").lower().split(",")
        return Unit(
            self.org,
            call.caller,
            headers.get("x-ms-correlation-id") or self.org.new_id(),
            self.org.new_id(),
            tag=parse_qs(call.query).get("tag", [None])[0],
            bypass=frozenset(bypass),
            bypass_steps=frozenset(step.strip() for step in step_ids),
            languages=headers.get("accept-language", ""),
            change_set_count=count,
            happenings=happenings,
            unsettled=unsettled,
        )

    async def change(self, calls: Sequence[Call], *, change_set: bool = False) -> list[Answer]:
        """Run writing calls as one transaction: all of them, or none and the first refusal is raised."""
        async with self.org.writing:
            try:
                return await self._change(calls, change_set=change_set)
            except RecursionError:
                raise refuse("too deep") from None

    async def _change(self, calls: Sequence[Call], *, change_set: bool) -> list[Answer]:
        store = self.org.store
        happenings: list[Happening] = []
        unsettled: dict[str, Happening] = {}
        answers: list[Answer] = []
        references: dict[str, str] = {}
        done = False
        store.begin()
        try:
            for call in calls:
                unit = self.unit(call, happenings, unsettled, len(calls) if change_set else 0)
                answer = work(self.org, replace(call, references=references))(unit)
                if "content-id" in call.headers and BATCH_REFERENCE in answer.headers:
                    references[call.headers["content-id"]] = answer.headers[BATCH_REFERENCE]
                answers.append(answer)
            if calls:
                settle(unit)
            done = True
        finally:
            edits = store.end()
            if not done:
                store.undo(edits)
        if self.delivery.asks(happenings):
            store.undo(edits)  # nobody may see the rows before every synchronous step has agreed
            await self.delivery.ask(happenings)
            store.redo(edits)
        if self.journal is not None and edits:
            self.journal.append(edits)
        for table in {edit.table for edit in edits}:
            store.compact(table)
        self.delivery.announce(happenings)
        return [replace(answer, headers=_public(answer)) for answer in answers]


def _public(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != BATCH_REFERENCE}
