"""Roles by routes by callers: who may is answered as the route answers, who may not is refused before anything runs."""

from collections.abc import Mapping

import pytest

from dev.identity import token
from shared.settings import Role
from shared.triggers.access.routes import OTHERS, RANK, ROUTES
from shared.wiring import settings
from tests.security.door import DEV, FUNCTIONS, KEYS, NEXT_KEY, SAMPLES, call, principal

ROUTE_NAMES = {f"{method} {path}": (method, path) for method, path in ROUTES}
ENTRA = "X-MS-CLIENT-PRINCIPAL"
ROLES: Mapping[Role, str] = {"reader": "Sync.Reader", "operator": "Sync.Operator", "admin": "Sync.Admin"}
SCHEMA_ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"

# ------------------------------------------------------------------------------------------------------- completeness


def test_every_http_function_stands_in_the_table_and_nothing_else() -> None:
    assert FUNCTIONS.keys() == ROUTES.keys() | OTHERS.keys()
    assert not ROUTES.keys() & OTHERS.keys()


def test_every_route_of_the_table_has_a_sample_here() -> None:
    assert SAMPLES.keys() == ROUTES.keys()


def test_the_host_checks_a_key_for_the_machines_route_and_for_no_other() -> None:
    levels = {route: str(getattr(level, "value", level)).lower() for route, (level, _) in FUNCTIONS.items()}
    assert {route for route, level in levels.items() if level != "anonymous"} == {("GET", "health")}
    assert levels["GET", "health"] == "function"


def test_nothing_is_written_by_a_reader_and_nobody_but_an_admin_erases_or_overrules() -> None:
    assert {method for (method, _), role in ROUTES.items() if role == "reader"} == {"GET"}
    admin = {route for route, role in ROUTES.items() if role == "admin"}
    assert admin == {("POST", "ops/reconcile/approve"), ("DELETE", "ops/subjects/{side}/{table}/{*key}")}


# -------------------------------------------------------------------------------------------------------- known callers


def of_key(role: Role) -> dict[str, str]:
    return {"x-functions-key": KEYS[role]}


def of_entra(role: Role) -> dict[str, str]:
    return {ENTRA: principal(ROLES[role])}


