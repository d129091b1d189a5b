"""The completeness mechanism: asks each system what was touched since last time, and enqueues what is news to us.

Events may be lost; a sweep is the truth. The timer only enqueues a hint without a key ("anything on this side"), and
every page is a message of its own, so that no run is long and a crash repeats one page.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from shared.core.link import Link, Problem
from shared.core.model import SIDES, Change, Side
from shared.errors import Stale
from shared.mapping.flow import Flow
from shared.ops.intake import take_in
from shared.ops.schedule import due
from shared.ports import App, Page, Touched
from shared.steps.dispatch import dispatch
from shared.steps.pausing import paused
from shared.steps.waiting import needs, park
from shared.telemetry import event

WAITER_COUNT_MAX = 10_000
LOOK_AGAIN = timedelta(minutes=10)


async def start_due(app: App) -> list[str]:
    """Enqueue a sweep of both sides for every flow whose time has come. Returns their names."""
    started = []
    for flow in app.flows.values():
        now = app.now()
        name = f"schedule/{flow.name}"
        last = await app.state.watermark(name)
        if not due(flow.sweep, datetime.fromisoformat(last) if last else None, now) or await paused(flow.name, app):
            continue
        await start(flow.name, app)
        started.append(flow.name)
    return started


async def start(flow: str, app: App, asked_by: str = "") -> str:
    """Enqueue a sweep of both sides. Returns its run, which is its correlation id too."""
    now = app.now().isoformat()
    run = f"sweep {flow.replace('/', ' ')} {now}"  # a correlation id is part of an address: no slash
    await dispatch([Change(flow, side, "", run, run, cause="sweep", asked_by=asked_by) for side in SIDES], app)
    await app.state.set_watermark(f"schedule/{flow}", now)
    return run


async def sweep_page(change: Change, app: App) -> str:
    """Enqueue one page of touched records and, if there is more, the next page. Returns a sentence for the log."""
    flow, side = app.flows[change.flow], change.side
    name = f"sweep/{flow.name}/{side}"
    page = await app.system(flow, side).changes(flow.selections[side], await app.state.watermark(name))
    links = await asyncio.gather(*(_link(one, page, side, flow, app) for one in page.touched))
    news = [one for one, link in zip(page.touched, links, strict=True) if _is_news(one, link, side)]
    strangers = {one.key for one, link in zip(page.touched, links, strict=True) if link is None and not one.deleted}
    if page.full == "page" or (page.full and len(strangers) > app.reconciling.writes_max):
        # nobody has touched these: to load them all is the backfill's work, with its dry run, or the reconcile's
        news = [one for one in news if one.key not in strangers]
        event("load left to backfill", logging.WARNING, flow=flow.name, side=side, count=len(strangers))
    origin = change.origin
    changes = [
        Change(flow.name, side, one.key, f"{origin} {one.version or ''}", change.correlation, "sweep", one.deleted)
        for one in news
    ]
    await take_in(changes, app)
    await app.state.set_watermark(name, page.watermark)  # after the bus has them: a crash repeats the page
    if page.more:
        await dispatch([replace(change, origin=_next_page(change.origin), attempt=0)], app)
    return f"{len(page.touched)} touched, {len(changes)} enqueued"


def _next_page(origin: str) -> str:
    run, _, page = origin.partition(" page ")
    return f"{run} page {int(page.partition(' ')[0] or 1) + 1}"


async def _link(one: Touched, page: Page, side: Side, flow: Flow, app: App) -> Link | None:
    """Return the link of a touched record, where it decides anything."""
    known = one.deleted or (one.version is None and not page.full)
    return None if known else await app.state.link(flow.pair, side, one.key)


def _is_news(one: Touched, link: Link | None, side: Side) -> bool:
    """Return whether the link has not seen this version: our own writes come back in every change list."""
    return one.deleted or one.version is None or link is None or link.versions.get(side, -1) < one.version


async def visit_waiters(app: App, older_than: timedelta) -> int:
    """Wake old waiters whose link is there, and park who has waited too long, with what is missing (law 18).

    A waiter sleeps on if the worker that made its link died before it could wake anybody. Returns how many are late.
    """
    now = app.now()
    known = app.flows.keys()
    waiting = [w for w in await app.state.waiting(WAITER_COUNT_MAX) if {w[0].flow, w[1].flow} <= known]
    late = 0
    for reference, waiter, since in waiting:
        if now - since < LOOK_AGAIN or await paused(reference.flow, app) or await paused(waiter.flow, app):
            continue  # while its flow is paused nothing can be linked
        link = await app.state.link(app.flows[reference.flow].pair, reference.side, reference.key)
        if link is not None and link.status == "linked":
            origin = f"{waiter.origin} {link.etag}"
            await dispatch([replace(waiter, cause="wake", origin=origin, attempt=0, first_seen=None)], app)
            await app.state.unwait(reference, waiter)
            continue
        if now - since <= older_than or not needs(waiter, reference, app):
            continue
        late += 1
        message = (
            f"has waited since {since:%Y-%m-%d %H:%M} UTC for {reference.flow} {reference.key}, which is not linked"
        )
        with suppress(Stale):  # another worker is writing the pair: there is a visit each minute
            await park(waiter, Problem("", waiter.side, "waited too long", message, since=since), app)
    return late
