import json
from pathlib import Path

import pytest

from shared.errors import BadMapping
from shared.mapping.schema import closest, json_schema
from shared.ops.mappings import attribute, describe, filtering_attributes, load_all, run
from tests.unit.mapping.world import CATALOGUES, HEADER, account, load

SETTINGS = {
    "S4_ID_TYPE": "ZD365",
    "S4_COMPANY_CODE": "1010",
    "S4_SALES_ORGANIZATION": "1010",
    "S4_DISTRIBUTION_CHANNEL": "10",
    "S4_DIVISION": "00",
    "S4_CURRENCY": "EUR",
}
FIELDS = """  name: {owner: dynamics, dynamics: name, sap: Note}
  parent: {owner: dynamics, dynamics: _parent_value, sap: Group, via: {link: {to: account}}}
  number: {owner: sap, dynamics: number, sap: Partner}
  kind: {owner: {until_linked: sap, then: dynamics}, dynamics: city, sap: City}
  group: {owner: dynamics, sap: Grouping, const: BP02, on: create}"""


def catalogues() -> dict[str, object]:
    from shared.wiring import catalogues as real  # only the command's own tests need all systems

    return dict(real())


def command(*arguments: str, settings: dict[str, str] | None = None) -> tuple[int, str]:
    said: list[str] = []
    code = run(arguments, catalogues(), SETTINGS if settings is None else settings, said.append)  # type: ignore[arg-type]
    return code, "\n".join(said)


def test_check_counts_the_flows_that_are_ok() -> None:
    code, said = command("check")
    assert code == 0
    assert said.endswith(" flows ok")


def test_check_prints_every_fault_and_fails() -> None:
    said: list[str] = []
    assert run(["check"], {"dataverse": {}}, SETTINGS, said.append) == 1
    assert "s4/account.yaml:9: sap.system: system 's4' has no connector; allowed: dataverse" in said[0]
    assert "s4/order.yaml:" in said[0]


def test_settings_that_are_wrong_are_faults_too() -> None:
    code, said = command("check", settings={"S4_COMPANY_CODE": "TOO LONG"})
    assert code == 1
    assert "S4_COMPANY_CODE" in said


def test_settings_can_come_from_a_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "local.settings.json"
    file.write_text(json.dumps({"IsEncrypted": False, "Values": SETTINGS}))
    assert command("--settings", str(file), "check", settings={})[0] == 0


def test_show_prints_rows_and_what_is_read() -> None:
    code, said = command("show", "s4/order")
    assert code == 0
    assert "sold_to" in said
    assert "sap to_Item $select: Material" in said


def test_show_names_the_flows_there_are() -> None:
    code, said = command("show", "s4/orderr")
    assert code == 1
    assert "s4/account, s4/order" in said


@pytest.mark.parametrize("arguments", [(), ("showw",), ("show",)])
def test_a_wrong_call_explains_the_command(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command(*arguments)
    assert stopped.value.code == 2


def test_schema_is_json_schema_with_every_verb() -> None:
    code, said = command("schema")
    assert code == 0
    schema = json.loads(said)
    assert schema == json_schema()
    assert schema["$schema"].endswith("2020-12/schema")
    assert "shop" not in said
    assert all(f'"{verb}"' in said for verb in ("split", "street", "code", "link"))


def test_describe_tells_direction_owner_and_filter(tmp_path: Path) -> None:
    flow = account(tmp_path, FIELDS, "birthmark: {dynamics: number, sap: Mark}\nwhen: {dynamics: {type: 3}}\n")
    lines = [" ".join(line.split()) for line in describe(flow)]
    assert lines[:6] == [
        "s4/account: dataverse.account@s4.100.Partner",
        "name dynamics name --> Note",
        "parent dynamics _parent_value --> Group",
        "number sap number <-- Partner",
        "kind sap then dynamics city <-> City",
        "group dynamics - --> Grouping (create only)",
    ]
    assert lines[-1] == "dynamics filtering attributes: city,name,number,parent,type"


def test_a_webhook_is_filtered_by_all_that_the_flow_reads(tmp_path: Path) -> None:
    flow = account(tmp_path, FIELDS)
    assert filtering_attributes(flow) == ("city", "name", "number", "parent")


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("name", "name"),
        ("_customerid_value", "customerid"),
        ("transactioncurrencyid.isocurrencycode", "transactioncurrencyid"),
    ],
)
def test_a_column_belongs_to_an_attribute(column: str, name: str) -> None:
    assert attribute(column) == name


def test_faults_of_all_systems_are_told_at_once(tmp_path: Path) -> None:
    for system in ("s4", "ecc"):
        (tmp_path / system).mkdir()
        (tmp_path / system / "account.yaml").write_text(HEADER + "fields: {}\n")
    (tmp_path / "codes").mkdir()
    with pytest.raises(BadMapping) as raised:
        load_all(tmp_path, CATALOGUES, {})
    assert "ecc/account.yaml:5" in str(raised.value)
    assert "s4/account.yaml:5" in str(raised.value)


def test_all_systems_are_loaded(tmp_path: Path) -> None:
    load(tmp_path, {"account": HEADER + "fields:\n" + FIELDS})
    assert list(load_all(tmp_path, CATALOGUES, {})) == ["s4/account"]


def test_what_is_allowed_is_listed_unless_it_is_too_much() -> None:
    assert closest("spilt", ["split", "street"]) == "; did you mean 'split'?; allowed: split, street"
    assert closest("x", []) == "; allowed: nothing"
    assert (
        closest("n7", [f"n{n}" for n in range(50)]) == "; did you mean 'n7'?; 50 names are known, such as n0, n1, n10"
    )
