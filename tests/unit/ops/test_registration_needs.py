"""What flows need of Dataverse, and what an organisation lacks of it."""

from dataclasses import replace
from typing import Any

import pytest

from shared.core.model import Column
from shared.errors import BadRequest
from shared.ops.registration.needs import Definition, Finding, Reading, creation, filtering, lacks, readings
from shared.ports import Entrance
from shared.wiring import catalogues, flows

ENTRANCES = {
    "dataverse account": (Entrance("s4/account"),),
    "s4 BusinessPartner": (Entrance("s4/account"),),
    "dataverse salesorder": (Entrance("s4/order"),),
    "dataverse salesorderdetail": (Entrance("s4/order", "salesorderid"),),
    "s4 SalesOrder": (Entrance("s4/order"),),
}
READING = Reading(
    table="account",
    flows=frozenset({"s4/account"}),
    columns={
        "name": Column("text", max_length=160),
        "_parentaccountid_value": Column("lookup"),
        "parentcustomerid_account.name": Column("text", max_length=160),
        "cr_sapnumber": Column("text", max_length=10),
        "accountid": Column("guid"),
    },
    own=frozenset({"cr_sapnumber"}),
    keys=frozenset({"cr_sapnumber"}),
)
DEFINITION = Definition(
    table="account",
    primary="accountid",
    columns={
        "accountid": "Uniqueidentifier",
        "name": "String",
        "parentaccountid": "Lookup",
        "parentcustomerid": "Customer",
        "cr_sapnumber": "String",
    },
    lengths={"name": 160, "cr_sapnumber": 10},
    keys={frozenset({"cr_sapnumber"}): "Active"},
    navigations={"parentcustomerid_account": "parentcustomerid", "parentaccountid": "parentaccountid"},
)


def real() -> dict[str, Reading]:
    return readings(flows({}), ENTRANCES, catalogues()["dataverse"])


def found(**changes: Any) -> list[Finding]:
    return list(lacks(READING, replace(DEFINITION, **changes)))


def without(column: str) -> dict[str, str]:
    return {name: kind for name, kind in DEFINITION.columns.items() if name != column}


def test_only_tables_that_enabled_flows_read_are_needed() -> None:
    assert list(real()) == ["account", "salesorder", "salesorderdetail"]
    only = {door: ways for door, ways in ENTRANCES.items() if ways[0].flow == "s4/account"}
    assert list(readings(flows({}), only, catalogues()["dataverse"])) == ["account"]


def test_a_reading_holds_what_rows_conditions_keys_and_birthmark_look_at() -> None:
    order = real()["salesorder"]
    assert {"ordernumber", "statecode", "totalamount", "cr_channel", "_customerid_value"} <= order.columns.keys()
    assert order.own == {"cr_sapnumber", "cr_channel", "cr_saptotalnet", "cr_sapstatus", "cr_sapdeliverystatus"}
    assert order.keys == {"cr_sapnumber"}


def test_a_line_table_names_its_document_and_has_no_key_of_its_own() -> None:
    line = real()["salesorderdetail"]
    assert (line.parent, line.keys, line.own) == ("salesorderid", frozenset(), {"cr_sapitem", "cr_sapitemstatus"})


def test_a_table_of_two_flows_needs_what_both_read() -> None:
    twice = {"dataverse account": (Entrance("s4/account"), Entrance("s4/order"))}
    both = readings(flows({}), twice, catalogues()["dataverse"])["account"]
    assert both.flows == {"s4/account", "s4/order"}
    assert {"creditonhold", "ordernumber"} <= both.columns.keys()


def test_lookups_and_paths_are_filtered_by_the_lookup_and_the_own_id_is_not() -> None:
    assert filtering(READING, DEFINITION) == ("cr_sapnumber", "name", "parentaccountid", "parentcustomerid")


def test_an_organisation_that_has_everything_lacks_nothing() -> None:
    assert found() == []


def test_a_missing_column_blocks_and_says_how_it_has_to_be() -> None:
    (missing,) = found(columns=without("cr_sapnumber"))
    assert missing.blocks
    assert missing.text == "column account.cr_sapnumber (text, 10 characters) is not there, for s4/account"


