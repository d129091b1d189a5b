"""What a payload may say: types, lengths, ranges, options, navigation names, states, and who may write what."""

import uuid

import httpx
import pytest

from dev.dynamics.dataverse import Running, start

REPRESENTATION = {"Prefer": "return=representation"}


def row_of(answer: httpx.Response) -> str:
    assert answer.status_code == 204, answer.text
    return answer.headers["OData-EntityId"].split("(")[1].rstrip(")")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"nosuch": "x"}, "0x80048d19"),
        ({"Name": "x"}, "0x80048d19"),
        ({"name": 5}, "0x80048d19"),
        ({"name": "x" * 161}, "0x80044331"),
        ({"numberofemployees": "5"}, "0x80048d19"),
        ({"numberofemployees": 5.5}, "0x80048d19"),
        ({"numberofemployees": True}, "0x80048d19"),
        ({"numberofemployees": -1}, "0x80044330"),
        ({"creditlimit": "5"}, "0x80048d19"),
        ({"creditlimit": -1}, "0x80044330"),
        ({"customertypecode": 99}, "0x8004431A"),
        ({"customertypecode": "3"}, "0x80048d19"),
        ({"donotemail": 0}, "0x80048d19"),
        ({"lastusedincampaign": "2026-01-31"}, "0x80048d19"),
        ({"lastusedincampaign": "2026-01-31T00:00:00"}, "0x80048d19"),
        ({"lastusedincampaign": "1700-01-31T00:00:00Z"}, "0x80044330"),
        ({"accountid": "not-a-guid"}, "0x80048d19"),
        ({"_primarycontactid_value": str(uuid.uuid4())}, "0x80048d19"),
        ({"PrimaryContactId@odata.bind": "/contacts(x)"}, "0x80048d19"),
        ({"primarycontactid@odata.bind": f"/accounts({uuid.uuid4()})"}, "0x80048d19"),
        ({"primarycontactid@odata.bind": "/nowhere(1)"}, "0x80048d19"),
        ({"primarycontactid@odata.bind": f"/contacts({uuid.uuid4()})"}, "0x80040217"),
        ({"parentaccountid@odata.bind": "/accounts(cr_sapnumber='none')"}, "0x80060891"),
        ({"@odata.type": "Microsoft.Dynamics.CRM.contact"}, "0x80048d19"),
        ({"statecode": 0, "statuscode": 2}, "0x80048408"),
    ],
)
def test_a_bad_value_is_refused_with_its_code(api: httpx.Client, values: dict[str, object], code: str) -> None:
    answer = api.post("accounts", json=values)
    assert answer.status_code == (404 if code in {"0x80040217", "0x80060891"} else 400)
    assert answer.json()["error"]["code"] == code


def test_a_date_only_column_takes_a_date_and_nothing_else(api: httpx.Client) -> None:
    row = row_of(api.post("contacts", json={"lastname": "D", "birthdate": "1980-02-29"}))
    assert api.get(f"contacts({row})?$select=birthdate").json()["birthdate"] == "1980-02-29"
    assert api.patch(f"contacts({row})", json={"birthdate": "1980-02-29T00:00:00Z"}).status_code == 400
    assert api.patch(f"contacts({row})", json={"birthdate": "1981-02-29"}).status_code == 400


def test_moments_are_kept_in_utc_and_whole_seconds(api: httpx.Client) -> None:
    row = row_of(api.post("accounts", json={"cr_sapsyncedon": "2026-01-31T12:00:00.750+02:00"}))
    assert api.get(f"accounts({row})").json()["cr_sapsyncedon"] == "2026-01-31T10:00:00Z"


def test_empty_text_is_stored_as_null(api: httpx.Client) -> None:
    row = row_of(api.post("accounts", json={"name": "E", "telephone1": ""}))
    assert api.get(f"accounts({row})").json()["telephone1"] is None


