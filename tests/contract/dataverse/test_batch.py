"""Batches, change sets and the *Multiple messages."""

import uuid

import httpx

from dev.dynamics.dataverse import Running


def request(line: str, body: str = "", content_id: str = "", headers: str = "") -> str:
    """One application/http part."""
    head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    head += [f"Content-ID: {content_id}"] if content_id else []
    inner = [f"{line} HTTP/1.1", *(["Content-Type: application/json"] if body else []), *([headers] if headers else [])]
    return "\r\n".join([*head, "", *inner, "", body])


def multipart(boundary: str, parts: list[str]) -> str:
    return "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"


def change_set(*parts: str) -> str:
    return f"Content-Type: multipart/mixed;boundary=cs\r\n\r\n{multipart('cs', list(parts))}"


def send(api: httpx.Client, *parts: str, prefer: str = "", body: bytes | None = None) -> httpx.Response:
    headers = {"Content-Type": "multipart/mixed;boundary=b"} | ({"Prefer": prefer} if prefer else {})
    return api.post("$batch", content=body or multipart("b", list(parts)).encode(), headers=headers)


def count(api: httpx.Client, name: str) -> str:
    return api.get(f"accounts/$count?$filter=name eq '{name}'").text


def test_a_batch_runs_its_requests_in_order(api: httpx.Client, org: Running) -> None:
    row = uuid.uuid4()
    answer = send(
        api,
        request(f"PATCH {org.api_url}/accounts({row})", '{"name":"B1"}'),
        request(f"GET /api/data/v9.2/accounts({row})?$select=name"),
        request(f"GET accounts({row})/name"),
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("multipart/mixed; boundary=batchresponse_")
    assert answer.text.count("HTTP/1.1 200 OK") == 2
    assert answer.text.count('"B1"') == 2


def test_a_change_set_is_all_or_nothing(api: httpx.Client) -> None:
    good = request("POST accounts", '{"name":"CS"}', "1")
    answer = send(api, change_set(good, request("POST accounts", '{"name":5}', "2")))
    assert answer.status_code == 400
    assert "0x80048d19" in answer.text
    assert "multipart/mixed; boundary=changesetresponse" not in answer.text
    assert count(api, "CS") == "0"
    assert send(api, change_set(good)).status_code == 200
    assert count(api, "CS") == "1"


def test_a_change_set_refers_to_its_own_rows(api: httpx.Client) -> None:
    name = uuid.uuid4().hex
    answer = send(
        api,
        change_set(
            request("POST accounts", f'{{"name":"{name}"}}', "1"),
            request("POST contacts", '{"lastname":"C","parentcustomerid_account@odata.bind":"$1"}', "2"),
            request("PUT $1/primarycontactid/$ref", '{"@odata.id":"$2"}', "3"),
            request("PATCH $1", '{"telephone1":"7"}', "4"),
        ),
    )
    assert answer.status_code == 200, answer.text
    assert answer.text.count("HTTP/1.1 204 No Content") == 4
    expand = "$expand=primarycontactid($select=lastname),contact_customer_accounts($select=lastname)"
    found = api.get(f"accounts?$filter=name eq '{name}'&{expand}").json()["value"][0]
    assert found["primarycontactid"]["lastname"] == found["contact_customer_accounts"][0]["lastname"] == "C"
    assert found["telephone1"] == "7"


def test_the_first_failure_ends_a_batch_unless_told_otherwise(api: httpx.Client) -> None:
    name = uuid.uuid4().hex
    parts = [request(f"GET accounts({uuid.uuid4()})"), request("POST accounts", f'{{"name":"{name}"}}')]
    stopped = send(api, *parts)
    assert stopped.status_code == 404
    assert stopped.text.count("HTTP/1.1") == 1
    assert count(api, name) == "0"
    assert send(api, *parts, prefer="odata.continue-on-error").status_code == 200
    assert count(api, name) == "1"


def test_what_does_not_belong_into_a_batch_is_refused(api: httpx.Client) -> None:
    inner = request("POST $batch", "{}")
    assert "nested" in send(api, inner).text
    assert "HTTP method 'GET'" in send(api, change_set(request("GET accounts", content_id="1"))).text
    assert "Content-ID" in send(api, change_set(request("POST accounts", "{}"))).text
    unix = multipart("b", [request("GET accounts")]).replace("\r\n", "\n").encode()
    assert "CRLF" in send(api, body=unix).json()["error"]["message"]
    assert "closing boundary" in send(api, body=b"--b\r\nA: b\r\n\r\n").text
    assert send(api, *[request("GET WhoAmI")] * 1001).status_code == 400
    assert api.post("$batch", json={}).status_code == 400


def test_create_multiple_makes_all_or_none(api: httpx.Client) -> None:
    kind = {"@odata.type": "Microsoft.Dynamics.CRM.account"}
    url = "accounts/Microsoft.Dynamics.CRM.CreateMultiple"
    name = uuid.uuid4().hex
    made = api.post(url, json={"Targets": [{**kind, "name": name}, {**kind, "name": name}]})
    assert made.status_code == 200
    assert [api.get(f"accounts({row})").status_code for row in made.json()["Ids"]] == [200, 200]
    bad = api.post(url, json={"Targets": [{**kind, "name": name}, {**kind, "name": "x" * 200}]})
    assert bad.json()["error"]["code"] == "0x80044331"
    assert count(api, name) == "2"
    assert "without a type name" in api.post(url, json={"Targets": [{"name": name}]}).text


def test_update_multiple_needs_every_row(api: httpx.Client) -> None:
    kind = {"@odata.type": "Microsoft.Dynamics.CRM.account"}
    url = "accounts/Microsoft.Dynamics.CRM.UpdateMultiple"
    row = api.post("accounts", json={"name": "U"}).headers["OData-EntityId"].split("(")[1].rstrip(")")
    assert api.post(url, json={"Targets": [{**kind, "accountid": row, "name": "U2"}]}).status_code == 204
    missing = {**kind, "accountid": str(uuid.uuid4()), "name": "U3"}
    assert api.post(url, json={"Targets": [{**kind, "accountid": row, "name": "U3"}, missing]}).status_code == 404
    assert api.get(f"accounts({row})").json()["name"] == "U2"


def test_upsert_multiple_addresses_rows_by_key_in_the_id_alone(api: httpx.Client) -> None:
    url, key = "accounts/Microsoft.Dynamics.CRM.UpsertMultiple", uuid.uuid4().hex[:10]
    target = {"@odata.type": "Microsoft.Dynamics.CRM.account", "@odata.id": f"accounts(cr_sapnumber='{key}')"}
    repeated = api.post(url, json={"Targets": [{**target, "cr_sapnumber": key}]})
    assert (repeated.status_code, repeated.json()["error"]["code"]) == (400, "0x80040216")
    for name in ("one", "two"):
        assert api.post(url, json={"Targets": [{**target, "name": name}]}).status_code == 204
        assert api.get(f"accounts(cr_sapnumber='{key}')").json()["name"] == name
