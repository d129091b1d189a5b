"""The S/4 connector on the simulator: what only S/4 has. What all connectors share is in test_every_connector.py."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from dev.sap.s4 import Running
from shared.core.model import LineWrite, Record, Scalar, Values
from shared.errors import NotAllowed, Refused, Stale, Throttled, Unavailable, Unconfirmed
from shared.systems.s4 import S4, Basic
from tests.contract.connectors.s4_subject import (
    ORDER,
    PARTNER,
    connected,
    new_line,
    new_order,
    new_partner,
    running,
    sim,
)

CUSTOMER: Mapping[str, Scalar] = {
    **new_partner(1)[1],
    "phone.PhoneNumber": "6505550100",
    "mobile.PhoneNumber": "6505550199",
    "tax.BPTaxType": "DE0",
    "tax.BPTaxNumber": "DE987654321",
    "role_fi.BusinessPartnerRole": "FLCU00",
    "role_sales.BusinessPartnerRole": "FLCU01",
    "company.ReconciliationAccount": "12100000",
    "company.PaymentTerms": "0001",
    "sales.Currency": "USD",
    "sales.CustomerPaymentTerms": "0001",
    "sales.IncotermsClassification": "EXW",
    "sales.IncotermsLocation1": "Palo Alto",
    "sales.ShippingCondition": "01",
    "sales.CustomerPricingProcedure": "01",
}


@pytest.fixture
async def sap() -> AsyncIterator[Running]:
    async with running() as simulator:
        yield simulator


@pytest.fixture
async def system(sap: Running) -> AsyncIterator[S4]:
    async with connected(sap) as connector:
        yield connector


async def calls(sap: Running, *, of: str = "") -> list[str]:
    """The requests since the last look, 'GET A_BusinessPartner'."""
    log: list[dict[str, Any]] = await sim(sap, "GET", "log")
    await sim(sap, "DELETE", "log")
    found = [
        f"{each['method']} {each['path'].rpartition('_SRV/')[2].rpartition('API_BUSINESS_PARTNER/')[2]}" for each in log
    ]
    return [each.partition("(")[0] for each in found if of in each]


async def created(system: S4, **more: Scalar) -> Record:
    return (await system.create(PARTNER, {**CUSTOMER, **{k.replace("__", "."): v for k, v in more.items()}}, ())).after


async def ordered(system: S4, *lines: Values) -> Record:
    adds = [LineWrite("add", "", values, str(number)) for number, values in enumerate(lines or [new_line(1)], 1)]
    return (await system.create(ORDER, new_order(1)[1], adds)).after


# ------------------------------------------------------------------------------------------------ business partners


async def test_a_customer_comes_into_being_with_all_its_parts_in_one_deep_insert(sap: Running, system: S4) -> None:
    after = await created(system)
    assert {name: after.values[name] for name in CUSTOMER} == dict(CUSTOMER)
    assert await system.read(PARTNER, after.key) == after
    seen = await calls(sap)
    assert seen.count("POST A_BusinessPartner") == 1
    assert seen[-1] == "GET A_BusinessPartner"
    rows = await sim(sap, "GET", "rows/A_BuPaAddressUsage")
    assert [row["AddressUsage"] for row in rows if row["BusinessPartner"] == after.key] == ["XXDEFAULT"]


async def test_a_read_is_one_call_and_an_update_one_batch(sap: Running, system: S4) -> None:
    before = await created(system)
    await calls(sap)
    await system.read(PARTNER, before.key)
    assert await calls(sap) == ["GET A_BusinessPartner"]
    values = {"OrganizationBPName2": "Branch", "address.CityName": "Los Altos", "company.PaymentTerms": "0002"}
    answer = await system.update(PARTNER, before, values, ())
    assert await calls(sap) == ["POST $batch"]
    assert {name: answer.after.values[name] for name in values} == values
    assert answer.before == before
    assert answer.after == await system.read(PARTNER, before.key)


async def test_parts_appear_change_and_go(system: S4) -> None:
    before = await created(system, email__EmailAddress=None, tax__BPTaxNumber=None, tax__BPTaxType=None)
    assert before.values["email.EmailAddress"] is None
    values: dict[str, Scalar] = {
        "email.EmailAddress": "a@partner.example",
        "tax.BPTaxType": "FR0",
        "tax.BPTaxNumber": "FR12345678901",
        "crm.BPIdentificationNumber": "another mark",
        "phone.PhoneNumber": None,
    }
    more = (await system.update(PARTNER, before, values, ())).after
    assert {name: more.values[name] for name in values} == values
    back: dict[str, Scalar] = {"email.EmailAddress": None, "tax.BPTaxNumber": None, "mobile.PhoneNumber": "6505550123"}
    less = (await system.update(PARTNER, more, back, ())).after
    assert {name: less.values[name] for name in back} == back
    assert less.values["tax.BPTaxType"] is None


async def test_a_changed_tax_type_replaces_the_row(sap: Running, system: S4) -> None:
    before = await created(system)
    values: dict[str, Scalar] = {"tax.BPTaxType": "GB0", "tax.BPTaxNumber": "GB123456789"}
    after = (await system.update(PARTNER, before, values, ())).after
    assert {name: after.values[name] for name in values} == values
    rows = await sim(sap, "GET", "rows/A_BusinessPartnerTaxNumber")
    assert [row["BPTaxType"] for row in rows if row["BusinessPartner"] == before.key] == ["GB0"]


async def test_a_partner_becomes_a_customer_by_its_roles_and_then_gets_its_company_and_sales_data(system: S4) -> None:
    bare = {
        k: v for k, v in CUSTOMER.items() if k.partition(".")[0] not in ("role_fi", "role_sales", "company", "sales")
    }
    before = (await system.create(PARTNER, bare, ())).after
    assert before.values["#customer"] is None
    values = {k: v for k, v in CUSTOMER.items() if k.partition(".")[0] in ("role_fi", "role_sales", "company", "sales")}
    answer = await system.update(PARTNER, before, values, ())
    assert {name: answer.after.values[name] for name in values} == values
    assert answer.before == before


async def test_company_data_without_a_customer_or_a_role_for_it_is_refused(system: S4) -> None:
    bare = {
        k: v for k, v in CUSTOMER.items() if k.partition(".")[0] not in ("role_fi", "role_sales", "company", "sales")
    }
    before = (await system.create(PARTNER, bare, ())).after
    with pytest.raises(Refused) as caught:
        await system.update(PARTNER, before, {"company.PaymentTerms": "0001"}, ())
    assert [each.column for each in caught.value.complaints] == ["company.PaymentTerms"]


async def test_a_refused_part_takes_the_whole_update_back_and_names_its_column(system: S4) -> None:
    before = await created(system)
    with pytest.raises(Refused) as caught:
        await system.update(PARTNER, before, {"OrganizationBPName2": "Half", "address.PostalCode": "x1"}, ())
    assert [(each.code, each.column) for each in caught.value.complaints] == [("AM/102", "address.PostalCode")]
    assert await system.read(PARTNER, before.key) == before


async def test_what_a_person_did_in_between_shows_in_the_image_before(sap: Running, system: S4) -> None:
    before = await created(system)
    edit = {"set": "A_BusinessPartner", "key": [before.key], "values": {"OrganizationBPName2": "by hand"}}
    await sim(sap, "POST", "edit", edit)
    answer = await system.update(PARTNER, before, {"OrganizationBPName1": "ours"}, ())
    assert answer.before is not None
    assert answer.before.values["OrganizationBPName2"] == "by hand"
    assert answer.after.values["OrganizationBPName2"] == "by hand"


async def test_a_locked_partner_is_unavailable_and_unchanged(sap: Running, system: S4) -> None:
    before = await created(system)
    await sim(sap, "POST", "faults", {"lock": {"key": before.key, "user": "MUELLER"}})
    with pytest.raises(Unavailable) as caught:
        await system.update(PARTNER, before, {"OrganizationBPName1": "ours"}, ())
    assert type(caught.value) is Unavailable
    assert await system.read(PARTNER, before.key) == before


async def test_what_sap_turns_to_upper_case_comes_back_so(sap: Running, system: S4) -> None:
    before = await created(system)
    await sim(sap, "POST", "faults", {"upper_case": ["OrganizationBPName2"]})
    answer = await system.update(PARTNER, before, {"OrganizationBPName2": "branch"}, ())
    assert answer.after.values["OrganizationBPName2"] == "BRANCH"


async def test_the_birthmark_and_the_tax_number_find_the_partner(system: S4) -> None:
    after = await created(system)
    searches: tuple[dict[str, Scalar], ...] = (
        {"crm.BPIdentificationNumber": after.values["crm.BPIdentificationNumber"]},
        {"tax.BPTaxNumber": "DE987654321"},
        {"email.EmailAddress": "info1@partner.example"},
        {"mobile.PhoneNumber": "6505550199", "OrganizationBPName1": "Partner 1"},
    )
    for where in searches:
        assert await system.find(PARTNER, where) == (after,)
    assert await system.find(PARTNER, {"crm.BPIdentificationNumber": "of nobody"}) == ()


# ------------------------------------------------------------------------------------------------------------ orders


async def test_an_order_is_created_with_its_lines_and_prices(system: S4) -> None:
    line: Values = {**new_line(5), "price.ConditionRateValue": Decimal("12.50"), "price.ConditionCurrency": "USD"}
    after = await ordered(system, line)
    assert after.etag
    assert after.lines[0].values["price.ConditionRateValue"] == Decimal("12.50")
    assert after.values["TotalNetAmount"] == Decimal("62.50")
    assert after.values["ship_to.Customer"] == "17100001"
    assert await system.read(ORDER, after.key) == after


async def test_a_header_update_is_one_batch_and_one_with_changed_lines_too(sap: Running, system: S4) -> None:
    before = await ordered(system, new_line(1), new_line(2))
    await calls(sap)
    one = (await system.update(ORDER, before, {"PurchaseOrderByShipToParty": "S-1"}, ())).after
    assert await calls(sap) == ["POST $batch"]
    change = LineWrite("change", "10", {"RequestedQuantity": Decimal(9)})
    two = (await system.update(ORDER, one, {"PurchaseOrderByShipToParty": "S-2"}, [change])).after
    assert await calls(sap) == ["POST $batch"]
    assert two.lines[0].values["RequestedQuantity"] == 9
    assert two.version is not None
    assert one.version is not None
    assert two.version > one.version


async def test_a_price_is_added_changed_and_taken_away(system: S4) -> None:
    before = await ordered(system)
    held = before
    for rate in (Decimal("3.50"), Decimal("4.25")):
        values: Values = {"price.ConditionRateValue": rate, "price.ConditionCurrency": "USD"}
        held = (await system.update(ORDER, held, {}, [LineWrite("change", "10", values)])).after
        assert held.lines[0].values["price.ConditionRateValue"] == rate


async def test_added_lines_get_numbers_and_the_rest_of_the_update_follows(system: S4) -> None:
    before = await ordered(system)
    writes = [
        LineWrite("add", "", new_line(2), "crm-2"),
        LineWrite("add", "", new_line(3), "crm-3"),
        LineWrite("change", "10", {"RequestedQuantity": Decimal(8)}),
    ]
    after = (await system.update(ORDER, before, {"PurchaseOrderByShipToParty": "S-1"}, writes)).after
    assert [line.key for line in after.lines] == ["10", "20", "30"]
    assert [line.values["RequestedQuantity"] for line in after.lines] == [8, 2, 3]
    assert after.values["PurchaseOrderByShipToParty"] == "S-1"
    assert after == await system.read(ORDER, before.key)


async def test_an_order_of_an_unknown_customer_is_refused_in_saps_words(system: S4) -> None:
    with pytest.raises(Refused) as caught:
        await system.create(ORDER, {**new_order(1)[1], "SoldToParty": "4711"}, [LineWrite("add", "", new_line(1))])
    assert caught.value.complaints[0].code.startswith(("V1/", "VP/"))


async def test_a_refused_line_is_named_by_its_peer(system: S4) -> None:
    with pytest.raises(Refused) as caught:
        await system.create(
            ORDER, new_order(1)[1], [LineWrite("add", "", {**new_line(1), "Material": "NONE"}, "crm-1")]
        )
    assert (caught.value.complaints[0].column, caught.value.complaints[0].line) == ("Material", "crm-1")


async def test_an_order_whose_post_times_out_and_commits_late_is_found_by_its_mark(sap: Running, system: S4) -> None:
    fault = {"match": {"method": "POST", "path": "A_SalesOrder"}, "commit_late_seconds": 0.2}
    await sim(sap, "POST", "faults", fault)
    with pytest.raises(Unconfirmed):
        await ordered(system)
    async with asyncio.timeout(10):
        while not (found := await system.find(ORDER, {"PurchaseOrderByCustomer": "D365-1"})):  # noqa: ASYNC110 -- no event tells
            await asyncio.sleep(0.05)
    assert len(found) == 1


async def test_an_order_that_a_delivery_moved_is_stale(sap: Running, system: S4) -> None:
    before = await ordered(system)
    await sim(sap, "POST", f"deliver/{before.key}")
    with pytest.raises(Stale):
        await system.update(ORDER, before, {"PurchaseOrderByShipToParty": "S-1"}, ())
    with pytest.raises(Stale):
        await system.update(ORDER, before, {}, [LineWrite("remove", "10", {})])


# ----------------------------------------------------------------------------------------------------------- session


async def test_reads_that_come_together_travel_together(sap: Running, system: S4) -> None:
    await system.read(PARTNER, "17100001")
    await calls(sap)
    keys = ["17100001", "17100002", "99999999", "17100001"]
    found = await asyncio.gather(*(system.read(PARTNER, key) for key in keys))
    assert [each.key if each else None for each in found] == ["17100001", "17100002", None, "17100001"]
    assert await calls(sap, of="$batch") == ["POST $batch"]


async def test_an_expired_token_and_a_lost_session_are_mended_without_being_noticed(sap: Running, system: S4) -> None:
    record = await created(system)
    for fault in ("expire_csrf", "drop_session"):
        await sim(sap, "POST", "faults", {"match": {"method": "POST"}, fault: True})
        record = (await system.update(PARTNER, record, {"OrganizationBPName2": fault}, ())).after
        assert record.values["OrganizationBPName2"] == fault


async def test_a_wrong_password_is_tried_once_a_call_and_does_not_lock_the_user(sap: Running) -> None:
    async with connected(sap, Basic("SYNC", "wrong")) as system:
        for _ in range(2):
            with pytest.raises(NotAllowed):
                await system.read(PARTNER, "17100001")
        with pytest.raises(Throttled, match="rests after a refused logon"):
            await system.identity()
    async with connected(sap) as system:
        assert await system.identity() == "S4H/100"
        assert await system.read(PARTNER, "17100001")


async def test_a_logon_page_instead_of_an_answer_is_not_allowed(sap: Running, system: S4) -> None:
    await sim(sap, "POST", "faults", {"logon_page": True})
    with pytest.raises(NotAllowed):
        await system.read(PARTNER, "17100001")


async def test_a_service_that_is_not_there_is_no_missing_record(sap: Running) -> None:
    paths = {"API_BUSINESS_PARTNER": "/sap/opu/odata/sap/ZNONE_SRV"}
    async with connected(sap, paths=paths) as system:
        with pytest.raises(Unavailable):
            await system.read(PARTNER, "17100001")
        with pytest.raises(Unavailable):
            await system.create(PARTNER, CUSTOMER, ())


async def test_one_read_of_a_batch_that_is_throttled_is_throttled_alone(sap: Running, system: S4) -> None:
    fault = {"match": {"method": "GET", "path": "'17100002'"}, "status": 503, "retry_after": 4}
    await system.read(PARTNER, "17100001")
    await sim(sap, "POST", "faults", fault)
    keys = ("17100001", "17100002")
    one, other = await asyncio.gather(*(system.read(PARTNER, key) for key in keys), return_exceptions=True)
    assert isinstance(one, Record)
    assert isinstance(other, Throttled)
    assert other.wait_seconds == 4


# ------------------------------------------------------------------------------------------------------------ sweeps


@pytest.mark.parametrize("page_size", [2, 1000])
async def test_a_sweep_of_partners_finds_new_and_changed_ones_over_many_pages(page_size: int) -> None:
    async with running(page_size=page_size) as sap, connected(sap) as system:
        watermark = (await system.changes(PARTNER, "")).watermark
        keys = {(await created(system)).key for _ in range(5)}
        found: set[str] = set()
        for _ in range(50):
            page = await system.changes(PARTNER, watermark)
            found |= {each.key for each in page.touched}
            watermark = page.watermark
            if not page.more:
                break
        assert keys <= found


async def test_a_sweep_of_orders_carries_versions_that_a_read_confirms(sap: Running, system: S4) -> None:
    clock = datetime.now(UTC)
    watermark = (await system.changes(ORDER, "")).watermark
    order = await ordered(system)
    await calls(sap)
    page = await system.changes(ORDER, watermark)
    assert [(each.key, each.version) for each in page.touched] == [(order.key, order.version)]
    assert not page.more
    assert order.changed_at is not None
    assert abs((order.changed_at - clock).total_seconds()) < 60
    assert order.created_at is not None
    assert order.created_at <= clock
    assert await calls(sap, of="GET A_SalesOrder") == ["GET A_SalesOrder"]
