"""Who may do what: every role in Bicep is a known one, narrow, given where it is needed, and explained in the docs."""

import re

from tests.infra.bicep import INFRA, ROOT, files

FILES = files()
ACCESS = (ROOT / "docs" / "deploy" / "access.md").read_text("utf-8")
BUILT_IN = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0": "Azure Service Bus Data Receiver",
    "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39": "Azure Service Bus Data Sender",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
}
UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"


def assignments() -> dict[str, dict[str, str]]:
    """Return each role assignment's scope, role and principal by 'file symbol'."""
    found = {}
    for file in FILES:
        for one in file.of_type(ASSIGNMENT):
            properties = one.body["properties"]
            role = re.sub(r"^subscriptionResourceId\('[^']+', (\w+)\)$", r"\1", properties["roleDefinitionId"])
            found[f"{file.path.stem} {one.symbol}"] = {
                "scope": one.body["scope"],
                "role": role,
                "principal": properties["principalId"],
            }
    return found


def test_these_are_all_the_rights_that_a_deployment_gives() -> None:
    """A new one belongs here, and into docs/deploy/access.md, with its reason."""
    app, officers = "appPrincipalId", "officersGroupId"
    given = {name: (one["scope"], one["role"], one["principal"]) for name, one in assignments().items()}
    assert given == {
        "monitoring appWrites": ("insights", "monitoringMetricsPublisher", app),
        "service-bus appReceives": ("queue[i]", "dataReceiver", app),
        "service-bus appSends": ("queue[i]", "dataSender", app),
        "service-bus scalerCounts": ("namespace", "scalerRoleId", app),
        "storage appUses": ("account", "appRoleId", app),
        "vault appReads": ("vault", "secretsUser", app),
        "vault officersWrite": ("vault", "secretsOfficer", officers),
    }


def test_every_role_id_is_a_built_in_role_that_we_know() -> None:
    used = {found for file in FILES for found in re.findall(UUID, file.path.read_text("utf-8"))}
    assert used == BUILT_IN.keys()


def test_every_role_is_explained_to_those_who_must_grant_it() -> None:
    rows = [line for line in ACCESS.splitlines() if line.startswith("|")]
    for role, name in BUILT_IN.items():
        assert [line for line in rows if name in line and role in line], (
            f"{name} ({role}) is not in docs/deploy/access.md"
        )
    assert [line for line in rows if "Microsoft.ServiceBus/namespaces/*/read" in line]


def test_the_two_accounts_get_one_role_each_and_not_the_same() -> None:
    main = FILES[0]
    given = {symbol: main.calls[symbol].parameters["appRoleId"] for symbol in ("hostStorage", "stateStorage")}
    assert given == {"hostStorage": "blobDataOwner", "stateStorage": "tableDataContributor"}
    assert BUILT_IN[main.variable("blobDataOwner")] == "Storage Blob Data Owner"
    assert BUILT_IN[main.variable("tableDataContributor")] == "Storage Table Data Contributor"


def test_the_scaler_may_count_messages_and_nothing_else() -> None:
    identity = next(file for file in FILES if file.path.stem == "identity")
    role = identity.resources["scalerRole"].body["properties"]
    (permission,) = role["permissions"]
    assert permission == {
        "actions": ["Microsoft.ServiceBus/namespaces/*/read"],
        "notActions": [],
        "dataActions": [],
        "notDataActions": [],
    }
    assert (role["assignableScopes"], identity.variable("here")) == (["here"], "resourceGroup().id")


def test_nobody_is_owner_or_contributor() -> None:
    broad = ("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "b24988ac-6180-42a0-ab88-20f7382dd24c")
    for path in INFRA.rglob("*"):
        if path.is_file():
            assert not any(role in path.read_text("utf-8") for role in broad), path
