"""A hundred thousand unchanged customers: few pages, no body, little memory."""

import tracemalloc
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from shared.core.link import Base, Link
from shared.core.model import Selection, Side
from shared.ops.reconcile import steps
from shared.ops.reconcile.compare import LINKS_A_PAGE
from shared.ops.reconcile.run import last_run
from shared.ports import Scan, Term, Touched, Traits
from tests.bulk.world import FLOWS, PARTNER, World
from tests.sim.memory_state import MemoryState

CUSTOMERS = 100_000
PAGE_ROWS = 5_000
PAGES_MAX = 25
MEGABYTES_MAX = 200
FLOW = FLOWS[PARTNER]


def key(side: Side, number: int) -> str:
    return str(UUID(int=number * 7919 << 64 | number)) if side == "dynamics" else f"{10_000_000 + number}"


class Vast:
    """A system of so many records, made as they are asked for; a body is not to be had."""

    def __init__(self, side: Side) -> None:
        self.side: Side = side
        self.calls: Counter[str] = Counter()

    def traits(self, selection: Selection) -> Traits:
        return Traits(etags=True, own_keys=True, longest_transaction_seconds=1)

    async def scan(self, selection: Selection, where: Sequence[Term], token: str) -> Scan:
        self.calls["scan"] += 1
        first = int(token or 0)
        numbers = range(first, min(first + PAGE_ROWS, CUSTOMERS))
        found = tuple(Touched(key(self.side, n), version=2_000_000_000_000 + n) for n in numbers)
        return Scan(found, str(first + PAGE_ROWS) if found else "")  # the end is an empty page, as S/4 has it


class VastState(MemoryState):
    """Links made as they are asked for, those of the first pages as large as an account's with forty fields."""

    async def links(self, pair: str, token: str, limit: int) -> tuple[tuple[Link, ...], str]:
        first = int(token or 0)
        numbers = range(first, min(first + limit, CUSTOMERS))
        return tuple(self._link(pair, n) for n in numbers), "" if numbers.stop == CUSTOMERS else str(numbers.stop)

    def _link(self, pair: str, n: int) -> Link:
        fields = range(40 if n < 4 * LINKS_A_PAGE else 0)
        base = {f"field {f}": Base(f"k1:{n:018x}", f"k1:{n:018x}", "fingerprint") for f in fields}
        versions: dict[Side, int] = {"dynamics": 2_000_000_000_000 + n, "sap": 2_000_000_000_000 + n}
        born: dict[Side, datetime] = {"dynamics": datetime(2026, 1, 1, tzinfo=UTC)}
        return Link(pair, key("dynamics", n), key("sap", n), "linked", base, versions=versions, born=born)


@pytest.mark.timeout(400)  # tracing every allocation is slow
async def test_a_hundred_thousand_unchanged_customers() -> None:
    world = World()
    crm, erp = Vast("dynamics"), Vast("sap")
    state = VastState()
    world.app = replace(world.app, systems={"dataverse": crm, "s4": erp}, state=state)
    tracemalloc.start()
    try:
        await steps.start(PARTNER, world.app, run_id="r", asked_by="test")
        await world.run()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    run = await last_run(PARTNER, world.app)
    assert run is not None
    assert run.state == "finished", run.reason
    assert run.counts == {"unchanged": CUSTOMERS}
    assert (run.links, dict(run.records)) == (CUSTOMERS, {"dynamics": CUSTOMERS, "sap": CUSTOMERS})
    assert crm.calls["scan"] <= PAGES_MAX
    assert erp.calls["scan"] <= PAGES_MAX
    assert set(crm.calls) == set(erp.calls) == {"scan"}, "no body was read"
    assert peak < MEGABYTES_MAX * 1_000_000, f"{peak:,} bytes"  # the pages in the fake state are among them
    assert LINKS_A_PAGE <= 1_000
    assert max(len(text) for text in state.marks.values()) < 500_000, "a table row holds a megabyte"
    print(f"pages {crm.calls['scan']} and {erp.calls['scan']}, peak {peak / 1e6:.0f} MB")  # noqa: T201 -- -s shows it
