"""The storm: both systems misbehave by chance, and processes are killed on a seeded schedule."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dev.chaos.cloud import Cloud

BETWEEN_SECONDS = (2.0, 12.0)
VICTIMS = {"worker": 6, "bus": 2, "table store": 2}
END_SECONDS = 120.0
type Rules = dict[str, dict[str, Any]]
ALWAYS = 10**9  # how the Dataverse simulator counts a rule without an end

# Shares of the product's calls that end so.
DATAVERSE: Rules = {
    "429": {"status": 429, "retry_after": 1, "probability": 0.01, "code": "0x80072322"},
    "503": {"status": 503, "probability": 0.01, "html": True},
    "answer lost": {"lose_answer": True, "probability": 0.01},
    "slow": {"delay_seconds": 0.7, "probability": 0.02},
}
S4: Rules = {
    "429": {"status": 429, "retry_after": "1", "probability": 0.01},
    "503": {"status": 503, "probability": 0.01, "html": True},
    "answer lost": {"lose_answer": True, "probability": 0.01},
    "commits after a time-out": {"commit_late_seconds": 2, "probability": 0.003},
    "session lost": {"drop_session": True, "probability": 0.003},
    "slow": {"delay_seconds": 0.7, "probability": 0.02},
}
EVENTS = {"duplicate": 0.15, "drop": 0.03, "reorder": True}
S4_EVENTS = {"duplicate": 1, "drop": 0.03, "reorder": True}


@dataclass(slots=True)
class Storm:
    """Kills in a thread of its own, until it is over. `kills` counts by process, `troubles` is what went wrong here."""

    cloud: Cloud
    dice: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        """Switch the faults on and start to kill."""
        for url, rules, endless in ((self.cloud.dataverse.url, DATAVERSE, -1), (self.cloud.s4.url, S4, None)):
            for rule in rules.values():
                self.cloud.http.post(f"{url}/sim/faults", json={**rule, "times": endless}).raise_for_status()
        self.cloud.http.post(f"{self.cloud.dataverse.url}/sim/faults", json={"events": EVENTS}).raise_for_status()
        self.cloud.http.post(f"{self.cloud.s4.url}/sim/faults", json={"events": S4_EVENTS}).raise_for_status()
        self._thread = threading.Thread(target=self._rage, daemon=True)
        self._thread.start()

    def end(self) -> Counter[str]:
        """Kill no more, and switch the faults off. Returns how often each struck."""
        self._over.set()
        if self._thread:
            self._thread.join(END_SECONDS)
        found: Counter[str] = Counter()
        rules = self.cloud.http.get(f"{self.cloud.dataverse.url}/sim/faults").json()["rules"]
        for name, rule in zip(DATAVERSE, rules, strict=True):
            found[f"dataverse {name}"] = ALWAYS - int(rule["times"])
        for name, rule in zip(S4, self.cloud.http.get(f"{self.cloud.s4.url}/sim/faults").json(), strict=False):
            found[f"s4 {name}"] = int(rule["hits"])
        for url in (self.cloud.dataverse.url, self.cloud.s4.url):
            self.cloud.http.delete(f"{url}/sim/faults").raise_for_status()
        return found

    def calm_webhooks(self) -> None:
        """Let SAP's event sender go on where it has paused, as its operator would."""
        for hook in self.cloud.http.get(f"{self.cloud.s4.url}/sim/webhooks").json():
            if hook["state"] == "paused":
                self.cloud.http.post(f"{self.cloud.s4.url}/sim/webhooks/{hook['id']}/resume").raise_for_status()

    def _rage(self) -> None:
        deeds: dict[str, Callable[[], bool]] = {
            "worker": lambda: self.cloud.kill_worker(self.dice.random()),
            "bus": self.cloud.kill_bus,
            "table store": self.cloud.kill_tables,
        }
        while not self._over.wait(self.dice.uniform(*BETWEEN_SECONDS)):
            victim = self.dice.choices(list(VICTIMS), list(VICTIMS.values()))[0]
            try:
                self.kills[victim] += deeds[victim]()
            except (RuntimeError, OSError) as error:  # the test bed failed, and the run with it
                self.troubles.append(f"{victim}: {error}")
                return
