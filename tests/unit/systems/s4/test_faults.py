import json

import httpx
import pytest

from shared.errors import Complaint, NotAllowed, Refused, Stale, SyncError, Throttled, Unavailable, Unconfirmed
from shared.systems.s4.gateway import faults
from shared.systems.s4.gateway.faults import Fault

DETAILS = [
    {"code": "R1/301", "message": "similar partner", "severity": "warning", "target": ""},
    {
        "code": "AM/102",
        "message": "Postal code is wrong",
        "severity": "error",
        "propertyref": "",
        "target": "PostalCode",
    },
    {"code": "/IWBEP/CX_MGW_BUSI_EXCEPTION", "message": "", "severity": "error", "target": ""},
]


def said(details: list[dict[str, str]], message: str = "first") -> str:
    text = {"lang": "en", "value": message}
    return json.dumps({"error": {"code": "AM/102", "message": text, "innererror": {"errordetails": details}}})


def reply(status: int, body: str = "", kind: str = "application/json", **headers: str) -> httpx.Response:
    return httpx.Response(status, text=body, headers={"content-type": kind, **headers})


def test_the_details_with_severity_error_and_a_text_are_the_messages() -> None:
    assert faults.faults(reply(400, said(DETAILS))) == (Fault("AM/102", "Postal code is wrong", "PostalCode"),)


def test_without_details_the_message_itself_counts() -> None:
    assert faults.faults(reply(400, said([]))) == (Fault("AM/102", "first"),)
    plain = json.dumps({"error": {"code": "X/1", "message": "V4 form", "target": "Name"}})
    assert faults.faults(reply(400, plain)) == (Fault("X/1", "V4 form", "Name"),)


def test_an_atom_error_says_the_same() -> None:
    body = (
        '<?xml version="1.0"?><error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
        '<code>V1/384</code><message xml:lang="en">outer</message><innererror><errordetails><errordetail>'
        "<code>V1/384</code><message>Sales unit XX</message><severity>error</severity><target>to_Item</target>"
        "</errordetail></errordetails></innererror></error>"
    )
    assert faults.faults(reply(400, body, "application/xml")) == (Fault("V1/384", "Sales unit XX", "to_Item"),)


def test_a_document_type_in_an_error_is_not_read() -> None:
    body = '<!DOCTYPE x [<!ENTITY a "b">]><error><code>1</code><message>&a;</message></error>'
    (page,) = faults.faults(reply(400, body, "application/xml"))
    assert "&a;" in page.text, "no entity is put in"


def test_a_page_is_reduced_to_its_words() -> None:
    page = "<html><head><style>p {}</style></head><body><h1>503 Service</h1><p>not &amp; available</p></body></html>"
    assert faults.faults(reply(503, page, "text/html")) == (Fault("", "503 Service not & available"),)
    assert faults.faults(reply(403, "CSRF token required", "text/plain")) == (Fault("", "CSRF token required"),)


@pytest.mark.parametrize(
    ("status", "body", "writes", "expected"),
    [
        (400, said(DETAILS), True, Refused),
        (400, said([], "Business partner 17 is currently being processed by user ANN"), True, Unavailable),
        (400, said([], "Kunde 17 wird gerade von Benutzer ANN bearbeitet"), True, Unavailable),
        (400, said([], "Customer 17 is blocked for orders"), True, Refused),
        (423, said([]), True, Unavailable),
        (403, said([], "No authorization"), True, NotAllowed),
        (404, said([]), True, Unavailable),
        (412, said([]), True, Stale),
        (428, said([]), True, Stale),
        (500, said([]), True, Unconfirmed),
        (500, said([]), False, Unavailable),
        (501, said([]), True, Refused),
        (503, "", True, Unconfirmed),
        (429, "", True, Throttled),
    ],
)
def test_an_answer_becomes_the_error_that_says_what_happens_next(
    *, status: int, body: str, writes: bool, expected: type[SyncError]
) -> None:
    assert type(faults.problem("s4: x", reply(status, body), writes=writes)) is expected


def test_a_503_that_names_a_wait_is_a_throttle() -> None:
    error = faults.problem("s4: x", reply(503, "<html></html>", "text/html", **{"retry-after": "7"}), writes=True)
    assert isinstance(error, Throttled)
    assert error.wait_seconds == 7


def test_a_refusal_carries_complaints_with_the_columns_that_the_caller_knows() -> None:
    error = faults.problem(
        "s4: x", reply(400, said(DETAILS)), writes=True, place=lambda f: (f"address.{f.target}", "10")
    )
    assert isinstance(error, Refused)
    assert error.complaints == (Complaint("AM/102", "Postal code is wrong", "address.PostalCode", "10"),)


@pytest.mark.parametrize(
    ("body", "kind", "unknown"),
    [
        (said([], "Resource not found for segment 'A_SalesOrderType'"), "application/json", False),
        ("<error><code>/IWBEP/CM_MGW_RT/020</code><message>no</message></error>", "application/xml", False),
        ("<html>404</html>", "text/html", True),
        ("", "text/plain", True),
        ('{"error": {"code": "/IWFND/MED/170", "message": {"value": "No service found"}}}', "application/json", True),
    ],
)
def test_a_404_of_the_service_is_told_from_one_of_the_record(*, body: str, kind: str, unknown: bool) -> None:
    assert faults.beside_the_record(reply(404, body, kind), "$select=Name") is unknown


def test_warnings_are_noted_without_the_values_that_we_sent() -> None:
    header = json.dumps(
        {
            "code": "R1/301",
            "message": "A similar partner in Walldorf exists",
            "severity": "warning",
            "details": [{"code": "R1/302", "message": "saved", "severity": "success"}],
        }
    )
    assert faults.notes([reply(201, "{}", **{"sap-message": header})], ["Walldorf", "DE"]) == (
        "R1/301 A similar partner in … exists",
    )
    assert faults.notes([reply(201, "{}", **{"sap-message": "no json"})], []) == ()
