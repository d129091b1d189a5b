"""Creates and updates against a scripted gateway: what is sent, and what each kind of answer means."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.core.model import Line, LineWrite, Record, Selection
from shared.errors import NotAllowed, Refused, Stale, SyncError, Throttled, Unavailable, Unconfirmed
from shared.systems.s4 import CATALOGUE, S4, Basic
from tests.wire import Asked, Cut, Wire, answer, serving

PARTNER = Selection(
    "BusinessPartner",
    {n: CATALOGUE["BusinessPartner"].columns[n] for n in ("OrganizationBPName1", "tax.BPTaxType", "tax.BPTaxNumber")},
    {"tax": {"BPTaxType": ("DE0", "FR0")}},
)
ORDER = Selection(
    "SalesOrder",
    {"PurchaseOrderByCustomer": CATALOGUE["SalesOrder"].columns["PurchaseOrderByCustomer"]},
    lines="to_Item",
    line_columns={n: CATALOGUE["SalesOrder"].lines["to_Item"][n] for n in ("Material", "RequestedQuantity")},
)
TAX_KEY = json.dumps({"BusinessPartner": "17", "BPTaxType": "DE0"})
HELD = Record("17", {"OrganizationBPName1": "Old", "#tax": TAX_KEY, "tax.BPTaxType": "DE0", "tax.BPTaxNumber": "DE1"})
HELD_ORDER = Record("1", {"PurchaseOrderByCustomer": "P"}, 'W/"1"', lines=(Line("10", {"Material": "TG11"}),))


def partner(name: str, *taxes: tuple[str, str]) -> str:
    rows = [{"BusinessPartner": "17", "BPTaxType": kind, "BPTaxNumber": number} for kind, number in taxes]
    entity = {"BusinessPartner": "17", "OrganizationBPName1": name, "CreationDate": None, "LastChangedByUser": ""}
    return json.dumps({"d": entity | {"to_BusinessPartnerTax": {"results": rows}}})


def order(etag: str, reference: str = "P") -> str:
    items = [{"SalesOrder": "1", "SalesOrderItem": "10", "Material": "TG11", "RequestedQuantity": "5"}]
    entity = {
        "__metadata": {"etag": etag},
        "SalesOrder": "1",
        "PurchaseOrderByCustomer": reference,
        "CreationDate": None,
        "LastChangeDateTime": "/Date(1735689600123+0000)/",
        "to_Item": {"results": items},
    }
    return json.dumps({"d": entity})


def refusal(code: str = "AR/189", text: str = "wrong form", target: str = "", content_id: str = "") -> str:
    detail = {"ContentID": content_id, "code": code, "message": text, "severity": "error", "target": target}
    error = {"code": code, "message": {"lang": "en", "value": text}, "innererror": {"errordetails": [detail]}}
    return json.dumps({"error": error})


def part(status: int, body: str = "", **headers: str) -> str:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    inner = "\r\n".join([f"HTTP/1.1 {status} X", "Content-Type: application/json", *lines, "", body])
    return f"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n{inner}"


def changed(*parts: str) -> str:
    inside = "".join(f"--c\r\n{each}\r\n" for each in parts)
    return f"Content-Type: multipart/mixed; boundary=c\r\n\r\n{inside}--c--\r\n"


def batch(*parts: str) -> bytes:
    text = "".join(f"--b\r\n{each}\r\n" for each in parts)
    return answer(202, f"{text}--b--\r\n", Content_Type="multipart/mixed; boundary=b")


@asynccontextmanager
async def sap(*says: bytes | Callable[[Asked], bytes] | None) -> AsyncIterator[tuple[S4, Wire, list[Asked]]]:
    """Serve the answers in their order to everything but the token fetch."""
    left = list(says)
    asked_for: list[Asked] = []

    def script(asked: Asked) -> bytes | None:
        if asked.headers.get("x-csrf-token") == "Fetch":
            return answer(200, "", x_csrf_token="t")
        asked_for.append(asked)
        said = left.pop(0)
        return said(asked) if callable(said) else said

    async with serving(script) as wire:
        system = S4(wire.url, Basic("u", "p"), client="100", system_id="S4H", timeout_seconds=5)
        try:
            yield system, wire, asked_for
        finally:
            await system.close()
    assert not left, "the connector asked less than it should"


def lines_of(asked: Asked) -> list[str]:
    """Return the request lines of a batch."""
    return [line for line in asked.body.decode().split("\r\n") if line.endswith(" HTTP/1.1")]


# ----------------------------------------------------------------------------------------- objects without etags


async def test_an_update_of_a_partner_is_one_batch_look_change_look() -> None:
    before, after = partner("Old", ("DE0", "DE1")), partner("NEW", ("FR0", "DE1"))
    said = batch(part(200, before), changed(part(204), part(201, "{}"), part(204)), part(200, after))
    async with sap(said) as (system, _, asked):
        found = await system.update(PARTNER, HELD, {"OrganizationBPName1": "New", "tax.BPTaxType": "FR0"}, ())
    assert found.before is not None
    assert found.before.values["OrganizationBPName1"] == "Old"
    assert found.after.values["OrganizationBPName1"] == "NEW"
    assert found.after.values["tax.BPTaxType"] == "FR0"
    methods = [line.partition("?")[0].partition("(")[0] for line in lines_of(asked[0])]
    assert methods == [
        "GET A_BusinessPartner",
        "PATCH A_BusinessPartner",
        "POST A_BusinessPartnerTaxNumber HTTP/1.1",
        "DELETE A_BusinessPartnerTaxNumber",
        "GET A_BusinessPartner",
    ]
    assert asked[0].body.count(b"boundary=changeset") == 1


async def test_a_refused_change_set_names_the_columns_by_target_and_content_id() -> None:
    image = part(200, partner("Old", ("DE0", "DE1")))
    for error, column in (
        (refusal(target="BPTaxNumber"), "tax.BPTaxNumber"),
        (refusal(content_id="2"), "tax.BPTaxNumber"),
    ):
        async with sap(batch(image, part(400, error), image)) as (system, _, _asked):
            with pytest.raises(Refused) as caught:
                await system.update(PARTNER, HELD, {"OrganizationBPName1": "New", "tax.BPTaxNumber": "x"}, ())
        (complaint,) = caught.value.complaints
        assert (complaint.code, complaint.message, complaint.column) == ("AR/189", "wrong form", column)


async def test_one_operation_a_change_set_is_found_out_and_remembered() -> None:
    image = part(200, partner("Old", ("DE0", "DE1")))
    only_one = part(400, refusal("/IWFND/CM_MGW/071", "Default changeset implementation allows only one operation"))
    single = batch(image, changed(part(204)), changed(part(204)), image)
    values = {"OrganizationBPName1": "New", "tax.BPTaxNumber": "DE2"}
    async with sap(batch(image, only_one, image), single, single) as (system, _, asked):
        found = await system.update(PARTNER, HELD, values, ())
        await system.update(PARTNER, HELD, values, ())
    assert [each.body.count(b"boundary=changeset") for each in asked] == [1, 2, 2]
    assert found.after.key == "17"


async def test_of_single_change_sets_the_refused_ones_complain_and_say_that_others_went_through() -> None:
    image = part(200, partner("Old", ("DE0", "DE1")))
    only_one = part(400, refusal("X/1", "Only one action type allowed within the same change set"))
    mixed = batch(image, changed(part(204)), part(400, refusal()), image)
    async with sap(batch(image, only_one, image), mixed) as (system, _, _asked):
        with pytest.raises(Refused, match="1 of 2 other parts were written") as caught:
            await system.update(PARTNER, HELD, {"OrganizationBPName1": "New", "tax.BPTaxNumber": "DE2"}, ())
    assert [each.column for each in caught.value.complaints] == ["tax.BPTaxNumber"]


@pytest.mark.parametrize(
    ("first", "change", "expected"),
    [
        (part(404, refusal("R1/106", "not there")), part(404, refusal("R1/106", "not there")), Stale),
        (part(200, partner("Old", ("DE0", "DE1"))), part(404, refusal("R1/106", "not there")), Stale),
        (part(200, partner("Old", ("FR0", "FR1"))), part(400, refusal("R1/112", "exists")), Stale),
        (part(200, partner("Old", ("DE0", "DE1"))), part(400, refusal("R1/213", "is locked by X")), Unavailable),
        (part(200, partner("Old", ("DE0", "DE1"))), part(500, refusal("X", "dump")), Unconfirmed),
        (part(200, partner("Old", ("DE0", "DE1"))), part(403, refusal("X", "no authorization")), NotAllowed),
    ],
    ids=["gone", "row gone", "other rows than before", "locked", "dump", "not authorised"],
)  # fmt: skip
async def test_a_failed_change_set_says_what_to_do_next(first: str, change: str, expected: type[SyncError]) -> None:
    async with sap(batch(first, change, first)) as (system, _, _asked):
        with pytest.raises(SyncError) as caught:
            await system.update(PARTNER, HELD, {"tax.BPTaxNumber": "DE2"}, ())
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, Unconfirmed),
        (Cut(b"HTTP/1.1 202 X\r\nContent-Length: 999\r\n\r\n--b"), Unconfirmed),
        (answer(504, "<html>"), Unconfirmed),
        (answer(503, "<html>", Retry_After="3"), Throttled),
        (answer(429, ""), Throttled),
        (batch(part(200, partner("Old"))), Unconfirmed),
    ],
)
async def test_a_lost_batch_may_have_happened(said: bytes | None, expected: type[SyncError]) -> None:
    async with sap(said) as (system, _, _asked):
        with pytest.raises(SyncError) as caught:
            await system.update(PARTNER, HELD, {"OrganizationBPName1": "New"}, ())
    assert type(caught.value) is expected


async def test_a_written_record_that_cannot_be_seen_is_unconfirmed() -> None:
    image = part(200, partner("Old"))
    async with sap(batch(image, changed(part(204)), part(500)), answer(429, "")) as (system, _, _asked):
        with pytest.raises(Unconfirmed, match="written just before"):
            await system.update(PARTNER, HELD, {"OrganizationBPName1": "New"}, ())


async def test_an_update_that_changes_nothing_only_reads() -> None:
    missing = Record("17", {"#tax": None})
    async with sap(answer(200, partner("Old"))) as (system, _, asked):
        found = await system.update(PARTNER, missing, {"tax.BPTaxNumber": None}, ())
    assert asked[0].method == "GET"
    assert found.before == found.after


async def test_a_server_that_wants_if_match_without_an_etag_gets_any() -> None:
    image = part(200, partner("Old", ("DE0", "DE1")))
    said = batch(image, part(428, refusal("X", "If-Match")), image), batch(image, changed(part(204)), image)
    async with sap(*said) as (system, _, asked):
        await system.update(PARTNER, HELD, {"OrganizationBPName1": "New"}, ())
    assert b"If-Match" not in asked[0].body
    assert b"If-Match: *" in asked[1].body


# -------------------------------------------------------------------------------------------- objects with etags


async def test_a_header_update_of_an_order_is_one_batch_guarded_by_the_etag() -> None:
    async with sap(batch(changed(part(204)), part(200, order('W/"2"', "Q")))) as (system, _, asked):
        found = await system.update(ORDER, HELD_ORDER, {"PurchaseOrderByCustomer": "Q"}, ())
    assert [line.partition("?")[0].partition("(")[0] for line in lines_of(asked[0])] == [
        "PATCH A_SalesOrder",
        "GET A_SalesOrder",
    ]
    assert b'If-Match: W/"1"' in asked[0].body
    assert (found.after.etag, found.after.values["PurchaseOrderByCustomer"], found.before) == ('W/"2"', "Q", None)


@pytest.mark.parametrize("status", [412, 428, 404])
async def test_a_moved_order_is_stale(status: int) -> None:
    said = batch(part(status, refusal("X", "moved")), part(200, order('W/"2"')))
    async with sap(said, *([said] if status == 428 else [])) as (system, _, _asked):
        with pytest.raises(Stale):
            await system.update(ORDER, HELD_ORDER, {"PurchaseOrderByCustomer": "Q"}, ())


async def test_changed_lines_share_the_headers_change_set_and_so_its_guard() -> None:
    writes = [LineWrite("remove", "10", {})]
    values = {"PurchaseOrderByCustomer": "Q"}
    async with sap(batch(part(412, refusal("X", "moved")), part(200, order('W/"2"')))) as (system, _, asked):
        with pytest.raises(Stale):
            await system.update(ORDER, HELD_ORDER, values, writes)
    assert asked[0].body.count(b"boundary=changeset") == 1
    assert asked[0].body.count(b"If-Match") == 1
    async with sap(batch(changed(part(204), part(204)), part(200, order('W/"2"')))) as (system, _, _asked):
        assert (await system.update(ORDER, HELD_ORDER, values, writes)).after.etag == 'W/"2"'


async def test_where_change_sets_are_single_a_stale_header_stops_the_lines() -> None:
    writes = [LineWrite("change", "10", {"RequestedQuantity": Decimal(7)})]
    values = {"PurchaseOrderByCustomer": "Q"}
    only_one = batch(
        part(501, refusal("X", "Default changeset implementation allows only one operation")), part(200, "")
    )
    stale = batch(part(412, refusal("X", "moved")), part(200, order('W/"2"')))
    good = batch(changed(part(204)), part(200, order('W/"2"'))), batch(changed(part(204)), part(200, order('W/"3"')))
    async with sap(only_one, stale, *good) as (system, _, asked):
        with pytest.raises(Stale):
            await system.update(ORDER, HELD_ORDER, values, writes)
        assert (await system.update(ORDER, HELD_ORDER, values, writes)).after.etag == 'W/"3"'
    assert [len(lines_of(each)) for each in asked] == [3, 2, 2, 2]


LINE_CHANGE = [LineWrite("change", "10", {"RequestedQuantity": Decimal(7)})]


async def test_lines_alone_are_guarded_by_a_patch_of_the_header_that_changes_nothing() -> None:
    async with sap(batch(part(412, refusal("X", "moved")), part(200, order('W/"2"')))) as (system, _, _asked):
        with pytest.raises(Stale):
            await system.update(ORDER, HELD_ORDER, {}, LINE_CHANGE)
    said = batch(changed(part(204), part(204)), part(200, order('W/"2"')))
    async with sap(said) as (system, _, asked):
        found = await system.update(ORDER, HELD_ORDER, {}, LINE_CHANGE)
    assert found.after.etag == 'W/"2"'
    assert [line.partition(" HTTP")[0] for line in lines_of(asked[0])[:2]] == [
        "PATCH A_SalesOrder('1')",
        "PATCH A_SalesOrderItem(SalesOrder='1',SalesOrderItem='10')",
    ]
    assert asked[0].body.count(b"boundary=changeset") == 1
    assert b'If-Match: W/"1"' in asked[0].body
    assert b'{"PurchaseOrderByCustomer":"P"}' in asked[0].body


async def test_lines_of_a_record_with_nothing_to_send_again_are_guarded_by_a_look_at_the_etag() -> None:
    held = replace(HELD_ORDER, values={})
    async with sap(answer(200, order('W/"2"'))) as (system, _, _asked):
        with pytest.raises(Stale):
            await system.update(ORDER, held, {}, LINE_CHANGE)
    said = batch(changed(part(204)), part(200, order('W/"2"')))
    async with sap(answer(200, order('W/"1"')), said) as (system, _, asked):
        assert (await system.update(ORDER, held, {}, LINE_CHANGE)).after.etag == 'W/"2"'
    assert lines_of(asked[1])[0] == "PATCH A_SalesOrderItem(SalesOrder='1',SalesOrderItem='10') HTTP/1.1"


async def test_new_lines_go_first_so_that_a_refused_one_has_changed_nothing() -> None:
    writes = [
        LineWrite("change", "10", {"RequestedQuantity": Decimal(7)}),
        LineWrite("add", "", {"Material": "NONE"}, "crm-2"),
    ]
    said = batch(part(400, refusal("V1/382", "no such material", "Material")), part(200, order('W/"1"')))
    async with sap(answer(200, order('W/"1"')), said) as (system, _, asked):
        with pytest.raises(Refused) as caught:
            await system.update(ORDER, HELD_ORDER, {"PurchaseOrderByCustomer": "Q"}, writes)
    assert [line.split("(")[0] for line in lines_of(asked[1])] == ["POST A_SalesOrder", "GET A_SalesOrder"]
    (complaint,) = caught.value.complaints
    assert (complaint.column, complaint.line) == ("Material", "crm-2")


ADD_AND_CHANGE = [
    LineWrite("add", "", {"Material": "TG12"}, "crm-2"),
    LineWrite("change", "10", {"RequestedQuantity": Decimal(7)}),
]
ADDED = batch(changed(part(201, "{}")), part(200, order('W/"2"')))


async def test_after_an_addition_the_header_is_guarded_by_the_etag_that_it_left() -> None:
    last = batch(changed(part(204), part(204)), part(200, order('W/"3"', "Q")))
    async with sap(answer(200, order('W/"1"')), ADDED, last) as (system, _, asked):
        found = await system.update(ORDER, HELD_ORDER, {"PurchaseOrderByCustomer": "Q"}, ADD_AND_CHANGE)
    assert b'If-Match: W/"2"' in asked[2].body
    assert found.after.etag == 'W/"3"'


async def test_an_order_that_a_person_moved_during_an_addition_is_stale() -> None:
    moved = batch(changed(part(201, "{}")), part(200, order('W/"2"', "by a person")))
    async with sap(answer(200, order('W/"1"')), moved) as (system, _, _asked):
        with pytest.raises(Stale, match="while lines were added"):
            await system.update(ORDER, HELD_ORDER, {"PurchaseOrderByCustomer": "Q"}, ADD_AND_CHANGE)


@pytest.mark.parametrize(
    "last",
    [
        batch(part(400, refusal("V1/042", "currently being processed by user X")), part(200, order(""))),
        answer(429, ""),
        answer(503, "", Retry_After="3"),
        answer(403, ""),
    ],
)
async def test_what_fails_after_an_addition_is_unconfirmed(last: bytes) -> None:
    async with sap(answer(200, order('W/"1"')), ADDED, last) as (system, _, _asked):
        with pytest.raises(Unconfirmed, match="other parts were written"):
            await system.update(ORDER, HELD_ORDER, {"PurchaseOrderByCustomer": "Q"}, ADD_AND_CHANGE)


async def test_a_removed_line_that_is_gone_already_is_done() -> None:
    gone = batch(part(404, refusal()), part(200, order('W/"3"')))
    async with sap(answer(200, order('W/"1"')), gone) as (system, _, _asked):
        found = await system.update(ORDER, replace(HELD_ORDER, values={}), {}, [LineWrite("remove", "10", {})])
    assert found.after.etag == 'W/"3"'


async def test_a_removed_line_that_is_gone_already_is_looked_at_again_where_the_header_guards_it() -> None:
    async with sap(batch(part(404, refusal()), part(200, order('W/"3"')))) as (system, _, _asked):
        with pytest.raises(Stale):
            await system.update(ORDER, HELD_ORDER, {}, [LineWrite("remove", "10", {})])


# -------------------------------------------------------------------------------------------------------- create


async def test_a_create_whose_answer_says_all_needs_no_read() -> None:
    async with sap(answer(201, order('W/"1"'), Content_Type="application/json")) as (system, _, asked):
        found = await system.create(
            ORDER, {"PurchaseOrderByCustomer": "P"}, [LineWrite("add", "", {"Material": "TG11"})]
        )
    assert json.loads(asked[0].body) == {"PurchaseOrderByCustomer": "P", "to_Item": [{"Material": "TG11"}]}
    assert (found.after.key, found.after.etag, found.after.lines[0].key) == ("1", 'W/"1"', "10")


async def test_a_create_whose_answer_leaves_something_out_is_read_once() -> None:
    made: dict[str, Any] = {"d": {"SalesOrder": "1"}}
    for said in (
        answer(201, json.dumps(made), Content_Type="application/json"),
        answer(201, "", Location="https://sap.example/x/A_SalesOrder('1')"),
    ):
        async with sap(said, answer(200, order('W/"1"'))) as (system, _, asked):
            found = await system.create(ORDER, {"PurchaseOrderByCustomer": "P"}, ())
        assert found.after.etag == 'W/"1"'
        assert asked[1].path.startswith("/sap/opu/odata/sap/API_SALES_ORDER_SRV/A_SalesOrder('1')?$select=")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, Unconfirmed),
        (answer(500, refusal("X", "dump")), Unconfirmed),
        (answer(502, "<html>"), Unconfirmed),
        (answer(503, "<html>"), Unconfirmed),
        (answer(503, "<html>", Retry_After="5"), Throttled),
        (answer(429, ""), Throttled),
        (answer(400, refusal()), Refused),
        (answer(403, refusal()), NotAllowed),
        (answer(404, refusal()), Unavailable),
        (answer(201, "{}", Content_Type="application/json"), Unconfirmed),
        (answer(201, "{", Content_Type="application/json"), Unconfirmed),
    ],
)
async def test_only_a_clear_no_says_that_a_create_did_not_happen(said: bytes | None, expected: type[SyncError]) -> None:
    async with sap(said) as (system, _, _asked):
        with pytest.raises(SyncError) as caught:
            await system.create(ORDER, {"PurchaseOrderByCustomer": "P"}, ())
    assert type(caught.value) is expected


async def test_a_created_record_that_cannot_be_read_is_unconfirmed() -> None:
    made = answer(201, json.dumps({"d": {"SalesOrder": "1"}}), Content_Type="application/json")
    for read in (answer(503, "", Retry_After="5"), answer(404, refusal()), answer(403, refusal())):
        async with sap(made, read) as (system, _, _asked):
            with pytest.raises(Unconfirmed):
                await system.create(ORDER, {"PurchaseOrderByCustomer": "P"}, ())


async def test_a_refused_create_names_the_line_and_keeps_saps_warnings_apart() -> None:
    said = answer(400, refusal("V1/382", "no such material", "to_Item/Material"))
    async with sap(said) as (system, _, _asked):
        with pytest.raises(Refused) as caught:
            await system.create(
                ORDER, {"PurchaseOrderByCustomer": "P"}, [LineWrite("add", "", {"Material": "X"}, "crm-1")]
            )
    assert [(each.column, each.line) for each in caught.value.complaints] == [("Material", "crm-1")]
    warning = json.dumps({"code": "V1/555", "message": "credit for P-77 is low", "severity": "warning"})
    async with sap(answer(201, order('W/"1"'), Sap_Message=warning)) as (system, _, _asked):
        found = await system.create(ORDER, {"PurchaseOrderByCustomer": "P-77"}, ())
    assert found.notes == ("V1/555 credit for … is low",)


async def test_merge_is_sent_where_patch_is_not_known() -> None:
    said = batch(changed(part(204)), part(200, order('W/"2"')))
    async with sap(said) as (_, wire, asked):
        system = S4(wire.url, Basic("u", "p"), client="", system_id="S4H", verb="MERGE")
        await system.update(ORDER, HELD_ORDER, {"PurchaseOrderByCustomer": "Q"}, ())
        await system.close()
    assert lines_of(asked[0])[0].startswith("MERGE A_SalesOrder('1')")
    assert "sap-client" not in asked[0].path


async def test_many_new_lines_go_a_few_a_call_and_what_went_through_is_remembered() -> None:
    adds = [LineWrite("add", "", {"Material": "TG12"}, str(number)) for number in range(25)]
    held = answer(200, order('W/"1"'))
    first = batch(*[changed(part(201, "{}"))] * 20, part(200, order('W/"2"')))
    last = batch(*[changed(part(201, "{}"))] * 5, part(200, order('W/"3"')))
    async with sap(held, first, last) as (system, _, asked):
        assert (await system.update(ORDER, HELD_ORDER, {}, adds)).after.etag == 'W/"3"'
    assert [len(lines_of(each)) for each in asked[1:]] == [21, 6]
    async with sap(held, first, answer(429, "")) as (system, _, _asked):
        with pytest.raises(Unconfirmed, match="other parts were written"):
            await system.update(ORDER, HELD_ORDER, {}, adds)


async def test_new_lines_that_are_all_locked_have_changed_nothing() -> None:
    locked = batch(part(423, refusal("X", "locked")), part(200, order('W/"1"')))
    async with sap(answer(200, order('W/"1"')), locked) as (system, _, _asked):
        with pytest.raises(Unavailable) as caught:
            await system.update(ORDER, HELD_ORDER, {}, [LineWrite("add", "", {"Material": "TG12"}, "crm-2")])
    assert type(caught.value) is Unavailable


async def test_an_image_after_the_write_that_cannot_be_understood_is_unconfirmed() -> None:
    odd = json.dumps({"d": {"BusinessPartner": "17", "CreationDate": "noon"}})
    image = part(200, partner("Old"))
    async with sap(batch(image, changed(part(204)), part(200, odd))) as (system, _, _asked):
        with pytest.raises(Unconfirmed):
            await system.update(PARTNER, HELD, {"OrganizationBPName1": "New"}, ())
