import httpx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.systems.batch import PARTS_MAX, Part, PartAnswer, decode, encode

GET = Part("GET", "/api/data/v9.2/accounts(1)", {"Accept": "application/json"})
POST = Part("POST", "accounts", {"Content-Type": "application/json"}, '{"name":"Bäcker"}'.encode())
DELETE = Part("DELETE", "accounts(2)", {"If-Match": 'W/"3"'})


def crlf(text: str) -> bytes:
    return text.strip("\n").replace("\n", "\r\n").encode()


def test_a_batch_is_laid_out_as_the_protocol_wants() -> None:
    content_type, body = encode([GET, (POST, DELETE)])
    batch = content_type.removeprefix("multipart/mixed; boundary=")
    change_set = body.decode().split("boundary=")[1].split("\r\n")[0]
    assert (
        body
        == crlf(f"""
--{batch}
Content-Type: application/http
Content-Transfer-Encoding: binary

GET /api/data/v9.2/accounts(1) HTTP/1.1
Accept: application/json


--{batch}
Content-Type: multipart/mixed; boundary={change_set}

--{change_set}
Content-Type: application/http
Content-Transfer-Encoding: binary
Content-ID: 1

POST accounts HTTP/1.1
Content-Length: 18
Content-Type: application/json

{{"name":"Bäcker"}}
--{change_set}
Content-Type: application/http
Content-Transfer-Encoding: binary
Content-ID: 2

DELETE accounts(2) HTTP/1.1
If-Match: W/"3"


--{change_set}--

--{batch}--
""")
        + b"\r\n"
    )


def test_content_ids_are_unique_over_all_change_sets() -> None:
    _, body = encode([(POST, POST), GET, (POST,)])
    assert [line for line in body.decode().split("\r\n") if line.startswith("Content-ID")] == [
        "Content-ID: 1",
        "Content-ID: 2",
        "Content-ID: 3",
    ]


def test_the_same_parts_give_the_same_bytes_and_others_another_boundary() -> None:
    assert encode([GET, POST]) == encode([GET, POST])
    assert encode([GET, POST])[0] != encode([POST, GET])[0]


@pytest.mark.parametrize(
    "part",
    [
        Part("GET", "accounts HTTP/1.1\r\nX: y"),
        Part("GET", "accounts?$filter=name eq 1"),
        Part("GET", ""),
        Part("GET\r\n", "accounts"),
        Part("GET", "accounts", {"If-Match": "1\r\nX: y"}),
    ],
)
def test_what_would_break_out_of_its_part_is_refused(part: Part) -> None:
    with pytest.raises(ValueError, match=r"request line|line end"):
        encode([part])


@pytest.mark.parametrize("parts", [[], [GET] * (PARTS_MAX + 1), [(GET,) * PARTS_MAX]])
def test_a_batch_has_a_size(parts: list[Part | tuple[Part, ...]]) -> None:
    with pytest.raises(ValueError, match="a batch holds"):
        encode(parts)


# ------------------------------------------------------------------------------------------------------------ answers

statuses = st.integers(100, 599)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True).filter(
    lambda name: name.lower() not in ("content-length", "content-id", "content-type")
)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
bodies = st.one_of(st.binary(max_size=200), st.text(max_size=80).map(str.encode))
answers = st.builds(
    PartAnswer,
    statuses,
    st.dictionaries(names.map(str.lower), values, max_size=3).map(httpx.Headers),
    bodies,
    st.sampled_from(["", "1", "abc"]),
)


def render(parts: list[PartAnswer | tuple[PartAnswer, ...]], end: str, boundary: str) -> bytes:
    """What a server writes, by RFC 2046 and the OData batch format: an implementation of its own."""
    out = b""
    for place, part in enumerate(parts):
        out += f"--{boundary}{end}".encode()
        if isinstance(part, tuple):
            inner = f"{boundary}_{place}"
            out += f'content-type: Multipart/Mixed; charset=utf-8; boundary="{inner}"{end}{end}'.encode()
            out += render(list(part), end, inner) + end.encode()
            continue
        out += f"Content-Type: application/http{end}Content-Transfer-Encoding: binary{end}".encode()
        out += f"Content-ID: {part.content_id}{end}".encode() if part.content_id else b""
        out += f"{end}HTTP/1.1 {part.status} Whatever{end}".encode()
        out += "".join(f"{name}: {value}{end}" for name, value in part.headers.items()).encode()
        out += f"Content-Length: {len(part.body)}{end}{end}".encode() + part.body + end.encode()
    return out + f"--{boundary}--".encode()


def without_length(part: PartAnswer) -> PartAnswer:
    headers = httpx.Headers([(name, value) for name, value in part.headers.items() if name != "content-length"])
    return PartAnswer(part.status, headers, part.body, part.content_id)


@given(
    parts=st.lists(st.one_of(answers, st.lists(answers, max_size=3).map(tuple)), max_size=4),
    end=st.sampled_from(["\r\n", "\n"]),
    preamble=st.sampled_from([b"", b"\r\n", b"This is a multi-part message\r\n\r\n"]),
)
def test_every_answer_comes_back(parts: list[PartAnswer | tuple[PartAnswer, ...]], end: str, preamble: bytes) -> None:
    members = [member for part in parts for member in (part if isinstance(part, tuple) else (part,))]
    assume(end == "\r\n" or not any(member.body.endswith(b"\r") for member in members))  # it would be the line's end
    body = render(parts, end, "bound-ary'()+_,./:=?1")
    found = decode('multipart/mixed;boundary="bound-ary\'()+_,./:=?1"', preamble + body + b"\r\n")
    assert [
        tuple(without_length(member) for member in part) if isinstance(part, tuple) else without_length(part)
        for part in found
    ] == parts


