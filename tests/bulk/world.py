"""Two systems in memory, the real pipeline, and a bus whose messages go through the trigger's own code."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.core.digest import Seal
from shared.core.messages import encode_all, partition
from shared.core.model import Answer, Change, LineWrite, Record, Scalar, Selection, Values
from shared.core.plan import Limits
from shared.ports import App, Message, Reconciling, Scan, Term, Traits
from shared.triggers.process import take
from tests.sim.flows import flows
from tests.sim.memory_bus import MemoryBus
from tests.sim.memory_state import MemoryState
from tests.sim.world import LONGEST_SECONDS, Clock, Crash, SimSystem

FLOWS = flows()
SEAL = Seal("k1", {"k1": b"0123456789abcdef"})
MESSAGES_MAX = 5_000
PARTNER = "s4/partner"


@dataclass
class Counting(SimSystem):
    """Counts what it is asked. `silent`: its versions do not tell everything. `dies_at`: calls at which workers die."""

    silent: bool = False
    calls: Counter[str] = field(default_factory=Counter)

    def traits(self, selection: Selection) -> Traits:
        return Traits(self.etags, self.side == "dynamics", LONGEST_SECONDS, frozenset({"engine"}), self.silent)

    async def read(self, selection: Selection, key: str) -> Record | None:
        self.calls["read"] += 1
        return await super().read(selection, key)

    async def scan(self, selection: Selection, where: Sequence[Term], token: str) -> Scan:
        self.calls["scan"] += 1
        return await super().scan(selection, where, token)

    async def create(self, selection: Selection, values: Values, lines: Sequence[LineWrite], key: str = "") -> Answer:
        self.calls["create"] += 1
        return await super().create(selection, values, lines, key)

    def edit_quietly(self, key: str, **values: Scalar) -> None:
        """Change a record without moving its version, as children of a business partner do."""
        self.rows[key].values |= values


class World:
    """One app over two systems; messages wait until `run`."""

    def __init__(self, reconciling: Reconciling | None = None, flows_: Mapping[str, Any] = FLOWS) -> None:
        self.clock = Clock()
        self.crm = Counting("dynamics", self.clock, etags=True)
        self.erp = Counting("sap", self.clock, etags=False, number="Number")
        self.state = MemoryState()
        self.bus = MemoryBus(self.clock)
        self.app = App(
            flows=flows_,
            systems={"dataverse": self.crm, "s4": self.erp},
            state=self.state,
            bus=self.bus,
            seal=SEAL,
            now=self.clock,
            chance=lambda: 0.5,
            limits=Limits(writes_per_hour=1_000),
            reconciling=reconciling or Reconciling(),
        )

    def accounts(self, count: int, **more: Scalar) -> list[str]:
        """Put accounts into Dynamics that nobody was told of."""
        start = len(self.crm.rows)
        return [self.account(start + n, **more) for n in range(count)]

    def account(self, number: int, **more: Scalar) -> str:
        key = account_key(number)
        values = {"accountid": key, "name": f"Firm {number}", "city": "Oslo", "kind": 3, "sapnumber": None, **more}
        return self.crm.put(key, values)

    def neighbours(self, count: int) -> list[str]:
        """Put accounts into Dynamics whose changes all travel together."""
        home, found, number = partition(FLOWS[PARTNER].pair, account_key(1)), list[str](), 1
        while len(found) < count:
            if partition(FLOWS[PARTNER].pair, account_key(number)) == home:
                found.append(self.account(number))
            number += 1
        return found

    def partner(self, **more: Scalar) -> str:
        return self.erp.put("", {"category": "2", "name1": "Firma", "town": "Oslo", **more})

    def forget(self) -> None:
        """Begin counting anew."""
        for system in (self.crm, self.erp):
            system.calls.clear()
            system.writes = 0

    @property
    def writes(self) -> int:
        return self.crm.writes + self.erp.writes

    @property
    def reads(self) -> int:
        return self.crm.calls["read"] + self.erp.calls["read"]

    def link(self, key: str, flow: str = PARTNER) -> Any:
        return self.state.rows.get((FLOWS[flow].pair, key))

    async def run(self, queues: Iterable[str] = ("changes", "backfill"), *, until_idle: bool = True) -> list[Message]:
        """Work off what is on the queues, and with time passing what is scheduled. Returns the messages."""
        worked: list[Message] = []
        for _ in range(MESSAGES_MAX):
            found = next((d for queue in queues if (d := self.bus.receive(queue)) is not None), None)
            if found is None:
                due = self.bus.next_due()
                if due is None or not until_idle:
                    return worked
                self.clock.at = max(due, self.clock.at)
                continue
            worked.append(found.message)
            try:
                await take(encode_all((found.message.change, *found.message.also)), self.app)
            except (Crash, ZeroDivisionError):  # the worker died, or has a bug: the message goes back
                self.bus.abandon(found)
                continue
            self.bus.complete(found)
        raise AssertionError("no end")


def account_key(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def changes_of(messages: Iterable[Message]) -> list[Change]:
    return [change for message in messages for change in (message.change, *message.also)]
