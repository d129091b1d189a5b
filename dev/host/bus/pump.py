"""Moves messages from a queue, subscription or session queue into a function, and settles them by how it ended.

A pump never ends by itself: whatever the broker does, it waits (bounded, growing) and connects again. Success completes
(if `autoCompleteMessages`), failure abandons. The SDK renews the locks up to `maxAutoLockRenewalDuration`.

Each message or session in flight has a receiver, and so a connection, of its own: on a shared one the SDK's readers
take each other's frames and then wait out their time-out (0.2 s).
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import AutoLockRenewer, ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import OperationTimeoutError, ServiceBusError, SessionLockLostError

from dev.host.bus.link import has_sessions, is_dead_letters, receiver
from dev.host.bus.message import many, one, trace_parent
from dev.host.function import Function
from dev.host.host_json import HostJson
from dev.host.runtime import Runtime, trace_from
from dev.host.settings import SettingsError

_log = logging.getLogger("host")
# How long one receive may block.
_POLL_SECONDS = 5.0
_ACCEPT_SECONDS = 30.0
# Waiting for sessions side by side, as the .NET processor does (maxConcurrentAcceptSessions).
_ACCEPTORS_MAX = 4
# A lane that has received nothing for so many polls closes, if another one is waiting.
_IDLE_POLLS_MAX = 3
_BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(slots=True)
class Pump:
    """Feeds one function; `run` is its whole life. `lanes` and `waiting` count its receivers and the idle ones."""

    function: Function
    runtime: Runtime
    host: HostJson
    stopping: asyncio.Event
    connect: Callable[[], ServiceBusClient]
    lanes: int = 0
    waiting: int = 0
    renewer: AutoLockRenewer | None = field(default=None, init=False)

    def check(self) -> None:
        """Refuse what no broker would serve, before anything starts."""
        if has_sessions(self.function.trigger) and is_dead_letters(self.function.trigger):
            raise SettingsError(f"function {self.function.name!r}: a dead-letter queue has no sessions")

    async def run(self) -> None:
        """Pump until the host stops; ends when the last message is settled."""
        if self.host.lock_renewal_seconds > 0:
            self.renewer = AutoLockRenewer(max_lock_renewal_duration=self.host.lock_renewal_seconds)
        async with asyncio.TaskGroup() as group:
            if has_sessions(self.function.trigger):
                slots = asyncio.Semaphore(self.host.sessions_max)
                for _ in range(min(self.host.sessions_max, _ACCEPTORS_MAX)):
                    group.create_task(self._reconnecting(lambda: self._accept(slots, group)))
            else:
                self._open_lane(group)

    async def _reconnecting(self, work: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        """Repeat `work` while it says so, and after whatever goes wrong."""
        failures, again = 0, True
        loop = asyncio.get_running_loop()
        while again and not self.stopping.is_set():
            started = loop.time()
            try:
                again = await work()
                failures = 0
            # The outermost loop of a pump: besides its own errors the SDK lets those of its sockets and of its
            # AMQP layer through, and none of them may end the pump.
            except Exception as error:  # noqa: BLE001
                failures = 0 if loop.time() - started > _BACKOFF_SECONDS[-1] else failures + 1
                wait = _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)]
                _log.warning("%s: %s: %s; again in %s s", self.function.name, type(error).__name__, error, wait)
                await self._pause(wait)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            return

    def _receiver(self) -> ServiceBusReceiver:
        return receiver(
            self.connect(),
            self.function.trigger,
            prefetch_count=self.host.prefetch_count,
            accept_seconds=_ACCEPT_SECONDS,
            renewer=self.renewer,
        )

    @property
    def _takes_many(self) -> bool:
        return str(self.function.trigger.get("cardinality") or "one").lower() == "many"

    async def _take(self, source: ServiceBusReceiver, seconds: float) -> Sequence[ServiceBusReceivedMessage]:
        # One at a time otherwise: asked for more, the SDK keeps the first for 0.2 s while it hopes for a second.
        count = self.host.batch_max if self._takes_many else 1
        receiving = source.receive_messages(max_message_count=count, max_wait_time=seconds)
        # A message that comes while the host stops is not begun: closing the receiver gives it back.
        return await self._unless_stopping(receiving, [])

    # Queues without sessions: lanes, of which one is always waiting until there are as many as calls allowed.

    def _open_lane(self, group: asyncio.TaskGroup) -> None:
        calls_max = 1 if self._takes_many else self.host.calls_max
        if self.waiting == 0 and self.lanes < calls_max and not self.stopping.is_set():
            self.lanes += 1
            lane = group.create_task(self._reconnecting(lambda: self._lane(group)))
            lane.add_done_callback(lambda _: self._lane_closed())

    def _lane_closed(self) -> None:
        self.lanes -= 1

    async def _lane(self, group: asyncio.TaskGroup) -> bool:
        """Receive, run and settle, one after the other; False when the lane is not needed any more."""
        source = self._receiver()
        try:
            idle_polls = 0
            while not self.stopping.is_set() and idle_polls < _IDLE_POLLS_MAX:
                self.waiting += 1
                try:
                    messages = await self._take(source, _POLL_SECONDS)
                finally:
                    self.waiting -= 1
                if messages:
                    self._open_lane(group)
                    await self._dispatch(source, messages)
                idle_polls = idle_polls + 1 if self.waiting and not messages else 0
        finally:
            await _close(source)
        return False

    # Sessions: acceptors wait for one, and serve it beside the others.

    async def _accept(self, slots: asyncio.Semaphore, group: asyncio.TaskGroup) -> bool:
        if not await self._unless_stopping(slots.acquire(), otherwise=False):
            return False
        served = False
        source = self._receiver()
        try:
            if await self._unless_stopping(_opened(source), otherwise=False):
                group.create_task(self._serve(source, slots))
                served = True
        finally:
            if not served:
                slots.release()
                await _close(source)
        return True

    async def _unless_stopping[T](self, work: Coroutine[Any, Any, T], otherwise: T) -> T:
        """Give the result of `work`; `otherwise` when the host stops first."""
        task = asyncio.create_task(work)
        stop = asyncio.create_task(self.stopping.wait())
        try:
            await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else otherwise
        finally:
            task.cancel()
            stop.cancel()
            await asyncio.wait((task, stop))

    async def _serve(self, source: ServiceBusReceiver, slots: asyncio.Semaphore) -> None:
        """Give the messages of one session to the function in order, until it is idle or its lock is lost."""
        loop = asyncio.get_running_loop()
        try:
            idle_since = loop.time()
            while (
                wait := idle_since + self.host.session_idle_seconds - loop.time()
            ) > 0 and not self.stopping.is_set():
                messages = await self._take(source, min(wait, _POLL_SECONDS))
                if messages:
                    await self._dispatch(source, messages)
                    idle_since = loop.time()
        except SessionLockLostError:
            _log.warning("%s: the lock of a session was lost", self.function.name)
        # The outermost loop of a session, for the reason given in `_reconnecting`.
        except Exception as error:  # noqa: BLE001
            _log.warning("%s: session ended: %s: %s", self.function.name, type(error).__name__, error)
        finally:
            slots.release()
            await _close(source)

    async def _dispatch(self, source: ServiceBusReceiver, messages: Sequence[ServiceBusReceivedMessage]) -> None:
        """Run the function on a message or a batch, and settle what it was given."""
        data_type = self.function.trigger.get("dataType")
        if self._takes_many:
            datum, metadata = many(messages, data_type)
            trace = trace_from(None)
        else:
            datum, metadata = one(messages[0], data_type)
            trace = trace_from(trace_parent(messages[0]))
        outcome = await self.runtime.invoke(self.function, [(self.function.trigger["name"], datum)], metadata, trace)
        if outcome.ok and not self.host.auto_complete:
            return
        settle = source.complete_message if outcome.ok else source.abandon_message
        for message in messages:
            try:
                await settle(message)
            except (ServiceBusError, ValueError) as error:
                # The lock is gone or the broker is: the message comes again, which the function must bear anyway.
                _log.warning("%s: not settled: %s: %s", self.function.name, type(error).__name__, error)


async def _opened(source: ServiceBusReceiver) -> bool:
    """Accept the next session that has a message; False if there is none for a while."""
    try:
        await source.__aenter__()
    except OperationTimeoutError:
        return False
    return True


async def _close(source: ServiceBusReceiver) -> None:
    try:
        await source.close()
    # As in `_reconnecting`: closing what is already broken fails in as many ways as using it.
    except Exception as error:  # noqa: BLE001
        _log.debug("a receiver did not close: %s: %s", type(error).__name__, error)
