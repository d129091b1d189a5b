"""Reading an execution context: who, what and which row, from whatever shape it comes in."""

from typing import Any
from uuid import uuid4

import pytest

from dev.dynamics.dataverse.core.settings import ORGANIZATION_ID
from shared.errors import BadRequest
from shared.triggers.events.dataverse import parse
from tests.flows.bodies import context, entity, pairs, reference, wire

ROW = "0f8fad5b-d9cb-469f-a165-70867728950e"


def test_an_event_says_who_what_and_which_row() -> None:
    body = context("Update", "account", ROW)
    found = parse(wire(body))
    assert (found.message, found.table, found.row, found.organization) == ("Update", "account", ROW, ORGANIZATION_ID)
    assert (found.operation, found.correlation, found.depth) == (body["OperationId"], body["CorrelationId"], 1)
    assert not found.deleted
    assert found.tag == ""


@pytest.mark.parametrize(
    ("other", "row"),
    [
        ({"PrimaryEntityId": ROW.upper()}, ROW),
        ({"PrimaryEntityId": f"{{{ROW}}}"}, ROW),
        ({"PrimaryEntityId": {"__type": "Guid:#System", "__value": ROW}}, ROW),
        ({"PrimaryEntityId": "00000000-0000-0000-0000-000000000000", "OutputParameters": pairs(id=ROW)}, ROW),
        ({"PrimaryEntityId": None, "OutputParameters": {"id": ROW}}, ROW),
    ],
)
def test_the_row_is_found_in_every_form(other: dict[str, Any], row: str) -> None:
    assert parse(wire(context("Create", "account", str(uuid4()), **other))).row == row


def test_the_request_stands_in_for_a_missing_operation() -> None:
    request = str(uuid4())
    assert parse(wire(context("Update", "account", ROW, OperationId=None, RequestId=request))).operation == request
    assert parse(wire(context("Update", "account", ROW, OperationId=None, RequestId=None))).operation == ""


@pytest.mark.parametrize("depth", [None, "2", 1.5, [], {}])
def test_a_depth_that_is_no_number_counts_as_the_first(depth: object) -> None:
    assert parse(wire(context("Update", "account", ROW, Depth=depth))).depth == 1


def test_the_nearest_tag_counts_and_an_endless_chain_of_ancestors_ends() -> None:
    chain: dict[str, Any] = {"SharedVariables": pairs(tag="far")}
    for _ in range(100):
        chain = {"SharedVariables": [], "ParentContext": chain}
    assert parse(wire(context("Update", "account", ROW, ParentContext=chain))).tag == ""
    near = {"SharedVariables": pairs(tag="near"), "ParentContext": {"SharedVariables": pairs(tag="far")}}
    assert parse(wire(context("Update", "account", ROW, ParentContext=near))).tag == "near"


@pytest.mark.parametrize("value", [None, 7, True, [], {"tag": 1}, pairs(tag=None), pairs(tag=["x"]), [None, "x", {}]])
def test_shared_variables_of_any_shape_are_no_tag(value: object) -> None:
    assert parse(wire(context("Update", "account", ROW, SharedVariables=value, ParentContext=value))).tag == ""


def test_lookups_come_from_images_and_target_and_the_target_wins() -> None:
    before, after = str(uuid4()), str(uuid4())
    target = entity("salesorderdetail", ROW, SalesOrderId=reference("salesorder", after), quantity=3, uomid=None)
    images = pairs(b={"Attributes": pairs(salesorderid=reference("salesorder", before), productid={"Id": "none"})})
    found = parse(wire(context("Update", "salesorderdetail", ROW, target, PreEntityImages=images)))
    assert found.lookups == {"salesorderid": after}


@pytest.mark.parametrize("text", [b'"\\"x\\""', b"true", b"-", b"{", b"\xff\xfe{}", b'{"a":' * 50_000, b"9" * 6_000])
def test_what_is_no_execution_context_is_a_bad_request_without_its_values(text: bytes) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(text)
    assert "9999" not in str(refused.value)


def test_a_missing_part_is_named_and_the_body_is_not_repeated() -> None:
    with pytest.raises(BadRequest, match="PrimaryEntityId") as refused:
        parse(wire(context("Update", "account", "Maria Campbell")))
    assert "Campbell" not in str(refused.value)
