"""Registration on a Dataverse over the wire: what it makes, what Dataverse then sends, and what it leaves alone."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from dev.dynamics.dataverse.running import Running, start
from shared.errors import BadMapping, NotAllowed, Unavailable
from shared.ops.registration.command import Order, register
from shared.ops.registration.needs import Reading, readings
from shared.ops.registration.rows import Row, queue, webhook
from shared.ports import Entrance
from shared.systems.dataverse.admin import Admin
from shared.systems.dataverse.auth import from_client_secret
from shared.systems.http import Http
from shared.triggers.events.dataverse import DataverseEvent, parse
from shared.wiring import catalogues, flows
from tests.wire import Asked, answer, serving

ROOT = Path(__file__).parents[3]
ENTRANCES = {
    "dataverse account": (Entrance("s4/account"),),
    "dataverse salesorder": (Entrance("s4/order"),),
    "dataverse salesorderdetail": (Entrance("s4/order", "salesorderid"),),
}
SECRET = 'top "secret" & <more>'
PREFIX = "dynamics-sap-sync: "
URL = "https://app.example/api/dataverse/events"
CONNECTION = (
    "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=aGVsbG8=;EntityPath=events"
)


@asynccontextmanager
async def organisation(**settings: Any) -> AsyncIterator[Running]:
    simulator = start(seed=True, **settings)
    try:
        yield await asyncio.to_thread(simulator.__enter__)
    finally:
        await asyncio.to_thread(simulator.__exit__, None, None, None)


@pytest.fixture
async def org() -> AsyncIterator[Running]:
    async with organisation() as running:
        yield running


@asynccontextmanager
async def administering(running: Running) -> AsyncIterator[Admin]:
    http = Http("dataverse", concurrency=1)
    token = from_client_secret(http, running.token_url, running.client_id, running.client_secret, running.scope)
    admin = Admin(running.url, token, http=http)
    try:
        yield admin
    finally:
        await admin.close()


def needed(*doors: str) -> dict[str, Reading]:
    chosen = {door: ways for door, ways in ENTRANCES.items() if not doors or door.partition(" ")[2] in doors}
    return readings(flows({}), chosen, catalogues()["dataverse"])


async def ordered(
    running: Running, do: Any, endpoint: Row | None = None, needs: Mapping[str, Reading] | None = None, **more: Any
) -> tuple[int, list[str]]:
    said: list[str] = []
    async with administering(running) as admin:
        code = await register(Order(do, endpoint=endpoint, **more), needs or needed(), admin, said.append)
    return code, said


def hook(url: str = URL) -> Row:
    return webhook(PREFIX, url, SECRET)


async def held(running: Running, table: str) -> list[dict[str, Any]]:
    async with httpx.AsyncClient() as client:
        found: list[dict[str, Any]] = (await client.get(f"{running.url}/sim/rows/{table}")).json()
    return found


async def steps(running: Running) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in await held(running, "sdkmessageprocessingstep")}


# ------------------------------------------------------------------------------------------------- what is registered


async def test_applying_registers_exactly_the_tables_and_messages_of_the_flows(org: Running) -> None:
    code, said = await ordered(org, "apply", hook())
    assert (code, said[-1]) == (0, "done: 12 changes")
    tables = ("account", "salesorder", "salesorderdetail")
    wanted = {
        f"{PREFIX}webhook, {message} of {table}" for table in tables for message in ("Create", "Update", "Delete")
    }
    assert set(await steps(org)) == wanted
    (endpoint,) = await held(org, "serviceendpoint")
    assert (endpoint["contract"], endpoint["authtype"], endpoint["url"]) == (8, 5, URL)
    assert not any(word in line for line in said for word in ('"secret"', "&quot;secret", "<more>", "&lt;more"))


async def test_a_plan_touches_nothing_and_needs_nothing_that_is_not_documented(org: Running) -> None:
    code, said = await ordered(org, "plan", hook())
    assert (code, said[-2]) == (0, "12 create")
    assert await held(org, "serviceendpoint") == []


async def test_updates_are_filtered_by_the_columns_that_flows_read(org: Running) -> None:
    await ordered(org, "apply", hook())
    found = await steps(org)
    order = set(found[f"{PREFIX}webhook, Update of salesorder"]["filteringattributes"].split(","))
    assert {"customerid", "transactioncurrencyid", "ordernumber", "statecode", "totalamount", "cr_sapnumber"} <= order
    assert not {"_customerid_value", "transactioncurrencyid.isocurrencycode", "salesorderid", "name"} & order
    line = set(found[f"{PREFIX}webhook, Update of salesorderdetail"]["filteringattributes"].split(","))
    assert {"productid", "uomid", "quantity", "priceperunit", "lineitemnumber"} <= line
    assert found[f"{PREFIX}webhook, Create of account"]["filteringattributes"] is None


async def test_a_repeat_changes_nothing_whether_or_not_the_address_is_given_again(org: Running) -> None:
    await ordered(org, "apply", hook())
    before = {table: await held(org, table) for table in ("serviceendpoint", "sdkmessageprocessingstep")}
    for endpoint in (hook(), None):
        code, said = await ordered(org, "apply", endpoint)
        assert (code, said[-1]) == (0, "done: nothing had to be changed")
    assert {table: await held(org, table) for table in before} == before


async def test_what_somebody_bent_is_bent_back(org: Running) -> None:
    await ordered(org, "apply", hook())
    found = await steps(org)
    step = found[f"{PREFIX}webhook, Update of account"]["sdkmessageprocessingstepid"]
    (image, _) = await held(org, "sdkmessageprocessingstepimage")
    with org.client() as api:
        bent = {"filteringattributes": "name,fax", "statecode": 1, "statuscode": 2}
        assert api.patch(f"sdkmessageprocessingsteps({step})", json=bent).is_success
        address = f"sdkmessageprocessingstepimages({image['sdkmessageprocessingstepimageid']})"
        assert api.delete(address).is_success
    code, said = await ordered(org, "apply", None)
    (line,) = [line for line in said if line.startswith("update")]
    assert "-fax" in line
    assert "statecode 1 -> 0" in line
    assert (code, said[-1]) == (0, "done: 2 changes")
    assert len(await held(org, "sdkmessageprocessingstepimage")) == 2
    assert (await steps(org))[f"{PREFIX}webhook, Update of account"]["statecode"] == 0


async def test_a_flow_that_was_switched_off_loses_its_steps_and_the_others_keep_theirs(org: Running) -> None:
    await ordered(org, "apply", hook())
    before = await steps(org)
    await ordered(org, "apply", None, needed("account"))
    after = await steps(org)
    assert sorted(after) == [f"{PREFIX}webhook, {message} of account" for message in ("Create", "Delete", "Update")]
    assert all(before[name] == row for name, row in after.items())
    assert await held(org, "sdkmessageprocessingstepimage") == []


async def test_going_over_to_a_queue_leaves_no_webhook_behind(org: Running) -> None:
    await ordered(org, "apply", hook())
    await ordered(org, "apply", queue(PREFIX, CONNECTION))
    (endpoint,) = await held(org, "serviceendpoint")
    assert (endpoint["contract"], endpoint["path"], endpoint["messageformat"]) == (6, "events", 2)
    assert len(await steps(org)) == 9
    code, said = await ordered(org, "apply", queue(PREFIX, CONNECTION))
    assert (code, said[-1]) == (0, "done: nothing had to be changed")


async def test_removing_takes_ours_and_nothing_else(org: Running) -> None:
    async with httpx.AsyncClient() as client:
        other = {"url": "https://other.example/hook", "headers": {"x": "y"}, "tables": ["account"]}
        (await client.post(f"{org.url}/sim/webhooks", json=other)).raise_for_status()
    others = await steps(org)
    await ordered(org, "apply", hook())
    await ordered(org, "apply", webhook("another-app: ", URL, SECRET), name="another-app")
    _, said = await ordered(org, "remove")
    assert said[-1] == "done: 10 changes"
    left = await steps(org)
    assert {name for name in left if not name.startswith("another-app: ")} == set(others)
    assert len(await held(org, "serviceendpoint")) == 2
    assert len(await held(org, "sdkmessageprocessingstepimage")) == 2


async def test_an_app_whose_name_differs_in_case_only_is_another_app(org: Running) -> None:
    await ordered(org, "apply", webhook("Dynamics-SAP-Sync: ", URL, SECRET), name="Dynamics-SAP-Sync")
    _, said = await ordered(org, "remove")
    assert "nothing is registered" in said
    assert len(await steps(org)) == 9


async def test_of_a_doubled_step_one_stays_with_its_picture(org: Running) -> None:
    await ordered(org, "apply", hook())
    name = f"{PREFIX}webhook, Delete of salesorderdetail"
    with org.client() as api:
        doubled, image = "ffffffff-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000001"
        own = (await steps(org))[name]
        binds = {
            "eventhandler_serviceendpoint": f"/serviceendpoints({own['_eventhandler_value']})",
            "sdkmessageid": f"/sdkmessages({own['_sdkmessageid_value']})",
            "sdkmessagefilterid": f"/sdkmessagefilters({own['_sdkmessagefilterid_value']})",
        }
        step = {"sdkmessageprocessingstepid": doubled, "name": name, "stage": 40, "mode": 1}
        step |= {f"{navigation}@odata.bind": address for navigation, address in binds.items()}
        assert api.post("sdkmessageprocessingsteps", json=step).is_success
        picture = {"sdkmessageprocessingstepimageid": image, "entityalias": "before", "imagetype": 0, "name": "before"}
        picture |= {"sdkmessageprocessingstepid@odata.bind": f"/sdkmessageprocessingsteps({doubled})"}
        assert api.post("sdkmessageprocessingstepimages", json=picture).is_success
    _, said = await ordered(org, "apply")
    assert f"delete     step     {name}  (a double)" in said
    assert said[-1] == "done: 1 changes"
    assert (await steps(org))[name]["sdkmessageprocessingstepid"] == own["sdkmessageprocessingstepid"]
    assert (await ordered(org, "apply"))[1][-1] == "done: nothing had to be changed"


async def test_an_endpoint_that_somebody_else_uses_too_is_left_to_them(org: Running) -> None:
    await ordered(org, "apply", hook())
    own = await steps(org)
    name = f"{PREFIX}webhook, Update of account"
    binds = {
        "eventhandler_serviceendpoint": f"/serviceendpoints({own[name]['_eventhandler_value']})",
        "sdkmessageid": f"/sdkmessages({own[name]['_sdkmessageid_value']})",
        "sdkmessagefilterid": f"/sdkmessagefilters({own[name]['_sdkmessagefilterid_value']})",
    }
    foreign = {"name": "Marketing: Update of account", "stage": 40, "mode": 1, "rank": 1}
    foreign |= {f"{navigation}@odata.bind": address for navigation, address in binds.items()}
    with org.client() as api:
        assert api.post("sdkmessageprocessingsteps", json=foreign).is_success
    _, said = await ordered(org, "remove")
    assert "left       endpoint dynamics-sap-sync: webhook  (still used by 'Marketing: Update of account')" in said
    assert list(await steps(org)) == ["Marketing: Update of account"]


async def test_pages_are_followed() -> None:
    async with organisation(page_size=2) as running:
        await ordered(running, "apply", hook())
        code, said = await ordered(running, "apply", hook())
        assert (code, said[-1]) == (0, "done: nothing had to be changed")
        _, said = await ordered(running, "remove")
        assert (said[-1], await steps(running)) == ("done: 10 changes", {})


# --------------------------------------------------------------------------------------------- what Dataverse then says


def secrets(asked: Sequence[Asked]) -> set[str | None]:
    return {one.headers.get("x-webhook-secret") for one in asked}


def events(asked: Sequence[Asked]) -> list[DataverseEvent]:
    return [parse(one.body) for one in asked]


async def settled(running: Running) -> None:
    await asyncio.to_thread(running.settled)


async def test_an_update_is_heard_only_when_a_flow_reads_the_column(org: Running) -> None:
    async with serving(lambda _: answer(200)) as wire:
        await ordered(org, "apply", hook(f"{wire.url}/api/dataverse/events"))
        account = (await held(org, "account"))[0]["accountid"]
        with org.client() as api:
            for column in ("fax", "telephone1"):
                assert api.patch(f"accounts({account})", json={column: "1"}).is_success
        await settled(org)
        (event,) = events(wire.asked)
    assert (event.message, event.table, event.row) == ("Update", "account", account)
    assert secrets(wire.asked) == {SECRET}


async def test_a_changed_and_a_deleted_line_name_their_document(org: Running) -> None:
    async with serving(lambda _: answer(200)) as wire:
        order, line = await an_order(org)
        await ordered(org, "apply", hook(f"{wire.url}/api/dataverse/events"))
        with org.client() as api:
            assert api.patch(f"salesorderdetails({line})", json={"quantity": 7}).is_success
            await settled(org)
            assert api.delete(f"salesorderdetails({line})").is_success
        await settled(org)
        lines = [event for event in events(wire.asked) if event.table == "salesorderdetail"]
    assert [event.message for event in lines] == ["Update", "Delete"]
    assert {event.lookups.get("salesorderid") for event in lines} == {order}


async def an_order(running: Running) -> tuple[str, str]:
    """An order with one line."""
    account, prices, product = [(await held(running, name))[0] for name in ("account", "pricelevel", "product")]
    line = {
        "productid@odata.bind": f"/products({product['productid']})",
        "uomid@odata.bind": f"/uoms({product['_defaultuomid_value']})",
        "quantity": 1,
    }
    order = {
        "name": "Order",
        "customerid_account@odata.bind": f"/accounts({account['accountid']})",
        "pricelevelid@odata.bind": f"/pricelevels({prices['pricelevelid']})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({prices['_transactioncurrencyid_value']})",
        "order_details": [line],
    }
    with running.client() as api:
        made = api.post("salesorders", json=order)
        assert made.is_success, made.text
    (row,) = await held(running, "salesorderdetail")
    return row["_salesorderid_value"], row["salesorderdetailid"]


async def test_a_replaced_secret_is_sent_when_asked_and_not_before(org: Running) -> None:
    async with serving(lambda _: answer(200)) as wire:
        url = f"{wire.url}/api/dataverse/events"
        await ordered(org, "apply", hook(url))
        new = webhook(PREFIX, url, "another")
        assert (await ordered(org, "apply", new))[1][-1] == "done: nothing had to be changed"
        assert (await ordered(org, "apply", new, new_secret=True))[1][-1] == "done: 1 changes"
        account = (await held(org, "account"))[0]["accountid"]
        with org.client() as api:
            api.patch(f"accounts({account})", json={"telephone1": "2"})
        await settled(org)
    assert secrets(wire.asked) == {"another"}


# ------------------------------------------------------------------------------------------------ what is lacking, told


async def test_the_flows_that_ship_lack_nothing_on_an_organisation_with_their_columns(org: Running) -> None:
    _, said = await ordered(org, "plan", hook())
    assert [line for line in said if line.startswith(("missing", "note"))] == [
        "note       secrets cannot be read back: after replacing one, run --apply with --new-secret"
    ]


async def test_keys_tracking_and_concurrency_that_are_off_are_told() -> None:
    switches = {
        "pending_keys": ["account.cr_sapnumber_key"],
        "untracked": ["salesorder"],
        "without_optimistic_concurrency": ["account"],
    }
    async with organisation(**switches) as running:
        code, said = await ordered(running, "plan", hook())
    assert code == 0
    notes = [line for line in said if line.startswith("note")][:-1]
    assert len(notes) == 3
    for text in ("account.cr_sapnumber is not in force, its index is Pending", "concurrency is off", "tracking is off"):
        assert any(text in line for line in notes), text


# ---------------------------------------------------------------------------------------------------- on a bad wire


async def test_a_user_without_rights_is_told_so(org: Running) -> None:
    http = Http("dataverse", concurrency=1)
    admin = Admin(org.url, from_client_secret(http, org.token_url, "nobody", "x", org.scope), http=http)
    try:
        with pytest.raises(NotAllowed, match="HTTP 40"):
            await register(Order("plan", endpoint=hook()), needed(), admin, print)
    finally:
        await admin.close()


async def test_a_solution_is_asked_for_and_new_rows_join_it() -> None:
    def script(asked: Asked) -> bytes:
        if "solutions?" in asked.path:
            return answer(200, json.dumps({"value": [{"uniquename": "Sync", "ismanaged": False}]}))
        return answer(
            204, OData_EntityId="https://x/api/data/v9.2/serviceendpoints(0f9c2c39-53f1-4f3e-9f6a-6f2b0d1c0001)"
        )

    async with serving(script) as wire, alone(wire.url) as admin:
        assert await admin.rows("solutions?$select=uniquename&$filter=uniquename eq 'Sync'")
        made = await admin.create("serviceendpoints", {"name": "x"}, "Sync")
        await admin.update(f"serviceendpoints({made})", {"name": "y"})
    assert made == "0f9c2c39-53f1-4f3e-9f6a-6f2b0d1c0001"
    read, create, update = wire.asked
    assert "%20eq%20" in read.path
    assert unquote(read.path).endswith("$filter=uniquename eq 'Sync'")
    assert create.headers["mscrm.solutionuniquename"] == "Sync"
    assert (update.headers["if-match"], "mscrm.solutionuniquename" in update.headers) == ("*", False)


@asynccontextmanager
async def alone(url: str) -> AsyncIterator[Admin]:
    async def token(*, refused: str = "") -> str:
        return f"token{refused}"

    admin = Admin(url, token)
    try:
        yield admin
    finally:
        await admin.close()


async def test_a_row_that_is_gone_already_is_as_good_as_deleted_and_an_absent_table_is_none(org: Running) -> None:
    async with administering(org) as admin:
        await admin.delete("serviceendpoints(0f9c2c39-53f1-4f3e-9f6a-6f2b0d1c0001)")
        assert await admin.one("EntityDefinitions(LogicalName='nothing')?$select=LogicalName") is None
        with pytest.raises(BadMapping, match="solutions"):
            await admin.rows("solutions?$select=uniquename")


async def test_a_gateways_page_is_no_absent_table() -> None:
    async with serving(lambda _: answer(404, "<html>")) as wire, alone(wire.url) as admin:
        with pytest.raises(Unavailable):
            await admin.one("EntityDefinitions(LogicalName='account')")


async def test_an_endless_list_ends() -> None:
    link = "https://x/api/data/v9.2/serviceendpoints?$skiptoken=again"
    page = answer(200, json.dumps({"value": [{"name": "x"}], "@odata.nextLink": link}))
    async with serving(lambda _: page) as wire, alone(wire.url) as admin:
        with pytest.raises(Unavailable, match="more than 50 pages"):
            await admin.rows("serviceendpoints?$select=name")
    assert len(wire.asked) == 50


# ------------------------------------------------------------------------------------------------ as an administrator


async def test_the_command_line_registers_repeats_and_removes_without_saying_a_secret(org: Running) -> None:
    key = base64.b64encode(b"0123456789abcdef").decode()
    settings = {
        "DATAVERSE_URL": org.url,
        "DATAVERSE_TOKEN_URL": org.token_url,
        "DATAVERSE_CLIENT_ID": org.client_id,
        "DATAVERSE_CLIENT_SECRET": org.client_secret,
        "DATAVERSE_WEBHOOK_SECRETS": "hush-hush,older-one",
        "DIGEST_KEYS": f"k1:{key}",
    }

    async def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-W", "error", "-m", "shared", "register", *arguments]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            cwd=ROOT,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout + done.stderr

    told = [
        await run("--plan", "--url", URL),
        await run("--apply", "--url", URL),
        await run("--apply", "--url", URL),
        await run("--remove"),
    ]
    assert [code for code, _ in told] == [0, 0, 0, 0], told
    assert "12 create" in told[0][1]
    assert told[1][1].rstrip().endswith("done: 12 changes")
    assert told[2][1].rstrip().endswith("done: nothing had to be changed")
    assert told[3][1].rstrip().endswith("done: 10 changes")
    assert await steps(org) == {}
    assert not any(secret in text for _, text in told for secret in ("hush-hush", "older-one", org.client_secret))
