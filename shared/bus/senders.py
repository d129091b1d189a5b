"""The one place that talks to Azure Service Bus, and the one that turns its errors into ours.

One sender a queue, kept open; after a failure it is thrown away and the rest is tried once more on a new one. Sending
twice is harmless: `changes` detects duplicates, and a change is only a hint. Imported at the adapter's first use,
because the SDK takes about 200 ms to import. The queues must not be partitioned: a batch mixes sessions.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.servicebus import ServiceBusMessage, ServiceBusMessageBatch
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender
from azure.servicebus.exceptions import (
    MessageSizeExceededError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
)

from shared.core.messages import encode_all
from shared.errors import NotAllowed, SyncError, Unavailable
from shared.ports import Message
from shared.telemetry import traceparent

ATTEMPTS = 2
ATTEMPT_SECONDS = 15  # connect, attach, and send all batches
CLOSE_SECONDS = 5


class Senders:
    """Sends to the queues of one namespace, one send a queue at a time; belongs to one event loop."""

    def __init__(
        self, connection_string: str, *, fully_qualified_namespace: str, credential: AsyncTokenCredential | None
    ) -> None:
        logging.getLogger("azure").setLevel(logging.WARNING)  # INFO tells of every frame
        logging.getLogger("azure.servicebus").setLevel(logging.CRITICAL)  # what fails comes to us as an exception
        if credential is None:
            self._client = ServiceBusClient.from_connection_string(connection_string, retry_total=0)
        else:
            self._client = ServiceBusClient(fully_qualified_namespace, credential, retry_total=0)
        self._senders: dict[str, ServiceBusSender] = {}

    async def send(self, queue: str, messages: Sequence[Message]) -> tuple[int, SyncError | None]:
        """Send messages in their order; answer how many the bus has, and why it has not all."""
        sent = 0
        problem: SyncError | None = None
        for _ in range(ATTEMPTS):
            sender = self._sender(queue)
            try:
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    for batch in await _batches(sender, messages[sent:]):
                        await sender.send_messages(batch)
                        sent += len(batch)
            except (AzureError, OSError) as error:  # OSError: TimeoutError is one
                problem = _ours(error, queue)
            else:
                return sent, None
            finally:
                if sent < len(messages):  # failed, or cancelled in the middle of something
                    await self._drop(queue)
            if isinstance(problem, NotAllowed):
                break
        return sent, problem

    async def close(self) -> None:
        """Close connections."""
        for queue in tuple(self._senders):
            await self._drop(queue)
        await self._client.close()

    def _sender(self, queue: str) -> ServiceBusSender:
        if queue not in self._senders:
            self._senders[queue] = self._client.get_queue_sender(queue)
        return self._senders[queue]

    async def _drop(self, queue: str) -> None:
        with suppress(AzureError, OSError):  # it is broken already
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._senders.pop(queue).close()


async def _batches(sender: ServiceBusSender, messages: Sequence[Message]) -> list[ServiceBusMessageBatch]:
    batches = [await sender.create_message_batch()]
    for message in messages:
        wire = _wire(message)
        try:
            batches[-1].add_message(wire)
        except MessageSizeExceededError:  # this batch is full
            batches.append(await sender.create_message_batch())
            batches[-1].add_message(wire)
    return batches


def _wire(message: Message) -> ServiceBusMessage:
    change = message.change
    return ServiceBusMessage(
        encode_all((change, *message.also)),
        message_id=message.id,
        session_id=message.session,
        correlation_id=change.correlation,
        content_type="application/json",
        application_properties={
            "flow": change.flow,
            "side": change.side,
            "cause": change.cause,
            "attempt": change.attempt,
            "Diagnostic-Id": traceparent(change.correlation),  # by it the host's request joins the operation
        },
        scheduled_enqueue_time_utc=message.not_before,
    )


def _ours(error: Exception, queue: str) -> SyncError:
    said = f"queue {queue}: {type(error).__name__}: {error}"
    refused = (ServiceBusAuthenticationError, ServiceBusAuthorizationError, ClientAuthenticationError)
    return NotAllowed(said) if isinstance(error, refused) else Unavailable(said)
