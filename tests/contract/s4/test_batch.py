"""The S/4 simulator's $batch: parts, change sets, strictness of the multipart form."""

import httpx

from dev.sap.s4 import Running

PARTNER = "API_BUSINESS_PARTNER"
ORDER = "API_SALES_ORDER_SRV"
NEW_ORDER = {
    "SalesOrderType": "OR",
    "SalesOrganization": "1710",
    "DistributionChannel": "10",
    "OrganizationDivision": "00",
    "SoldToParty": "17100001",
    "to_Item": [{"Material": "TG11", "RequestedQuantity": "2"}],
}


def patch(path: str, body: str) -> str:
    return (
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        f"PATCH {path} HTTP/1.1\r\nContent-Type: application/json\r\nAccept: application/json\r\n\r\n{body}\r\n"
    )


def get(path: str) -> str:
    return f"Content-Type: application/http\r\n\r\nGET {path} HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n"


def change_set(*operations: str) -> str:
    inner = "".join(f"--c\r\n{operation}" for operation in operations)
    return f"Content-Type: multipart/mixed; boundary=c\r\n\r\n{inner}--c--\r\n"


def batch(client: httpx.Client, *parts: str) -> httpx.Response:
    body = "".join(f"--b\r\n{part}" for part in parts) + "--b--\r\n"
    return client.post("$batch", content=body.encode(), headers={"content-type": "multipart/mixed; boundary=b"})


def test_a_batch_needs_the_token_even_if_it_only_reads(s4: Running) -> None:
    client = s4.client(PARTNER)
    assert batch(client, get("A_BusinessPartner")).status_code == 202
    del client.headers["x-csrf-token"]
    assert batch(client, get("A_BusinessPartner")).status_code == 403


def test_a_batch_answers_in_order_and_a_failing_change_set_by_one_part(s4: Running) -> None:
    client = s4.client(PARTNER)
    path = "A_BusinessPartner('17100001')"
    answer = batch(
        client,
        get(f"{path}?$select=SearchTerm2"),
        change_set(patch(path, '{"SearchTerm2":"FIRST"}'), patch(path, '{"FormOfAddress":"9999"}')),
        change_set(patch(f"/sap/opu/odata/sap/{PARTNER}/{path}", '{"SearchTerm1":"SECOND"}')),
        get(f"{path}?$select=SearchTerm1,SearchTerm2"),
    )
    assert answer.status_code == 202
    boundary = answer.headers["content-type"].split("boundary=")[1]
    parts = answer.text.split(f"--{boundary}\r\n")[1:]
    assert [part.split(";")[0].split("\r\n")[0] for part in parts] == [
        "Content-Type: application/http",
        "Content-Type: application/http",
        "Content-Type: multipart/mixed",
        "Content-Type: application/http",
    ]
    assert "HTTP/1.1 400 Bad Request" in parts[1]
    assert "HTTP/1.1 204 No Content" in parts[2]
    assert '"SearchTerm1":"SECOND","SearchTerm2":""' in parts[3]


def test_a_get_inside_a_change_set_and_a_change_outside_are_refused(s4: Running) -> None:
    client = s4.client(PARTNER)
    path = "A_BusinessPartner('17100001')"
    assert "HTTP/1.1 400" in batch(client, change_set(get(path))).text
    assert "HTTP/1.1 400" in batch(client, patch(path, '{"SearchTerm1":"X"}')).text
    assert client.get(path).json()["d"]["SearchTerm1"] == "DOMESTIC"


def test_a_batch_must_have_crlf_and_the_blank_line_after_a_get(s4: Running) -> None:
    client = s4.client(PARTNER)
    headers = {"content-type": "multipart/mixed; boundary=b"}
    good = f"--b\r\n{get('A_BusinessPartner')}--b--\r\n"
    bare = good.replace("\r\n", "\n")
    short = good.replace("json\r\n\r\n\r\n", "json\r\n\r\n")
    for body, status in ((good, 202), (bare, 400), (short, 400)):
        assert client.post("$batch", content=body.encode(), headers=headers).status_code == status


def test_a_content_id_names_an_entity_created_in_the_same_change_set(s4: Running) -> None:
    client = s4.client(PARTNER)

    def post(number: int, path: str, body: str) -> str:
        return (
            f"Content-Type: application/http\r\nContent-ID: {number}\r\n\r\n"
            f"POST {path} HTTP/1.1\r\n"
            "Content-Type: application/json\r\nAccept: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}\r\n"
        )

    new = '{"BusinessPartnerCategory":"2","OrganizationBPName1":"By reference"}'
    role = '{"BusinessPartnerRole":"FLCU00"}'
    by_reference = post(2, "$1/to_BusinessPartnerRole", role)
    answer = batch(client, change_set(post(1, "A_BusinessPartner", new), by_reference))
    assert answer.text.count("HTTP/1.1 201 Created") == 2
    found = client.get("A_BusinessPartner", params={"$filter": "OrganizationBPName1 eq 'By reference'"}).json()["d"]
    assert found["results"][0]["Customer"] != ""


def test_the_order_service_takes_one_post_per_change_set_unless_switched(s4: Running) -> None:
    client = s4.client(ORDER)
    item = '{"Material":"TG11","RequestedQuantity":"1"}'
    order = client.post("A_SalesOrder", json=NEW_ORDER).json()["d"]["SalesOrder"]
    one = patch(f"A_SalesOrder('{order}')/to_Item", item).replace("PATCH", "POST")
    assert "allows only one operation" in batch(client, change_set(one, one)).text
    s4.sim("POST", "settings", {"single_post_change_sets": []})
    assert batch(client, change_set(one, one)).text.count("HTTP/1.1 201") == 2
