"""Fault switches: what goes wrong, for which requests, how often.

A fault is plain JSON, e.g. `{"match": {"method": "POST", "path": "A_SalesOrder"}, "times": 3, "status": 503}`. Lasting
states (a lock, upper-casing, how events are sent) stay until they are deleted; everything else happens `times` times,
once by default, after `skip` matching requests. Chance comes from a seeded generator.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from dev.sap.s4.model.errors import refused

EFFECTS = frozenset(
    {"status", "lose_answer", "delay_seconds", "commit_late_seconds", "expire_csrf", "drop_session", "logon_page"}
)
LASTING = frozenset({"lock", "upper_case", "events"})
DETAILS = frozenset({"match", "times", "skip", "probability", "retry_after", "html", "text"})
# Effects on the connection or the session as a whole: they reach a batch even if only an inner operation matches.
_WHOLE = EFFECTS - {"status", "logon_page"}
_MATCHED = frozenset({"method", "path", "body"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a fault is matched against: a request or one operation of a batch."""

    method: str
    path: str
    body: str = ""


@dataclass(slots=True)
class Fault:
    """One switch; `times` None is without end."""

    id: int
    spec: dict[str, Any]
    times: int | None
    skip: int
    hits: int = 0

    def matches(self, asked: Asked) -> bool:
        """Tell whether method, path and body fit; a path that is a name matches a whole segment's name."""
        wanted = self.spec.get("match", {})
        if wanted.get("method", asked.method) != asked.method or wanted.get("body", "") not in asked.body:
            return False
        path = wanted.get("path", "")
        if re.fullmatch(r"\w+", path):
            return path in re.split(r"[/(?]", asked.path)
        return path in asked.path


@dataclass(slots=True)
class Faults:
    """All switches of the system."""

    active: list[Fault] = field(default_factory=list)
    rng: Random = field(default_factory=lambda: Random(1))
    _next: int = 1

    def add(self, spec: dict[str, Any]) -> Fault:
        """Switch a fault on; ValueError for a key that is not known or a fault without an effect."""
        unknown = spec.keys() - EFFECTS - LASTING - DETAILS
        wrong = spec.get("match", {}).keys() - _MATCHED
        if unknown or wrong or not spec.keys() & (EFFECTS | LASTING):
            known = ", ".join(sorted(EFFECTS | LASTING | DETAILS))
            raise ValueError(f"unknown or missing keys {sorted(unknown | wrong)}; known: {known}")
        fault = Fault(self._next, spec, spec.get("times", 1), spec.get("skip", 0))
        self._next += 1
        self.active.append(fault)
        return fault

    def remove(self, fault_id: int | None = None) -> None:
        """Switch one fault off, or all."""
        self.active = [fault for fault in self.active if fault_id is not None and fault.id != fault_id]

    def take(self, asked: Asked, inner: Sequence[Asked] = ()) -> list[dict[str, Any]]:
        """Use up and return the faults that hit a request; `inner` are a batch's operations."""
        found = []
        for fault in self.active:
            if fault.spec.keys() & LASTING:
                continue
            whole = bool(fault.spec.keys() & _WHOLE)
            if (fault.matches(asked) or (whole and any(map(fault.matches, inner)))) and self._use(fault):
                found.append(fault.spec)
        return found

    def take_status(self, asked: Asked) -> dict[str, Any] | None:
        """Use up and return the status fault that hits one operation of a batch."""
        for fault in self.active:
            if "status" in fault.spec and not fault.spec.keys() & _WHOLE and fault.matches(asked) and self._use(fault):
                return fault.spec
        return None

    def _use(self, fault: Fault) -> bool:
        if fault.times is not None and fault.hits >= fault.times:
            return False
        if fault.skip > 0:
            fault.skip -= 1
            return False
        if self.rng.random() >= fault.spec.get("probability", 1):
            return False
        fault.hits += 1
        return True

    def upper_case(self) -> frozenset[str]:
        """Return the fields that the system turns to upper case."""
        return frozenset(name for fault in self.active for name in fault.spec.get("upper_case", ()))

    def check_lock(self, kind: str, key: str) -> None:
        """Refuse a write to an object that a person is editing."""
        for fault in self.active:
            lock = fault.spec.get("lock")
            if lock and lock["key"] == key:
                code = "V1/042" if kind == "SalesOrder" else "R1/213"
                raise refused(code, key, lock.get("user", "MUELLER"))

    def events(self) -> dict[str, Any]:
        """Return how events are to be mistreated: duplicate, reorder, drop, hold."""
        merged: dict[str, Any] = {}
        for fault in self.active:
            merged |= fault.spec.get("events", {})
        return merged
