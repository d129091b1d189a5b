"""The `Bus` port on Azure Service Bus: what is sent at the same moment goes in one batch.

Nothing is imported from azure and nothing is connected before the first message, which is sent in the worker's loop.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.core.messages import encode_all
from shared.errors import NeedsPerson, SyncError
from shared.ports import Message

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from shared.bus.senders import Senders

BODY_BYTES_MAX = 100_000  # a message holds 256 KB in the Standard tier; 100 changes have some 30 KB


@dataclass(slots=True, eq=False)
class _Parcel:
    """What one caller wants sent to one queue, and what became of it."""

    messages: Sequence[Message]
    done: bool = False
    problem: SyncError | None = None


@dataclass(slots=True, eq=False)
class _Lane:
    """One queue: parcels that wait for the sender, and the right to use it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[_Parcel] = field(default_factory=list)


class ServiceBus:
    """`connection_string`, or `fully_qualified_namespace` ('name.servicebus.windows.net') and `credential`, reach it.

    One for the life of a worker, used in one event loop.
    """

    def __init__(
        self,
        connection_string: str = "",
        *,
        fully_qualified_namespace: str = "",
        credential: "AsyncTokenCredential | None" = None,
    ) -> None:
        self._connection_string = connection_string
        self._namespace: dict[str, Any] = {
            "fully_qualified_namespace": fully_qualified_namespace,
            "credential": credential,
        }
        self._lanes: dict[str, _Lane] = {}
        self._opened: Senders | None = None

    async def send(self, messages: Sequence[Message]) -> None:
        """Put messages on their queues, in order a queue; scheduled ones are durable as well when this returns.

        Raises `Unavailable` or `NotAllowed` when the bus has not all of them; sending all again is harmless.
        """
        parcels: dict[str, list[Message]] = {}
        for message in messages:
            if (size := len(encode_all((message.change, *message.also)))) > BODY_BYTES_MAX:
                raise NeedsPerson(f"message {message.id}: a change of {size} bytes, at most {BODY_BYTES_MAX} fit")
            parcels.setdefault(message.queue, []).append(message)
        problems = await asyncio.gather(*(self._deliver(queue, _Parcel(found)) for queue, found in parcels.items()))
        for problem in problems:
            if problem is not None:
                raise problem

    async def close(self) -> None:
        """Close connections; a message after this connects anew."""
        if self._opened is not None:
            senders, self._opened = self._opened, None
            await senders.close()

    async def _deliver(self, queue: str, parcel: _Parcel) -> SyncError | None:
        """Wait for the queue's sender; whoever gets it sends what all others brought meanwhile."""
        lane = self._lanes.setdefault(queue, _Lane())
        lane.waiting.append(parcel)
        try:
            await asyncio.sleep(0)  # let those who came together bring theirs
            async with lane.lock:
                if not parcel.done:
                    await self._flush(queue, lane)
        finally:
            if parcel in lane.waiting:  # cancelled: the caller does not want it sent any more
                lane.waiting.remove(parcel)
        return parcel.problem

    async def _flush(self, queue: str, lane: _Lane) -> None:
        # Parcels stay in the lane until they are settled: if we are cancelled, their owners send them themselves.
        parcels = tuple(lane.waiting)
        messages = [message for parcel in parcels for message in parcel.messages]
        sent, problem = await self._senders.send(queue, messages)
        for parcel in parcels:
            sent -= len(parcel.messages)
            parcel.done, parcel.problem = True, problem if sent < 0 else None
        lane.waiting = [parcel for parcel in lane.waiting if not parcel.done]

    @property
    def _senders(self) -> "Senders":
        if self._opened is None:
            from shared.bus.senders import Senders  # noqa: PLC0415  azure takes 200 ms of a cold start to import

            self._opened = Senders(self._connection_string, **self._namespace)
        return self._opened
