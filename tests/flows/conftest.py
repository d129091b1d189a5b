"""One local cloud for all flow tests: two worker processes, two secrets each way in, and a meter before the state."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dev.cloud import WEBHOOK_SECRET, Cloud, start
from tests.flows.meter import Meter
from tests.flows.office import Office

NEXT_SECRET = "the-secret-that-comes-next"


@pytest.fixture(scope="session")
def meter() -> Iterator[Meter]:
    with Meter() as found:
        yield found


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, meter: Meter) -> Iterator[Cloud]:
    data: Path = tmp_path_factory.mktemp("cloud")
    secrets = f"{WEBHOOK_SECRET},{NEXT_SECRET}"
    more = {
        "Tables": meter.connection_string,
        "DATAVERSE_WEBHOOK_SECRETS": secrets,
        "S4_EVENT_SECRETS": secrets,
        "RECONCILE_CRON": "off",
    }
    with start(data, workers=2, more=more) as running:
        meter.lead_to(running.settings["AzureWebJobsStorage"])
        with closing(Office(running)) as office:
            for _ in range(4):  # both workers, in turn, build what they need
                office.ops("status")
            office.fire("sweep")  # so that no test meets the first one, which looks at every row there is
            office.until(lambda: office.last_sweep("s4/account") and office.last_sweep("s4/order"), "a first sweep")
            office.quiet()
        yield running


@pytest.fixture
def office(cloud: Cloud) -> Iterator[Office]:
    with closing(Office(cloud)) as found:
        yield found
        found.calm()
