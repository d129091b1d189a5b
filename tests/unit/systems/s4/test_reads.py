"""Reads and searches against a scripted gateway: what is asked, and what a missing record looks like."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote

import pytest

from shared.core.model import Column, Scalar, Selection
from shared.errors import BadMapping, NotAllowed, SyncError, Unavailable
from shared.systems.s4 import CATALOGUE, S4, Basic
from tests.wire import Asked, answer, serving

COLUMNS = CATALOGUE["BusinessPartner"].columns
NAMES = ("OrganizationBPName1", "email.EmailAddress", "tax.BPTaxNumber", "company.PaymentTerms")
PARTNER = Selection(
    "BusinessPartner",
    {**{name: COLUMNS[name] for name in NAMES}, "YY1_Score_bus": Column("decimal")},
    {"tax": {"BPTaxType": ("DE0", "FR0")}, "company": {"CompanyCode": ("1710",)}},
)
HEADER = Selection("BusinessPartner", {"OrganizationBPName1": COLUMNS["OrganizationBPName1"]})
NOT_THERE = json.dumps({"error": {"code": "R1/106", "message": {"lang": "en", "value": "does not exist"}}})


def rows(*found: dict[str, str]) -> bytes:
    return answer(200, json.dumps({"d": {"results": found}}), Content_Type="application/json")


@asynccontextmanager
async def sap(*says: bytes) -> AsyncIterator[tuple[S4, list[Asked]]]:
    left = list(says)
    asked_for: list[Asked] = []

    def script(asked: Asked) -> bytes:
        if asked.method == "HEAD":
            return answer(200, "", x_csrf_token="t")
        asked_for.append(asked)
        return left.pop(0)

    async with serving(script) as wire:
        system = S4(wire.url, Basic("u", "p"), client="100", system_id="S4H", users=["SYNC"], timeout_seconds=5)
        try:
            yield system, asked_for
        finally:
            await system.close()
    assert not left, "the connector asked less than it should"


def asked_filter(asked: Asked) -> str:
    path, _, query = asked.path.partition("?")
    found = next(option for option in query.split("&") if option.startswith("$filter="))
    return f"{path.rpartition('/')[2]} where {unquote(found.removeprefix('$filter='))}"


async def test_a_missing_key_is_none_once_the_set_is_known_to_exist() -> None:
    async with sap(answer(404, NOT_THERE), rows({"BusinessPartner": "1"}), answer(404, NOT_THERE)) as (system, asked):
        assert await system.read(HEADER, "99") is None
        assert await system.read(HEADER, "98") is None
    assert [each.path.partition("?")[2].partition("&")[0] for each in asked][1] == "$select=BusinessPartner"


async def test_a_page_instead_of_an_error_is_no_missing_record_even_if_the_set_is_known() -> None:
    page = answer(404, "<html>ICF node inactive</html>", Content_Type="text/html")
    async with sap(answer(200, json.dumps({"d": {"BusinessPartner": "1"}})), page) as (system, _):
        assert await system.read(HEADER, "1")
        with pytest.raises(Unavailable):
            await system.read(HEADER, "1")


@pytest.mark.parametrize(
    "says",
    [
        (answer(404, NOT_THERE), answer(404, NOT_THERE)),
        (answer(404, "<html>404 Not found</html>", Content_Type="text/html"),),
        (answer(404, '{"error": {"code": "/IWFND/MED/170", "message": {"value": "No service found"}}}'),),
    ],
    ids=["the set is unknown", "a page", "the service is unknown"],
)
async def test_a_404_of_service_or_set_is_an_error(says: tuple[bytes, ...]) -> None:
    async with sap(*says) as (system, _):
        with pytest.raises(Unavailable):
            await system.read(HEADER, "99")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (answer(403, NOT_THERE), NotAllowed),
        (answer(500, NOT_THERE), Unavailable),
        (answer(200, "{", Content_Type="application/json"), Unavailable),
        (answer(200, "<html>", Content_Type="text/html"), NotAllowed),
    ],
)
async def test_an_unreadable_record_is_an_error_and_not_a_missing_one(said: bytes, expected: type[SyncError]) -> None:
    async with sap(said) as (system, _):
        with pytest.raises(SyncError) as caught:
            await system.read(HEADER, "1")
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "Invalid property 'OrganizationBPName1' in $select"),
        (404, "Resource not found for the segment 'OrganizationBPName1'"),
    ],
)
async def test_a_column_that_this_release_lacks_is_the_mappings_fault(status: int, words: str) -> None:
    said = answer(status, json.dumps({"error": {"code": "005056A509B1", "message": {"lang": "en", "value": words}}}))
    async with sap(said, said) as (system, _):
        for asked in (system.read(HEADER, "1"), system.find(HEADER, {"OrganizationBPName1": "One"})):
            with pytest.raises(BadMapping) as caught:
                await asked
            assert f"HTTP {status}: 005056A509B1 {words}; the mapping asks for what this" in str(caught.value)


async def test_reads_that_arrive_together_travel_in_one_batch_and_fail_each_for_itself() -> None:
    def part(status: int, body: str) -> str:
        return (
            f"Content-Type: application/http\r\n\r\nHTTP/1.1 {status} X\r\nContent-Type: application/json\r\n\r\n{body}"
        )

    found = json.dumps({"d": {"BusinessPartner": "1", "OrganizationBPName1": "One"}})
    parts = [part(200, found), part(404, NOT_THERE), part(500, NOT_THERE)]
    text = "".join(f"--b\r\n{each}\r\n" for each in parts) + "--b--\r\n"
    both = answer(202, text, Content_Type="multipart/mixed; boundary=b")
    async with sap(both) as (system, asked):
        one, none, failed = await asyncio.gather(
            *(system.read(HEADER, key) for key in ("1", "2", "3")), return_exceptions=True
        )
    assert not isinstance(one, BaseException)
    assert one is not None
    assert one.values["OrganizationBPName1"] == "One"
    assert none is None
    assert isinstance(failed, Unavailable)
    assert asked[0].path.startswith("/sap/opu/odata/sap/API_BUSINESS_PARTNER/$batch")
    assert asked[0].body.count(b"GET A_BusinessPartner('") == 3


async def test_a_header_column_is_found_by_one_filter() -> None:
    async with sap(rows()) as (system, asked):
        where: dict[str, Scalar] = {"OrganizationBPName1": "O'Brien & Söhne", "YY1_Score_bus": 7}
        assert await system.find(PARTNER, where) == ()
    assert asked_filter(asked[0]) == (
        "A_BusinessPartner where OrganizationBPName1 eq 'O''Brien & Söhne' and YY1_Score_bus eq 7M"
    )
    assert "&$top=3" in asked[0].path


async def test_a_parts_column_is_found_among_the_rows_that_a_flow_may_mean() -> None:
    hits = rows({"BusinessPartner": "17", "BPTaxType": "DE0"}, {"BusinessPartner": "18", "BPTaxType": "FR0"})
    async with sap(hits, rows()) as (system, asked):
        await system.find(PARTNER, {"tax.BPTaxNumber": "DE1"})
    assert [asked_filter(each) for each in asked] == [
        "A_BusinessPartnerTaxNumber where BPTaxNumber eq 'DE1' and (BPTaxType eq 'DE0' or BPTaxType eq 'FR0')",
        "A_BusinessPartner where (BusinessPartner eq '17' or BusinessPartner eq '18')",
    ]


async def test_a_part_below_a_part_is_followed_up_to_the_record() -> None:
    mail = rows({"AddressID": "22", "Person": "", "OrdinalNumber": "1"})
    async with sap(mail, rows({"BusinessPartner": "17", "AddressID": "22"}), rows()) as (system, asked):
        await system.find(PARTNER, {"email.EmailAddress": "a@x.example"})
    assert [asked_filter(each) for each in asked] == [
        "A_AddressEmailAddress where EmailAddress eq 'a@x.example'",
        "A_BusinessPartnerAddress where (AddressID eq '22')",
        "A_BusinessPartner where (BusinessPartner eq '17')",
    ]
    async with sap(rows({"Customer": "170", "CompanyCode": "1710"}), rows()) as (system, asked):
        await system.find(PARTNER, {"company.PaymentTerms": "0001", "OrganizationBPName1": "X"})
    assert [asked_filter(each) for each in asked] == [
        "A_CustomerCompany where PaymentTerms eq '0001' and (CompanyCode eq '1710')",
        "A_BusinessPartner where (Customer eq '170') and OrganizationBPName1 eq 'X'",
    ]


async def test_no_row_means_no_record_and_no_second_call() -> None:
    async with sap(rows()) as (system, _):
        assert await system.find(PARTNER, {"tax.BPTaxNumber": "none"}) == ()


async def test_what_is_not_selected_cannot_be_searched_for() -> None:
    async with sap() as (system, _):
        for where in ({"phone.PhoneNumber": "1"}, {"FirstName": "Ann"}):
            with pytest.raises(BadMapping):
                await system.find(PARTNER, where)
        with pytest.raises(BadMapping, match="no object"):
            await system.read(Selection("Nonsense", {}), "1")


async def test_the_identity_is_system_and_client_once_the_logon_works() -> None:
    async with sap() as (system, _):
        assert await system.identity() == "S4H/100"
    async with serving(lambda _: answer(401)) as wire:
        system = S4(wire.url, Basic("u", "p"), client="100", system_id="S4H")
        with pytest.raises(NotAllowed):
            await system.identity()
        await system.close()
        assert len(wire.asked) == 1


async def test_a_service_that_the_user_may_not_call_does_not_decide_the_identity() -> None:
    def script(asked: Asked) -> bytes:
        return answer(403) if "API_BUSINESS_PARTNER" in asked.path else answer(200, "", x_csrf_token="t")

    async with serving(script) as wire:
        system = S4(wire.url, Basic("u", "p"), client="100", system_id="S4H")
        assert await system.identity() == "S4H/100"
        await system.close()


async def test_a_sweep_begins_without_a_call() -> None:
    async with sap() as (system, _):
        page = await system.changes(HEADER, "")
        assert (page.touched, page.more) == ((), False)
        assert page.watermark


def test_traits_say_what_guards_an_object() -> None:
    system = S4("https://sap.example", Basic("u", "p"), client="100", system_id="S4H", users=["SYNC"])
    partner, order = system.traits(HEADER), system.traits(Selection("SalesOrder", {}))
    assert (partner.etags, order.etags) == (False, True)
    assert not order.own_keys
    assert order.longest_transaction_seconds == 660
    assert order.users == {"SYNC"}
