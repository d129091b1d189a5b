"""Delivery of execution contexts: system jobs for asynchronous steps, calls within the transaction for others.

As on the platform: 60 s time-out, one more attempt after 502, 503 or 504 and none after anything else, no order between
jobs, and a failed job stays readable in asyncoperations (state 3, status 31). The Service Bus is tried longer.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.org import Org
from dev.dynamics.dataverse.core.values import Ref, Row
from dev.dynamics.dataverse.events.context import execution_context, regarding_name, serialise
from dev.dynamics.dataverse.events.steps import QUEUE, Step, matching, webhook_address
from dev.dynamics.dataverse.gate.faults import EventFaults
from dev.dynamics.dataverse.writes.unit import Happening

if TYPE_CHECKING:
    from dev.dynamics.dataverse.events.servicebus import Queues

RETRIED: Final = frozenset({502, 503, 504})
OK: Final = range(200, 300)
QUEUE_ATTEMPTS: Final = 8
READY, RUNNING, SUCCEEDED, FAILED = (0, 0), (2, 20), (3, 30), (3, 31)  # state and status of a system job


@dataclass(frozen=True, slots=True)
class Job:
    """One delivery: the step, the system job's id (empty for a copy), and the message as it will go out."""

    step: Step
    id: str
    body: bytes
    cut: bool
    table: str
    message: str
    correlation_id: str
    user_ids: tuple[str, str]


