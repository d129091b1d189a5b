"""Systems are down, answers are lost, workers are killed: no change is lost, and none is done twice."""

import os
import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from shared.core.messages import partition
from tests.flows.bodies import context, wire
from tests.flows.clock import ACCOUNTS, end_claim
from tests.flows.office import Office, Row

STUCK_SECONDS = 20.0  # longer than it takes to kill who waits for it
CREATE = {"method": "POST", "path": "A_BusinessPartner"}


def once(office: Office, accounts: Mapping[str, str]) -> None:
    """Wait until these accounts (key by name) are linked, and see that each has one partner."""
    for name, key in accounts.items():
        office.until(lambda key=key: office.pair(key).get("status") == "linked", f"{name} is linked")
    office.quiet()
    for name, key in accounts.items():
        assert [row["BusinessPartner"] for row in office.partners(name)] == [office.number(key)]


def enter(office: Office, name: str) -> dict[str, str]:
    """Let sales enter a customer; return its key by its name."""
    return {name: office.new_account(name)}


def workers(office: Office) -> list[Row]:
    found: list[Row] = office.http.get(f"{office.cloud.host.url}/admin/host/status").json()["workers"]
    return found


def kill_workers(office: Office) -> None:
    """End all worker processes as a power cut would, and wait until others have taken their places."""
    before = [worker["pid"] for worker in workers(office)]
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def replaced() -> bool:
        return all(worker["ready"] and worker["pid"] not in before for worker in workers(office))

    office.until(replaced, "new workers are ready")
    office.bus("faults", {"expire_locks": True})  # what takes a minute for the bus to see


def test_a_system_that_is_down_or_asks_to_slow_down_delays_changes_and_loses_none(office: Office) -> None:
    office.quiet()
    office.erp("faults", {"match": {"path": "API_BUSINESS_PARTNER"}, "times": 1, "status": 503, "html": True})
    first = enter(office, "Geduld & Söhne KG")
    with office.events_held():
        key = office.new_account("Immer langsam GmbH")
        match = {"method": "GET", "path": key}
        office.crm("faults", {"match": match, "times": 1, "status": 429, "retry_after": 2, "code": "0x80072322"})
    once(office, {**first, "Immer langsam GmbH": key})
    reads = [each for each in office.crm("log", method="GET") if key in each["path"] and each["method"] == "GET"]
    assert [each["status"] for each in reads[:2]] == [429, 200]


def test_a_partner_whose_answer_was_lost_is_found_by_its_mark(office: Office) -> None:
    office.quiet()
    office.erp("faults", {"match": CREATE, "lose_answer": True})
    once(office, enter(office, "Verlorene Antwort SE"))


def test_a_write_back_whose_answer_was_lost_is_not_done_twice(office: Office) -> None:
    office.quiet()
    office.crm("faults", {"match": {"method": "PATCH", "path": "accounts"}, "lose_answer": True})
    key = office.new_account("Halb zurückgeschrieben AG")
    once(office, {"Halb zurückgeschrieben AG": key})
    assert office.pair(key)["parked"] == []


def test_a_bus_that_is_down_is_a_503_and_dataverses_second_attempt_arrives(office: Office) -> None:
    office.quiet()
    office.bus("faults", {"refuse_sends": 2})  # one call of the webhook: the app itself tries twice
    once(office, enter(office, "Zweiter Versuch GmbH"))
    assert office.bus("queues")["changes"]["dead_letter"] == 0


def test_a_bus_that_is_down_is_told_to_every_sender_and_forgotten_when_it_is_back(office: Office) -> None:
    key = office.unheard_account("Nach dem Ausfall GmbH")
    body = wire(context("Create", "account", key))
    office.quiet(also_later=True)
    office.bus("faults", {"refuse_sends": 8})  # more than one call takes: the minute's timer may send in between
    refused = office.post("dataverse/events", body)
    assert (refused.status_code, "queue changes" in refused.json()["message"]) == (503, True)
    office.until(lambda: office.post("dataverse/events", body).status_code == 202, "the bus takes it")
    once(office, {"Nach dem Ausfall GmbH": key})


def test_an_answer_of_the_bus_that_was_lost_doubles_nothing(office: Office) -> None:
    key = office.unheard_account("Doppelt eingereiht GmbH")
    office.quiet()
    office.bus("faults", {"lose_next_answers": 1})
    assert office.post("dataverse/events", wire(context("Create", "account", key))).status_code == 202
    once(office, {"Doppelt eingereiht GmbH": key})


def test_connections_of_the_bus_that_break_are_made_again(office: Office) -> None:
    office.quiet()
    office.bus("faults", {"drop_connections": True})
    office.bus("faults", {"expire_locks": True})  # sessions that were held just then: the bus takes a minute to see it
    once(office, enter(office, "Neu verbunden GmbH"))


def test_workers_killed_while_they_read_and_create_lose_no_change_and_double_none(office: Office) -> None:
    office.quiet()
    names = [f"Mitten im Lesen {number}" for number in range(5)]
    with office.events_held():
        reading = {name: office.new_account(name) for name in names}
        for key in reading.values():
            office.crm("faults", {"match": {"method": "GET", "path": key}, "delay_seconds": STUCK_SECONDS})
    sessions = len({partition(ACCOUNTS, key) for key in reading.values()})  # two accounts may share one
    office.until(lambda: office.bus("queues")["changes"]["locked"] >= sessions, "all are being read")
    office.erp("faults", {"events": {"hold": True}})
    office.erp("faults", {"match": {"method": "GET", "path": "A_BusinessPartner("}, "delay_seconds": STUCK_SECONDS})
    creating = office.new_account("Mitten im Anlegen GmbH")
    office.until(lambda: office.partners("Mitten im Anlegen GmbH"), "SAP has made it, and is being asked how it is now")
    assert office.pair(creating)["under_way"][0].startswith("sap create since ")
    kill_workers(office)
    office.calm()
    end_claim(office.cloud, creating)
    office.ops("sync", {"flow": "account", "side": "dynamics", "keys": [creating]})  # or a little later, by itself
    once(office, {**reading, "Mitten im Anlegen GmbH": creating})


def test_a_crowd_of_customers_is_shared_by_both_workers_and_each_arrives_once(office: Office) -> None:
    names = [f"Andrang {number}" for number in range(16)]
    with ThreadPoolExecutor(len(names)) as people:
        keys = list(people.map(office.new_account, names))
    once(office, dict(zip(names, keys, strict=True)))
    assert len({worker["pid"] for worker in workers(office) if worker["ready"]}) == 2
