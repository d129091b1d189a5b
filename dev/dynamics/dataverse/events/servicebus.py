"""The other way out: a queue on Azure Service Bus, with the claims that Dataverse sets as application properties."""

from typing import Final

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

CLAIMS: Final = "http://schemas.microsoft.com/xrm/2011/Claims/"


class Queues:
    """Senders by connection string and queue, opened on first use."""

    def __init__(self) -> None:
        self._clients: dict[str, ServiceBusClient] = {}
        self._senders: dict[tuple[str, str], ServiceBusSender] = {}

    async def send(self, connection: str, queue: str, body: bytes, claims: dict[str, str], *, cut: bool) -> None:
        """Send one context, or raise ConnectionError; no session or message id is set, as Dataverse sets none."""
        if (connection, queue) not in self._senders:
            client = self._clients.setdefault(connection, ServiceBusClient.from_connection_string(connection))
            self._senders[connection, queue] = client.get_queue_sender(queue)
        properties: dict[str | bytes, object] = {f"{CLAIMS}{name}": value for name, value in claims.items()}
        if cut:
            properties["MessageMaxSizeExceeded"] = "true"
        message = ServiceBusMessage(body, content_type="application/json", application_properties=properties)  # type: ignore[arg-type] # the library's own alias is narrower than what it takes
        try:
            await self._senders[connection, queue].send_messages(message)
        except AzureError as error:
            raise ConnectionError(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Close all senders and connections."""
        for sender in self._senders.values():
            await sender.close()
        for client in self._clients.values():
            await client.close()
