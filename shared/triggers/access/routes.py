"""The table of routes and roles. A route that is not in it cannot be registered, and a test looks at all of them.

Every role may do what the ones before it may. It decides nothing about a record: who may call, may ask for any.
"""

from collections.abc import Mapping

from shared.settings import Role

RANK: Mapping[Role, int] = {"reader": 1, "operator": 2, "admin": 3}
APP_ROLES: Mapping[str, Role] = {"Sync.Reader": "reader", "Sync.Operator": "operator", "Sync.Admin": "admin"}

# What operators ask: an Entra principal that the platform vouches for, or a key of OPS_KEYS.
ROUTES: Mapping[tuple[str, str], Role] = {
    ("GET", "ops/status"): "reader",
    ("GET", "ops/health"): "reader",
    ("GET", "ops/links/{*path}"): "reader",
    ("GET", "ops/correlations/{id}"): "reader",
    ("GET", "ops/parked/{*path}"): "reader",
    ("GET", "ops/backfill"): "reader",
    ("GET", "ops/backfill/{id}"): "reader",
    ("GET", "ops/reconcile/{*path}"): "reader",
    ("GET", "ops/report/{*week}"): "reader",
    ("GET", "ops/clashes/{*path}"): "operator",  # shows live values of both systems, personal ones too
    ("POST", "ops/clashes/{*path}"): "operator",
    ("POST", "ops/sync"): "operator",
    ("POST", "ops/replay"): "operator",
    ("POST", "ops/discard"): "operator",  # also of a whole cause: what is discarded comes back when its values move
    ("POST", "ops/pause"): "operator",
    ("POST", "ops/resume"): "operator",
    ("POST", "ops/backfill"): "operator",
    ("DELETE", "ops/backfill/{id}"): "operator",
    ("POST", "ops/reconcile"): "operator",
    ("POST", "ops/reconcile/approve"): "admin",  # overrules the guard against mass writes
    ("DELETE", "ops/subjects/{side}/{table}/{*key}"): "admin",
}

# What is not for operators, and what guards it instead.
OTHERS: Mapping[tuple[str, str], str] = {
    ("GET", "health"): "the host's key, checked by the host",
    ("POST", "dataverse/events"): "DATAVERSE_WEBHOOK_SECRETS",
    ("OPTIONS", "sap/events"): "S4_EVENT_ORIGINS",
    ("POST", "sap/events"): "S4_EVENT_SECRETS",
}
