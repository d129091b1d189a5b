"""Change tracking: delta links, deletions, expiry, and what it excludes."""

from collections.abc import Iterator

import httpx
import pytest

from dev.dynamics.dataverse import Running, start

TRACK = {"Prefer": "odata.track-changes,odata.maxpagesize=2"}


@pytest.fixture
def org() -> Iterator[Running]:
    with start(seed=True) as running:
        yield running


@pytest.fixture
def api(org: Running) -> Iterator[httpx.Client]:
    with org.client() as client:
        yield client


def follow(api: httpx.Client, url: str, headers: dict[str, str]) -> tuple[list[dict[str, str]], str]:
    """Read all pages; gives the items and the delta link of the last page."""
    items: list[dict[str, str]] = []
    while url:
        page = api.get(url, headers=headers).raise_for_status().json()
        items += page["value"]
        url = page.get("@odata.nextLink", "")
    return items, page["@odata.deltaLink"]


def create(api: httpx.Client, name: str) -> str:
    return api.post("accounts", json={"name": name}).headers["OData-EntityId"].split("(")[1].rstrip(")")


def test_a_first_read_gives_everything_and_a_link(api: httpx.Client) -> None:
    first = api.get("accounts?$select=name", headers=TRACK)
    assert "odata.track-changes" in first.headers["Preference-Applied"]
    items, link = follow(api, "accounts?$select=name", TRACK)
    assert len(items) == 3
    assert "$deltatoken=" in link
    assert "$select=name" in link


def test_a_delta_gives_current_values_and_then_deletions(api: httpx.Client) -> None:
    _, link = follow(api, "accounts?$select=name", TRACK)
    changed, gone = create(api, "1"), create(api, "2")
    api.patch(f"accounts({changed})", json={"name": "now"})
    api.delete(f"accounts({gone})")
    answer = api.get(link).json()
    assert answer["@odata.context"].endswith("#accounts(name)/$delta")
    assert answer["value"][0]["name"] == "now"
    assert answer["value"][0]["accountid"] == changed
    assert answer["value"][1]["id"] == gone  # created and deleted in between, and still told
    assert answer["value"][1]["reason"] == "deleted"
    assert answer["value"][1]["@odata.context"].endswith("#accounts/$deletedEntity")
    assert api.get(answer["@odata.deltaLink"]).json()["value"] == []


def test_a_row_changed_between_the_pages_of_the_first_read_is_told_later(api: httpx.Client) -> None:
    page = api.get("accounts?$select=name", headers=TRACK).json()
    row = page["value"][0]["accountid"]
    api.patch(f"accounts({row})", json={"name": "between"})
    _, link = follow(api, page["@odata.nextLink"], TRACK)
    assert [item["name"] for item in api.get(link).json()["value"]] == ["between"]


def test_a_delta_in_pages_misses_nothing(api: httpx.Client) -> None:
    _, link = follow(api, "accounts?$select=name", TRACK)
    rows = [create(api, str(place)) for place in range(7)]
    for row in rows[4:]:
        api.delete(f"accounts({row})")
    items, _ = follow(api, link, TRACK)
    assert [item.get("accountid") or item["id"] for item in items] == rows


def test_a_write_that_was_rolled_back_is_no_change(api: httpx.Client) -> None:
    _, link = follow(api, "accounts?$select=name", TRACK)
    api.post("accounts", json={"name": "x", "contact_customer_accounts": [{"nope": 1}]})
    assert api.get(link).json()["value"] == []


def test_changes_can_be_counted(api: httpx.Client) -> None:
    _, link = follow(api, "accounts?$select=name", TRACK)
    api.delete(f"accounts({create(api, '1')})")
    create(api, "2")
    token = link.split("$deltatoken=")[1]
    assert api.get(f"accounts/$count?$deltatoken={token}").text == "2"


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("$filter=name eq 'x'", "filter"),
        ("$orderby=name", "orderby"),
        ("$top=1", "top"),
        ("$expand=createdby", "expand"),
    ],
)
def test_what_tracking_excludes_is_refused(api: httpx.Client, option: str, name: str) -> None:
    answer = api.get(f"accounts?{option}", headers=TRACK)
    words = f'The "${{{name}}}" query parameter isn\'t supported when Change Tracking is enabled.'
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == words.replace("{", "").replace("}", "")


def test_a_table_without_tracking_refuses_it(api: httpx.Client) -> None:
    assert api.get("systemusers", headers=TRACK).status_code == 400


def test_an_old_token_means_a_full_read(api: httpx.Client, org: Running) -> None:
    _, link = follow(api, "accounts?$select=name", TRACK)
    httpx.post(f"{org.url}/sim/clock", json={"advance_seconds": 7 * 86400 + 60})
    with org.client() as later:
        answer = later.get(link)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "0x80044352"


def test_tokens_can_be_expired_at_once(api: httpx.Client, org: Running) -> None:
    _, link = follow(api, "accounts?$select=name", TRACK)
    httpx.post(f"{org.url}/sim/faults", json={"expire_delta_tokens": True}).raise_for_status()
    assert api.get(link).json()["error"]["code"] == "0x80044352"
    create(api, "new")
    _, fresh = follow(api, "accounts?$select=name", TRACK)
    assert api.get(fresh).status_code == 200
