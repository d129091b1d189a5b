"""The whole product on one machine: table store, Service Bus, Dataverse, S/4HANA, and the Functions host with the app.

`python -m dev.cloud` keeps it up and says what to try. The app does not know: settings alone point it here.
"""

import argparse
import base64
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from dev import azurite, servicebus
from dev.processes import ROOT, Program, free_port, run

WEBHOOK_SECRET = "local-webhook-secret"  # noqa: S105 -- opens only what runs on this machine
HOST_KEY = "local-host-key"
DEV_IDENTITY = "signs tokens on this machine only"  # python -m dev.identity
# the simulator's own made-up application, see dev/dynamics/dataverse/core/settings.py
CLIENT_ID, CLIENT_SECRET = "11111111-2222-3333-4444-555555555555", "local-secret"
LINE_IMAGE = {"before": {"type": 0, "columns": ["salesorderid"]}}  # or a deleted line does not name its order
TENANT = "6babcaad-604b-40ac-a9d7-9fd97c0b779f"
S4_USER, S4_PASSWORD = "SYNC", "Welcome1"
REGISTER_SECONDS = 60.0  # everything has just started, on a machine that may do other things too


@dataclass(frozen=True, slots=True)
class Ports:
    """Where things listen; 0 takes a free port."""

    host: int = 0
    dataverse: int = 0
    s4: int = 0


@dataclass(frozen=True, slots=True)
class Cloud:
    """Everything that runs. `settings` are the app's; `host_again` starts the host anew, with the app in a folder."""

    dataverse: Program
    s4: Program
    host: Program
    bus_admin: str
    settings: Mapping[str, str]
    host_again: Callable[[Path], AbstractContextManager[Program]]

    @property
    def api(self) -> str:
        """Return the app's address, 'http://127.0.0.1:7071/api'."""
        return f"{self.host.url}/api"


def app_settings(tables: str, service_bus: str, dataverse: str, s4: str) -> dict[str, str]:
    """Return what local.settings.json would hold for this machine."""
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AzureWebJobsStorage": tables,
        "ServiceBus": service_bus,
        "Ingress": service_bus,  # where Dataverse may post events; a namespace of its own in Azure, if it uses SAS
        "Tables": tables,
        "DIGEST_KEYS": f"local:{base64.b64encode(b'only-for-this-machine').decode()}",
        "DATAVERSE_URL": dataverse,
        "DATAVERSE_TOKEN_URL": f"{dataverse}/{TENANT}/oauth2/v2.0/token",
        "DATAVERSE_CLIENT_ID": CLIENT_ID,
        "DATAVERSE_CLIENT_SECRET": CLIENT_SECRET,
        "DATAVERSE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "S4_URL": s4,
        "S4_USER": S4_USER,
        "S4_PASSWORD": S4_PASSWORD,
        "S4_EVENT_SECRETS": WEBHOOK_SECRET,
        "S4_EVENT_ORIGINS": "eventmesh.example",
        "OPS_KEYS": f"admin:{HOST_KEY}",
        "REQUESTS_PER_MINUTE": "60000",  # a demo looks many times a second
        "DEV_IDENTITY": DEV_IDENTITY,
    }


@contextmanager
def start(
    data: Path,
    ports: Ports | None = None,
    workers: int = 1,
    more: Mapping[str, str] | None = None,
    app: Path = ROOT,
) -> Iterator[Cloud]:
    """Run everything until the block ends. `more` are settings laid over the usual ones."""
    ports = ports or Ports()
    logs = data / "logs"
    with ExitStack() as stack:
        tables = stack.enter_context(azurite.start(data / "tables"))
        bus = stack.enter_context(servicebus.start(data / "bus"))
        crm = ["dev.dynamics.dataverse", "--port", str(ports.dataverse), "--seed-data"]
        dataverse = stack.enter_context(run("dataverse", crm, logs))
        s4 = stack.enter_context(run("s4", ["dev.sap.s4", "--port", str(ports.s4), "--seed-data"], logs))
        settings = app_settings(tables.connection_string, bus.connection_string, dataverse.url, s4.url)
        settings |= more or {}
        port = ports.host or free_port()
        command = ["dev.host", f"--port={port}", f"--workers={workers}", f"--data={data / 'host'}", f"--key={HOST_KEY}"]

        def host_of(folder: Path) -> AbstractContextManager[Program]:
            return run("host", [*command, f"--app={folder}"], logs, settings)

        host = stack.enter_context(host_of(app))
        _register_events(dataverse.url, s4.url, f"{host.url}/api")
        yield Cloud(dataverse, s4, host, bus.admin_url, settings, host_of)


def _register_events(dataverse: str, s4: str, api: str) -> None:
    """Tell both systems where their events go, as an administrator would."""
    headers = {"x-webhook-secret": WEBHOOK_SECRET}
    hook = {"url": f"{api}/dataverse/events", "headers": headers}
    for tables, images in ((("account", "salesorder"), {}), (("salesorderdetail",), LINE_IMAGE)):
        body = {**hook, "tables": tables, "images": images}
        httpx.post(f"{dataverse}/sim/webhooks", json=body, timeout=REGISTER_SECONDS).raise_for_status()
    body = {"url": f"{api}/sap/events", "headers": headers}
    httpx.post(f"{s4}/sim/webhooks", json=body, timeout=REGISTER_SECONDS).raise_for_status()


def _keep_up(ports: Ports, workers: int, data: Path) -> None:
    with start(data, ports, workers) as cloud:
        key = f"-H 'x-functions-key: {HOST_KEY}'"
        print(
            f"""
app        {cloud.api}
Dataverse  {cloud.dataverse.url}/api/data/v9.2   people at work: {cloud.dataverse.url}/sim
S/4HANA    {cloud.s4.url}/sap/opu/odata/sap      people at work: {cloud.s4.url}/sim
logs       {data / "logs"}

try
  curl -s {cloud.dataverse.url}/sim/create -d '{{"table": "account", "values": {{"name": "Contoso GmbH",
    "customertypecode": 3, "address1_city": "Walldorf", "address1_postalcode": "69190",
    "address1_country": "Germany"}}}}'
  curl -s {key} {cloud.api}/ops/status
  curl -s {key} {cloud.api}/ops/links/s4/account/ACCOUNT-ID-OR-PARTNER-NUMBER

Ctrl-C ends everything.""",
            flush=True,
        )
        with suppress(KeyboardInterrupt):
            signal.pause()


def main() -> None:
    """Read the command line and keep the cloud up."""
    parser = argparse.ArgumentParser(prog="python -m dev.cloud", description=__doc__)
    parser.add_argument("--port", type=int, default=7071, help="of the app")
    parser.add_argument("--dataverse-port", type=int, default=7072)
    parser.add_argument("--s4-port", type=int, default=7073)
    parser.add_argument("--workers", type=int, default=1, help="worker processes of the Functions host")
    parser.add_argument("--data", type=Path, help="keep tables and messages there; default: they go with the process")
    arguments = parser.parse_args()
    ports = Ports(arguments.port, arguments.dataverse_port, arguments.s4_port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="cloud-") as folder:
        try:
            _keep_up(ports, arguments.workers, arguments.data or Path(folder))
        except RuntimeError as error:  # a program that did not start: its own words say why
            raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
