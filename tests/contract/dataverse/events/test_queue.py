"""The Service Bus endpoint: the same contexts on a queue, with the claims as application properties."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from azure.servicebus import ServiceBusClient

from dev.dynamics.dataverse import Subscription, start
from dev.servicebus import launch

CLAIMS = "http://schemas.microsoft.com/xrm/2011/Claims/"


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("bus")
    with launch.start(folder, {"dataverse-events": {}}) as bus:
        yield bus.connection_string


def receive(connection: str) -> tuple[dict[str, object], Mapping[str, object]]:
    """Take one message; gives its body and its application properties by text name."""
    with (
        ServiceBusClient.from_connection_string(connection) as client,
        client.get_queue_receiver("dataverse-events", max_wait_time=20) as receiver,
    ):
        message = receiver.receive_messages(max_message_count=1, max_wait_time=20)[0]
        receiver.complete_message(message)
    assert message.content_type == "application/json"
    assert message.session_id is None
    named = {
        name.decode() if isinstance(name, bytes) else name: value
        for name, value in (message.application_properties or {}).items()
    }
    texts = {name: value.decode() if isinstance(value, bytes) else value for name, value in named.items()}
    return json.loads(b"".join(message.body)), texts


def test_a_change_arrives_on_the_queue_with_its_claims(connection: str) -> None:
    queue = Subscription(connection=connection, queue="dataverse-events", tables=["account"])
    with start(subscriptions=[queue]) as org, org.client() as api:
        api.post("accounts", json={"name": "Queued"}).raise_for_status()
        org.settled(20)
        context, claims = receive(connection)
        assert httpx.get(f"{org.url}/sim/events").json()["delivered"] == 1
    assert context["PrimaryEntityName"] == "account"
    assert claims[f"{CLAIMS}EntityLogicalName"] == "account"
    assert claims[f"{CLAIMS}RequestName"] == "Create"
    assert claims[f"{CLAIMS}Organization"] == "contoso.crm4.dynamics.com"
    assert claims[f"{CLAIMS}InitiatingUser"] == context["InitiatingUserId"]


def test_a_large_context_is_cut_at_the_queues_own_limit(connection: str) -> None:
    queue = Subscription(connection=connection, queue="dataverse-events", tables=["account"])
    with start(subscriptions=[queue], events={"service_bus_bytes_max": 3000}) as org, org.client() as api:
        api.post("accounts", json={"name": "Big", "description": "x" * 2000}).raise_for_status()
        org.settled(20)
        context, claims = receive(connection)
    assert "InputParameters" not in context
    assert claims["MessageMaxSizeExceeded"] == "true"