DATAVERSE = crlf("""
--batchresponse_4a21740c-169a-4442-b771-8989207e80e9
Content-Type: application/http
Content-Transfer-Encoding: binary

HTTP/1.1 200 OK
Content-Type: application/json; odata.metadata=minimal
OData-Version: 4.0

{"@odata.etag":"W/\\"1\\"","name":"Müller"}
--batchresponse_4a21740c-169a-4442-b771-8989207e80e9
Content-Type: multipart/mixed; boundary="changesetresponse_64cc3fff-023a-45b0-b29d-df21583ffa15"

--changesetresponse_64cc3fff-023a-45b0-b29d-df21583ffa15
Content-Type: application/http
Content-Transfer-Encoding: binary
Content-ID: 1

HTTP/1.1 204 No Content
OData-Version: 4.0
Location: https://org.api.crm.dynamics.com/api/data/v9.2/tasks(a59c24f3-fafc-ec11-82e5-000d3a9a6a2b)
OData-EntityId: https://org.api.crm.dynamics.com/api/data/v9.2/tasks(a59c24f3-fafc-ec11-82e5-000d3a9a6a2b)


--changesetresponse_64cc3fff-023a-45b0-b29d-df21583ffa15--
--batchresponse_4a21740c-169a-4442-b771-8989207e80e9
Content-Type: application/http
Content-Transfer-Encoding: binary

HTTP/1.1 404 Not Found
REQ_ID: 5ecd1cb3-1730-4ffc-909c-d44c22270026
Content-Type: application/json; odata.metadata=minimal

{"error":{"code":"0x80040217","message":"account With Id = 1 Does Not Exist"}}
--batchresponse_4a21740c-169a-4442-b771-8989207e80e9--
""")

SAP = crlf("""
--AAD136757C5CF75E21C04F59B8682CEA0
Content-Type: application/http
Content-Length: 51
content-transfer-encoding: binary

HTTP/1.1 200 OK
Content-Type: application/json;charset=utf-8
Content-Length: 12
dataserviceversion: 2.0

{"d":{"é":1}}
--AAD136757C5CF75E21C04F59B8682CEA0
Content-Type: application/http
Content-Length: 300
content-transfer-encoding: binary


HTTP/1.1 400 Bad Request
Content-Type: application/json;charset=utf-8
Content-Length: 5000
dataserviceversion: 1.0
sap-message: {"code":"R1/384",
 "message":"folded"}

{"error":{"code":"R1/384"}}

--AAD136757C5CF75E21C04F59B8682CEA0--
""")


def test_a_dataverse_answer_is_read() -> None:
    boundary = "batchresponse_4a21740c-169a-4442-b771-8989207e80e9"
    first, change_set, last = decode(f"multipart/mixed; boundary={boundary}", DATAVERSE)
    assert isinstance(first, PartAnswer)
    assert (first.status, first.body) == (200, '{"@odata.etag":"W/\\"1\\"","name":"Müller"}'.encode())
    assert isinstance(change_set, tuple)
    assert (change_set[0].status, change_set[0].body, change_set[0].content_id) == (204, b"", "1")
    assert change_set[0].headers["odata-entityid"].endswith("000d3a9a6a2b)")
    assert isinstance(last, PartAnswer)
    assert last.status == 404
    assert b"0x80040217" in last.body


def test_a_gateway_answer_with_odd_lengths_blank_lines_and_folding_is_read() -> None:
    good, failed = decode("multipart/mixed; boundary=AAD136757C5CF75E21C04F59B8682CEA0", SAP)
    assert isinstance(good, PartAnswer)
    assert good.body == '{"d":{"é":1}}'.encode()  # its length counted characters
    assert isinstance(failed, PartAnswer)
    assert (failed.status, failed.body) == (400, b'{"error":{"code":"R1/384"}}')
    assert failed.headers["sap-message"] == '{"code":"R1/384", "message":"folded"}'


def test_a_body_that_looks_like_another_boundary_stays_a_body() -> None:
    body = b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n--bb\r\n--b2--\r\n--b--"
    (part,) = decode("multipart/mixed; boundary=b", body)
    assert isinstance(part, PartAnswer)
    assert part.body == b"--bb\r\n--b2--"


def test_a_part_without_headers_of_its_own_is_read() -> None:
    (part,) = decode("multipart/mixed; boundary=b", b"--b\n\nHTTP/1.1 204\n\n--b--")
    assert isinstance(part, PartAnswer)
    assert (part.status, part.body) == (204, b"")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<html>"),
        ("multipart/mixed", b"--b--"),
        ("multipart/mixed; boundary=b", b"<html>sorry</html>"),
        ("multipart/mixed; boundary=b", b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{"),
        ("multipart/mixed; boundary=b", b"--b\r\nContent-Type: application/http\r\n\r\nsorry\r\n--b--"),
    ],
)
def test_what_is_no_batch_answer_is_an_error(content_type: str, body: bytes) -> None:
    with pytest.raises(ValueError, match="batch answer"):
        decode(content_type, body)


def test_an_answer_that_nests_without_end_is_an_error() -> None:
    body = b"--b--"
    for _ in range(20):
        body = b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + body + b"\r\n--b--"
    with pytest.raises(ValueError, match="batch answer"):
        decode("multipart/mixed; boundary=b", body)
