"""What arrives at Application Insights is the same, whichever exporter sends it."""

import logging
import time
from typing import Any

import pytest

from shared import telemetry
from shared.errors import Throttled
from tests.contract.telemetry.conftest import Start
from tests.contract.telemetry.ingestion import Ingestion
from tests.waiting import until

CORRELATION = "b374239d-4233-41a9-8b17-a86cb4f737b5"
TRACE_ID = "b374239d423341a98b17a86cb4f737b5"
PARTNER = "https://s4.example/sap/opu/odata/sap/API_BUSINESS_PARTNER/A_BusinessPartner('17100001')?$select=X"


def call(status: int = 200, system: str = "s4", url: str = PARTNER) -> None:
    with telemetry.calling(system, "GET", url) as made:
        made.status = status


def arrived(ingestion: Ingestion, seconds: float = 10) -> Ingestion:
    telemetry.flush(seconds)
    assert ingestion.faults == []
    return ingestion


def test_an_event_is_a_trace_with_its_dimensions_as_text(ingestion: Ingestion, start: Start) -> None:
    start(100)
    with telemetry.operation(CORRELATION):
        telemetry.event(
            "change", flow="s4/account", side="sap", attempt=2, bulk=False, lag_ms=1500, plan="", outcome="sync"
        )
    (found,) = arrived(ingestion).of("MessageData")
    base = found["data"]["baseData"]
    told = {k: v for k, v in base["properties"].items() if k != "logger_name"}
    assert told == {
        "event": "change", "flow": "s4/account", "side": "sap", "attempt": "2", "bulk": "false", "lag_ms": "1500",
        "outcome": "sync",
    }  # fmt: skip
    assert base["severityLevel"] == 1
    assert base["message"].startswith("change flow=s4/account side=sap")
    assert found["tags"]["ai.cloud.role"] == "dynamics-sap-sync"
    assert found["tags"]["ai.cloud.roleInstance"] == "here"


def test_everything_under_a_correlation_is_one_operation(ingestion: Ingestion, start: Start) -> None:
    start(100)
    telemetry.event("received", source="dataverse", object="account", count=1, correlation=CORRELATION)
    with telemetry.operation(CORRELATION) as done:
        call()
        telemetry.event("change", flow="s4/account", outcome="sync", correlation=CORRELATION)
        telemetry.failed(KeyError("x"), flow="s4/account")
    found = [one for one in arrived(ingestion).taken if one["data"]["baseType"] != "MetricData"]
    assert len(found) == 4
    assert {one["tags"]["ai.operation.id"] for one in found} == {TRACE_ID}
    below = [one for one in found if one["tags"].get("ai.operation.parentId", "").strip("0")]
    assert {one["tags"]["ai.operation.parentId"] for one in below} == {done.span_id}
    assert len(below) == 3


def test_a_call_is_a_dependency_without_key_and_filter(ingestion: Ingestion, start: Start) -> None:
    start(100)
    with telemetry.operation(CORRELATION):
        call()
        call(503, "dataverse", "https://x.crm4.dynamics.com/api/data/v9.2/accounts(0b0f)?$filter=name eq 'Ma'")
    found = {
        base["target"]: base
        for one in arrived(ingestion).of("RemoteDependencyData")
        if (base := one["data"]["baseData"])
    }
    shown = {
        name: (one["name"], one["type"], one["resultCode"], one["success"], one["properties"]["system"], one["data"])
        for name, one in found.items()
    }
    assert shown == {
        "s4": ("GET A_BusinessPartner", "HTTP", "200", True, "s4", "A_BusinessPartner"),
        "dataverse": ("GET accounts", "HTTP", "503", False, "dataverse", "accounts"),
    }
    calls = {tuple(sorted(by.items())): point["value"] for by, point in ingestion.metrics("sync.calls")}
    assert calls == {
        (("status", "200"), ("system", "s4")): 1,
        (("status", "503"), ("system", "dataverse")): 1,
    }


def test_a_call_without_an_answer_is_a_failure(ingestion: Ingestion, start: Start) -> None:
    start(100)
    with pytest.raises(OSError, match="gone"), telemetry.calling("s4", "GET", PARTNER):
        raise OSError("10.1.2.3 is gone")
    (found,) = arrived(ingestion).of("RemoteDependencyData")
    assert found["data"]["baseData"]["success"] is False
    assert [by["status"] for by, _ in ingestion.metrics("sync.calls")] == ["none"]
    assert b"10.1.2.3" not in b"".join(ingestion.raw)


