"""Backfill and reconcile as an operator meets them: over HTTP, on the running local cloud."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dev.cloud import HOST_KEY, Cloud, start

PATIENCE_SECONDS = 100.0  # a busy machine, and waits between attempts

pytestmark = pytest.mark.timeout(400)
ACCOUNT = {
    "customertypecode": 3,
    "address1_city": "Walldorf",
    "address1_postalcode": "69190",
    "address1_country": "Germany",
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with (
        tempfile.TemporaryDirectory(prefix="bulk-") as folder,
        start(Path(folder), more={"RECONCILE_WRITES_MAX": "2", "RECONCILE_WRITES_PERCENT_MAX": "100"}) as running,
    ):
        first_sweep(running)
        yield running


def first_sweep(cloud: Cloud) -> None:
    """Have the first sweep behind us, which looks at every row there is: it would find what no event told."""
    key = {"x-functions-key": HOST_KEY}
    httpx.post(f"{cloud.host.url}/admin/functions/sweep", json={}, headers=key).raise_for_status()
    with httpx.Client(base_url=f"{cloud.api}/ops", headers=key, timeout=30) as ops:
        until(ops, "status", lambda told: all(flow["last_sweep"] for flow in told["flows"].values()))


@pytest.fixture
def ops(cloud: Cloud) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{cloud.api}/ops", headers={"x-functions-key": HOST_KEY}, timeout=30) as client:
        yield client


def until(ops: httpx.Client, path: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    end = time.monotonic() + PATIENCE_SECONDS
    while not reached(told := ops.get(path).json()):
        assert time.monotonic() < end, told
        time.sleep(0.1)
    return told


def reconciled(ops: httpx.Client, asked: dict[str, Any] | None = None) -> dict[str, Any]:
    if asked is not None:
        assert ops.post("reconcile", json={"flow": "s4/account", **asked}).status_code == 202
    return until(ops, "reconcile/s4/account", lambda told: told["state"] != "running")


def people_type(cloud: Cloud, name: str) -> None:
    body = {"table": "account", "values": {**ACCOUNT, "name": name}}
    httpx.post(f"{cloud.dataverse.url}/sim/create", json=body).raise_for_status()


def test_what_cannot_be_asked_is_a_400_with_the_reason(ops: httpx.Client) -> None:
    for body, said in (
        ({"flow": "account", "side": "dynamics", "filter": {"nosuch": 1}}, "nosuch"),
        ({"flow": "account", "side": "dynamics", "filter": {"name": 1.5}}, "1.5"),
        ({"flow": "account", "side": "dynamics", "filter": {"customertypecode": "three"}}, "three"),
        ({"flow": "account", "side": "sap", "filter": {"address.Country": "DE"}}, "part"),
        ({"flow": "account", "side": "north"}, "side"),
        ({"flow": "account", "side": "sap", "limit": -1}, "limit"),
        ({"flow": "account", "side": "sap", "extra": 1}, "extra"),
        ({"flow": "nobody", "side": "sap"}, "nobody"),
        ([], "object"),
    ):
        answer = ops.post("backfill", json=body)
        assert answer.status_code == 400, answer.text
        assert said in answer.json()["message"]
    for path in ("backfill", "reconcile", "reconcile/approve"):
        assert ops.post(path, content=b"{").status_code == 400
        assert httpx.post(f"{ops.base_url}{path}", json={}).status_code == 401
    assert ops.post("reconcile/approve", json={"flow": "account", "run": "never"}).status_code == 400
    assert ops.get("backfill/nobody").status_code == 404
    assert ops.delete("backfill/nobody").status_code == 404
    assert ops.get("reconcile/nobody").status_code == 404


def test_a_load_is_planned_run_watched_and_cancelled(cloud: Cloud, ops: httpx.Client) -> None:
    for number in range(12):
        people_type(cloud, f"Bulk {number:02d}")
    some = {"flow": "account", "side": "dynamics", "filter": {"name": {"ge": "Bulk 05", "le": "Bulk 09"}}}
    planned = ops.post("backfill", json={**some, "dry_run": True}).json()
    plan = until(ops, f"backfill/{planned['id']}", lambda told: told["state"] == "planned")["plan"]
    assert (plan["found"], plan["sampled"]) == (5, 5)
    assert "Bulk" not in str(plan)
    job = ops.post("backfill", json=some).json()
    told = until(ops, f"backfill/{job['id']}", lambda told: told["state"] == "finished")
    assert (told["found"], told["done"], told["left"]) == (5, 5, 0)
    other = ops.post("backfill", json={"flow": "account", "side": "sap"}).json()
    assert ops.delete(f"backfill/{other['id']}").status_code == 202
    assert until(ops, f"backfill/{other['id']}", lambda told: told["state"] in ("cancelled", "finished"))
    assert {job["id"], planned["id"], other["id"]} <= {one["id"] for one in ops.get("backfill").json()["jobs"]}


def test_a_reconcile_finds_what_no_event_told_waits_for_approval_and_mends_it(cloud: Cloud, ops: httpx.Client) -> None:
    for side in ("sap", "dynamics"):
        whole = ops.post("backfill", json={"flow": "account", "side": side}).json()
        until(ops, f"backfill/{whole['id']}", lambda told: told["state"] == "finished")
    end = time.monotonic() + PATIENCE_SECONDS
    while (before := reconciled(ops, {"repair": False}))["state"] != "finished":  # what was created a moment ago
        assert time.monotonic() < end, before
    httpx.delete(f"{cloud.s4.url}/sim/webhooks").raise_for_status()  # from now on SAP tells nothing
    scanned = int(time.time())
    while int(time.time()) == scanned:  # SAP's stamps are whole seconds: within one, two changes look like one
        time.sleep(0.05)
    partners = httpx.get(f"{cloud.s4.url}/sim/rows/A_BusinessPartner").json()
    for partner in partners[:3]:
        body = {
            "set": "A_BusinessPartner",
            "key": partner["BusinessPartner"],
            "values": {"CorrespondenceLanguage": "FR"},
        }
        httpx.post(f"{cloud.s4.url}/sim/edit", json=body).raise_for_status()
    told = reconciled(ops, {})
    assert told["id"] != before["id"]
    assert told["state"] == "waiting for approval", told
    assert "RECONCILE_WRITES_MAX" in told["why"][0]
    assert told["fields"] == {"dynamics language": 3}
    assert {one["what"] for one in told["findings"]} == {"drifted"}
    assert ops.post("reconcile/approve", json={"flow": "account", "run": told["id"]}).status_code == 202
    assert reconciled(ops)["enqueued"] == 3
    pair = f"links/s4/account/{partners[0]['BusinessPartner']}"
    until(ops, pair, lambda found: any(one["correlation"] == told["id"] for one in found["journal"]))
    (run,) = [one for one in ops.get("reconcile").json()["runs"] if one["flow"] == "s4/account"]
    assert (run["state"], run["approved_by"]) == ("finished", "function key")
