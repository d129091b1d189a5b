"""Of what others say, only what no person typed goes on."""

import ast
from pathlib import Path

import pytest

from shared.errors import Complaint, NotYet, Refused, SyncError, Throttled, Unavailable
from shared.telemetry.catalogue import EVENTS, METRICS
from shared.telemetry.exporters import Delivery
from shared.telemetry.wording import CHARACTERS_MAX, cause, cause_of, field_name, frames, machine_readable, told
from tests.unit.systems.test_http import NOW

ROOT = Path(__file__).parents[3]
SAID = "s4: PATCH A_BusinessPartner('17'): HTTP 400: Erika Mustermann is locked"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (Refused(SAID, (Complaint("R1/384", "Erika"),)), "Refused HTTP 400 R1/384"),
        (Refused("no", (Complaint("Erika Mustermann", "x"),)), "Refused"),
        (Throttled("s4: GET X: HTTP 429: Erika", wait_seconds=1), "Throttled HTTP 429"),
        (Unavailable("s4: GET X('Erika'): no answer (ServerTimeoutError)"), "Unavailable ServerTimeoutError"),
        (NotYet("17100001 was linked", until=NOW), "NotYet"),
        (KeyError("HTTP 200 Erika"), "KeyError"),
    ],
)
def test_an_error_is_told_by_class_status_and_code(error: SyncError, shown: str) -> None:
    assert cause_of(error) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("MaxDeliveryCountExceeded: Message could not be consumed", "MaxDeliveryCountExceeded"),
        ("dataverse: GET WhoAmI: HTTP 401: Erika", "HTTP 401"),
        ("Erika Mustermann: no", ""),
        ("erika@example.com", ""),
    ],
)
def test_of_foreign_words_only_names_and_statuses_stay(text: str, shown: str) -> None:
    assert machine_readable(text) == shown


@pytest.mark.parametrize(("text", "shown"), [("refused s4 R1/384", "refused s4 R1/384"), ("Müller @ home", "other")])
def test_a_problems_cause_must_look_like_one(text: str, shown: str) -> None:
    assert cause(text) == shown


@pytest.mark.parametrize(
    ("name", "shown"), [("city", "city"), ("line 6f1c-2.quantity", "line.quantity"), ("line 6f1c", "line")]
)
def test_a_field_of_a_line_is_told_without_the_lines_key(name: str, shown: str) -> None:
    assert field_name(name) == shown


def test_only_the_catalogues_dimensions_leave_as_short_text_without_line_ends() -> None:
    found = told(
        EVENTS["change"], {"flow": "a\nb", "s4_calls": 2, "bulk": True, "name": "Erika", "plan": "", "side": None}
    )
    assert found == {"flow": "a b", "s4_calls": "2", "bulk": "true"}
    assert len(told(EVENTS["change"], {"flow": "x" * 999})["flow"]) == CHARACTERS_MAX


def test_a_stack_holds_places_and_no_values() -> None:
    def fail(name: str) -> None:
        raise ValueError(name)

    with pytest.raises(ValueError, match="Erika") as caught:
        fail("Erika")
    found = frames(caught.value)
    assert [one.function for one in found] == ["fail", "test_a_stack_holds_places_and_no_values"]
    assert "Erika" not in str(found)
    assert not any(one.file.startswith("/") for one in found)


def test_every_event_and_dimension_in_the_code_is_in_the_catalogue() -> None:
    calls = [
        (path.name, node)
        for path in (ROOT / "shared").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "event" and node.args
    ]
    assert len(calls) > 10
    unknown = []
    for file, node in calls:
        name = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
        if not isinstance(name, str) or name not in EVENTS:
            unknown.append((file, name))
            continue
        unknown += [(file, f"{name}.{k.arg}") for k in node.keywords if k.arg and not EVENTS[name].takes(k.arg)]
    # who asked, and why, is for the journal: people's names and words do not leave
    assert set(unknown) <= {("pausing.py", "paused.reason"), ("erase.py", "erased.asked_by")}


def test_every_metric_that_an_event_feeds_is_in_the_catalogue() -> None:
    fed = [one for event in EVENTS.values() for one in event.feeds]
    assert {one.metric for one in fed} <= METRICS.keys()
    for event in EVENTS.values():
        for one in event.feeds:
            assert {*one.by, *filter(None, [one.number])} <= event.dimensions


def test_that_nothing_arrives_is_told_once_in_ten_minutes(caplog: pytest.LogCaptureFixture) -> None:
    at = 0.0
    delivery = Delivery(lambda: at)
    for second, well in ((0, True), (1, False), (2, True), (3, False), (500, False), (602, False)):
        at = float(second)
        delivery.ended(well=well)
    assert len(caplog.records) == 2
