"""Every alert can fire, tells somebody, and leads to a section of the runbook that says what to do."""

import re
from typing import Any

import pytest

from shared.triggers.access.routes import OTHERS, ROUTES
from tests.infra.bicep import INFRA, ROOT, Expression, read, text
from tests.infra.queries import LOADED, columns

ALERTS = read(INFRA / "modules" / "watch" / "alerts.bicep")
BUS = read(INFRA / "modules" / "watch" / "alerts-bus.bicep")
VAULT = read(INFRA / "modules" / "watch" / "alerts-vault.bicep")
LOG_RULES: list[dict[str, Any]] = ALERTS.variable("rules")
BUS_RULES: list[dict[str, Any]] = BUS.variable("rules")
NAMES = [*(one["name"] for one in LOG_RULES), *(one["name"] for one in BUS_RULES), "secret-expiry"]
RUNBOOK = (ROOT / "docs" / "operate" / "runbook.md").read_text("utf-8")
PARTS = re.split(r"^## ", RUNBOOK, flags=re.MULTILINE)[1:]
SECTIONS = {part.partition("\n")[0]: part.partition("\n")[2] for part in PARTS}
MINUTES = {"PT5M": 5, "PT15M": 15, "PT30M": 30, "PT1H": 60, "PT2H": 120, "PT6H": 360, "P1D": 1440}
every_log_rule = pytest.mark.parametrize("rule", LOG_RULES, ids=lambda rule: rule["name"])
UNSPLIT = {"changes", "records", "before", "after"}  # shown, but no column that an alert is split by
every_rule = pytest.mark.parametrize("name", NAMES)


def split_by(rule: dict[str, Any]) -> list[str]:
    """Return the columns that an alert is split by: each of their values has an alert of its own."""
    return re.findall(r"name: '(\w+)'", resolved(str(rule["by"])))


def resolved(source: str) -> str:
    """Return the source with our own variables put in: byFlow -> [{ name: 'flow', … }]."""
    if source == "[]":
        return source
    for name in re.findall(r"\bby\w+", source):
        source = source.replace(name, resolved(text(ALERTS.variables[name])))
    return source


@every_rule
def test_an_alert_has_a_section_of_the_runbook_under_its_name(name: str) -> None:
    section = SECTIONS[name]
    for part in ("**Means.**", "**Look first.**", "**Mend.**", "**Call.**"):
        assert part in section, f"{name} lacks {part}"
    assert "`" in section.partition("**Look first.**")[2].partition("**Mend.**")[0], "no exact route or query"


def test_the_runbook_has_no_section_of_an_alert_that_is_gone() -> None:
    assert {name for name in SECTIONS if "**Look first.**" in SECTIONS[name]} == set(NAMES)


def test_a_route_or_query_that_the_runbook_names_exists() -> None:
    known = {(method, path.partition("/{")[0]) for method, path in (*ROUTES, *OTHERS)}
    asked = re.findall(r"`(GET|POST|DELETE) /api/([\w/.]*\w)", RUNBOOK)
    assert len(asked) > 10
    for method, path in asked:
        assert any(method == m and (path == p or path.startswith(f"{p}/")) for m, p in known), f"{method} {path}"
    for name in re.findall(r"infra/queries/([\w/-]+\.kql)", RUNBOOK):
        assert (INFRA / "queries" / name).exists(), name


@every_log_rule
def test_a_log_alert_measures_what_its_query_returns(rule: dict[str, Any]) -> None:
    (path,) = LOADED.findall(rule["query"])
    assert path == f"../../queries/alerts/{rule['name']}.kql"
    returned = columns()[f"alerts/{rule['name']}.kql"]
    assert {rule["measure"], *split_by(rule)} == set(returned) - UNSPLIT


@every_log_rule
def test_a_log_alert_looks_at_a_time_that_its_rhythm_covers(rule: dict[str, Any]) -> None:
    """Frequencies and windows as scheduled query rules allow them; one longer than two days is refused."""
    assert 2 * MINUTES[rule["every"]] <= MINUTES[rule["over"]], "what arrives late would be in no look"
    assert rule["severity"] in (1, 2, 3)
    assert rule["operator"] in ("GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual", "Equals")
    assert rule["severity"] > 1 or MINUTES[rule["every"]] == 5, "what somebody gets up for is looked at often"


def test_an_alert_tells_what_is_wrong_in_a_sentence_and_no_two_share_a_name() -> None:
    assert len(set(NAMES)) == len(NAMES)
    for rule in (*LOG_RULES, *BUS_RULES):
        assert re.fullmatch(r"[A-Z].{20,120}\.", rule["says"].replace("\\'", "'"))


@pytest.mark.parametrize(("file", "told"), [(ALERTS, "told"), (BUS, "actionGroupIds")], ids=["log", "bus"])
def test_every_rule_has_an_action_group_and_leads_to_the_runbook(file: Any, told: str) -> None:
    properties = file.resources["rule"].body["properties"]
    assert told in str(properties["actions"])
    assert properties["description"] == "'${one.says} ${runbook}#${one.name}'"
    assert (properties["enabled"], properties["autoMitigate"]) == (True, True)
    assert str(properties["severity"]) == "one.severity"


def test_who_is_told_are_the_mail_addresses_and_the_groups_that_exist() -> None:
    assert text(ALERTS.variables["told"]) == "concat([people.id], actionGroupIds)"
    expiry = VAULT.resources["secretExpiry"].body["properties"]["destination"]["properties"]
    assert expiry["actionGroups"] == "actionGroupIds"
    assert "#secret-expiry" in expiry["description"]
    assert {call.parameters["actionGroupIds"] for call in ALERTS.calls.values()} == {"told"}


def test_secrets_and_certificates_are_told_of_before_and_after_they_expire() -> None:
    properties = VAULT.resources["secretExpiry"].body["properties"]
    assert properties["eventDeliverySchema"] == "CloudEventSchemaV1_0"
    kinds = properties["filter"]["includedEventTypes"]
    assert set(kinds) == {
        f"Microsoft.KeyVault.{a}{b}" for a in ("Secret", "Certificate") for b in ("NearExpiry", "Expired")
    }


def test_every_limit_can_be_changed_by_an_environment() -> None:
    source = ALERTS.path.read_text("utf-8")
    held = re.search(r"var limit = union\(\{(.*?)\}, limits\)", source, re.DOTALL)
    assert held
    names = set(re.findall(r"^  (\w+):", held[1], re.MULTILINE))
    assert names == set(re.findall(r"\blimit\.(\w+)", source))
    assert all(isinstance(one["limit"], int | Expression) for one in LOG_RULES)


def test_the_bus_watches_queues_that_exist() -> None:
    made = {one["name"] for name in ("workQueues", "eventQueues") for one in read(INFRA / "main.bicep").variable(name)}
    for rule in BUS_RULES:
        if isinstance(rule["queues"], list):
            assert set(rule["queues"]) <= made
