"""The queues in Azure and the queues in the code are the same ones, and the host is told how to reach them."""

import ast
import json
import subprocess
import sys
from functools import cache
from typing import Any, get_args, get_type_hints

from shared.ports import Message
from tests.infra.bicep import INFRA, ROOT, File, files, read

MAIN = files()[0]
APP = read(INFRA / "modules" / "function-app.bicep")
BUS = read(INFRA / "modules" / "service-bus.bicep")


def triggers(kind: str) -> dict[str, dict[str, Any]]:
    """Return the trigger bindings of function_app.py by function name, as the host gets them."""
    return {name: one for name, bindings in indexed().items() for one in bindings if one["type"] == kind}


@cache
def indexed() -> dict[str, list[dict[str, Any]]]:
    """Index function_app.py in a process of its own: the library does it once per process."""
    look = "print([(one.get_function_name(), one.get_raw_bindings()) for one in function_app.app.get_functions()])"
    done = subprocess.run(
        [sys.executable, "-c", f"import function_app; {look}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return {name: [json.loads(one) for one in bindings] for name, bindings in ast.literal_eval(done.stdout)}


def queues() -> dict[str, dict[str, Any]]:
    """Return the queues that main.bicep makes, by name."""
    return {one["name"]: one for one in (*MAIN.variable("workQueues"), *MAIN.variable("eventQueues"))}


def base_queue(name: str) -> str:
    """Return the queue of a trigger; a dead letter queue comes with its queue."""
    return name.removesuffix("/$DeadLetterQueue")


def test_every_queue_that_a_function_reads_is_made_and_no_other() -> None:
    read_by_functions = {base_queue(one["queueName"]) for one in triggers("serviceBusTrigger").values()}
    assert read_by_functions == queues().keys()


def test_a_queue_has_sessions_where_its_function_wants_them() -> None:
    wanted = {
        one["queueName"]: one.get("isSessionsEnabled", False)
        for one in triggers("serviceBusTrigger").values()
        if "/" not in one["queueName"]  # a dead letter queue has no sessions of its own
    }
    assert wanted == {name: one["sessions"] for name, one in queues().items()}


def test_the_app_may_send_where_it_sends_and_nowhere_else() -> None:
    sent = set(get_args(get_type_hints(Message)["queue"]))
    assert sent == {name for name, one in queues().items() if one["appSends"]}


def test_duplicates_are_dropped_for_five_minutes_on_changes_alone() -> None:
    windows = {name: one["duplicateWindow"] for name, one in queues().items()}
    assert windows == {"changes": "PT5M", "backfill": "", "dataverse-events": ""}
    made = BUS.resources["queue"].body["properties"]
    assert made["requiresDuplicateDetection"] == "!empty(one.duplicateWindow)"


def test_a_lost_worker_frees_its_sessions_in_a_minute_and_a_bug_is_dead_lettered_after_five_tries() -> None:
    made = BUS.resources["queue"].body["properties"]
    expected = {
        "lockDuration": "PT1M",
        "maxDeliveryCount": 5,
        "deadLetteringOnMessageExpiration": True,
        "enablePartitioning": False,
        "requiresSession": "one.sessions",
    }
    assert {name: made[name] for name in expected} == expected


def test_every_connection_of_a_trigger_is_an_identity_that_the_settings_describe() -> None:
    settings = APP.variable("platformSettings")
    for function, one in triggers("serviceBusTrigger").items():
        for part in ("fullyQualifiedNamespace", "credential", "clientId"):
            assert f"{one['connection']}__{part}" in settings, f"{function}: {one['connection']}__{part} is not set"


def test_what_dataverse_writes_to_has_a_connection_of_its_own() -> None:
    """With an ingress namespace the queue lies there, and `ServiceBus` leads to the other one."""
    for function, one in triggers("serviceBusTrigger").items():
        of_dataverse = base_queue(one["queueName"]) == "dataverse-events"
        assert one["connection"] == ("Ingress" if of_dataverse else "ServiceBus"), f"{function}: {one['queueName']}"


def test_instances_that_never_sleep_are_kept_for_functions_that_exist() -> None:
    ready = [value for name in ("readyForHttp", "readyForChanges") for value in _quoted(APP, name) if value != "name"]
    assert ready == ["http", "function:changes"]
    assert "changes" in triggers("serviceBusTrigger")


def test_the_ways_in_are_kept_away_from_sign_in() -> None:
    """They bring a secret of their own; a bearer of somebody else's would be refused before the function sees it."""
    ways_in = {
        f"/api/{one['route']}"
        for one in triggers("httpTrigger").values()
        if one["authLevel"].lower() == "anonymous" and not one["route"].startswith(("ops", "console"))
    }
    excluded = set(APP.resources["signIn"].body["properties"]["globalValidation"]["excludedPaths"])
    assert ways_in - excluded == set()


def test_nothing_but_a_signed_in_principal_is_asked_for_by_the_platform() -> None:
    validation = APP.resources["signIn"].body["properties"]["globalValidation"]
    assert (validation["requireAuthentication"], validation["unauthenticatedClientAction"]) == (False, "AllowAnonymous")


def test_the_host_reads_sessions_as_the_queues_are_made_for() -> None:
    host = json.loads((ROOT / "host.json").read_text("utf-8"))
    bus = host["extensions"]["serviceBus"]
    assert host["functionTimeout"] == "00:10:00"
    assert (bus["maxConcurrentSessions"], bus["sessionIdleTimeout"]) == (32, "00:00:01")
    assert (bus["prefetchCount"], bus["autoCompleteMessages"]) == (0, True)
    assert bus["maxAutoLockRenewalDuration"] == "02:00:00"


def _quoted(file: File, name: str) -> list[str]:
    source = (file.variables[name].text or b"").decode()
    return [part for part in source.split("'")[1::2] if part]
