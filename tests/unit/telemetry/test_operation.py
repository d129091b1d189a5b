"""One correlation id is one operation, on every worker, and in what the systems are sent."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from shared.core.messages import encode
from shared.core.model import Change
from shared.errors import Stale
from shared.ports import Message
from shared.systems.http import Http
from shared.telemetry import clocked, current, operation, timed, traceparent
from shared.telemetry.operation import trace_id_of
from shared.telemetry.outside import object_of
from tests.wire import answer, serving

GUID = "B374239D-4233-41A9-8B17-A86CB4F737B5"
TRACE_ID = "b374239d423341a98b17a86cb4f737b5"


@pytest.mark.parametrize("text", [GUID, GUID.lower(), f"{{{GUID}}}", GUID.replace("-", "")])
def test_a_guid_is_its_own_trace_id(text: str) -> None:
    assert trace_id_of(text) == TRACE_ID


@pytest.mark.parametrize("text", ["", "sweep s4 account 2026", "00000000-0000-0000-0000-000000000000", f"{GUID} again"])
def test_anything_else_has_a_digest_that_is_always_the_same(text: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", trace_id_of(text))
    assert trace_id_of(text) == trace_id_of(text) != "0" * 32
    assert trace_id_of(text) != TRACE_ID


def test_a_traceparent_is_as_w3c_wants_it() -> None:
    assert re.fullmatch(rf"00-{TRACE_ID}-[0-9a-f]{{16}}-01", traceparent(GUID))


async def test_tasks_of_a_change_report_to_it_and_those_of_another_do_not() -> None:
    async def part(name: str) -> None:
        await asyncio.sleep(0)
        found = current()
        assert found is not None
        found.calls[name] = found.calls.get(name, 0) + 1

    async def change(name: str) -> dict[str, int]:
        with operation(name) as done:
            await asyncio.gather(part(name), part(name))
        return done.calls

    assert await asyncio.gather(change("a"), change("b")) == [{"a": 2}, {"b": 2}]
    assert current() is None


async def test_steps_are_timed_and_what_they_made_or_how_they_failed_is_known() -> None:
    async def works() -> int:
        return 7

    async def fails() -> int:
        raise Stale("moved")

    with operation("c") as done:
        assert await timed("gather", works()) == 7
        assert clocked("decide", lambda a: a + 1, 1) == 2
        with pytest.raises(Stale):
            await timed("apply", fails())
        assert (done.made, type(done.error)) == ({"gather": 7}, Stale)
        assert await timed("apply", works()) == 7
    assert (done.made, done.error) == ({"gather": 7, "apply": 7}, None)
    assert done.milliseconds.keys() == {"gather", "decide", "apply"}
    assert await timed("gather", works()) == 7  # outside of any operation


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://x/api/data/v9.2/accounts(0b0f)?$select=name", "accounts"),
        ("https://x/api/data/v9.2/salesorders(0b0f)/order_details?x", "salesorders"),
        ("https://x/api/data/v9.2/$batch", "$batch"),
        ("https://x/sap/opu/odata/sap/API/A_BusinessPartner('Erika%20M')/to_X", "A_BusinessPartner"),
        ("https://x/sap/opu/odata/sap/API_BUSINESS_PARTNER/?sap-client=100", "API_BUSINESS_PARTNER"),
        ("https://x/tenant/oauth2/v2.0/token", "token"),
        ("https://x/things/Erika%20M", "other"),
        ("https://x/things/4711", "other"),
        ("https://x", "other"),
    ],
)
def test_an_address_is_told_by_its_entity_set(url: str, shown: str) -> None:
    assert object_of(url) == shown


@pytest.fixture(params=[("dataverse", "x-ms-correlation-id"), ("s4", "x-correlation-id")])
async def http(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Http, str]]:
    name, header = request.param
    client = Http(name, timeout_seconds=5)
    yield client, header
    await client.close()


async def test_a_call_carries_the_operation_and_counts_for_it(http: tuple[Http, str]) -> None:
    client, header = http
    async with serving(lambda _: answer(200)) as wire:
        with operation(GUID) as done:
            await client.send("GET", f"{wire.url}/A", headers={"Accept": "text/plain"}, writes=False)
        await client.send("GET", f"{wire.url}/A", writes=False)
    first, second = wire.asked
    assert first.headers[header] == GUID.lower()
    assert re.fullmatch(rf"00-{TRACE_ID}-[0-9a-f]{{16}}-01", first.headers["traceparent"])
    assert first.headers["accept"] == "text/plain"
    assert "traceparent" not in second.headers
    assert done.calls == {client.name: 1}


async def test_a_message_carries_the_operation_to_the_host_that_takes_it() -> None:
    from shared.bus.senders import _wire

    change = Change("s4/account", "sap", "17", "o", GUID)
    wire = _wire(Message("id", "session", change))
    properties = wire.application_properties or {}
    assert str(properties["Diagnostic-Id"]).startswith(f"00-{TRACE_ID}-")
    assert b"".join(wire.body) == encode(change)
