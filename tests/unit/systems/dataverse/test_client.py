"""The connector against odd answers, one at a time. How it does against a whole Dataverse: tests/contract."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import pytest

from shared.core.model import LineWrite, Record, Selection
from shared.errors import BadMapping, NotAllowed, Refused, Stale, SyncError, Throttled, Unavailable, Unconfirmed
from shared.systems.dataverse.client import Dataverse
from shared.systems.dataverse.objects import CATALOGUE
from tests.wire import Asked, Cut, Wire, answer, serving

KEY = "7f1d9c4e-6c52-4f5e-9a0b-0c1d2e3f4a5b"
OTHER = "11111111-2222-4333-8444-555555555555"
ACCOUNT = Selection(
    "account", {name: CATALOGUE["account"].columns[name] for name in ("name", "statecode", "statuscode")}
)
ORDER = Selection(
    "salesorder",
    {name: CATALOGUE["salesorder"].columns[name] for name in ("name", "_customerid_value", "statecode")},
    lines="order_details",
    line_columns={name: CATALOGUE["salesorder"].lines["order_details"][name] for name in ("quantity", "description")},
)
STAMPS = {"createdon": None, "modifiedon": None, "_modifiedby_value": None, "versionnumber": 7, "merged": False}
ROW = {"@odata.etag": 'W/"7"', "accountid": KEY, "name": "A", "statecode": 0, "statuscode": 1, "_masterid_value": None}
ORDER_ROW = {"@odata.etag": 'W/"7"', "salesorderid": KEY, "name": "A", "_customerid_value": None, "statecode": 0}
BEFORE = Record(KEY, {"name": "A"}, etag='W/"7"')


def row(**more: object) -> str:
    return json.dumps({**ROW, **STAMPS, **more})


def order_row(**more: object) -> str:
    return json.dumps({**ORDER_ROW, **STAMPS, "order_details": [], **more})


def error(status: int, code: str, message: str = "no", **headers: str) -> bytes:
    return answer(status, json.dumps({"error": {"code": code, "message": message}}), **headers)


def parts(*members: str, boundary: str = "b") -> bytes:
    text = "".join(f"--{boundary}\r\nContent-Type: application/http\r\n\r\n{each}\r\n" for each in members)
    return answer(200, f"{text}--{boundary}--\r\n", Content_Type=f"multipart/mixed; boundary={boundary}")


def part(status: int, body: str = "", **headers: str) -> str:
    lines = [f"HTTP/1.1 {status} X", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", body])


@dataclass
class Tokens:
    """Gives t1, and t2 once that was refused; or for ever the same."""

    fixed: bool = False
    refusals: int = 0

    async def __call__(self, *, refused: str = "") -> str:
        self.refusals += bool(refused)
        return "t2" if refused and not self.fixed else "t1"


@asynccontextmanager
async def dataverse(
    script: Callable[[Asked], bytes | None], tokens: Tokens | None = None, user_ids: Sequence[str] = ()
) -> AsyncIterator[tuple[Dataverse, Wire]]:
    async with serving(script) as wire:
        system = Dataverse(wire.url, tokens or Tokens(), tag="sapsync", user_ids=user_ids)
        try:
            yield system, wire
        finally:
            await system.close()


def in_turn(*answers: bytes | None) -> Callable[[Asked], bytes | None]:
    rest = iter(answers)
    return lambda _: next(rest)


# ------------------------------------------------------------------------------------------------------------ reading


async def test_a_read_carries_the_standard_headers_and_no_tag() -> None:
    async with dataverse(lambda _: answer(200, row())) as (system, wire):
        record = await system.read(ACCOUNT, KEY.upper())
    assert record is not None
    assert (record.key, record.version, record.values["name"]) == (KEY, 7, "A")
    asked = wire.asked[0]
    assert asked.path.startswith(f"/api/data/v9.2/accounts({KEY})?$select=accountid,name,")
    assert "tag=" not in asked.path
    expected = {
        "accept": "application/json",
        "odata-version": "4.0",
        "odata-maxversion": "4.0",
        "if-none-match": "null",
        "authorization": "Bearer t1",
    }
    assert expected.items() <= asked.headers.items()
    assert asked.headers["x-ms-client-request-id"]


@pytest.mark.parametrize("code", ["0x80040217", "0x80060891", "-2147220969"])
async def test_a_row_that_is_not_there_reads_as_none(code: str) -> None:
    async with dataverse(lambda _: error(404, code)) as (system, _):
        assert await system.read(ACCOUNT, KEY) is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (error(404, "0x80060888", "Resource not found for the segment 'accounts'"), BadMapping),
        (answer(404, "<html>The resource you are looking for</html>"), Unavailable),
        (error(400, "0x80060888", "Could not find a property named 'x'"), BadMapping),
        (answer(200, "<html>Sign in</html>", Content_Type="text/html"), Unavailable),
        (answer(302, Location="https://login"), NotAllowed),
        (error(403, "0x80040220"), NotAllowed),
        (error(429, "0x80072322", Retry_After="5"), Throttled),
        (answer(503, "<html>", Retry_After="5"), Throttled),
        (answer(503, "<html>"), Unavailable),
        (None, Unavailable),
        (Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), Unavailable),
    ],
)
async def test_a_read_that_gives_no_record_says_why(said: bytes | None, expected: type[SyncError]) -> None:
    async with dataverse(lambda _: said) as (system, _):
        with pytest.raises(SyncError) as caught:
            await system.read(ACCOUNT, KEY)
    assert type(caught.value) is expected


def line_page(key: str, link: str = "") -> bytes:
    line = {"salesorderdetailid": key, "quantity": 1, "description": None, "lineitemnumber": 1}
    return answer(200, json.dumps({"value": [line], **({"@odata.nextLink": link} if link else {})}))


LINKS = "https://other.crm4.dynamics.com/api/data/v9.2"


async def test_lines_that_come_as_a_link_are_asked_for_with_all_that_we_want_of_them() -> None:
    link = {"order_details@odata.nextLink": f"{LINKS}/salesorders({KEY})/order_details"}
    script = in_turn(
        answer(200, order_row(**link)),
        line_page(OTHER, f"{LINKS}/salesorders({KEY})/order_details?$skiptoken=%3ccookie%20x%3d%221%22%2f%3e"),
        line_page(KEY),
    )
    async with dataverse(script) as (system, wire):
        record = await system.read(ORDER, KEY)
    assert record is not None
    assert {each.key for each in record.lines} == {KEY, OTHER}
    lines = f"/api/data/v9.2/salesorders({KEY})/order_details?"
    assert wire.asked[1].path == f"{lines}$select=salesorderdetailid,quantity,description,lineitemnumber"
    assert wire.asked[2].path.lower().startswith(f"{lines}$skiptoken=%3ccookie%20")


async def test_further_pages_of_lines_are_followed_on_our_own_host_and_no_line_is_doubled() -> None:
    first = {"salesorderdetailid": OTHER, "quantity": 1, "description": None, "lineitemnumber": 1}
    more = {"order_details": [first], "order_details@odata.nextLink": f"{LINKS}/next?$skiptoken=2"}
    async with dataverse(in_turn(answer(200, order_row(**more)), line_page(KEY), line_page(OTHER))) as (system, wire):
        record = await system.read(ORDER, KEY)
    assert record is not None
    assert [each.key for each in record.lines] == [OTHER, KEY]
    assert wire.asked[1].path == "/api/data/v9.2/next?$skiptoken=2"


async def test_a_401_is_tried_once_more_with_another_token() -> None:
    tokens = Tokens()
    async with dataverse(in_turn(answer(401), answer(200, row())), tokens) as (system, wire):
        assert await system.read(ACCOUNT, KEY) is not None
    assert [asked.headers["authorization"] for asked in wire.asked] == ["Bearer t1", "Bearer t2"]


@pytest.mark.parametrize(("fixed", "calls"), [(False, 2), (True, 1)])
async def test_a_401_that_stays_is_not_repeated(*, fixed: bool, calls: int) -> None:
    async with dataverse(lambda _: answer(401), Tokens(fixed=fixed)) as (system, wire):
        with pytest.raises(NotAllowed):
            await system.read(ACCOUNT, KEY)
    assert len(wire.asked) == calls


async def test_an_address_that_already_names_the_api_is_taken_as_it_is() -> None:
    async with serving(lambda _: answer(200, row())) as wire:
        system = Dataverse(f"{wire.url}/proxy/api/data/v9.1/", Tokens())
        await system.read(ACCOUNT, KEY)
        await system.close()
    assert wire.asked[0].path.startswith(f"/proxy/api/data/v9.1/accounts({KEY})")


# ----------------------------------------------------------------------------------------------------------- batching


async def test_reads_that_come_together_are_one_batch_and_fail_each_for_itself() -> None:
    answers = parts(
        part(200, row()), part(404, '{"error":{"code":"0x80040217"}}'), part(429, "{}", Retry_After="9"), part(500)
    )
    async with dataverse(lambda _: answers) as (system, wire):
        outcomes = await asyncio.gather(*(system.read(ACCOUNT, KEY) for _ in range(4)), return_exceptions=True)
    assert isinstance(outcomes[0], Record)
    assert outcomes[1] is None
    assert isinstance(outcomes[2], Throttled)
    assert outcomes[2].wait_seconds == 9
    assert type(outcomes[3]) is Unavailable
    (asked,) = wire.asked
    assert (asked.method, asked.path) == ("POST", "/api/data/v9.2/$batch")
    assert asked.headers["prefer"] == "odata.continue-on-error"
    assert asked.body.count(f"GET /api/data/v9.2/accounts({KEY})?".encode()) == 4


async def test_what_a_server_left_out_after_a_failure_is_asked_again_alone() -> None:
    script = in_turn(parts(part(200, row()), part(404, '{"error":{"code":"0x80040217"}}')), answer(200, row()))
    async with dataverse(script) as (system, wire):
        outcomes = await asyncio.gather(*(system.read(ACCOUNT, KEY) for _ in range(3)))
    assert [outcome is None for outcome in outcomes] == [False, True, False]
    assert wire.asked[1].method == "GET"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (error(429, "0x80072322", Retry_After="4"), Throttled),
        (answer(503, "<html>"), Unconfirmed),
        (parts(part(204)), Unconfirmed),
        (answer(200, "<html>", Content_Type="text/html"), Unconfirmed),
        (answer(200, "--b\r\nsorry", Content_Type="multipart/mixed; boundary=b"), Unconfirmed),
        (None, Unconfirmed),
    ],
)
async def test_a_batch_of_writes_that_fails_as_a_whole_is_everybodys_failure(
    said: bytes | None, expected: type[SyncError]
) -> None:
    async with dataverse(lambda _: said) as (system, _):
        outcomes = await asyncio.gather(
            *(system.update(ACCOUNT, BEFORE, {"name": "B"}, ()) for _ in range(2)), return_exceptions=True
        )
    assert [type(outcome) for outcome in outcomes] == [expected] * 2


async def test_a_lone_call_is_never_a_batch() -> None:
    async with dataverse(lambda _: answer(200, row())) as (system, wire):
        await system.read(ACCOUNT, KEY)
        await system.update(ACCOUNT, BEFORE, {"name": "B"}, ())
    assert [asked.method for asked in wire.asked] == ["GET", "PATCH"]


# ------------------------------------------------------------------------------------------------------------ writing


async def test_a_create_brings_its_own_key_its_lines_and_the_tag() -> None:
    async with dataverse(lambda _: answer(201, order_row())) as (system, wire):
        line = LineWrite("add", "", {"quantity": Decimal("1.50")}, peer="10")
        await system.create(ORDER, {"name": "A", "_customerid_value": OTHER}, [line], KEY)
    asked = wire.asked[0]
    assert (asked.method, asked.headers["prefer"]) == ("POST", "return=representation")
    assert asked.path.startswith("/api/data/v9.2/salesorders?tag=sapsync&$select=")
    body = json.loads(asked.body, parse_float=Decimal)
    assert body["salesorderid"] == KEY
    assert body["customerid_account@odata.bind"] == f"/accounts({OTHER})"
    assert body["order_details"][0]["quantity"] == Decimal("1.50")


@pytest.mark.parametrize(
    "said",
    [answer(204, OData_EntityId="x"), answer(201, json.dumps({"accountid": KEY})), answer(201, "")],
    ids=["no body", "not all columns", "empty"],
)
async def test_a_write_whose_answer_is_not_the_whole_row_is_read_back(said: bytes) -> None:
    async with dataverse(in_turn(said, answer(200, row(name="B")))) as (system, wire):
        found = await system.create(ACCOUNT, {"name": "B"}, (), KEY)
    assert found.after.values["name"] == "B"
    assert [asked.method for asked in wire.asked] == ["POST", "GET"]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (answer(503), Unconfirmed),
        (error(429, "0x80072322", Retry_After="3"), Unconfirmed),
        (answer(403), Unconfirmed),
        (None, Unconfirmed),
        (error(404, "0x80040217"), Stale),
    ],
)
async def test_a_write_that_cannot_be_read_back_is_not_taken_as_done(
    second: bytes | None, expected: type[SyncError]
) -> None:
    async with dataverse(in_turn(answer(204), second, second)) as (system, _):
        with pytest.raises(expected):
            await system.create(ACCOUNT, {"name": "B"}, (), KEY)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (error(412, "0x80040237"), Stale),
        (error(412, "0x80040333"), Refused),
        (error(400, "0x80044331", "The length of the 'name' attribute of the 'account' entity"), Refused),
        (error(404, "0x80040217", f"contact With Id = {OTHER} Does Not Exist"), Refused),
        (answer(200, "<html>Sign in</html>"), Unconfirmed),
        (answer(502, "<html>"), Unconfirmed),
        (answer(503, Retry_After="2"), Throttled),
        (None, Unconfirmed),
        (Cut(b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{"), Unconfirmed),
    ],
)
async def test_a_create_that_fails_says_what_is_next(said: bytes | None, expected: type[SyncError]) -> None:
    async with dataverse(lambda _: said) as (system, _):
        with pytest.raises(SyncError) as caught:
            await system.create(ACCOUNT, {"name": "B"}, (), KEY)
    assert type(caught.value) is expected


async def test_an_alternate_key_that_is_taken_by_another_row_is_refused() -> None:
    script = in_turn(error(412, "0x80060892", "values SAP Number already exists"), error(404, "0x80040217"))
    async with dataverse(script) as (system, _):
        with pytest.raises(Refused) as caught:
            await system.create(ACCOUNT, {"name": "B"}, (), KEY)
    assert caught.value.complaints[0].code == "0x80060892"


async def test_an_alternate_key_that_our_own_lost_create_took_means_that_the_row_is_there() -> None:
    async with dataverse(in_turn(error(412, "0x80060892"), answer(200, row()))) as (system, _):
        with pytest.raises(Stale):
            await system.create(ACCOUNT, {"name": "B"}, (), KEY)


async def test_an_update_is_guarded_tagged_and_answered_with_the_row() -> None:
    async with dataverse(lambda _: answer(200, row(name="B"))) as (system, wire):
        found = await system.update(ACCOUNT, BEFORE, {"name": "B"}, ())
    asked = wire.asked[0]
    assert (asked.method, asked.headers["if-match"], asked.body) == ("PATCH", 'W/"7"', b'{"name":"B"}')
    assert asked.path.startswith(f"/api/data/v9.2/accounts({KEY})?tag=sapsync&$select=")
    assert asked.path.count("tag=") == 1
    assert found.after.values["name"] == "B"
    assert found.before is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (error(412, "0x80060882"), Stale),
        (error(404, "0x80040217", f"account With Id = {KEY} Does Not Exist"), Stale),
        (answer(504, "<html>"), Unconfirmed),
    ],
)
async def test_an_update_that_fails_says_what_is_next(said: bytes, expected: type[SyncError]) -> None:
    async with dataverse(lambda _: said) as (system, _):
        with pytest.raises(SyncError) as caught:
            await system.update(ACCOUNT, BEFORE, {"name": "B"}, ())
    assert type(caught.value) is expected


async def test_an_update_that_refers_to_a_row_that_is_gone_names_the_lookup() -> None:
    said = error(404, "0x80040217", f"account With Id = {OTHER} Does Not Exist")
    async with dataverse(lambda _: said) as (system, _):
        with pytest.raises(Refused) as caught:
            await system.update(ORDER, BEFORE, {"_customerid_value": OTHER}, ())
    assert caught.value.complaints[0].column == "_customerid_value"


LINES = (
    LineWrite("add", "", {"quantity": Decimal(1)}, peer="10"),
    LineWrite("change", OTHER, {"quantity": Decimal(2), "description": "x"}),
    LineWrite("remove", KEY, {}),
)


async def test_lines_are_written_with_their_header_in_one_change_set_and_read_in_the_same_breath() -> None:
    http, many = "Content-Type: application/http", "Content-Type: multipart/mixed; boundary="
    done = ["--c", http, "", part(204), "--c--"]
    text = ["--b", f"{many}c", "", *done, "--b", http, "", part(200, order_row(name="B")), "--b--"]
    said = answer(200, "\r\n".join(text), Content_Type="multipart/mixed; boundary=b")
    async with dataverse(lambda _: said) as (system, wire):
        found = await system.update(ORDER, BEFORE, {"name": "B"}, LINES)
    assert found.after.values["name"] == "B"
    (asked,) = wire.asked
    requests = [line for line in asked.body.decode().split("\r\n") if line.endswith("HTTP/1.1")]
    assert [line.split("?")[0].removesuffix(" HTTP/1.1") for line in requests] == [
        f"PATCH /api/data/v9.2/salesorders({KEY})",
        "POST /api/data/v9.2/salesorderdetails",
        f"PATCH /api/data/v9.2/salesorderdetails({OTHER})",
        f"DELETE /api/data/v9.2/salesorderdetails({KEY})",
        f"GET /api/data/v9.2/salesorders({KEY})",
    ]
    assert [line for line in asked.body.decode().split("\r\n") if line.startswith("If-Match")] == [
        'If-Match: W/"7"',
        "If-Match: *",
    ]
    assert all("tag=sapsync" in line for line in requests[:4])


async def test_a_refused_line_is_named_by_its_place_in_the_change_set() -> None:
    words = "The length of the 'description' attribute of the 'salesorderdetail' entity exceeded"
    said = part(400, json.dumps({"error": {"code": "0x80044331", "message": words}}), Content_ID="3")
    async with dataverse(lambda _: parts(said, part(200, order_row()))) as (system, _):
        with pytest.raises(Refused) as caught:
            await system.update(ORDER, BEFORE, {}, LINES)
    complaint = caught.value.complaints[0]
    assert (complaint.column, complaint.line) == ("description", OTHER)


@pytest.mark.parametrize("look", [part(429, "", Retry_After="3"), part(503), part(403)])
async def test_a_change_set_that_went_through_is_looked_at_again_when_the_look_failed(look: str) -> None:
    script = in_turn(parts(part(204), look), answer(200, order_row(name="B")))
    async with dataverse(script) as (system, wire):
        found = await system.update(ORDER, BEFORE, {"name": "B"}, LINES)
    assert found.after.values["name"] == "B"
    assert [asked.method for asked in wire.asked] == ["POST", "GET"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (parts(part(412, '{"error":{"code":"0x80060882"}}')), Stale),
        (parts(part(404, '{"error":{"code":"0x80040217","message":"salesorderdetail"}}')), Stale),
        (parts(part(500)), Unconfirmed),
        (parts(part(429, "", Retry_After="3")), Throttled),
        (None, Unconfirmed),
    ],
)
async def test_a_change_set_that_fails_says_what_is_next(said: bytes | None, expected: type[SyncError]) -> None:
    async with dataverse(lambda _: said) as (system, _):
        with pytest.raises(SyncError) as caught:
            await system.update(ORDER, BEFORE, {"name": "B"}, LINES)
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("state", "bodies"), [(1, ['{"name":"B"}', '{"statecode":1}']), (0, ['{"statecode":0}', '{"name":"B"}'])]
)
async def test_a_closing_state_is_entered_last_and_an_open_one_first(state: int, bodies: list[str]) -> None:
    async with dataverse(lambda _: parts(part(204), part(200, row()))) as (system, wire):
        await system.update(ACCOUNT, BEFORE, {"name": "B", "statecode": state}, ())
    sent = [line for line in wire.asked[0].body.decode().split("\r\n") if line.startswith("{")]
    guards = [line for line in wire.asked[0].body.decode().split("\r\n") if line.startswith("If-Match")]
    assert sent == bodies
    assert guards == ['If-Match: W/"7"', "If-Match: *"]


async def test_a_state_alone_is_one_request() -> None:
    async with dataverse(lambda _: answer(200, row())) as (system, wire):
        await system.update(ACCOUNT, BEFORE, {"statecode": 1, "statuscode": 2}, ())
    assert json.loads(wire.asked[0].body) == {"statecode": 1, "statuscode": 2}


# ----------------------------------------------------------------------------------------------------- odds and sweeps


async def test_identity_is_the_organisation_and_our_user_becomes_known() -> None:
    said = answer(200, json.dumps({"OrganizationId": OTHER.upper(), "UserId": KEY.upper(), "BusinessUnitId": KEY}))
    async with dataverse(lambda _: said, user_ids=["ABC"]) as (system, _):
        assert await system.identity() == OTHER
        traits = system.traits(ACCOUNT)
    assert traits.users == {KEY, "abc"}
    assert (traits.etags, traits.own_keys, traits.longest_transaction_seconds) == (True, True, 150)


async def test_a_table_or_lines_that_are_unknown_are_a_mistake_of_the_mapping() -> None:
    async with dataverse(lambda _: None) as (system, _):
        with pytest.raises(BadMapping, match="known are account"):
            await system.read(Selection("cr_project", {}), KEY)
        with pytest.raises(BadMapping, match="known are order_details"):
            await system.read(Selection("salesorder", {}, lines="to_Item"), KEY)


async def test_a_table_without_change_tracking_is_named() -> None:
    async with dataverse(lambda _: answer(200, '{"value":[]}')) as (system, _):
        with pytest.raises(BadMapping, match="switch on change tracking for account"):
            await system.changes(ACCOUNT, "")


async def test_an_expired_token_starts_afresh_but_a_failing_start_is_an_error() -> None:
    begun = answer(200, json.dumps({"value": [], "@odata.deltaLink": "http://x/api/data/v9.2/accounts?$deltatoken=1"}))
    expired = error(400, "0x80044352", "Version stamp associated with the client has expired")
    async with dataverse(in_turn(begun, expired, expired)) as (system, _):
        first = await system.changes(ACCOUNT, "")
        again = await system.changes(ACCOUNT, first.watermark)
        assert (again.touched, again.watermark, again.more) == ((), "", True)
        with pytest.raises(BadMapping):
            await system.changes(ACCOUNT, again.watermark)


@pytest.mark.parametrize(
    "watermark", ["nonsense", "[]", '{"marks":[],"turn":0}', '{"marks":[{"link":"x","full":false}],"turn":9}']
)
async def test_a_watermark_that_means_nothing_starts_afresh(watermark: str) -> None:
    said = answer(200, json.dumps({"value": [{"accountid": KEY, "versionnumber": 3}], "@odata.deltaLink": "x?y=1"}))
    async with dataverse(lambda _: said) as (system, wire):
        page = await system.changes(ACCOUNT, watermark)
    assert [each.key for each in page.touched] == [KEY]
    assert wire.asked[0].headers["prefer"] == "odata.track-changes"
