"""The Dataverse connector on the simulator: an account as the flat kind, a sales order as the kind with lines."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import httpx

from dev.dynamics.dataverse.running import Running, start
from shared.core.model import Column, Selection, Values
from shared.systems.dataverse.auth import from_client_secret
from shared.systems.dataverse.client import Dataverse
from shared.systems.dataverse.objects import CATALOGUE
from shared.systems.http import Http
from tests.contract.connectors.registry import Fault, Kind, Subject

ABSENT = "00000000-0000-4000-8000-00000000dead"
ACCOUNT = Selection(
    "account",
    {
        **{
            name: CATALOGUE["account"].columns[name]
            for name in (
                "name",
                "description",
                "telephone1",
                "creditlimit",
                "creditonhold",
                "customertypecode",
                "_parentaccountid_value",
                "_transactioncurrencyid_value",
                "transactioncurrencyid.isocurrencycode",
                "statecode",
                "statuscode",
            )
        },
        "cr_sapnumber": Column("text", max_length=10),
        "cr_vatid": Column("text", max_length=20),
        "cr_creditused": Column("decimal", scale=2),
        "cr_sapsyncedon": Column("instant"),
    },
)
ORDER = Selection(
    "salesorder",
    {
        **{
            name: CATALOGUE["salesorder"].columns[name]
            for name in (
                "name",
                "description",
                "_customerid_value",
                "_pricelevelid_value",
                "_transactioncurrencyid_value",
                "transactioncurrencyid.isocurrencycode",
                "requestdeliveryby",
                "statecode",
                "statuscode",
            )
        },
        "cr_customerreference": Column("text", max_length=35),
    },
    lines="order_details",
    line_columns={
        **{
            name: CATALOGUE["salesorder"].lines["order_details"][name]
            for name in ("quantity", "_productid_value", "_uomid_value", "productid.productnumber", "uomid.name")
        },
        "cr_sapitem": Column("text", max_length=6),
        "cr_sapconfirmeddate": Column("date"),
    },
)


def key(kind: str, number: int) -> str:
    """A key of ours, as the sync derives one."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind} {number}"))


def new_account(number: int) -> tuple[str, Values]:
    """The n-th account."""
    values: Values = {
        "name": f"Account {number}",
        "creditlimit": Decimal("1250.50"),
        "creditonhold": False,
        "customertypecode": 3,
        "cr_vatid": f"DE{number:09}",
    }
    return key("account", number), values


async def rows(running: Running, table: str) -> list[dict[str, Any]]:
    """The rows of a table, past the Web API."""
    async with httpx.AsyncClient() as client:
        found: list[dict[str, Any]] = (await client.get(f"{running.url}/sim/rows/{table}")).json()
    return found


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Running]:
    """A simulator with something to sell, started and stopped off the loop."""
    simulator = start(seed=True, **settings)
    try:
        yield await asyncio.to_thread(simulator.__enter__)
    finally:
        await asyncio.to_thread(simulator.__exit__, None, None, None)


def connected(running: Running, **options: Any) -> Dataverse:
    """The connector, signed in as the simulator's first application user."""
    http = Http("dataverse")
    token = from_client_secret(http, running.token_url, running.client_id, running.client_secret, running.scope)
    return Dataverse(running.url, token, tag="sapsync", http=http, **options)


@asynccontextmanager
async def subject() -> AsyncIterator[Subject]:
    """What the contract suite takes."""
    async with running() as simulator:
        system = connected(simulator)

        async def fault(asked: Fault) -> None:
            rule: dict[str, Any] = {"match": {"path": "accounts"}, "times": asked.times, "html": asked.html}
            rule |= {"lose_answer": True} if asked.lost else {"status": asked.status}
            rule |= {"retry_after": asked.retry_after} if asked.retry_after else {}
            async with httpx.AsyncClient() as client:
                (await client.post(f"{simulator.url}/sim/faults", json=rule)).raise_for_status()

        try:
            yield Subject(system, account_kind(), await order_kind(simulator), fault)
        finally:
            await system.close()


def account_kind() -> Kind:
    """Accounts."""
    return Kind(ACCOUNT, ABSENT, new_account, text="description", limited="name", limit=160, mark="cr_vatid")


async def order_kind(simulator: Running) -> Kind:
    """Sales orders for a seeded customer with seeded products."""
    customer = (await rows(simulator, "account"))[0]["accountid"]
    prices = (await rows(simulator, "pricelevel"))[0]
    products = await rows(simulator, "product")

    def new(number: int) -> tuple[str, Values]:
        values: Values = {
            "name": f"Order {number}",
            "_customerid_value": customer,
            "_pricelevelid_value": prices["pricelevelid"],
            "_transactioncurrencyid_value": prices["_transactioncurrencyid_value"],
            "requestdeliveryby": date(2026, 7, 15),
            "cr_customerreference": f"REF-{number}",
        }
        return key("order", number), values

    def line(number: int) -> Values:
        product = products[number % len(products)]
        return {
            "_productid_value": product["productid"],
            "_uomid_value": product["_defaultuomid_value"],
            "quantity": Decimal(number),
            "cr_sapitem": f"{number * 10:06}",
            "cr_sapconfirmeddate": date(2026, 8, 1),
        }

    return Kind(
        ORDER,
        ABSENT,
        new,
        text="description",
        limited="name",
        limit=300,
        mark="cr_customerreference",
        line=line,
        amount="quantity",
    )
