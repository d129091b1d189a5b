"""Lets time pass for what is written in the state: nobody waits an hour for a test."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dev.cloud import Cloud
from shared.core.model import Change, Reference
from shared.state.tables import TableState

ACCOUNTS = "dataverse.account@s4.100.BusinessPartner"  # the pair of objects that the flow s4/account links


def _in_state(cloud: Cloud, deed: Callable[[TableState], Awaitable[None]]) -> None:
    async def run() -> None:
        state = TableState(cloud.settings["AzureWebJobsStorage"])
        try:
            await deed(state)
        finally:
            await state.close()

    asyncio.run(run())


def make_due(cloud: Cloud, *flows: str) -> None:
    """Let the last sweep of these flows be a day old."""

    async def deed(state: TableState) -> None:
        for flow in flows:
            await state.set_watermark(f"schedule/{flow}", (datetime.now(UTC) - timedelta(days=1)).isoformat())

    _in_state(cloud, deed)


def end_claim(cloud: Cloud, key: str) -> None:
    """Let the claim on an account's pair lapse, if there is one left, as it does after a minute and a half."""

    async def deed(state: TableState) -> None:
        link = await state.link(ACCOUNTS, "dynamics", key)
        assert link is not None
        if link.claimed_until is not None:
            await state.save(replace(link, claimed_until=datetime.now(UTC)))

    _in_state(cloud, deed)


@contextmanager
def waiting_since(cloud: Cloud, order: str, account: str, since: timedelta) -> Iterator[None]:
    """Let an order have waited for an account for so long; after the block it waits no more."""
    waiter = Change("s4/order", "dynamics", order, f"test {order}", f"test {order}")
    reference = Reference("s4/account", "dynamics", account)
    _in_state(cloud, lambda state: state.wait(reference, waiter, datetime.now(UTC) - since))
    yield
    _in_state(cloud, lambda state: state.unwait(reference, waiter))