def test_read_only_columns_are_ignored_or_refused_by_choice(api: httpx.Client) -> None:
    row = row_of(api.post("accounts", json={"name": "R", "versionnumber": 1, "creditlimit": 5, "creditlimit_base": 7}))
    found = api.get(f"accounts({row})").json()
    assert found["versionnumber"] > 1
    assert found["creditlimit_base"] == 5
    with start(reject_read_only_columns=True) as strict, strict.client() as other:
        assert other.post("accounts", json={"name": "R", "createdon": "2026-01-01T00:00:00Z"}).status_code == 400


def test_the_platform_requires_what_it_cannot_do_without(api: httpx.Client) -> None:
    assert api.post("salesorders", json={"name": "O"}).json()["error"]["code"] == "0x80040203"
    assert api.post("products", json={"name": "P"}).status_code == 400


def test_defaults_and_derived_columns_are_filled(api: httpx.Client, org: Running) -> None:
    row = row_of(api.post("contacts", json={"firstname": "Ada", "lastname": "King"}))
    found = api.get(f"contacts({row})").json()
    assert (found["fullname"], found["statecode"], found["statuscode"]) == ("Ada King", 0, 1)
    assert found["donotemail"] is False
    assert found["_ownerid_value"] == found["_createdby_value"] == api.get("WhoAmI").json()["UserId"]
    assert found["_transactioncurrencyid_value"] is not None
    api.patch(f"contacts({row})", json={"lastname": "Byron"})
    assert api.get(f"contacts({row})").json()["fullname"] == "Ada Byron"
    assert org.tenant


def test_an_inactive_account_is_read_only_until_it_is_active_again(api: httpx.Client) -> None:
    row = row_of(api.post("accounts", json={"name": "I"}))
    assert api.patch(f"accounts({row})", json={"statecode": 1}).status_code == 204
    assert api.get(f"accounts({row})").json()["statuscode"] == 2  # the state's default
    refused = api.patch(f"accounts({row})", json={"name": "J"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "0x8004022e")
    assert api.patch(f"accounts({row})", json={"statecode": 0, "statuscode": 1, "name": "J"}).status_code == 204


def test_more_columns_can_be_added_with_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("columns") / "columns.json"
    file.write_text('{"account": {"new_tier": {"type": "String", "max_length": 3, "key": true}}}', "utf-8")
    with start(columns=[file]) as org, org.client() as api:
        assert api.patch("accounts(new_tier='A1')", json={"name": "T"}).status_code == 204
        assert api.post("accounts", json={"new_tier": "LONG"}).json()["error"]["code"] == "0x80044331"


def test_an_unknown_table_in_a_columns_file_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("columns") / "columns.json"
    file.write_text('{"nosuch": {}}', "utf-8")
    with pytest.raises(ValueError, match="unknown table 'nosuch'"), start(columns=[file]):
        pass


def test_rows_survive_a_restart_where_a_folder_is_given(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("data")
    with start(data=folder, seed=True) as org, org.client() as api:
        values = {"name": "Kept", "creditlimit": 12.5, "cr_sapnumber": "K1", "primarycontactid": {"lastname": "L"}}
        kept = api.post("accounts?$select=name", json=values, headers=REPRESENTATION).json()
        delta = api.get("accounts", headers={"Prefer": "odata.track-changes"}).json()["@odata.deltaLink"]
        gone = row_of(api.post("accounts", json={"name": "Gone"}))
        api.delete(f"accounts({gone})").raise_for_status()
        before = api.get("accounts/$count").text
    token = delta.split("?")[1]
    with start(data=folder, seed=True) as org, org.client() as api:
        found = api.get("accounts(cr_sapnumber='K1')?$expand=primarycontactid").json()
        assert found["@odata.etag"] == kept["@odata.etag"]
        assert found["creditlimit"] == 12.5
        assert found["primarycontactid"]["lastname"] == "L"
        assert api.get("accounts/$count").text == before
        assert [item.get("id") for item in api.get(f"accounts?{token}").json()["value"]] == [gone]
        row_of(api.post("accounts", json={"name": "After"}))
