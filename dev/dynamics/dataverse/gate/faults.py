"""Faults on demand: what real networks, gateways and platforms do, switched on over HTTP for so many calls.

A rule matches by method and by a text in the path (or in a batch part's path), skips ``after`` calls, strikes ``times``
calls, and then is spent. Chance comes from the organisation's seeded source.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Final

from dev.dynamics.dataverse.core.errors import ServiceError

FOREVER: Final = 10**9
REORDER_SECONDS: Final = 0.3


@dataclass(slots=True)
class Fault:
    """One rule, e.g. ``{"match": {"method": "POST", "path": "accounts"}, "times": 3, "status": 503}``."""

    match: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    after: int = 0
    probability: float = 1.0
    status: int | None = None
    code: str = ""
    message: str = "The service is not available (injected)."
    retry_after: float | None = None
    lose_answer: bool = False
    delay_seconds: float = 0.0
    html: bool = False
    race: bool = False

    def strikes(self, method: str, path: str, chance: random.Random) -> bool:
        """Whether the rule takes this call; counts it if so."""
        if self.times <= 0 or self.match.get("method", method) != method or self.match.get("path", "") not in path:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.probability < 1 and chance.random() >= self.probability:
            return False
        self.times -= 1
        return True

    def error(self) -> ServiceError:
        """Give the refusal that the rule stands for."""
        headers = {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}
        return ServiceError(self.status or 503, self.code, self.message, headers)


@dataclass(slots=True)
class EventFaults:
    """What happens to events on their way.

    ``duplicate`` from 1 up is how often each is delivered, below 1 the share delivered twice; ``drop`` is a share.
    """

    duplicate: float = 0
    drop: float = 0.0
    reorder: bool = False
    hold: bool = False

    def copies[T](self, job: T, chance: random.Random) -> list[T]:
        """Give a delivery none, one or many times."""
        if self.drop and chance.random() < self.drop:
            return []
        if self.duplicate >= 1:
            return [job] * int(self.duplicate)
        return [job, job] if self.duplicate and chance.random() < self.duplicate else [job]

    def arranged[T](self, jobs: Sequence[T], chance: random.Random) -> list[T]:
        """Give deliveries in the order in which they set out."""
        found = list(jobs)
        if self.reorder:
            chance.shuffle(found)
        return found

    def lateness(self, chance: random.Random) -> float:
        """Give how many seconds a delivery is late."""
        return chance.random() * REORDER_SECONDS if self.reorder else 0.0


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON of any kind, in which only decimals change
    return float(value) if isinstance(value, Decimal) else value


@dataclass(slots=True)
class Faults:
    """All rules in force, the events' own, and the versions and moments before which tokens count as expired."""

    chance: random.Random
    rules: list[Fault] = field(default_factory=list)
    events: EventFaults = field(default_factory=EventFaults)
    deltas_expired_before: int = 0
    tokens_expired_before: float = 0.0

    def add(self, data: Mapping[str, Any]) -> None:
        """Add a rule, or set the events' faults with {"events": {...}}; unknown names fail."""
        if "events" in data:
            for name, value in data["events"].items():
                if name not in {item.name for item in fields(EventFaults)}:
                    raise ValueError(f"unknown event fault {name!r}")
                setattr(self.events, name, _plain(value))
            return
        known = {item.name for item in fields(Fault)}
        if unknown := set(data) - known:
            raise ValueError(f"unknown fault members {sorted(unknown)}; known: {', '.join(sorted(known))}")
        rule = Fault(**{name: _plain(value) for name, value in data.items()})
        rule.times = FOREVER if rule.times < 0 else rule.times
        self.rules.append(rule)

    def clear(self) -> None:
        """Take all faults away; what is held stays held until released."""
        self.rules.clear()
        for item in fields(EventFaults):
            setattr(self.events, item.name, item.default)
        self.deltas_expired_before, self.tokens_expired_before = 0, 0.0

    def strike(self, method: str, path: str) -> Fault | None:
        """Give the first rule that takes this call."""
        found = next((rule for rule in self.rules if rule.strikes(method, path, self.chance)), None)
        self.rules = [rule for rule in self.rules if rule.times > 0]
        return found
