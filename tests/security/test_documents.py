"""The pages about access and privacy say what the code does."""

import re
from dataclasses import replace
from pathlib import Path

from shared.ops.privacy import inventory
from shared.triggers.access.routes import APP_ROLES, ROUTES
from shared.wiring import flows

ROOT = Path(__file__).parents[2]
ACCESS = (ROOT / "docs" / "deploy" / "access.md").read_text("utf-8")
PRIVACY = ROOT / "docs" / "privacy.md"


def test_the_page_about_access_lists_every_route_with_its_role() -> None:
    found = re.search(r"<!-- routes -->\n(.*?)<!-- /routes -->", ACCESS, re.DOTALL)
    assert found is not None
    rows = [f"| `{method} /api/{path}` | {role} |" for (method, path), role in ROUTES.items()]
    assert found[1].splitlines() == ["| route | role |", "|---|---|", *rows]


def test_the_roles_are_those_of_the_entra_app() -> None:
    told = (ROOT / "infra" / "scripts" / "entra_roles.json").read_text("utf-8")
    assert re.findall(r'"value": "([^"]+)"', told) == list(APP_ROLES)


def test_the_privacy_page_is_as_made() -> None:
    assert PRIVACY.read_text("utf-8") == inventory.page(flows({})), "python -m shared.ops.privacy.inventory --write"


def test_every_table_of_the_state_is_in_the_inventory() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "shared" / "state").glob("*.py"))
    used = set(re.findall(r'_store\.(?:commit|get|query|delete)\(\s*"(\w+)"', code)) | set(
        re.findall(r'^TABLE = "(\w+)"', code, re.MULTILINE)
    )
    used |= set(re.findall(r'f"(\w+)\{step\.at', code))
    assert used == inventory.KEPT.keys()


def test_a_field_is_on_the_page_unless_its_mapping_says_that_it_is_not_personal(tmp_path: Path) -> None:
    known = flows({})
    flow = known["s4/account"]
    assert "| email |" in inventory.page(known)
    rows = tuple(replace(row, personal=row.name == "country") for row in flow.rows.fields)
    other = replace(flow, rows=replace(flow.rows, fields=rows))
    page = tmp_path / "privacy.md"
    assert inventory.run(["--write"], {"s4/account": other}, page) == 0
    told = page.read_text("utf-8")
    assert ("| country |" in told, "| email |" in told, "further fields" in told) == (True, False, True)


def test_the_page_names_settings_with_their_defaults() -> None:
    told = PRIVACY.read_text("utf-8")
    assert "`RETENTION_DAYS_JOURNAL` (365 days)" in told
    assert "`WAIT_LIMIT_HOURS` (24 hours)" in told
