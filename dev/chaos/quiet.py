"""After the storm: waits until nothing is under way, fires the sweeps, and lets the product reconcile."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from dev.chaos.audit.world import World
from dev.chaos.cloud import Cloud
from dev.cloud import HOST_KEY

QUIET_SECONDS = 600.0
PATIENCE_SECONDS = 180.0  # longer than the 150 s after which a create in Dynamics with a lost answer is tried again
KEYS_AT_ONCE = 100
BUSY_SECONDS = 60.0
LOOK_SECONDS = 0.5
STILL_LOOKS = 4  # in a row
FLOWS = ("s4/account", "s4/order")
KEY = {"x-functions-key": HOST_KEY}


@dataclass(slots=True)
class Aftermath:
    """Talks to the product as its operator does."""

    cloud: Cloud
    say: Callable[[str], None]
    quiet_seconds: float = QUIET_SECONDS
    patience_seconds: float = PATIENCE_SECONDS
    behind: int = 0  # messages whose next attempt nobody waits for

    def settle(self, what: str) -> bool:
        """Wait until no event is on its way and no message is left; False if that took too long.

        A change that failed often waits up to 15 minutes for its next attempt: such messages may stay behind.
        """
        began, still = time.monotonic(), 0
        while (waited := time.monotonic() - began) < self.quiet_seconds:
            left = {name: count for name, count in self._left().items() if count}
            scheduled = sum(count for name, count in left.items() if name.endswith(" scheduled"))
            others = [name for name in left if not name.endswith(" scheduled")]
            if not others and scheduled > self.behind and waited > self.patience_seconds:
                self.behind = scheduled
                self.say(f"{scheduled} messages wait for a later attempt")
            still = 0 if others or scheduled > self.behind else still + 1
            if still >= STILL_LOOKS:
                self.behind = min(self.behind, scheduled)
                self.say(f"quiet {what} after {waited:.0f} s")
                return True
            time.sleep(LOOK_SECONDS)
        self.say(f"not quiet {what} after {self.quiet_seconds:.0f} s: {left}")
        return False

    def sync_all(self, people: World) -> None:
        """Ask for a sync of every record that is there, as an operator may after an outage."""
        for flow, side, rows, key in (
            ("s4/account", "dynamics", people.accounts, "accountid"),
            ("s4/account", "sap", people.partners, "BusinessPartner"),
            ("s4/order", "dynamics", people.orders, "salesorderid"),
        ):
            keys = [row[key] for row in rows]
            for at in range(0, len(keys), KEYS_AT_ONCE):
                self._post("ops/sync", {"flow": flow, "side": side, "keys": keys[at : at + KEYS_AT_ONCE]})

    def sweep(self) -> None:
        """Make both flows' sweeps due and fire the timer."""
        self.cloud.sweep_is_due()
        answer = self.cloud.http.post(f"{self.cloud.host.url}/admin/functions/sweep", json={}, headers=KEY)
        answer.raise_for_status()

    def reconcile(self, flow: str) -> dict[str, Any]:
        """Reconcile a flow, approve it, and return its report."""
        asked = self._post("ops/reconcile", {"flow": flow, "repair": True})
        began = time.monotonic()
        while time.monotonic() - began < self.quiet_seconds:
            run: dict[str, Any] = self.get(f"ops/reconcile/{flow}")
            if run.get("id") == asked["id"] and run["state"] == "waiting for approval":
                self._post("ops/reconcile/approve", {"flow": flow, "run": run["id"]})
            elif run.get("id") == asked["id"] and run["state"] != "running":
                return run
            time.sleep(LOOK_SECONDS)
        return {"state": "running", "why": ["it did not end"]}

    def get(self, path: str) -> Any:  # noqa: ANN401 -- parsed JSON
        """Ask the product; {} if it knows nothing."""
        answer = self.cloud.http.get(f"{self.cloud.api}/{path}", headers=KEY)
        return answer.json() if answer.is_success else {}

    def let_it_work(self, busy_max: int) -> None:
        """Wait, a minute at most, until no more than so many messages wait to be worked on."""
        began = time.monotonic()
        while self.busy() > busy_max and time.monotonic() - began < BUSY_SECONDS:
            time.sleep(LOOK_SECONDS)

    def busy(self) -> int:
        """Return how many messages wait to be worked on; 0 while the bus is down."""
        try:
            queues = self.cloud.http.get(f"{self.cloud.bus.admin_url}/queues").json()
        except httpx.HTTPError:
            return 0
        return sum(queue["active"] + queue["locked"] for queue in queues.values())

    def _left(self) -> dict[str, int]:
        queues = self.cloud.http.get(f"{self.cloud.bus.admin_url}/queues").json()
        left = {f"{n} {k}": q[k] for n, q in queues.items() for k in ("active", "locked", "scheduled", "dead_letter")}
        events = self.cloud.http.get(f"{self.cloud.dataverse.url}/sim/events").json()
        left["dataverse events"] = events["pending"] + events["held"]
        hooks = self.cloud.http.get(f"{self.cloud.s4.url}/sim/webhooks").json()
        left["s4 events"] = sum(hook["backlog"] for hook in hooks)
        return left

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.cloud.http.post(f"{self.cloud.api}/{path}", json=body, headers=KEY)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def messages_in(data: Path) -> int:
    """Return how many messages a bus that has ended was ever sent."""
    with closing(sqlite3.connect(data / "servicebus.sqlite3")) as file:
        return int(file.execute("SELECT COALESCE(SUM(last), 0) FROM sequences").fetchone()[0])
