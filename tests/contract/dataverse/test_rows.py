"""Single rows: create, read, update, upsert, delete, preconditions, properties and links."""

import uuid
from collections.abc import Iterator

import httpx
import pytest

from dev.dynamics.dataverse import Running, start

REPRESENTATION = {"Prefer": "return=representation"}


@pytest.fixture(scope="module")
def org() -> Iterator[Running]:
    with start(seed=True) as running:
        yield running


def number() -> str:
    return uuid.uuid4().hex[:10]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def new_account(api: httpx.Client, **values: object) -> str:
    answer = api.post("accounts", json={"name": "Test", **values})
    assert answer.status_code == 204, answer.text
    return answer.headers["OData-EntityId"].split("(")[1].rstrip(")")


def test_who_am_i_names_the_application_user(api: httpx.Client) -> None:
    found = api.get("WhoAmI").json()
    assert {"UserId", "BusinessUnitId", "OrganizationId"} <= set(found)


def test_a_create_answers_204_with_the_address_of_the_row(api: httpx.Client, org: Running) -> None:
    answer = api.post("accounts", json={"name": "A"})
    assert answer.status_code == 204
    assert answer.headers["OData-EntityId"].startswith(f"{org.api_url}/accounts(")
    assert answer.headers["OData-Version"] == "4.0"
    assert answer.content == b""


def test_a_create_with_representation_answers_201_with_the_row(api: httpx.Client) -> None:
    answer = api.post(
        "accounts?$select=name,creditlimit", json={"name": "A", "creditlimit": 12.345}, headers=REPRESENTATION
    )
    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == "return=representation"
    assert '"creditlimit":12.3500' in answer.text  # rounded to the column's digits, written with the database's scale
    assert answer.json()["@odata.etag"].startswith('W/"')


def test_a_client_may_choose_the_id_once(api: httpx.Client) -> None:
    chosen = str(uuid.uuid4())
    assert new_account(api, accountid=chosen) == chosen
    assert refusal(api.post("accounts", json={"accountid": chosen.upper(), "name": "B"})) == (412, "0x80040237")


def test_a_plain_patch_resurrects_a_deleted_row(api: httpx.Client) -> None:
    row = new_account(api)
    assert api.delete(f"accounts({row})").status_code == 204
    assert api.patch(f"accounts({row})", json={"name": "Back"}).status_code == 204
    assert api.get(f"accounts({row})?$select=name").json()["name"] == "Back"


def test_an_update_with_if_match_star_never_creates(api: httpx.Client) -> None:
    answer = api.patch(f"accounts({uuid.uuid4()})", json={"name": "X"}, headers={"If-Match": "*"})
    assert refusal(answer) == (404, "0x80040217")


def test_create_only_is_refused_where_the_row_exists(api: httpx.Client) -> None:
    row = new_account(api)
    answer = api.patch(f"accounts({row})", json={"name": "X"}, headers={"If-None-Match": "*"})
    assert refusal(answer) == (412, "0x80040237")
    assert answer.json()["error"]["message"] == "A record with matching key values already exists."


def test_a_stale_etag_is_refused_with_412(api: httpx.Client) -> None:
    row = new_account(api)
    etag = api.get(f"accounts({row})?$select=name").json()["@odata.etag"]
    assert api.patch(f"accounts({row})", json={"name": "1"}, headers={"If-Match": etag}).status_code == 204
    answer = api.patch(f"accounts({row})", json={"name": "2"}, headers={"If-Match": etag})
    assert refusal(answer) == (412, "0x80060882")
    assert refusal(api.delete(f"accounts({row})", headers={"If-Match": etag})) == (412, "0x80060882")
    assert api.get(f"accounts({row})?$select=name").json()["name"] == "1"


def test_every_write_changes_the_etag_even_without_a_change(api: httpx.Client) -> None:
    row = new_account(api, name="Same")
    first = api.get(f"accounts({row})").headers["ETag"]
    api.patch(f"accounts({row})", json={"name": "Same"})
    assert api.get(f"accounts({row})").headers["ETag"] != first


def test_a_conditional_read_answers_304(api: httpx.Client) -> None:
    row = new_account(api)
    etag = api.get(f"accounts({row})").headers["ETag"]
    assert api.get(f"accounts({row})", headers={"If-None-Match": etag}).status_code == 304
    assert api.get(f"accounts({row})", headers={"If-None-Match": "null"}).status_code == 200


def test_an_upsert_by_alternate_key_creates_and_then_updates(api: httpx.Client) -> None:
    key = number()
    first = api.patch(f"accounts(cr_sapnumber='{key}')?$select=accountid", json={"name": "1"}, headers=REPRESENTATION)
    second = api.patch(f"accounts(cr_sapnumber='{key}')?$select=accountid", json={"name": "2"}, headers=REPRESENTATION)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["accountid"] == second.json()["accountid"]
    assert first.headers["OData-EntityId"].endswith(f"accounts(cr_sapnumber='{key}')")


def test_key_columns_in_the_body_lose_on_update_and_win_on_create(api: httpx.Client) -> None:
    key, other = number(), number()
    api.patch(f"accounts(cr_sapnumber='{key}')", json={"name": "1"})
    api.patch(f"accounts(cr_sapnumber='{key}')", json={"name": "2", "cr_sapnumber": other})
    assert api.get(f"accounts(cr_sapnumber='{key}')?$select=name").json()["name"] == "2"
    api.patch(f"accounts(cr_sapnumber='{number()}')", json={"name": "trap", "cr_sapnumber": other})
    assert api.get(f"accounts(cr_sapnumber='{other}')?$select=name").json()["name"] == "trap"


