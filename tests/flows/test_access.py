"""Who gets in, through the host as well: keys, development tokens, forged principals; and an erasure on real tables."""

import base64
import json

import pytest

from dev.cloud import HOST_KEY
from dev.identity import token
from tests.flows.office import Office

FORGED = base64.b64encode(json.dumps({"auth_typ": "aad", "claims": [{"typ": "roles", "val": "Sync.Admin"}]}).encode())


def status(office: Office, method: str, path: str, **headers: str) -> int:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return office.http.request(method, f"{office.cloud.api}/{path}", headers=given).status_code


def test_a_forged_principal_is_nobody_through_the_host(office: Office) -> None:
    assert status(office, "GET", "ops/status", x_ms_client_principal=FORGED.decode()) == 401
    assert status(office, "DELETE", "ops/subjects/dynamics/account/x", x_ms_client_principal=FORGED.decode()) == 401


def test_the_probe_for_machines_takes_the_hosts_key_and_nothing_else_does(office: Office) -> None:
    assert status(office, "GET", "health", x_functions_key=HOST_KEY) == 200
    assert status(office, "GET", "health") == 401
    assert status(office, "GET", f"ops/status?code={HOST_KEY}") == 401


@pytest.mark.parametrize(
    ("role", "reads", "erases"), [("Sync.Reader", 200, 403), ("Sync.Admin", 200, 404), ("", 403, 403)]
)
def test_a_developers_token_opens_what_its_role_may(office: Office, role: str, reads: int, erases: int) -> None:
    bearer = f"Bearer {token('ann@local', [role])}"
    assert status(office, "GET", "ops/status", authorization=bearer) == reads
    assert status(office, "DELETE", "ops/subjects/dynamics/nosuch/x", authorization=bearer) == erases


def test_a_person_is_erased_by_either_key_and_the_pair_comes_back_only_with_its_records(office: Office) -> None:
    key, number = office.linked_account("Vergiss Mich GmbH")
    office.quiet()
    correlation = office.pair(key)["journal"][0]["correlation"]
    assert office.ops(f"correlations/{correlation}")["received"]
    answer = office.http.delete(
        f"{office.cloud.api}/ops/subjects/sap/BusinessPartner/{number}", headers={"x-functions-key": HOST_KEY}
    )
    told = answer.json()
    assert (answer.status_code, told["complete"]) == (200, True), told
    assert (told["erased"]["links"], told["erased"]["ways back"]) == (1, 1)
    assert told["erased"]["journal entries"] >= 1
    assert told["erased"]["correlation steps"] >= 1
    assert office.ask_ops(f"links/account/{key}").status_code == 404
    assert office.ask_ops(f"links/account/{number}").status_code == 404
    assert office.ask_ops(f"correlations/{correlation}").status_code == 404
    office.ask_ops("sync", {"flow": "account", "side": "dynamics", "keys": [key]})
    office.until(lambda: office.pair(key).get("status") == "linked", "the same two are linked anew")
    assert office.pair(key)["sap"] == number
    assert len(office.sap("A_BusinessPartner", OrganizationBPName1="Vergiss Mich GmbH")) == 1
