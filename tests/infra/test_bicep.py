"""What a compiler would say first: every file parses, every name is declared and used, modules get what they ask for.

No Bicep compiler can be had from the package registries; the deployment pipeline runs the real one.
"""

import re

import pytest

from tests.infra.bicep import INFRA, Expression, File, Resource, files, names_used, text, value, walk

FILES = files()
BY_PATH = {file.path: file for file in FILES}
MAIN = FILES[0]
LOOPS = ("for_loop_parameters", "for_statement")
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.path.stem)


@every_file
def test_a_file_parses_without_a_fault(file: File) -> None:
    faults = [node for node in walk(file.root) if node.type == "ERROR" or node.is_missing]
    assert [(node.start_point.row + 1, text(node)[:60]) for node in faults] == []


def test_no_module_lies_beside_what_main_deploys() -> None:
    reached: set[str] = set()
    waiting = [MAIN]
    while waiting:
        file = waiting.pop()
        reached.add(file.path.name)
        waiting += [BY_PATH[call.path] for call in file.calls.values() if call.path.name not in reached]
    assert reached == {path.name for path in INFRA.rglob("*.bicep")}


@every_file
def test_every_name_that_is_used_is_declared(file: File) -> None:
    known = {*file.parameters, *file.variables, *file.resources, *file.calls, *_loop_variables(file)}
    assert _used(file) - known == set()


@every_file
def test_every_parameter_and_variable_is_used(file: File) -> None:
    assert {*file.parameters, *file.variables} - _used(file) == set()


@every_file
def test_a_module_gets_what_it_requires_and_nothing_else(file: File) -> None:
    for call in file.calls.values():
        known = BY_PATH[call.path].parameters
        required = {name for name, one in known.items() if one.default is None}
        given = set(call.parameters)
        assert (call.symbol, required - given, given - known.keys()) == (call.symbol, set(), set())


@every_file
def test_an_output_of_a_module_that_is_read_exists(file: File) -> None:
    for symbol, output in re.findall(r"\b(\w+)\.outputs\.(\w+)", text(file.root)):
        assert output in BY_PATH[file.calls[symbol].path].outputs, f"{symbol} has no output {output}"


def test_every_output_of_a_module_is_read() -> None:
    read = {found for file in FILES for found in re.findall(r"\.outputs\.(\w+)", text(file.root))}
    assert {name for file in FILES[1:] for name in file.outputs} - read == set()


@every_file
def test_a_module_that_may_be_missing_is_asked_only_where_it_is_there(file: File) -> None:
    for call in file.calls.values():
        if not call.condition:
            continue
        for node in walk(file.root):
            if node.type == "member_expression" and text(node).startswith(f"{call.symbol}.outputs."):
                above = node.parent
                while above is not None and above.type != "ternary_expression":
                    above = above.parent
                assert above is not None, f"{text(node)} is read without asking {call.condition}"
                assert text(above.child_by_field_name("condition")) == call.condition


@every_file
def test_no_secret_goes_in_and_none_comes_out(file: File) -> None:
    source = text(file.root)
    assert re.findall(r"\blist(?:Keys|AccountSas|Secrets|ConnectionStrings?)\b", source) == []
    told = {name: text(node) for name, node in file.outputs.items()}
    assert {
        k: v for k, v in told.items() if re.search(r"secret|password|key\b|ConnectionString", v, re.IGNORECASE)
    } == {}
    assert [
        one.name
        for one in file.parameters.values()
        if re.search(r"password|secret$|key$|token", one.name, re.IGNORECASE)
    ] == []


@every_file
def test_what_can_carry_tags_does(file: File) -> None:
    tagged = ("location" in one.body and "tags" not in one.body for one in file.resources.values() if not one.existing)
    assert not any(tagged)


def test_storage_knows_no_keys_and_no_strangers() -> None:
    account = _one("storage.bicep", "account").body["properties"]
    expected = {
        "allowBlobPublicAccess": False,
        "allowCrossTenantReplication": False,
        "allowSharedKeyAccess": False,
        "minimumTlsVersion": "TLS1_2",
        "supportsHttpsTrafficOnly": True,
    }
    assert {name: account[name] for name in expected} == expected


def test_the_vault_keeps_what_was_deleted() -> None:
    vault = _one("vault.bicep", "vault").body["properties"]
    assert (vault["enableRbacAuthorization"], vault["enableSoftDelete"], vault["enablePurgeProtection"]) == (True,) * 3


def test_telemetry_is_written_by_identity() -> None:
    assert _one("monitoring.bicep", "insights").body["properties"]["DisableLocalAuth"] is True


def test_the_app_is_reached_over_https_alone_and_deployed_with_tokens_alone() -> None:
    assert _one("function-app.bicep", "site").body["properties"]["httpsOnly"] is True
    assert (
        BY_PATH[INFRA / "modules" / "function-app.bicep"].variable("commonSite")
        == "union(access, {\n  minTlsVersion: '1.2'\n})"
    )
    passwords = _one("function-app.bicep", "passwords")
    assert (passwords.looped, passwords.body["properties"]) == (True, {"allow": False})


def test_only_the_ingress_namespace_takes_sas_keys() -> None:
    allowed = {
        call.symbol: call.parameters["localAuth"] for call in MAIN.calls.values() if "localAuth" in call.parameters
    }
    assert allowed == {"work": False, "ingress": True}
    namespace = _one("service-bus.bicep", "namespace").body["properties"]
    assert namespace["disableLocalAuth"] == "!localAuth"
    rule = _one("service-bus.bicep", "dataverseSends").body
    assert (rule["parent"], rule["properties"]) == ("queue[i]", {"rights": ["Send"]})


def test_whatever_holds_data_can_be_locked_and_tells_its_logs() -> None:
    for name in ("storage.bicep", "service-bus.bicep", "vault.bicep"):
        file = BY_PATH[INFRA / "modules" / name]
        (lock,) = file.of_type("Microsoft.Authorization/locks")
        assert (lock.condition, lock.body["properties"]["level"]) == ("locked", "CanNotDelete")
        assert file.of_type("Microsoft.Insights/diagnosticSettings")


def test_every_api_version_is_a_date_and_one_per_type() -> None:
    versions: dict[str, set[str]] = {}
    for file in FILES:
        for one in file.resources.values():
            assert re.fullmatch(r"\d{4}-\d\d-\d\d(-preview)?", one.version), one.symbol
            versions.setdefault(one.type, set()).add(one.version)
    assert {kind: found for kind, found in versions.items() if len(found) > 1} == {}


def _one(file: str, symbol: str) -> Resource:
    return BY_PATH[INFRA / "modules" / file].resources[symbol]


def _used(file: File) -> set[str]:
    """Return the names that are read anywhere outside the declarations' own names."""
    used: set[str] = set()
    for node in file.root.named_children:
        if node.type not in ("decorators", "comment"):
            for part in node.named_children[1:]:
                used |= names_used(part)
    return used - {"string", "object", "array", "int", "bool"}


def _loop_variables(file: File) -> set[str]:
    found: set[str] = set()
    for node in walk(file.root):
        if node.type == "for_statement":
            initializer = node.child_by_field_name("initializer")
            found.add(text(initializer))
        if node.type in ("loop_variable", "loop_enumerator"):
            found.add(text(node))
    return found


def test_the_reader_tells_literals_from_expressions() -> None:
    """The rules above rest on this."""
    assert isinstance(value(MAIN.variables["token"]), Expression)
    assert MAIN.variable("workQueues")[0]["sessions"] is True
    assert MAIN.parameters["maximumInstanceCount"].decorators["maxValue"] == [1000]
