"""One order in a world, and what people do to its lines."""

from dataclasses import replace
from typing import Any

from tests.laws.flows import FLOWS, ORDER
from tests.laws.world import D3, World

assert ORDER.lines is not None
FIRST = {"key": "a", "number": "1", "product": "TG1", "quantity": 1}
SECOND = {"key": "b", "number": "2", "product": "TG2", "quantity": 2}
FLOW = "s4/order"


class Orders:
    """One order `D3` in a world; `sync` after each thing that people do."""

    def __init__(self, **changes: Any) -> None:
        order = replace(ORDER, lines=replace(ORDER.lines, **changes))
        self.world = World(flows={**FLOWS, FLOW: order})
        self.sap = ""

    async def start(self, *lines: dict) -> None:
        _, self.sap = await self.world.linked_order(*lines)

    def type_line(self, key: str, **values: Any) -> None:
        """A person adds or changes a line in Dynamics."""
        row = self.world.crm.rows[D3]
        row.lines.setdefault(key, {}).update(values)
        row.version += 1

    def drop_line(self, key: str) -> None:
        row = self.world.crm.rows[D3]
        del row.lines[key]
        row.version += 1

    async def sync(self, **more: Any) -> None:
        await self.world.sync(D3, flow=FLOW, **more)

    @property
    def items(self) -> dict[str, dict]:
        """Return SAP's lines by their birthmark."""
        return {str(line.get("poitem")): line for line in self.world.erp.rows[self.sap].lines.values()}

    async def stuck(self) -> dict[str, str]:
        return await self.world.stuck(D3, FLOW)
