"""Runs a timer-triggered function when it is due: never twice at once, and late if the host was away."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from azure.functions.meta import Datum

from dev.host.function import Function
from dev.host.runtime import Outcome, Runtime, json_datum, trace_from
from dev.host.timers.ncrontab import Every, Schedule, parse
from dev.host.timers.status import Status, StatusFile, check

_log = logging.getLogger("host")
# A long wait is cut, so that a clock that jumps is noticed.
_WAIT_SECONDS_MAX = 60.0
_OFTEN = timedelta(minutes=1)


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Timer:
    """The timer of one function; `status_file` is None where it is not monitored."""

    function: Function
    schedule: Schedule
    runtime: Runtime
    status_file: StatusFile | None
    stopping: asyncio.Event
    now: Callable[[], datetime] = utc_now

    async def run(self) -> None:
        """Run until the host stops; a missed run, or `runOnStartup`, comes first."""
        known = self.status_file.read(self.function.name) if self.status_file else None
        status, past_due = check(known, self.schedule, self.now())
        if self.status_file:
            self.status_file.write(self.function.name, status)
        if past_due or self.function.trigger.get("runOnStartup"):
            status = await self._due(status, past_due=past_due)
        while (due := self.schedule.next(self.now())) is not None and await self._reached(due):
            status = await self._due(status, past_due=False)

    async def _reached(self, due: datetime) -> bool:
        """Wait until `due`; False when the host stops first."""
        while (wait := (due - self.now()).total_seconds()) > 0 and not self.stopping.is_set():
            try:
                async with asyncio.timeout(min(wait, _WAIT_SECONDS_MAX)):
                    await self.stopping.wait()
            except TimeoutError:
                continue
        return not self.stopping.is_set()

    async def _due(self, status: Status, *, past_due: bool) -> Status:
        began = self.now()
        await self.fire(status, past_due=past_due)
        after = Status(began, self.schedule.next(began), self.now())
        if self.status_file:
            self.status_file.write(self.function.name, after)
        return after

    async def fire(self, status: Status | None, *, past_due: bool) -> Outcome:
        """Run the function now, and again as its retry policy says."""
        datum = timer_datum(self.schedule, status if self.status_file else None, past_due=past_due)
        inputs = [(self.function.trigger["name"], datum)]
        trace = trace_from(None)
        outcome = await self.runtime.invoke(self.function, inputs, {}, trace)
        retry, retries = self.function.retry, 0
        while not outcome.ok and retry and (retry.count_max < 0 or retries < retry.count_max):
            retries += 1
            if not await self._reached(self.now() + timedelta(seconds=retry.wait_seconds(retries))):
                break
            outcome = await self.runtime.invoke(self.function, inputs, {}, trace, retries)
        return outcome

    async def fire_by_hand(self) -> Outcome:
        """Run the function now, beside its schedule."""
        known = self.status_file.read(self.function.name) if self.status_file else None
        return await self.fire(known, past_due=False)


def timer_datum(schedule: Schedule, status: Status | None, *, past_due: bool) -> Datum:
    """Make what the function gets: {"Schedule": ..., "ScheduleStatus": ..., "IsPastDue": ...}."""
    adjusts = not isinstance(schedule, Every)
    return json_datum(
        {
            "Schedule": {"AdjustForDST": adjusts},
            "ScheduleStatus": status.as_json() if status else None,
            "IsPastDue": past_due,
        }
    )


def make_timer(
    function: Function,
    runtime: Runtime,
    status_file: StatusFile,
    stopping: asyncio.Event,
    now: Callable[[], datetime] = utc_now,
) -> Timer:
    """Build the timer of a function; raises ValueError for a schedule that cannot be read.

    One that is due more often than once a minute is not monitored, as in the real host.
    """
    try:
        schedule = parse(str(function.trigger["schedule"]))
    except ValueError as error:
        raise ValueError(f"function {function.name!r}: schedule: {error}") from error
    first = schedule.next(now())
    second = schedule.next(first) if first else None
    often = first is not None and second is not None and second - first < _OFTEN
    monitored = function.trigger.get("useMonitor") is not False and not often
    if first is None:
        _log.warning("%s: schedule %r never comes", function.name, function.trigger["schedule"])
    return Timer(function, schedule, runtime, status_file if monitored else None, stopping, now)
