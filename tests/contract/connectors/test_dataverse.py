"""What only Dataverse does: batches, change tracking, its codes. What all systems do: test_every_connector.py."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import pytest

from dev.dynamics.dataverse.running import Running
from shared.core.model import Column, LineWrite, Record, Selection
from shared.errors import BadMapping, NotAllowed, Refused, Stale, Throttled
from shared.ports import Touched
from shared.systems.dataverse.auth import from_client_secret
from shared.systems.dataverse.client import Dataverse
from shared.systems.http import Http
from tests.contract.connectors.dataverse_subject import (
    ABSENT,
    ACCOUNT,
    ORDER,
    connected,
    new_account,
    order_kind,
    rows,
    running,
)
from tests.contract.connectors.registry import Kind

PAGES_MAX = 60


@dataclass
class Org:
    """The connector, the simulator behind it, and what people do there."""

    system: Dataverse
    running: Running

    async def sim(self, path: str, data: object = None, method: str = "POST") -> Any:
        async with httpx.AsyncClient() as client:
            reply = await client.request(method, f"{self.running.url}/sim/{path}", json=data)
        reply.raise_for_status()
        return reply.json()

    async def calls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.sim("log", method="GET")
        return found

    async def account(self, number: int, **more: Any) -> Record:
        made_key, values = new_account(number)
        return (await self.system.create(ACCOUNT, {**values, **more}, (), made_key)).after

    async def edit(self, table: str, row: str, values: dict[str, Any]) -> None:
        await self.sim("edit", {"table": table, "id": row, "values": values})

    async def sweep(self, selection: Selection, watermark: str = "") -> tuple[dict[str, Touched], str, int]:
        touched: dict[str, Touched] = {}
        for pages in range(1, PAGES_MAX):
            page = await self.system.changes(selection, watermark)
            touched |= {each.key: each for each in page.touched}
            watermark = page.watermark
            if not page.more:
                return touched, watermark, pages
        raise AssertionError("a sweep did not end")


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    async with running() as simulator:
        made = Org(connected(simulator, page_size=2), simulator)
        yield made
        await made.system.close()


@pytest.fixture
async def orders(org: Org) -> Kind:
    return await order_kind(org.running)


async def an_order(org: Org, orders: Kind, number: int = 1, lines: int = 2) -> Record:
    made_key, values = orders.new(number)
    adds = [LineWrite("add", "", orders.line(each), peer=str(each)) for each in range(1, lines + 1)]
    return (await org.system.create(ORDER, values, adds, made_key)).after


# ----------------------------------------------------------------------------------------------------------- together


async def test_many_reads_at_once_are_few_calls_and_each_gets_its_own(org: Org) -> None:
    made = [await org.account(number) for number in range(1, 6)]
    await org.sim("log", method="DELETE")
    keys = [record.key for record in made] + [ABSENT]
    found = await asyncio.gather(*(org.system.read(ACCOUNT, each) for each in keys))
    assert [record.values["name"] if record else None for record in found] == [
        *(record.values["name"] for record in made),
        None,
    ]
    calls = [call for call in await org.calls() if not call.get("part")]
    assert [call["path"] for call in calls] == ["$batch"]


async def test_many_writes_at_once_fail_each_for_itself(org: Org) -> None:
    stale = await org.account(2)
    await org.edit("account", stale.key, {"telephone1": "1"})
    other = await org.account(3)
    outcomes = await asyncio.gather(
        org.account(1),
        org.system.update(ACCOUNT, stale, {"description": "late"}, ()),
        org.system.update(ACCOUNT, other, {"name": "x" * 161}, ()),
        org.account(3),
        org.system.update(ACCOUNT, other, {"description": "fine"}, ()),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes[:4]] == [Record, Stale, Refused, Stale]
    assert not isinstance(outcomes[4], BaseException)
    assert (await org.account(4)).key
    assert len({record.key for record in await org.system.find(ACCOUNT, {"name": "Account 1"})}) == 1


async def test_our_writes_carry_the_tag(org: Org) -> None:
    before = await org.account(1)
    await org.sim("log", method="DELETE")
    await org.system.update(ACCOUNT, before, {"description": "x"}, ())
    (call,) = await org.calls()
    assert call["method"] == "PATCH"
    assert str(call["query"]).startswith("tag=sapsync&")


# ------------------------------------------------------------------------------------------------------------ records


async def test_a_person_and_not_we_changed_the_record(org: Org) -> None:
    await org.system.identity()
    users = org.system.traits(ACCOUNT).users
    before = await org.account(1)
    await org.edit("account", before.key, {"telephone1": "040 1234"})
    after = await org.system.read(ACCOUNT, before.key)
    assert after is not None
    assert before.changed_by in users
    assert after.changed_by
    assert after.changed_by not in users
    assert after.version is not None
    assert before.version is not None
    assert after.version > before.version
    assert after.created_at == before.created_at
    with pytest.raises(Stale):
        await org.system.update(ACCOUNT, before, {"telephone1": "ours"}, ())


async def test_an_alternate_key_that_another_row_has_is_refused_and_says_so(org: Org) -> None:
    await org.account(1, cr_sapnumber="0000100001")
    with pytest.raises(Refused) as caught:
        await org.account(2, cr_sapnumber="0000100001")
    (complaint,) = caught.value.complaints
    assert complaint.code == "0x80060892"
    assert complaint.message


async def test_a_lookup_to_a_row_that_is_not_there_is_refused_with_its_column(org: Org) -> None:
    with pytest.raises(Refused) as caught:
        await org.account(1, _parentaccountid_value=ABSENT)
    assert caught.value.complaints[0].column == "_parentaccountid_value"


async def test_a_lookup_is_set_read_and_cleared(org: Org) -> None:
    parent, child = await org.account(1), await org.account(2)
    bound = (await org.system.update(ACCOUNT, child, {"_parentaccountid_value": parent.key}, ())).after
    assert bound.values["_parentaccountid_value"] == parent.key
    cleared = (await org.system.update(ACCOUNT, bound, {"_parentaccountid_value": None}, ())).after
    assert cleared.values["_parentaccountid_value"] is None


async def test_a_record_is_found_by_what_its_lookup_refers_to(org: Org) -> None:
    currency = next(each for each in await rows(org.running, "transactioncurrency") if each["isocurrencycode"] == "USD")
    made = await org.account(1, _transactioncurrencyid_value=currency["transactioncurrencyid"])
    where = {"transactioncurrencyid.isocurrencycode": "USD", "cr_vatid": made.values["cr_vatid"]}
    (found,) = await org.system.find(ACCOUNT, where)
    assert (found.key, found.values["transactioncurrencyid.isocurrencycode"]) == (made.key, "USD")


async def test_edits_and_a_closing_state_go_together_and_so_does_reopening(org: Org) -> None:
    made = await org.account(1)
    closed = (
        await org.system.update(ACCOUNT, made, {"description": "gone", "statecode": 1, "statuscode": 2}, ())
    ).after
    assert (closed.values["description"], closed.values["statecode"]) == ("gone", 1)
    opened = (
        await org.system.update(ACCOUNT, closed, {"description": "back", "statecode": 0, "statuscode": 1}, ())
    ).after
    assert (opened.values["description"], opened.values["statecode"]) == ("back", 0)


async def test_an_unknown_column_is_a_mistake_of_the_mapping(org: Org) -> None:
    made = await org.account(1)
    with pytest.raises(BadMapping, match="cr_nosuchcolumn"):
        await org.system.read(Selection("account", {"cr_nosuchcolumn": Column()}), made.key)


# -------------------------------------------------------------------------------------------------------------- lines


async def test_all_lines_of_a_long_document_are_read(org: Org, orders: Kind) -> None:
    made = await an_order(org, orders, lines=9)
    await org.sim("faults", {"page_size": 2})
    read = await org.system.read(ORDER, made.key)
    (found,) = await org.system.find(ORDER, {"cr_customerreference": "REF-1"})
    assert read is not None
    assert len(made.lines) == len(read.lines) == len(found.lines) == 9
    assert all(line.values["productid.productnumber"] for line in (*read.lines, *found.lines))
    assert [line.values["cr_sapitem"] for line in read.lines] == [f"{each * 10:06}" for each in range(1, 10)]


async def test_a_line_sent_twice_is_refused_the_second_time(org: Org, orders: Kind) -> None:
    made = await an_order(org, orders, lines=1)
    line = LineWrite("add", "", orders.line(2), peer="000020")
    after = (await org.system.update(ORDER, made, {}, [line])).after
    with pytest.raises(Stale):
        await org.system.update(ORDER, after, {}, [line])
    read = await org.system.read(ORDER, made.key)
    assert read is not None
    assert len(read.lines) == 2


async def test_a_line_that_is_gone_makes_the_update_stale_and_changes_nothing(org: Org, orders: Kind) -> None:
    made = await an_order(org, orders)
    with pytest.raises(Stale):
        await org.system.update(
            ORDER, made, {"description": "x"}, [LineWrite("change", ABSENT, {"quantity": Decimal(2)})]
        )
    read = await org.system.read(ORDER, made.key)
    assert read is not None
    assert read.values["description"] is None
    assert read.lines == made.lines


async def test_a_refused_line_is_named_with_its_column(org: Org, orders: Kind) -> None:
    made = await an_order(org, orders)
    bad = LineWrite("change", made.lines[1].key, {"cr_sapitem": "0000000"})
    with pytest.raises(Refused) as caught:
        await org.system.update(ORDER, made, {"description": "x"}, [bad])
    assert (caught.value.complaints[0].column, caught.value.complaints[0].line) == ("cr_sapitem", made.lines[1].key)


# ------------------------------------------------------------------------------------------------------------- sweeps


async def test_a_first_sweep_reports_all_in_pages_and_the_next_only_what_moved(org: Org) -> None:
    made = [await org.account(number) for number in range(1, 6)]
    touched, watermark, pages = await org.sweep(ACCOUNT)
    assert {record.key for record in made} <= touched.keys()
    assert pages > 2
    assert touched[made[0].key].version == made[0].version
    assert (await org.sweep(ACCOUNT, watermark))[0] == {}
    await org.edit("account", made[3].key, {"telephone1": "5"})
    assert (await org.sweep(ACCOUNT, watermark))[0].keys() == {made[3].key}


async def test_a_deleted_row_is_reported_as_deleted(org: Org) -> None:
    made = await org.account(1)
    _, watermark, _ = await org.sweep(ACCOUNT)
    await org.sim("delete", {"table": "account", "id": made.key})
    touched, _, _ = await org.sweep(ACCOUNT, watermark)
    assert touched == {made.key: Touched(made.key, deleted=True)}


async def test_an_expired_token_begins_afresh(org: Org) -> None:
    made = await org.account(1)
    _, watermark, _ = await org.sweep(ACCOUNT)
    await org.sim("faults", {"expire_delta_tokens": True})
    page = await org.system.changes(ACCOUNT, watermark)
    assert (page.touched, page.watermark, page.more) == ((), "", True)
    touched, _, _ = await org.sweep(ACCOUNT, page.watermark)
    assert made.key in touched


async def test_a_line_that_a_person_changes_adds_or_deletes_touches_its_order(org: Org, orders: Kind) -> None:
    made = [await an_order(org, orders, number) for number in (1, 2, 3, 4)]
    assert (await org.system.changes(ORDER, "")).touched == ()  # lines come first, and their headers report them
    touched, watermark, _ = await org.sweep(ORDER)
    assert {record.key for record in made} <= touched.keys()
    await org.edit("salesorderdetail", made[0].lines[0].key, {"quantity": 9})
    await org.sim("delete", {"table": "salesorderdetail", "id": made[1].lines[0].key})
    body = {
        "salesorderid@odata.bind": f"/salesorders({made[2].key})",
        "isproductoverridden": True,
        "productdescription": "by hand",
        "quantity": 1,
    }
    await org.sim("create", {"table": "salesorderdetail", "values": body})
    touched, _, _ = await org.sweep(ORDER, watermark)
    assert touched.keys() == {record.key for record in made[:3]}


async def test_a_table_that_is_not_tracked_is_a_mistake_of_the_set_up() -> None:
    async with running(untracked=("account",)) as simulator:
        system = connected(simulator)
        with pytest.raises(BadMapping):
            await system.changes(ACCOUNT, "")
        await system.close()


# ------------------------------------------------------------------------------------------------- tokens and limits


async def test_a_token_that_expired_early_is_replaced_unnoticed(org: Org) -> None:
    made = await org.account(1)
    await org.sim("clock", {"advance_seconds": 10})
    await org.sim("faults", {"expire_tokens": True})
    await org.sim("clock", {"advance_seconds": 10})
    assert await org.system.read(ACCOUNT, made.key) is not None


async def test_a_wrong_secret_is_not_allowed() -> None:
    async with running() as simulator:
        http = Http("dataverse")
        token = from_client_secret(http, simulator.token_url, simulator.client_id, "wrong", simulator.scope)
        system = Dataverse(simulator.url, token, http=http)
        with pytest.raises(NotAllowed):
            await system.identity()
        await system.close()


async def test_service_protection_is_a_throttle_with_the_services_own_wait() -> None:
    async with running(limits={"requests": 3}) as simulator:
        system = connected(simulator)
        reads = [system.read(ACCOUNT, ABSENT) for _ in range(5)]
        outcomes = await asyncio.gather(*reads, return_exceptions=True)
        throttled = [outcome for outcome in outcomes if isinstance(outcome, Throttled)]
        assert throttled
        assert all(outcome.wait_seconds > 0 for outcome in throttled)
        assert all(outcome is None or isinstance(outcome, Throttled) for outcome in outcomes)
        await system.close()


async def test_identity_is_the_organisations_id(org: Org) -> None:
    assert await org.system.identity() == org.running.service.org.settings.organization_id