def test_a_missing_column_that_is_dataverses_own_is_not_ours_to_make() -> None:
    (missing,) = found(columns=without("parentaccountid"))
    assert (missing.blocks, creation(missing, 1033)) == (True, None)
    assert missing.text.endswith("it has to be made by hand")


def test_a_path_needs_its_lookup() -> None:
    (missing,) = found(navigations={})
    assert missing.text.startswith("column account.parentcustomerid_account (text, 160 characters) is not there")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"columns": {**DEFINITION.columns, "cr_sapnumber": "Integer"}}, "is Integer, the mapping takes it for text"),
        ({"lengths": {"name": 100}}, "account.name holds 100 characters, the mapping counts on 160"),
        ({"tracked": False}, "change tracking is off"),
        ({"guarded": False}, "optimistic concurrency is off"),
        ({"keys": {frozenset({"cr_sapnumber"}): "Failed"}}, "alternate key on account.cr_sapnumber is not in force"),
        ({"keys": {}}, "alternate key on account.cr_sapnumber is not there"),
        ({"keys": {frozenset({"cr_sapnumber", "name"}): "Active"}}, "account.cr_sapnumber is not there"),
    ],
)
def test_what_is_otherwise_than_needed_is_told_and_does_not_block(changes: dict[str, Any], text: str) -> None:
    (one,) = found(**changes)
    assert text in one.text
    assert not one.blocks


def test_a_missing_table_blocks() -> None:
    (missing,) = lacks(READING, None)
    assert (missing.kind, missing.blocks) == ("table", True)


def missing(column: Column) -> Finding:
    return Finding("column", "", table="account", name="cr_x", column=column)


@pytest.mark.parametrize(
    ("column", "kind", "members"),
    [
        (Column("text", max_length=20), "String", {"MaxLength": 20, "FormatName": {"Value": "Text"}}),
        (Column("text", max_length=5000), "Memo", {"MaxLength": 5000, "Format": "TextArea"}),
        (Column("decimal", scale=2), "Decimal", {"Precision": 2, "MaxValue": 100_000_000_000}),
        (Column("int"), "Integer", {"MinValue": -2_147_483_648, "MaxValue": 2_147_483_647}),
        (Column("instant"), "DateTime", {"Format": "DateAndTime", "DateTimeBehavior": {"Value": "UserLocal"}}),
        (Column("date"), "DateTime", {"Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}}),
        (Column("flag"), "Boolean", {"DefaultValue": False}),
    ],
)
def test_a_column_is_made_as_the_web_api_wants_it(column: Column, kind: str, members: dict[str, Any]) -> None:
    made = creation(missing(column), 1031)
    assert made is not None
    path, body = made
    assert path == "EntityDefinitions(LogicalName='account')/Attributes"
    assert body["@odata.type"] == f"Microsoft.Dynamics.CRM.{kind}AttributeMetadata"
    assert (body["SchemaName"], body["AttributeType"]) == ("cr_x", kind)
    assert body["DisplayName"]["LocalizedLabels"][0]["LanguageCode"] == 1031
    assert {name: body[name] for name in members} == members


def test_a_flag_brings_both_its_options() -> None:
    made = creation(missing(Column("flag")), 1033)
    assert made is not None
    options = made[1]["OptionSet"]
    assert (options["TrueOption"]["Value"], options["FalseOption"]["Value"]) == (1, 0)


@pytest.mark.parametrize("kind", ["choice", "lookup", "guid", "time"])
def test_what_needs_a_persons_decision_is_not_made(kind: Any) -> None:
    assert creation(missing(Column(kind)), 1033) is None


def test_a_text_without_a_length_is_refused_with_what_to_do() -> None:
    with pytest.raises(BadRequest, match=r"account\.cr_x: give the column a max_length"):
        creation(missing(Column("text")), 1033)


def test_a_key_is_made_on_its_column() -> None:
    made = creation(Finding("key", "", table="account", name="cr_sapnumber"), 1033)
    assert made is not None
    assert made[0] == "EntityDefinitions(LogicalName='account')/Keys"
    assert (made[1]["SchemaName"], made[1]["KeyAttributes"]) == ("cr_sapnumber_key", ["cr_sapnumber"])
