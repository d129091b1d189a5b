"""Each test runs with both exporters, against the same loopback ingestion."""

from collections.abc import Callable, Iterator

import pytest

from shared import telemetry
from shared.telemetry import Exporting
from tests.contract.telemetry.ingestion import Ingestion, ingesting

FLUSH_SECONDS = 0.2


@pytest.fixture
def ingestion() -> Iterator[Ingestion]:
    with ingesting() as found:
        yield found


@pytest.fixture(params=["opencensus", "opentelemetry"])
def exporter(request: pytest.FixtureRequest) -> str:
    return str(request.param)


type Start = Callable[[float], None]


@pytest.fixture
def start(ingestion: Ingestion, exporter: str) -> Iterator[Start]:
    """Start telemetry with a share of what is in order; it ends with the test."""

    telemetry.quiet()

    def starting(percent: float) -> None:
        telemetry.start(
            Exporting(exporter, ingestion.connection, percent=percent, instance="here", flush_seconds=FLUSH_SECONDS)
        )

    yield starting
    ingestion.stuck.set()
    telemetry.stop(10)
    assert not telemetry.exporting()
