"""The weekly health report: what is in it, when it is written, how long it is kept, and how it is shown."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from shared.core.digest import Seal
from shared.core.link import Problem
from shared.core.model import Change, Reference
from shared.errors import BadRequest
from shared.ops.reconcile.run import Pages, Run, keep
from shared.ops.review.pause import pause
from shared.ops.watch.report.attention import attention
from shared.ops.watch.report.collect import CAUSES_MAX, REST, causes, collect, week_of
from shared.ops.watch.report.kept import SLOTS, every, find, slot, start_due, write
from shared.ops.watch.report.page import as_json, as_page
from shared.ports import App, Parked
from tests.sim.flows import flows
from tests.sim.memory_bus import MemoryBus
from tests.sim.memory_state import MemoryState
from tests.sim.world import Clock

FLOWS = flows()
MONDAY = datetime(2026, 11, 23, 6, tzinfo=UTC)
WEEKLY = {"cron": "0 6 * * 1", "zone": "UTC"}
DAY = timedelta(days=1)
EVIL = "<script>alert('Müller')</script>"


def app_at(at: datetime = MONDAY) -> App:
    clock = Clock(at)
    seal = Seal("k", {"k": b"0123456789abcdef"})
    return App(FLOWS, {}, MemoryState(), MemoryBus(clock), seal, clock, lambda: 0.5, reporting=WEEKLY)


def parked(key: str, *problems: Problem) -> Parked:
    return Parked("s4/partner", "dynamics", key, problems, "correlation")


def clash(field: str = "city", since: datetime = MONDAY) -> Problem:
    return Problem(field, "sap", "clash", f"dynamics has {EVIL}", since=since)


async def busy(app: App) -> None:
    """Put something of each kind into the state, with values where a person's could stand."""
    await app.state.park(parked("Müller-1", clash(), clash("line 6f1c.quantity")))
    await app.state.park(parked("Müller-2", clash(since=MONDAY - 9 * DAY)))
    await app.state.park(parked("Müller-3", replace(clash(), discarded="Ann: it is fine")))
    await app.state.park(replace(parked("m", Problem("", "", "dead letter", "Müller")), flow="dead/changes"))
    await app.state.wait(
        Reference("s4/partner", "dynamics", "a"), Change("s4/order", "dynamics", "o", "e", "c"), MONDAY
    )
    await app.state.set_watermark("schedule/s4/partner", (MONDAY - timedelta(minutes=7)).isoformat())
    run = Run("r", "s4/partner", MONDAY - DAY, 3, Pages(), state="failed", reason=EVIL, counts={"moved": 2}, links=40)
    await keep(run, app)
    await keep(replace(run, flow="s4/order", state="finished"), app)
    await pause("s4/order", f"Ann asked: {EVIL}", app, "ann@contoso.com")


async def test_a_report_counts_what_is_parked_waiting_dead_and_paused() -> None:
    app = app_at()
    await busy(app)
    report = await collect(app)
    order, partner = report.flows
    assert (report.week, report.dead, list(report.paused)) == ("2026-W48", {"changes": 1}, ["s4/order"])
    assert (partner.parked, partner.swept) == (2, MONDAY - timedelta(minutes=7))
    assert [(c.about, c.count, c.since) for c in partner.causes] == [
        ("clash: city", 2, MONDAY - 9 * DAY),
        ("clash: line.quantity", 1, MONDAY),
    ]
    assert (order.waiting, order.waiting_since, order.links) == (1, MONDAY, 40)


async def test_a_run_that_failed_has_counted_no_links() -> None:
    app = app_at()
    await busy(app)
    partner = (await collect(app)).flows[1]
    assert partner.links is None
    assert partner.reconciled
    assert partner.reconciled.state == "failed"


async def test_no_key_no_value_and_no_person_is_in_a_report() -> None:
    app = app_at()
    await busy(app)
    report = await write(app)
    stored = await app.state.watermark(slot(MONDAY.date()))
    for told in (stored, as_page(report, []), str(as_json(report, []))):
        for private in ("Müller", "script", "alert", "Ann", "ann@", "6f1c", "correlation"):
            assert private not in told, private


def test_of_very_many_causes_the_rest_is_one_row() -> None:
    found = causes([clash(f"field {number}") for number in range(CAUSES_MAX + 5)])
    assert len(found) == CAUSES_MAX + 1
    assert (found[-1].about, found[-1].count, found[-1].since) == (REST, 5, MONDAY)


