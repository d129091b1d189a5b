"""The app's real HTTP functions, called as the Functions host calls them, over a world in memory; and a principal."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import azure.functions as func

from shared.ops.backfill import job
from shared.ops.reconcile.run import Pages, Run, keep
from shared.ops.review import pause
from shared.ops.watch.report import kept
from shared.ports import App, Step
from shared.wiring import WORKER
from tests.functions import FUNCTIONS as LISTED
from tests.laws.world import D1
from tests.operators.clash import FLOW, clashed, shown

KEYS = {"reader": "a-key-of-readers", "operator": "a-key-of-operators", "admin": "a-key-of-admins"}
NEXT_KEY = "the-next-key-of-admins"
DEV = "a development identity"
LINES = [f"{role}:{role}-robot:{key}" for role, key in KEYS.items()]
SETTINGS = {
    "OPS_KEYS": ",".join([*LINES, f"admin:admin-robot:{NEXT_KEY}"]),
    "DATAVERSE_WEBHOOK_SECRETS": "a secret",
    "S4_EVENT_SECRETS": "a secret",
    "REQUESTS_PER_MINUTE": "100000",
}


def _functions() -> dict[tuple[str, str], tuple[Any, Callable[..., Any]]]:
    found = {}
    for function in LISTED:
        trigger: Any = function.get_trigger()
        if trigger.type == "httpTrigger":
            for method in trigger.methods:
                name = getattr(method, "value", method)
                found[str(name), str(trigger.route)] = (trigger.auth_level, function.get_user_function())
    return found


FUNCTIONS = _functions()


@dataclass(frozen=True)
class Sample:
    """A request that is right in every other way, and what it is answered."""

    status: int
    path: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


SAMPLES: Mapping[tuple[str, str], Sample] = {
    ("GET", "ops/status"): Sample(200),
    ("GET", "ops/health"): Sample(200),
    ("GET", "ops/links/{*path}"): Sample(200, {"path": f"{FLOW}/{D1}"}),
    ("GET", "ops/correlations/{id}"): Sample(200, {"id": "c-1"}),
    ("GET", "ops/parked/{*path}"): Sample(200),
    ("GET", "ops/backfill"): Sample(200),
    ("GET", "ops/backfill/{id}"): Sample(200, {"id": "job-1"}),
    ("GET", "ops/reconcile/{*path}"): Sample(200, {"path": FLOW}),
    ("GET", "ops/report/{*week}"): Sample(200),
    ("GET", "ops/clashes/{*path}"): Sample(200, {"path": f"{FLOW}/{D1}"}),
    ("POST", "ops/clashes/{*path}"): Sample(202, {"path": f"{FLOW}/{D1}"}, {"fields": {"city": {"take": "sap"}}}),
    ("POST", "ops/sync"): Sample(202, {}, {"flow": FLOW, "side": "dynamics", "keys": [D1]}),
    ("POST", "ops/replay"): Sample(202, {}, {"flow": FLOW, "cause": "clash"}),
    ("POST", "ops/discard"): Sample(200, {}, {"flow": FLOW, "keys": [D1], "reason": "test data"}),
    ("POST", "ops/pause"): Sample(200, {}, {"name": "s4/order", "reason": "closing"}),
    ("POST", "ops/resume"): Sample(200, {}, {"name": FLOW}),
    ("POST", "ops/backfill"): Sample(202, {}, {"flow": FLOW, "side": "sap", "keys": ["1"]}),
    ("DELETE", "ops/backfill/{id}"): Sample(202, {"id": "job-1"}),
    ("POST", "ops/reconcile"): Sample(202, {}, {"flow": FLOW}),
    ("POST", "ops/reconcile/approve"): Sample(202, {}, {"flow": FLOW, "run": "run-1"}),
    ("DELETE", "ops/subjects/{side}/{table}/{*key}"): Sample(200, {"side": "dynamics", "table": "account", "key": D1}),
}


async def furnished() -> tuple[App, list[str]]:
    """Return an app with a clash, a job, a run that waits, a pause and a report; and the digests of the clash."""
    world, _, _ = await clashed()
    app = replace(world.rival, identities={"dataverse": "org", "s4": "S4H/100"})
    now = app.now()
    await job._save(job.Job("job-1", FLOW, "sap", now, listed=True), app)
    await keep(Run("run-1", FLOW, now, 1, Pages("a"), state="waiting for approval"), app)
    await pause.pause(FLOW, "closing", app, "ann")
    await kept.write(app)
    await app.state.note("c-1", [Step(now, FLOW, "dynamics", D1, "received (event)")])
    return app, (await shown(world))["seen"]


class Untouched:
    """Stands where the app is: who is refused must not reach it."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the app was asked for {name} by somebody who may not")


async def call(route: tuple[str, str], headers: Mapping[str, str], app: Any = None, **more: Any) -> func.HttpResponse:
    """Call a route with its sample; without an app, whoever reaches it fails the test."""
    sample = SAMPLES[route]
    seen: list[str] = []
    if app is True:
        app, seen = await furnished()
    body = json.loads(json.dumps(sample.body))
    if body and "fields" in body:
        body["fields"]["city"]["seen"] = seen or ["k1:a", "k1:b"]
    said = {"body": json.dumps(body).encode() if body is not None else b"", "route_params": dict(sample.path), **more}
    WORKER._app = app or Untouched()
    _, work = FUNCTIONS[route]
    found: func.HttpResponse = await work(func.HttpRequest(route[0], "/api", headers=headers, **said))
    return found


# ---------------------------------------------------------------------------------------------------------- callers


def principal(*roles: str, kind: str = "aad", name: str = "ann@contoso.com", typ: str = "roles", **more: Any) -> str:
    """Return what Easy Auth puts into X-MS-CLIENT-PRINCIPAL."""
    claims = [{"typ": "preferred_username", "val": name}, *({"typ": typ, "val": role} for role in roles)]
    said = {"auth_typ": kind, "claims": claims, "name_typ": "name", "role_typ": "roles", **more}
    return base64.b64encode(json.dumps(said).encode()).decode()