@dataclass(slots=True)
class Delivery:
    """What is on its way. ``held`` waits for POST /sim/events/release."""

    org: Org
    faults: EventFaults
    held: list[Job] = field(default_factory=list)
    delivered: int = 0
    failed: int = 0
    _finished: deque[str] = field(default_factory=deque)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _queues: "Queues | None" = None
    _client: httpx.AsyncClient | None = None
    _places: asyncio.Semaphore | None = None

    @property
    def pending(self) -> int:
        """How many deliveries are under way."""
        return len(self._tasks)

    def job(self, happening: Happening, step: Step, job_id: str) -> Job:
        """Prepare a delivery: the context is what it is now, whatever happens to the row later."""
        events, unit = self.org.settings.events, happening.by
        limit = events.service_bus_bytes_max if step.endpoint.get("contract") == QUEUE else events.webhook_bytes_max
        body, cut = serialise(self.org, execution_context(self.org, happening, step, job_id), limit)
        users = (unit.caller.user_id, unit.caller.initiating_id)
        return Job(step, job_id, body, cut, happening.table, happening.message, unit.correlation_id, users)

    def announce(self, happenings: Sequence[Happening]) -> None:
        """Queue what the asynchronous steps want to hear; called after the commit."""
        jobs: list[Job] = []
        for happening in happenings:
            for step in matching(self.org, happening, 1):
                job = self.job(happening, step, self.org.new_id())
                self._record(job, happening)
                jobs += self.faults.copies(job, self.org.chance)
        self.held += jobs if self.faults.hold else []
        for job in () if self.faults.hold else self.faults.arranged(jobs, self.org.chance):
            self._start(job)

    def release(self) -> int:
        """Deliver what is held, shuffled; gives how many."""
        jobs, self.held = self.held, []
        self.org.chance.shuffle(jobs)
        for job in jobs:
            self._start(job)
        return len(jobs)

    async def ask(self, happenings: Sequence[Happening]) -> None:
        """Call the synchronous steps; a refusal of one rolls the whole operation back."""
        for happening in happenings:
            for step in matching(self.org, happening, 0):
                outcome = await self._attempt_twice(self.job(happening, step, happening.by.request_id))
                if outcome is not None:
                    raise refuse("step failed", detail=outcome)

    def asks(self, happenings: Sequence[Happening]) -> bool:
        """Whether any synchronous step is interested."""
        return any(matching(self.org, happening, 0) for happening in happenings)

    async def close(self) -> None:
        """Stop everything under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
        if self._queues is not None:
            await self._queues.close()

    def _start(self, job: Job) -> None:
        task = asyncio.get_running_loop().create_task(self._run(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, job: Job) -> None:
        events = self.org.settings.events
        self._places = self._places or asyncio.Semaphore(events.parallel)
        await asyncio.sleep(events.delay_seconds + self.faults.lateness(self.org.chance))
        async with self._places:
            self._mark(job, RUNNING)
            queue = job.step.endpoint.get("contract") == QUEUE
            outcome = await (self._send(job) if queue else self._attempt_twice(job))
        self.delivered += outcome is None
        self.failed += outcome is not None
        self._mark(job, SUCCEEDED if outcome is None else FAILED, outcome)

    async def _attempt_twice(self, job: Job) -> str | None:
        """Post once, and once more after 502, 503 or 504; gives what went wrong, or None."""
        for attempt in (1, 2):
            status, outcome = await self._post(job)
            if outcome is None or status not in RETRIED or attempt == 2:  # noqa: PLR2004 - the second is the last
                return outcome
            await asyncio.sleep(self.org.settings.events.retry_seconds)
        return outcome

    async def _post(self, job: Job) -> tuple[int, str | None]:
        events = self.org.settings.events
        self._client = self._client or httpx.AsyncClient(timeout=events.timeout_seconds)
        url, own = webhook_address(job.step.endpoint)
        headers = {
            "Content-Type": "application/json",
            "x-ms-dynamics-organization": self.org.settings.domain,
            "x-ms-dynamics-entity-name": job.table,
            "x-ms-dynamics-request-name": job.message,
            "x-ms-correlation-request-id": job.correlation_id,
            **({"x-ms-dynamics-msg-size-exceeded": "true"} if job.cut else {}),
            **own,
        }
        try:
            response = await self._client.post(url, content=job.body, headers=headers)
        except httpx.HTTPError as error:
            return 0, f"no answer ({type(error).__name__})"
        except httpx.InvalidURL as error:
            return 0, f"no address ({error})"
        if response.status_code in OK:
            return response.status_code, None
        return response.status_code, f"status code {response.status_code}"

    async def _send(self, job: Job) -> str | None:
        """Send to the queue, again and again with growing pauses."""
        from dev.dynamics.dataverse.events.servicebus import Queues  # noqa: PLC0415 - half the start-up time, seldom used

        self._queues = self._queues or Queues()
        user, initiator = job.user_ids
        claims = {"Organization": self.org.settings.domain, "User": user, "InitiatingUser": initiator}
        claims |= {"EntityLogicalName": job.table, "RequestName": job.message}
        connection, queue = str(job.step.endpoint.get("authvalue")), str(job.step.endpoint.get("path"))
        outcome = None
        for attempt in range(QUEUE_ATTEMPTS):
            try:
                await self._queues.send(connection, queue, job.body, claims, cut=job.cut)
            except (OSError, ValueError) as error:
                outcome = str(error)
                await asyncio.sleep(self.org.settings.events.retry_seconds * 2**attempt)
            else:
                return None
        return outcome

    def _record(self, job: Job, happening: Happening) -> None:
        row: Row = dict.fromkeys(self.org.model.tables["asyncoperation"].columns)
        now = self.org.now()
        row |= {"asyncoperationid": job.id, "name": job.step.name, "operationtype": 1, "createdon": now}
        row |= {"messagename": happening.message, "correlationid": job.correlation_id, "depth": happening.depth}
        row |= {"owningextensionid": Ref("sdkmessageprocessingstep", job.step.id), "requestid": happening.by.request_id}
        row |= {"friendlymessage": regarding_name(self.org, happening), "primaryentitytype": happening.table}
        row |= {
            "regardingobjectid": Ref(happening.table, happening.id),
            "retrycount": 0,
            "statecode": READY[0],
            "statuscode": READY[1],
        }
        self.org.store.put(self.org.model.tables["asyncoperation"], row)

    def _mark(self, job: Job, status: tuple[int, int], outcome: str | None = None) -> None:
        """Bring the system job up to date; a succeeded one may be deleted at once or after a while."""
        row = self.org.store.get("asyncoperation", job.id)
        if row is None or row["statecode"] == SUCCEEDED[0]:
            return  # a copy of a job that has already ended
        if status == SUCCEEDED and job.step.auto_delete:
            self.org.store.forget("asyncoperation", job.id)
            return
        row = {**row, "statecode": status[0], "statuscode": status[1]}
        row |= {"startedon": self.org.now()} if status == RUNNING else {"completedon": self.org.now()}
        if outcome is not None:
            text = f"The webhook call failed because the http request received {outcome}"
            row |= {"message": text, "errorcode": -2147220891}
        self.org.store.put(self.org.model.tables["asyncoperation"], row)
        if status == SUCCEEDED:
            self._finished.append(job.id)
            while len(self._finished) > self.org.settings.events.keep_jobs:
                with contextlib.suppress(KeyError):
                    self.org.store.forget("asyncoperation", self._finished.popleft())
