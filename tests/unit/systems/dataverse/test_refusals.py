import json

import httpx
import pytest

from shared.core.model import Column
from shared.errors import BadMapping, NotAllowed, Refused, Stale, SyncError, Throttled, Unavailable, Unconfirmed
from shared.systems.dataverse.web.refusals import Sent, absent, fault, meant, refusal

OTHER = "11111111-2222-4333-8444-555555555555"
SENT = Sent(
    "salesorder",
    {"_customerid_value": Column("lookup", bind="customerid_account", target="accounts")},
    {"name": "x", "cr_sapnumber": "1", "_customerid_value": OTHER, "creditlimit": 1},
)
LINES = (
    Sent("salesorderdetail", {}, {"quantity": 1, "description": "x"}, "line-a"),
    Sent("salesorderdetail", {}, {"quantity": 2}, "line-b"),
)


def reply(status: int, code: str = "", message: str = "", headers: dict[str, str] | None = None) -> httpx.Response:
    content = json.dumps({"error": {"code": code, "message": message}}).encode() if code or message else b"<html>"
    return httpx.Response(status, content=content, headers=headers)


@pytest.mark.parametrize(
    ("answer", "writes", "expected"),
    [
        (reply(412, "0x80060882"), True, Stale),
        (reply(412, "0x80040237"), True, Stale),
        (reply(412, "0x80060892"), True, Refused),
        (reply(412, "0x80040333"), True, Refused),
        (reply(412), True, Stale),
        (reply(412, "-2147088254"), True, Stale),
        (reply(412, "0X80060892"), True, Refused),
        (reply(400, "0x80044331"), True, Refused),
        (reply(400, "0x80060888"), True, BadMapping),
        (reply(400, "0x80060888"), False, BadMapping),
        (reply(400, "0x80044331"), False, BadMapping),
        (reply(404, "0x80060888"), False, BadMapping),
        (reply(404, "0x80040217"), True, Refused),
        (reply(404), False, Unavailable),
        (reply(404), True, Unavailable),
        (reply(403, "0x80040220"), True, NotAllowed),
        (reply(403), True, NotAllowed),
        (reply(401), False, NotAllowed),
        (reply(429, "0x80072322"), True, Throttled),
        (reply(503, headers={"Retry-After": "3"}), True, Throttled),
        (reply(503), True, Unconfirmed),
        (reply(503), False, Unavailable),
        (reply(500, "0x80040216"), True, Unconfirmed),
        (reply(502), False, Unavailable),
        (reply(413), True, Refused),
    ],
)
def test_an_answer_means_an_error_by_table(answer: httpx.Response, *, writes: bool, expected: type[SyncError]) -> None:
    assert type(refusal("PATCH accounts", answer, writes=writes)) is expected


def test_a_throttle_says_for_how_long() -> None:
    error = refusal("x", reply(429, "0x80072326", headers={"Retry-After": "17"}), writes=True)
    assert isinstance(error, Throttled)
    assert error.wait_seconds == 17


def test_only_a_named_code_says_that_a_row_is_not_there() -> None:
    assert absent(reply(404, "0x80040217"))
    assert absent(reply(404, "0x80060891"))
    assert not absent(reply(404, "0x80060888"))
    assert not absent(reply(404))
    assert not absent(reply(400, "0x80040217"))


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"error":"x"}', b'{"error":null}', b"null", b"\xff"])
def test_any_body_is_read_without_an_accident(content: bytes) -> None:
    assert fault(httpx.Response(500, content=content)).code == ""


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("The length of the 'name' attribute of the 'salesorder' entity exceeded the maximum allowed length", "name"),
        ('A value for attribute "creditlimit" is required', "creditlimit"),
        ("The name of this is fine, really: no column is meant", ""),
        ("cr_sapnumber must have ten digits, said a plug-in", "cr_sapnumber"),
        ("An undeclared property 'customerid_account' which only has property annotations", "_customerid_value"),
        ("Attribute 'customerid' cannot be null", "_customerid_value"),
        (f"account With Id = {OTHER.upper()} Does Not Exist", "_customerid_value"),
        ("Invalid property 'fax' was found in entity", ""),
        ("", ""),
    ],
)
def test_the_column_that_a_message_names_is_found_among_those_sent(message: str, expected: str) -> None:
    assert meant(message, (SENT,)) == (expected, "")


def test_a_line_is_named_only_when_it_must_be_that_one() -> None:
    sent = (SENT, *LINES)
    assert meant("The length of the 'description' attribute of the 'salesorderdetail' entity", sent) == (
        "description",
        "line-a",
    )
    assert meant("The value of 'quantity' on record of type 'salesorderdetail' is outside", sent) == ("quantity", "")
    assert meant("The value of 'quantity' is outside", sent[:2]) == ("quantity", "line-a")


def test_the_servers_words_are_in_the_complaint_and_not_in_the_text_that_is_logged() -> None:
    words = "A validation error occurred. The length of the 'name' attribute is too long: Erika Mustermann"
    error = refusal("POST salesorders", reply(400, "0x80044331", words), writes=True, sent=(SENT,))
    assert isinstance(error, Refused)
    (complaint,) = error.complaints
    assert (complaint.code, complaint.column, complaint.message) == ("0x80044331", "name", words)
    assert "Mustermann" not in str(error)
    assert "0x80044331" in str(error)


def test_the_services_stack_of_names_is_left_out_of_what_people_read() -> None:
    words = (
        "Error identified in Payload provided by the user for Entity :'accounts', For more information on this error "
        "please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : "
        "Microsoft.Crm.CrmException: Invalid property 'fax' was found in entity 'x'."
    )
    error = refusal("x", reply(400, "0x80048d19", words), writes=True)
    assert isinstance(error, Refused)
    assert error.complaints[0].message == "Invalid property 'fax' was found in entity 'x'."