def test_an_exception_tells_class_and_place_and_not_its_words(ingestion: Ingestion, start: Start) -> None:
    start(100)
    with pytest.raises(KeyError), telemetry.operation(CORRELATION), telemetry.reporting(flow="s4/account"):
        _ = {}["Erika Mustermann"]  # type: ignore[var-annotated]  # it is to fail
    (found,) = arrived(ingestion).of("ExceptionData")
    base = found["data"]["baseData"]
    (thrown,) = base["exceptions"]
    assert thrown["typeName"] == "KeyError"
    assert "test_every_exporter.py" in str(thrown)
    assert base["properties"]["flow"] == "s4/account"
    assert base["severityLevel"] == 3
    assert b"Mustermann" not in b"".join(ingestion.raw)


def test_counts_are_summed_and_spreads_keep_their_extremes(ingestion: Ingestion, start: Start) -> None:
    start(100)
    for lag in (500, 1500, 4000):
        telemetry.event("change", flow="s4/account", outcome="sync", lag_ms=lag)
    telemetry.event("change", flow="s4/account", outcome="park")
    arrived(ingestion)
    counts: dict[str, float] = {}
    for by, point in ingestion.metrics("sync.changes"):
        assert by["flow"] == "s4/account"
        counts[by["outcome"]] = counts.get(by["outcome"], 0) + point["value"]
    assert counts == {"sync": 3, "park": 1}
    lags = [point for _, point in ingestion.metrics("sync.lag_seconds")]
    assert (sum(p["value"] for p in lags), sum(p["count"] for p in lags)) == (6.0, 3)
    assert (min(p["min"] for p in lags), max(p["max"] for p in lags)) == (0.5, 4.0)


def test_a_gauge_is_told_once_with_its_last_value(ingestion: Ingestion, start: Start) -> None:
    start(100)
    telemetry.gauge("sync.parked", 7, flow="s4/account", cause="clash")
    telemetry.gauge("sync.parked", 3, flow="s4/account", cause="clash")
    arrived(ingestion)
    telemetry.event("breaker open", logging.WARNING, system="s4", wait_seconds=5.0, reason="failures")
    arrived(ingestion)
    arrived(ingestion)
    assert [point["value"] for _, point in ingestion.metrics("sync.parked")][-1] == 3
    assert sum(point["value"] == 3 for _, point in ingestion.metrics("sync.parked")) == 1
    assert [(by, point["value"]) for by, point in ingestion.metrics("sync.breaker_open")] == [({"system": "s4"}, 1)]


def test_a_dimension_that_the_catalogue_does_not_know_stays(ingestion: Ingestion, start: Start) -> None:
    start(100)
    telemetry.event("received", source="s4", object="SalesOrder", count=1, correlation="c", customer="Erika")
    (found,) = arrived(ingestion).events("received")
    assert "customer" not in found
    assert b"Erika" not in b"".join(ingestion.raw)


def test_sampling_drops_what_is_in_step_and_never_a_failure_or_a_metric(ingestion: Ingestion, start: Start) -> None:
    start(20)
    for number in range(200):
        with telemetry.operation(f"change {number}"):
            call()
            call(500)
            telemetry.event("change", flow="f", outcome="skip", plan="skip")
            telemetry.event("change", flow="f", outcome="sync", plan="sync", writes="sap update")
            telemetry.event("change", flow="f", outcome="sync", plan="sync", problems="clash")
            telemetry.event("change", flow="f", outcome="parked", plan="park")
            telemetry.event("throttled", logging.WARNING, system="s4", wait_seconds=1.0, limit=1)
    arrived(ingestion)
    told = ingestion.events("change")
    calm = [one for one in told if one["outcome"] == "skip"]
    assert 15 <= len(calm) <= 75
    assert len(told) - len(calm) == 600
    assert len(ingestion.events("throttled")) == 200
    calls = ingestion.of("RemoteDependencyData")
    assert sum(not one["data"]["baseData"]["success"] for one in calls) == 200
    well = {one["tags"]["ai.operation.id"]: one for one in calls if one["data"]["baseData"]["success"]}
    kept = {
        one["tags"]["ai.operation.id"]: one
        for one in ingestion.of("MessageData")
        if "outcome=skip" in one["data"]["baseData"]["message"]
    }
    assert well.keys() == kept.keys()  # an operation goes or stays whole
    assert {one["sampleRate"] for one in (*well.values(), *kept.values())} == {20}
    assert sum(point["value"] for _, point in ingestion.metrics("sync.changes")) == 800


