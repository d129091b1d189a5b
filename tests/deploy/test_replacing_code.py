"""New code is deployed while people work: workers die in the middle, events find nobody, and no change is lost.

`PREVIOUS_APP` may name a folder with the version before (a checkout of the last tag): then that one runs first, the new
one reads what it left behind, and after a roll-back it reads what the new one wrote.
"""

import os
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest

from dev import package
from dev.cloud import Cloud, start
from dev.processes import ROOT
from tests.flows.clock import end_claim, make_due
from tests.flows.office import Office

pytestmark = pytest.mark.timeout(300)
PREVIOUS = os.environ.get("PREVIOUS_APP", "")
DEPLOYMENTS = ("new", "previous", "new") if PREVIOUS else ("new",)  # forward, back, and forward again
CUSTOMERS_EACH_TIME = 12
SETTINGS = {"RECONCILE_CRON": "off", "S4_LONGEST_TRANSACTION_SECONDS": "1"}  # the simulator commits at once, or never


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Lay out what is deployed: exactly the package, and the version before it."""
    folder = tmp_path_factory.mktemp("apps")
    package.build(ROOT, folder / "app.zip")
    with zipfile.ZipFile(folder / "app.zip") as zipped:
        zipped.extractall(folder / "new")
    return {"new": folder / "new", "previous": Path(PREVIOUS) if PREVIOUS else folder / "new"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, apps: dict[str, Path]) -> Iterator[Cloud]:
    with start(tmp_path_factory.mktemp("cloud"), app=apps["previous"], more=SETTINGS) as running:
        yield running


def test_no_change_is_lost_or_doubled_while_code_is_replaced(cloud: Cloud, apps: dict[str, Path]) -> None:
    customers: dict[str, str] = {}
    with closing(Office(cloud)) as office, ExitStack() as hosts:
        running = cloud.host
        for number, version in enumerate(DEPLOYMENTS):
            names = [f"Firma {number}.{n}" for n in range(CUSTOMERS_EACH_TIME)]
            with ThreadPoolExecutor(4) as people:
                entered = [people.submit(office.new_account, name) for name in names]
                office.until(lambda: office.bus("queues")["changes"]["locked"], "changes are under way")
                running.process.kill()  # harder than any deployment: nothing is drained
                running.process.wait()
                running = hosts.enter_context(cloud.host_again(apps[version]))
                customers |= {name: one.result() for name, one in zip(names, entered, strict=True)}
            settle(office, cloud, list(customers.values()))
            assert {len(office.partners(name)) for name in customers} == {1}
        assert not any(queue["dead_letter"] for queue in office.bus("queues").values())


def settle(office: Office, cloud: Cloud, keys: list[str]) -> None:
    """What events did not tell while nobody listened, the sweep finds; claims of dead workers lapse at once here."""
    office.until(lambda: answers(office), "the new code answers")
    resume_events(office)
    make_due(cloud, "s4/account")
    office.fire("sweep")
    office.quiet()
    for key in [key for key in keys if not office.number(key)]:
        if office.pair(key).get("status") == "claimed":
            end_claim(cloud, key)
        office.ops("sync", {"flow": "account", "side": "dynamics", "keys": [key]})
    office.until(lambda: all(office.number(key) for key in keys), "every customer has a number")
    office.quiet()


def resume_events(office: Office) -> None:
    """Let SAP's event sender go on: it pauses a webhook that did not answer ten times, until somebody resumes it."""
    for hook in office.erp("webhooks", method="GET"):
        office.erp(f"webhooks/{hook['id']}/resume")


def answers(office: Office) -> bool:
    try:
        return office.ask_ops("status").is_success
    except httpx.TransportError:
        return False
