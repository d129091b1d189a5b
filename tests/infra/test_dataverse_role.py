"""The role of the application user is just what the shipped flows need, and the script that makes it asks for that."""

import csv
import json
from itertools import chain

from shared import wiring
from shared.mapping.flow import Flow
from shared.systems.dataverse.objects import TABLES
from tests.infra.bicep import INFRA
from tests.infra.conftest import Tools

ROLE = INFRA / "dataverse" / "role.csv"
LINES = {"salesorderdetail": "salesorder"}  # a line is guarded by the privileges of its document


def granted() -> dict[str, str]:
    """Return depth by privilege in lower case."""
    with ROLE.open(encoding="utf-8") as lines:
        return {row["privilege"].lower(): row["depth"] for row in csv.DictReader(lines) if row["why"]}


def needed(flow: Flow) -> set[str]:
    """Return the privileges that a flow cannot do without, in lower case."""
    selection = flow.selections["dynamics"]
    table = LINES.get(selection.object, selection.object)
    referred = {name.partition(".")[0].removesuffix("id") for name in _columns(flow) if "." in name}
    found = {f"prvread{one}" for one in {table, *referred} - {"header.transactioncurrency"}}
    if any(field.writes["dynamics"] for field in flow.rows.fields):
        found.add(f"prvwrite{table}")
    if "dynamics" in flow.create:
        found |= {f"prvcreate{table}", f"prvappend{table}", "prvappendtotransactioncurrency"}
    return found


def test_the_role_has_every_privilege_that_a_flow_needs() -> None:
    flows = wiring.flows({})
    assert set().union(*(needed(flow) for flow in flows.values())) - granted().keys() == set()


def test_the_role_has_no_privilege_that_no_flow_needs() -> None:
    flows = wiring.flows({})
    assert granted().keys() - set().union(*(needed(flow) for flow in flows.values())) == {"prvreaduser"}


def test_the_role_can_delete_nothing_and_customize_nothing() -> None:
    assert not [
        name for name in granted() if name.startswith(("prvdelete", "prvassign", "prvshare", "prvpublish", "prvact"))
    ]


def test_change_tracking_can_read_the_whole_tables() -> None:
    assert {depth for name, depth in granted().items() if name.startswith("prvread") and name != "prvreaduser"} == {
        "Global"
    }


def test_the_script_makes_role_and_user_and_joins_them(tools: Tools) -> None:
    tools.answers = {
        r"get .*/businessunits ": "unit-id",
        r"get .*/privileges ": "privilege-id",
        r"get .*/roles ": "role-id",
        r"get .*/systemusers ": "user-id",
    }
    done = tools.run("../dataverse/role.sh", "https://contoso.crm4.dynamics.com/", "client-id")
    assert (done.returncode, done.stdout) == (0, "application user user-id has the role SAP sync\n"), done.stderr
    replaced = tools.asked("ReplacePrivilegesRole")[0]
    body = json.loads(replaced.partition("--body ")[2].partition(" --headers")[0])
    assert len(body["Privileges"]) == len(granted())
    assert {one["Depth"] for one in body["Privileges"]} == {"Global", "Basic"}
    assert "systemusers(user-id)/systemuserroles_association/$ref" in tools.asked("association")[0]


def test_an_unknown_privilege_stops_the_script(tools: Tools) -> None:
    tools.answers = {r"get .*/businessunits ": "unit-id", r"get .*/roles ": "role-id"}
    done = tools.run("../dataverse/role.sh", "https://contoso.crm4.dynamics.com", "client-id")
    assert (done.returncode, "no privilege prvReadAccount" in done.stderr) == (1, True)
    assert tools.asked("ReplacePrivilegesRole") == []


def _columns(flow: Flow) -> set[str]:
    selection = flow.selections["dynamics"]
    lines = selection.line_columns if selection.lines else {}
    return {name for name in chain(selection.columns, lines) if not name.startswith("header.")}


def test_the_tables_of_lines_are_known_here() -> None:
    flows = wiring.flows({}).values()
    used = {TABLES[s.object].lines[s.lines] for s in (flow.selections["dynamics"] for flow in flows) if s.lines}
    assert used <= LINES.keys()