@pytest.mark.parametrize("status", [400, 402, 429, 500, 503])
def test_an_ingestion_that_refuses_costs_one_warning_and_no_change(
    ingestion: Ingestion, start: Start, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    ingestion.status = status
    start(100)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            telemetry.event("change", flow="s4/account", outcome="sync", reason="Erika")
            telemetry.flush(10)
            until(lambda: ingestion.posts > 0, "it was tried")
        ingestion.status = 200
        telemetry.event("change", flow="s4/order", outcome="sync")
        until(
            lambda: telemetry.flush(5) or any(e["flow"] == "s4/order" for e in ingestion.events("change")), "it is back"
        )
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [line for line in lines if "does not arrive" in line] == [
        "telemetry does not arrive: it is dropped until it does"
    ]
    assert not [line for line in lines if "telemetry" not in line]


def test_a_batch_that_met_a_passing_trouble_is_sent_once_more(ingestion: Ingestion, start: Start) -> None:
    ingestion.status = 500
    start(100)
    telemetry.event("change", flow="s4/account", outcome="sync")
    until(lambda: ingestion.posts > 0, "the first try")
    ingestion.status = 200
    telemetry.event("change", flow="s4/order", outcome="sync")  # a batch waits for the next one, not for the clock
    until(lambda: telemetry.flush(5) or len(ingestion.events("change")) == 2, "the second try")
    assert {one["flow"] for one in ingestion.events("change")} == {"s4/account", "s4/order"}


def test_what_the_ingestion_refuses_of_a_batch_takes_nothing_else_along(ingestion: Ingestion, start: Start) -> None:
    start(100)
    telemetry.flush(10)
    ingestion.refused_index = 0
    for number in range(3):
        telemetry.event("dead letter", logging.ERROR, queue="changes", message_id=str(number), reason="", records=1)
    telemetry.flush(10)
    until(lambda: ingestion.faults, "one was refused")
    ingestion.refused_index = None
    assert {one["message_id"] for one in ingestion.events("dead letter")} <= {"0", "1", "2"}
    assert len(ingestion.events("dead letter")) == 2


def test_a_slow_ingestion_never_holds_a_change_up_and_the_queue_is_bounded(ingestion: Ingestion, start: Start) -> None:
    start(100)
    telemetry.flush(10)
    ingestion.stuck.clear()
    longest = 0.0
    for _ in range(9_000):
        began = time.perf_counter()
        telemetry.event("echo", table="account", message="Update", correlation="c")
        longest = max(longest, time.perf_counter() - began)
    began = time.perf_counter()
    telemetry.flush(0.3)
    assert time.perf_counter() - began < 5
    assert longest < 1
    ingestion.stuck.set()
    until(lambda: telemetry.flush(10) or ingestion.events("echo"), "they go on")
    assert len(ingestion.events("echo")) <= 8_192 + 400


def test_what_is_told_before_the_exporter_is_loaded_arrives(ingestion: Ingestion, start: Start) -> None:
    start(100)
    telemetry.event("change", flow="s4/account", outcome="sync")  # its loading takes most of a second
    assert len(arrived(ingestion, 20).events("change")) == 1


def test_ending_sends_what_is_queued(ingestion: Ingestion, start: Start) -> None:
    start(100)
    telemetry.flush(10)
    telemetry.event("change", flow="s4/account", outcome="sync")
    telemetry.stop(10)
    assert len(ingestion.events("change")) == 1
    assert len(ingestion.metrics("sync.changes")) == 1


def test_our_logger_is_silent_so_that_no_line_is_there_twice(
    ingestion: Ingestion, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        telemetry.event("change", flow="s4/account", outcome="sync")
        assert len(caplog.records) == 1
        start(100)
        telemetry.event("change", flow="s4/account", outcome="sync")
        telemetry.failed(Throttled("wait", wait_seconds=1))
        arrived(ingestion)
    assert [record.getMessage() for record in caplog.records] == ["change flow=s4/account outcome=sync"]


@pytest.mark.parametrize("connection", ["", "InstrumentationKey=none", "what", "InstrumentationKey=;x=y=z"])
def test_a_connection_string_that_is_none_is_told_without_its_text(
    exporter: str, connection: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        telemetry.start(telemetry.Exporting(exporter, connection))
        until(lambda: not telemetry.exporting(), "it gives up")
    telemetry.event("change", flow="s4/account", outcome="sync")
    telemetry.stop()
    errors: list[Any] = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert [r.getMessage() for r in errors] == [
        f"no telemetry leaves: the {exporter} exporter cannot be made (ValueError)"
    ]
