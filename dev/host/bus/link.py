"""Connections to Service Bus, one client each for the life of a worker, and the output binding that sends on them."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from azure.functions.meta import Datum
from azure.identity.aio import DefaultAzureCredential
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.aio import AutoLockRenewer, ServiceBusClient, ServiceBusReceiver, ServiceBusSender

from dev.host.function import Function
from dev.host.settings import Connection, resolve_connection

_DEAD_LETTERS = "/$deadletterqueue"


class Link:
    """The clients and senders that the functions of this worker share."""

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        self._env = env
        self._clients: dict[Connection, ServiceBusClient] = {}
        self._senders: dict[tuple[Connection, str], ServiceBusSender] = {}
        self._sending = asyncio.Lock()

    def client(self, function: Function, binding: Mapping[str, Any]) -> ServiceBusClient:
        """Give the client for a binding's connection."""
        return self._client(resolve_connection(function.name, binding, self._env))

    def _client(self, connection: Connection) -> ServiceBusClient:
        if connection not in self._clients:
            # No retries inside the SDK: the pumps have their own back-off, a sender's failure is the invocation's.
            if connection.connection_string:
                client = ServiceBusClient.from_connection_string(connection.connection_string, retry_total=0)
            else:
                credential = DefaultAzureCredential(managed_identity_client_id=connection.client_id)
                client = ServiceBusClient(str(connection.namespace), credential, retry_total=0)
            self._clients[connection] = client
        return self._clients[connection]

    async def send(self, function: Function, binding: Mapping[str, Any], datum: Datum) -> None:
        """Send what a function put out: text or bytes, one message."""
        connection = resolve_connection(function.name, binding, self._env)
        name = binding.get("queueName") or binding["topicName"]
        is_topic = not binding.get("queueName")
        body = datum.value if isinstance(datum.value, bytes) else str(datum.value)
        # A sender is not made for concurrent use.
        async with self._sending:
            sender = self._senders.get((connection, name))
            if sender is None:
                client = self._client(connection)
                sender = client.get_topic_sender(name) if is_topic else client.get_queue_sender(name)
                self._senders[connection, name] = sender
            await sender.send_messages(ServiceBusMessage(body))

    async def close(self) -> None:
        """Close what is open."""
        for client in self._clients.values():
            await client.close()


def receiver(
    client: ServiceBusClient,
    binding: Mapping[str, Any],
    *,
    prefetch_count: int,
    accept_seconds: float | None = None,
    renewer: AutoLockRenewer | None = None,
) -> ServiceBusReceiver:
    """Make a receiver for a trigger's entity: `accept_seconds` is how long to wait for a session, if it has sessions.

    A name may end in '/$DeadLetterQueue'.
    """
    options: dict[str, Any] = {"prefetch_count": prefetch_count, "auto_lock_renewer": renewer}
    if has_sessions(binding):
        options |= {"session_id": NEXT_AVAILABLE_SESSION, "max_wait_time": accept_seconds}
    if is_dead_letters(binding):
        options["sub_queue"] = ServiceBusSubQueue.DEAD_LETTER
    if binding.get("queueName"):
        return client.get_queue_receiver(_bare(binding["queueName"]), **options)
    return client.get_subscription_receiver(binding["topicName"], _bare(binding["subscriptionName"]), **options)


def has_sessions(binding: Mapping[str, Any]) -> bool:
    """Whether the trigger takes sessions."""
    return bool(binding.get("isSessionsEnabled"))


def is_dead_letters(binding: Mapping[str, Any]) -> bool:
    """Whether the trigger reads a dead-letter queue."""
    entity = binding.get("queueName") or binding.get("subscriptionName") or ""
    return str(entity).lower().endswith(_DEAD_LETTERS)


def _bare(name: str) -> str:
    return name[: -len(_DEAD_LETTERS)] if name.lower().endswith(_DEAD_LETTERS) else name