def of_developer(role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {token('ann', [ROLES[role]], DEV)}"}


CALLERS = {"key": of_key, "entra": of_entra, "developer": of_developer}
ENVIRONMENTS = {"key": {}, "entra": {"WEBSITE_AUTH_ENABLED": "True"}, "developer": {"DEV_IDENTITY": DEV}}


@pytest.mark.parametrize("role", RANK)
@pytest.mark.parametrize("kind", CALLERS)
@pytest.mark.parametrize("route", ROUTE_NAMES)
async def test_a_role_opens_what_it_may_and_nothing_more(
    monkeypatch: pytest.MonkeyPatch, route: str, kind: str, role: Role
) -> None:
    for name, value in ENVIRONMENTS[kind].items():
        monkeypatch.setenv(name, value)
    where = ROUTE_NAMES[route]
    may = RANK[role] >= RANK[ROUTES[where]]
    found = await call(where, CALLERS[kind](role), app=may or None)
    assert found.status_code == (SAMPLES[where].status if may else 403), found.get_body()


# ------------------------------------------------------------------------------------------------------------- nobodies

GOOD = principal("Sync.Admin")
NOBODIES: Mapping[str, Mapping[str, str]] = {
    "nothing": {},
    "a wrong key": {"x-functions-key": "not-a-key-of-ours"},
    "an empty key": {"x-functions-key": ""},
    "a key's beginning": {"x-functions-key": KEYS["admin"][:-1]},
    "a key and more": {"x-functions-key": f"{KEYS['admin']}x"},
    "a key's line of the settings": {"x-functions-key": f"admin:{KEYS['admin']}"},
    "all keys": {"x-functions-key": ",".join(KEYS.values())},
    "a key with an odd character": {"x-functions-key": "schl\u00fcssel \ud800"},
    "a key as a bearer": {"Authorization": f"Bearer {KEYS['admin']}"},
    "a key in another header": {"x-webhook-secret": KEYS["admin"], "x-api-key": KEYS["admin"]},
    "a webhook's secret": {"x-functions-key": "a secret", "x-webhook-secret": "a secret"},
    "a forged principal": {ENTRA: GOOD},
    "a forged principal in other letters": {"x-ms-client-principal": GOOD, "X-Ms-Client-Principal-Name": "ann"},
    "a forged name": {"X-MS-CLIENT-PRINCIPAL-NAME": "ann@contoso.com", "X-MS-CLIENT-PRINCIPAL-ID": "1"},
    "a forged principal and a wrong key": {ENTRA: GOOD, "x-functions-key": "not-a-key-of-ours"},
    "a token of a developer": {"Authorization": f"Bearer {token('ann', ['Sync.Admin'], DEV)}"},
}


@pytest.mark.parametrize("who", NOBODIES)
@pytest.mark.parametrize("route", ROUTE_NAMES)
async def test_nobody_gets_401_where_the_platform_signs_nobody_in(route: str, who: str) -> None:
    found = await call(ROUTE_NAMES[route], NOBODIES[who])
    assert found.status_code == 401, found.get_body()


@pytest.mark.parametrize("enabled", ["", "False", "false", "0", "1", "yes", " true", "True "])
async def test_a_principal_counts_only_where_the_platform_says_true(
    monkeypatch: pytest.MonkeyPatch, enabled: str
) -> None:
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", enabled)
    assert (await call(("GET", "ops/status"), {ENTRA: GOOD})).status_code == 401


@pytest.mark.parametrize("route", ROUTE_NAMES)
@pytest.mark.parametrize("header", ["a query's key", "nothing"])
async def test_a_key_in_the_address_opens_nothing_because_addresses_are_logged(route: str, header: str) -> None:
    params = {"code": KEYS["admin"]} if header == "a query's key" else {}
    assert (await call(ROUTE_NAMES[route], {}, params=params)).status_code == 401


# ------------------------------------------------------------------------------------------- the platform's principals

STRANGE: Mapping[str, tuple[str, int]] = {
    "no base64": ("%%%", 401),
    "base64 of nothing": ("", 401),
    "half base64": (GOOD[:-3], 401),
    "base64 with spaces": (f" {GOOD[:8]} {GOOD[8:]}", 401),
    "no JSON": ("bm9uZQ==", 401),
    "no UTF-8": ("//79", 401),
    "a list": ("W10=", 401),
    "a text": ("IlN5bmMuQWRtaW4i", 401),
    "no claims": (principal("Sync.Admin", claims=None), 401),
    "claims that are text": (principal(claims="Sync.Admin"), 401),
    "claims of text": (principal(claims=["roles", "Sync.Admin", None, 1]), 403),
    "another provider": (principal("Sync.Admin", kind="google"), 401),
    "no provider": (principal("Sync.Admin", kind=""), 401),
    "no role": (principal(), 403),
    "an empty role": (principal(""), 403),
    "a role in other letters": (principal("sync.admin", "SYNC.ADMIN", " Sync.Admin"), 403),
    "roles in one text": (principal("Sync.Reader,Sync.Admin"), 403),
    "a role of another app": (principal("Admin", "Owner", "admin"), 403),
    "a role that is a list": (principal(claims=[{"typ": "roles", "val": ["Sync.Admin"]}]), 403),
    "a role under another claim": (principal("Sync.Admin", typ="groups"), 403),
    "a role under a claim that the header itself names": (principal("Sync.Admin", typ="x", role_typ="x"), 403),
    "far too long": (principal("Sync.Admin", more="x" * 40_000), 401),
    "very deep": ("W1tb" * 10_000, 401),
}


@pytest.mark.parametrize("what", STRANGE)
async def test_a_principal_that_is_not_quite_one_opens_nothing(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "true")
    header, status = STRANGE[what]
    for route in ROUTES:
        assert (await call(route, {ENTRA: header})).status_code == status


@pytest.mark.parametrize("typ", ["roles", SCHEMA_ROLE])
async def test_the_highest_of_several_roles_counts_under_either_name_of_the_claim(
    monkeypatch: pytest.MonkeyPatch, typ: str
) -> None:
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    headers = {ENTRA: principal("Sync.Reader", "Other", "Sync.Operator", typ=typ)}
    assert (await call(("POST", "ops/pause"), headers, app=True)).status_code == 200
    assert (await call(("POST", "ops/reconcile/approve"), headers)).status_code == 403


async def test_a_wrong_key_is_not_made_good_by_a_principal_nor_a_weak_one_made_strong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    route = ("POST", "ops/reconcile/approve")
    assert (await call(route, {ENTRA: GOOD, "x-functions-key": "wrong-wrong-wrong"})).status_code == 401
    assert (await call(route, {ENTRA: GOOD, **of_key("reader")})).status_code == 403
    assert (await call(route, {ENTRA: principal(), **of_key("admin")}, app=True)).status_code == 202


# ----------------------------------------------------------------------------------------------------- keys in rotation


@pytest.mark.parametrize(("key", "status"), [(KEYS["admin"], 200), (NEXT_KEY, 200), ("the-key-before-last", 401)])
async def test_while_a_key_is_replaced_both_open_and_afterwards_only_the_new_one(
    monkeypatch: pytest.MonkeyPatch, key: str, status: int
) -> None:
    route = ("POST", "ops/pause")
    assert (await call(route, {"x-functions-key": key}, app=status == 200 or None)).status_code == status
    monkeypatch.setenv("OPS_KEYS", f"admin:{NEXT_KEY}")
    settings.cache_clear()
    assert (await call(route, {"x-functions-key": KEYS["admin"]})).status_code == 401
    assert (await call(route, {"x-functions-key": NEXT_KEY}, app=True)).status_code == 200


async def test_without_any_key_in_the_settings_no_key_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_KEYS", "")
    settings.cache_clear()
    for key in ("", KEYS["admin"], "None", "function key"):
        assert (await call(("GET", "ops/status"), {"x-functions-key": key})).status_code == 401


# ------------------------------------------------------------------------------------------------- development tokens


def spoiled() -> Mapping[str, str]:
    good, now = token("ann", ["Sync.Admin"], DEV), 1_000_000_000
    body, _, signature = good.partition(".")
    other, _, _ = token("ann", ["Sync.Admin"], DEV, seconds=9_999).partition(".")
    return {
        "expired": f"Bearer {token('ann', ['Sync.Admin'], DEV, now=now)}",
        "expiring now": f"Bearer {token('ann', ['Sync.Admin'], DEV, seconds=0)}",
        "signed with another key": f"Bearer {token('ann', ['Sync.Admin'], 'another development key')}",
        "another body under the signature": f"Bearer {other}.{signature}",
        "without a signature": f"Bearer {body}",
        "with an empty signature": f"Bearer {body}.",
        "with a short signature": f"Bearer {body}.{signature[:-1]}",
        "of another kind": f"Basic {good}",
        "empty": "Bearer ",
        "an Entra token": "Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJyb2xlcyI6WyJTeW5jLkFkbWluIl19.",
    }


@pytest.mark.parametrize("what", spoiled())
async def test_a_development_token_that_is_not_right_is_nobody(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setenv("DEV_IDENTITY", DEV)
    settings.cache_clear()
    for route in ROUTES:
        assert (await call(route, {"Authorization": spoiled()[what]})).status_code == 401


async def test_a_good_development_token_without_a_role_is_somebody_who_may_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEV_IDENTITY", DEV)
    settings.cache_clear()
    headers = {"Authorization": f"Bearer {token('ann', [], DEV)}"}
    assert {(await call(route, headers)).status_code for route in ROUTES} == {403}


async def test_a_forged_principal_is_not_believed_beside_the_development_provider(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEV_IDENTITY", DEV)
    settings.cache_clear()
    assert (await call(("GET", "ops/status"), {ENTRA: GOOD})).status_code == 401
