"""Marked values go through the whole app, well and badly; nothing that leaves its processes holds one of them."""

import base64
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from dev.cloud import CLIENT_SECRET, HOST_KEY, S4_PASSWORD, WEBHOOK_SECRET, start
from tests.contract.telemetry.ingestion import Ingestion, ingesting
from tests.flows.office import Office

pytestmark = pytest.mark.timeout(300)
MARK = "Zqx"  # stands in every value that a person typed
TYPED = {
    "address1_line1": f"{MARK}weg 7",
    "address1_city": f"{MARK}stadt",
    "emailaddress1": f"{MARK}@example.com",
}
SECRETS = (HOST_KEY, WEBHOOK_SECRET, S4_PASSWORD, CLIENT_SECRET, base64.b64encode(b"only-for-this-machine").decode())


class Told:
    """A cloud whose telemetry goes to `ingestion`; `log` is what its host and worker wrote."""

    def __init__(self, office: Office, ingestion: Ingestion) -> None:
        self.office, self.ingestion = office, ingestion

    def all(self) -> str:
        logs = Path(self.office.cloud.host.log).parent.glob("host*")
        return "\n".join([*(raw.decode() for raw in self.ingestion.raw), *(log.read_text("utf-8") for log in logs)])

    def until_told(self, event: str, dimension: str, text: str) -> None:
        """Wait until an event has arrived whose dimension holds a text."""
        self.office.until(
            lambda: any(text in one.get(dimension, "") for one in self.ingestion.events(event)), f"{event}: {text}", 60
        )


@pytest.fixture(scope="module", params=["opencensus", "opentelemetry"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with ingesting() as ingestion:
        more = {
            "TELEMETRY_EXPORTER": request.param,
            "APPLICATIONINSIGHTS_CONNECTION_STRING": ingestion.connection,
            "RECONCILE_CRON": "off",
        }
        with start(tmp_path_factory.mktemp("told"), more=more) as cloud, closing(Office(cloud)) as office:
            found = Told(office, ingestion)
            live(found)
            yield found


def live(told: Told) -> None:
    """Create, update, clash, be refused with the value in the refusal, and leave a dead letter: all of it marked."""
    office = told.office
    key, number = office.linked_account(f"{MARK} GmbH", **TYPED)
    office.submitted_order(key, "TG11")
    office.quiet()
    with office.events_lost():
        office.edit_account(key, address1_city=f"{MARK}burg")
        office.edit_city(number, f"{MARK}dorf")
    office.ops("sync", {"flow": "account", "side": "dynamics", "keys": [key]})
    office.until(lambda: office.parked(key, "city"), "the clash is parked")
    office.edit_account(key, address1_postalcode=f"{MARK}9")
    office.until(lambda: office.parked(key, "postal_code"), "SAP refuses the postal code")
    with ServiceBusClient.from_connection_string(office.cloud.settings["ServiceBus"]) as bus:
        letter = ServiceBusMessage(f'{{"{MARK}": "{MARK}"', session_id="s")
        with bus.get_queue_sender("changes") as sender:
            sender.send_messages(letter)
    told.until_told("change", "problems", "AM/102")
    told.until_told("dead letter", "queue", "changes")


def test_no_typed_value_leaves(told: Told) -> None:
    found = [line[:300] for line in told.all().splitlines() if MARK.lower() in line.lower()]
    assert not found


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_leaves(told: Told, secret: str) -> None:
    assert secret not in told.all()


def test_what_happened_is_told_without_values(told: Told) -> None:
    assert told.ingestion.faults == []
    made = next((one for one in told.ingestion.events("change") if "legal_name" in one.get("fields", "")), {})
    assert made, [(one["flow"], one.get("outcome"), one.get("fields")) for one in told.ingestion.events("change")]
    steps = {"gather_ms", "decide_ms", "apply_ms", "remember_ms"}
    assert steps | {"s4_calls", "dataverse_calls", "key_hash"} <= made.keys()
    assert made["writes"].startswith("sap create")
    problems = {one["problems"] for one in told.ingestion.events("change") if "problems" in one}
    assert any("clash" in found for found in problems)
    assert any("AM/102" in found for found in problems)


def test_a_change_is_one_operation_from_the_webhook_to_the_write_back(told: Told) -> None:
    changes = [one for one in told.ingestion.of("MessageData") if "sap create" in one["data"]["baseData"]["message"]]
    made = next(one for one in changes if "flow=s4/account" in one["data"]["baseData"]["message"])
    operation = made["tags"]["ai.operation.id"]
    mine = [one for one in told.ingestion.taken if one.get("tags", {}).get("ai.operation.id") == operation]
    bases = [(one["data"]["baseType"], one["data"]["baseData"]) for one in mine]
    events = {base["properties"]["event"] for kind, base in bases if kind == "MessageData"}
    calls = {base["target"] for kind, base in bases if kind == "RemoteDependencyData"}
    assert {"received", "change"} <= events
    assert {"s4", "dataverse"} <= calls