def test_a_taken_alternate_key_is_refused(api: httpx.Client) -> None:
    key = number()
    new_account(api, cr_sapnumber=key)
    answer = api.post("accounts", json={"name": "B", "cr_sapnumber": key.upper()})  # keys compare without case
    assert refusal(answer) == (412, "0x80060892")


def test_rows_without_a_key_value_do_not_clash(api: httpx.Client) -> None:
    new_account(api, cr_sapnumber=None)
    new_account(api, cr_sapnumber=None)


def test_an_unknown_key_value_and_an_undefined_key_differ(api: httpx.Client) -> None:
    assert refusal(api.get(f"accounts(cr_sapnumber='{number()}')")) == (404, "0x80060891")
    assert refusal(api.get("accounts(accountnumber='1')")) == (400, "0x8006088a")
    assert refusal(api.get("accounts(cr_sapnumber=1)")) == (400, "0x8006088a")


def test_a_pending_key_cannot_be_used(api: httpx.Client, org: Running) -> None:
    change = {"table": "contact", "key": "cr_sapnumber_key", "status": "Pending"}
    httpx.post(f"{org.url}/sim/keys", json=change).raise_for_status()
    assert refusal(api.get("contacts(cr_sapnumber='1')")) == (400, "0x8006088a")
    httpx.post(f"{org.url}/sim/keys", json={**change, "status": "Active"}).raise_for_status()
    assert refusal(api.get("contacts(cr_sapnumber='1')")) == (404, "0x80060891")


def test_quotes_in_keys_are_doubled_and_dangerous_characters_refused(api: httpx.Client) -> None:
    new_account(api, cr_sapnumber="O'Neil")
    assert api.get("accounts(cr_sapnumber='O''Neil')").status_code == 200
    assert api.get("accounts(cr_sapnumber='a%2Fb')").status_code == 400
    assert "potentially dangerous" in api.get("accounts(cr_sapnumber='a%26b')").text


def test_a_property_can_be_put_read_and_cleared(api: httpx.Client) -> None:
    row = new_account(api)
    assert api.put(f"accounts({row})/telephone1", json={"value": "1"}).status_code == 204
    assert api.get(f"accounts({row})/telephone1").json()["value"] == "1"
    assert api.get(f"accounts({row})/telephone1/$value").text == "1"
    assert api.delete(f"accounts({row})/telephone1").status_code == 204
    assert api.get(f"accounts({row})/telephone1").status_code == 204


def test_lookups_are_bound_linked_and_unlinked(api: httpx.Client, org: Running) -> None:
    parent, row = new_account(api, cr_sapnumber=(key := number())), new_account(api)
    api.patch(f"accounts({row})", json={"parentaccountid@odata.bind": f"/accounts(cr_sapnumber='{key}')"})
    assert api.get(f"accounts({row})").json()["_parentaccountid_value"] == parent
    assert api.get(f"accounts({row})/parentaccountid?$select=name").json()["accountid"] == parent
    assert api.get(f"accounts({parent})/account_parent_account/$count").text == "1"
    assert api.delete(f"accounts({row})/parentaccountid/$ref").status_code == 204
    body = {"@odata.id": f"{org.api_url}/accounts({parent})"}
    assert api.put(f"accounts({row})/parentaccountid/$ref", json=body).status_code == 204
    members = f"accounts({parent})/account_parent_account/$ref"
    assert api.delete(members, params={"$id": f"{org.api_url}/accounts({row})"}).status_code == 204
    assert api.post(members, json={"@odata.id": f"accounts({row})"}).status_code == 204
    assert api.get(members).json()["value"] == [{"@odata.id": f"{org.api_url}/accounts({row})"}]
    api.patch(f"accounts({row})", json={"parentaccountid@odata.bind": None})
    assert api.get(f"accounts({row})").json()["_parentaccountid_value"] is None


def test_a_deep_insert_makes_parents_and_children_together(api: httpx.Client) -> None:
    children = [{"lastname": "One"}, {"lastname": "Two"}]
    row = new_account(api, primarycontactid={"firstname": "Ann", "lastname": "Lee"}, contact_customer_accounts=children)
    found = api.get(
        f"accounts({row})?$expand=primarycontactid($select=fullname),contact_customer_accounts($count=true)"
    )
    assert found.json()["primarycontactid"]["fullname"] == "Ann Lee"
    assert found.json()["contact_customer_accounts@odata.count"] == 2
    refused = api.post("accounts", json={"name": "N", "contact_customer_accounts": [{"lastname": "x" * 51}]})
    assert refusal(refused) == (400, "0x80044331")
    assert api.get("accounts/$count?$filter=name eq 'N'").text == "0"
    update = api.patch(f"accounts({row})", json={"contact_customer_accounts": []})
    assert refusal(update) == (400, "0x80048d19")


def test_unknown_addresses_and_methods_have_their_own_answers(api: httpx.Client) -> None:
    assert refusal(api.get("nothing")) == (404, "0x80060888")
    assert refusal(api.get("Accounts")) == (404, "0x80060888")
    assert api.post(f"accounts({uuid.uuid4()})", json={}).status_code == 405
    assert api.put(f"accounts({uuid.uuid4()})", json={}).status_code == 405
    assert api.post("accounts", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert refusal(api.post("accounts", content=b"{", headers={"Content-Type": "application/json"}))[0] == 400
