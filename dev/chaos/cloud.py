"""The local cloud whose table store, bus and workers can be killed, and come back with the same data and ports."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient

from dev import azurite, servicebus
from dev.chaos.gate import Gate
from dev.cloud import HOST_KEY, LINE_IMAGE, WEBHOOK_SECRET, app_settings
from dev.processes import ROOT, Program, free_port, run

WORKERS = 2
FLUSH_SECONDS = 30.0
LOOK_SECONDS = 0.1
MARKS = "chaos"
# What is long in the product, made as short as the simulators allow: their own longest transaction is a few seconds.
SETTINGS = {
    "S4_LONGEST_TRANSACTION_SECONDS": "30",
    "WRITES_PER_HOUR": "1000",  # people at work here are many and quick, no two automations
    "RECONCILE_CRON": "off",  # asked for at the end
    "RECONCILE_NIGHTS": "1",
    "RECONCILE_WRITES_MAX": "1000000",
    "RECONCILE_WRITES_PERCENT_MAX": "100",
}


@dataclass(slots=True)
class Part[T]:
    """A process that comes back with the same data and ports; `begin` starts it."""

    begin: Callable[[], AbstractContextManager[T]]
    _stack: ExitStack = field(default_factory=ExitStack)

    def start(self) -> T:
        """Start it, once more if need be."""
        self._stack.close()
        return self._stack.enter_context(self.begin())

    def stop(self) -> None:
        """End it for good."""
        self._stack.close()


@dataclass(slots=True)
class Cloud:
    """All that runs. Only the simulators of the two systems are never killed: they keep nothing on disk."""

    dataverse: Program
    s4: Program
    host: Program
    tables: azurite.Azurite
    bus: servicebus.Bus
    gate: Gate
    tables_again: Part[azurite.Azurite]
    bus_again: Part[servicebus.Bus]
    http: httpx.Client

    @property
    def api(self) -> str:
        """Return the app's address."""
        return f"{self.host.url}/api"

    def kill_worker(self, chance: float) -> bool:
        """Kill one of the host's workers; the host starts another. False while one is still starting."""
        with suppress(httpx.HTTPError):
            workers = self.http.get(f"{self.host.url}/admin/host/status").json()["workers"]
            found = [one["pid"] for one in workers if one["pid"] and one["ready"]]
            if len(found) == WORKERS:
                with suppress(ProcessLookupError):
                    os.kill(found[int(chance * len(found))], signal.SIGKILL)
                    return True
        return False

    def kill_bus(self) -> bool:
        """Kill the bus and start it again."""
        self.bus.process.kill()
        self.bus.process.wait(FLUSH_SECONDS)
        self.bus = self.bus_again.start()
        return True

    def kill_tables(self) -> bool:
        """Kill the table store in the middle of its clients' calls, with everything on disk that it acknowledged."""
        self.gate.shut()
        try:
            self._flush()
            self.tables.kill()
            self.tables = self.tables_again.start()
        finally:
            self.gate.open()
        return True

    def sweep_is_due(self) -> None:
        """Forget when the flows were last swept."""
        with TableServiceClient.from_connection_string(self.tables.connection_string) as service:
            table = service.get_table_client("watermarks")
            for row in list(table.list_entities()):
                if str(row.get("name", "")).startswith("schedule/"):
                    table.delete_entity(row)

    def _flush(self) -> None:
        mark = f"mark-{time.time_ns()}"
        with TableServiceClient.from_connection_string(self.tables.connection_string) as service:
            with suppress(ResourceExistsError):
                service.create_table(MARKS)
            service.get_table_client(MARKS).create_entity({"PartitionKey": "mark", "RowKey": mark})
        file, deadline = self.tables.data / "__azurite_db_table__.json", time.monotonic() + FLUSH_SECONDS
        while not (file.exists() and mark.encode() in file.read_bytes()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the table store did not write its file within {FLUSH_SECONDS:.0f} s")
            time.sleep(LOOK_SECONDS)


@contextmanager
def start(data: Path) -> Iterator[Cloud]:
    """Run everything until the block ends."""
    logs = data / "logs"
    with ExitStack() as stack:
        http = stack.enter_context(httpx.Client(timeout=60))
        ports = [free_port() for _ in range(4)]
        tables_again = Part(
            lambda: azurite.start(data / "tables", blob_port=ports[0], queue_port=ports[1], table_port=ports[2])
        )
        stack.callback(tables_again.stop)
        tables = tables_again.start()
        gate = Gate(ports[2])
        stack.callback(gate.close)
        bus_again = Part(lambda: servicebus.start(data / "bus", port=ports[3]))
        stack.callback(bus_again.stop)
        bus = bus_again.start()
        dataverse = stack.enter_context(run("dataverse", ["dev.dynamics.dataverse", "--seed-data"], logs))
        s4 = stack.enter_context(run("s4", ["dev.sap.s4", "--seed-data"], logs))
        store = azurite.connection_string(ports[0], ports[1], gate.port)
        os.environ.update(app_settings(store, bus.connection_string, dataverse.url, s4.url) | SETTINGS)
        command = ["dev.host", f"--app={_talkative(data / 'app')}", f"--port={free_port()}", f"--workers={WORKERS}"]
        command += [f"--data={data / 'host'}", f"--key={HOST_KEY}"]
        host = stack.enter_context(run("host", command, logs))
        cloud = Cloud(dataverse, s4, host, tables, bus, gate, tables_again, bus_again, http)
        _register_events(cloud)
        yield cloud


def _talkative(app: Path) -> Path:
    """Lay out the app with a host.json that lets its own log through: one line a change."""
    app.mkdir(parents=True, exist_ok=True)
    for name in ("function_app.py", "shared", "mappings"):
        (app / name).unlink(missing_ok=True)
        (app / name).symlink_to(ROOT / name)
    host = json.loads((ROOT / "host.json").read_text("utf-8"))
    host["logging"]["logLevel"]["default"] = "Information"
    (app / "host.json").write_text(json.dumps(host), "utf-8")
    return app


def _register_events(cloud: Cloud) -> None:
    headers = {"x-webhook-secret": WEBHOOK_SECRET}
    hook = {"url": f"{cloud.api}/dataverse/events", "headers": headers}
    for tables, images in ((("account", "salesorder"), {}), (("salesorderdetail",), LINE_IMAGE)):
        body = {**hook, "tables": tables, "images": images}
        cloud.http.post(f"{cloud.dataverse.url}/sim/webhooks", json=body).raise_for_status()
    body = {"url": f"{cloud.api}/sap/events", "headers": headers}
    cloud.http.post(f"{cloud.s4.url}/sim/webhooks", json=body).raise_for_status()