async def test_the_first_report_is_written_at_once_and_the_next_on_monday_at_six() -> None:
    app = app_at(MONDAY + 2 * DAY)
    assert await start_due(app) == "2026-W48"
    app.now.move(timedelta(days=4, hours=23, minutes=59).total_seconds())
    assert await start_due(app) == ""
    app.now.move(60)
    assert await start_due(app) == "2026-W49"
    assert await start_due(app) == ""


async def test_without_a_schedule_nothing_is_written() -> None:
    app = replace(app_at(), reporting={})
    assert await start_due(app) == ""
    with pytest.raises(BadRequest, match="REPORT_CRON"):
        await find("", app)


async def test_twelve_weeks_are_kept_also_over_the_turn_of_the_year() -> None:
    app = app_at()
    weeks = []
    for _ in range(SLOTS + 3):
        weeks.append((await write(app)).week)
        app.now.move((7 * DAY).total_seconds())
    assert len(set(weeks)) == SLOTS + 3
    assert [one.week for one in await every(app)] == weeks[::-1][:SLOTS]


async def test_a_report_of_the_same_week_is_replaced() -> None:
    app = app_at()
    await write(app)
    app.now.move(DAY.total_seconds())
    await write(app)
    assert [one.at for one in await every(app)] == [MONDAY + DAY]


async def test_a_week_is_found_by_name_with_those_before_it() -> None:
    app = app_at()
    for _ in range(3):
        await write(app)
        app.now.move((7 * DAY).total_seconds())
    report, before = await find("2026-W49", app)
    assert (report.week, [one.week for one in before]) == ("2026-W49", ["2026-W48"])
    assert (await find("", app))[0].week == "2026-W50"
    with pytest.raises(BadRequest, match="2026-W50, 2026-W49, 2026-W48"):
        await find(EVIL, app)


def test_a_slot_is_a_week_s_from_monday_to_sunday() -> None:
    slots = [slot((MONDAY + number * DAY).date()) for number in range(-1, 8)]
    assert len(set(slots[1:8])) == 1
    assert len({slots[0], slots[1], slots[8]}) == 3


def test_weeks_are_named_as_iso_has_it() -> None:
    assert week_of(datetime(2027, 1, 3, tzinfo=UTC).date()) == "2026-W53"
    assert week_of(datetime(2027, 1, 4, tzinfo=UTC).date()) == "2027-W01"


async def test_what_is_worth_a_look_is_said_with_where_to_look() -> None:
    app = app_at()
    quiet = await collect(app)
    assert attention(quiet, None) == []
    await busy(app)
    app.now.move((3 * DAY).total_seconds())
    told = "\n".join(attention(await collect(app), quiet))
    for part in (
        "dead letters of queue changes that belong to no flow: 1: GET ops/parked?flow=dead/changes",
        "s4/order has been paused for 3 days",
        "s4/partner: 2 more records are parked",
        "parked for 12 days: GET ops/parked?flow=s4/partner",
        "s4/order: a record has waited for another one for 3 days",
        "s4/partner: the last sweep began 3 days ago",
        "s4/partner: the last reconcile is failed: GET ops/reconcile/s4/partner",
    ):
        assert part in told
    assert "s4/order: the last reconcile" not in told


async def test_the_change_since_the_week_before_is_told() -> None:
    app = app_at()
    first = await collect(app)
    await busy(app)
    told = as_json(await collect(app), [first])
    assert told["change"] == {"s4/order": {"parked": 0, "waiting": 1}, "s4/partner": {"parked": 2, "waiting": 0}}
    assert (told["compared_with"], told["flows"][1]["causes"][0]["since"]) == ("2026-W48", "2026-11-14T06:00:00+00:00")


class Reader(HTMLParser):
    """Checks that tags are closed in order, and collects them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_the_page_is_whole_and_needs_nothing_from_elsewhere() -> None:
    app = app_at()
    await busy(app)
    first = await collect(app)
    report = replace(first, flows=tuple(replace(one, name=EVIL) for one in first.flows), version=EVIL)
    page = as_page(report, [first])
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    names = {tag for tag, _ in reader.tags}
    assert names & {"script", "link", "img", "iframe", "form"} == set()
    assert {"table", "time", "h1"} <= names
    addresses = [attrs[name] for _, attrs in reader.tags for name in ("href", "src", "action") if name in attrs]
    assert addresses == ["/api/ops/report/2026-W48"]
    assert not re.search(r"https?:|url\(|@import| on\w+=", page)
    assert "prefers-color-scheme:dark" in page
    assert 'name="viewport"' in page
