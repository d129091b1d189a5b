"""What piles up while rows are looked at: columns to write, problems, references that are missing. Pure.

Here stands what keeps a value from being written although the merge wants it: a failed check, a reference without a
link, the same refusal as before, two automations that disagree.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from shared.core.digest import empty
from shared.core.link import Problem
from shared.core.model import OTHER, SIDES, LineWrite, Record, Reference, Scalar, Side, Value, Values, Write
from shared.core.plan import Facts, Park, Plan, Sync, Wait
from shared.decision.choices import chosen
from shared.decision.learning import RECENT
from shared.decision.rows import Judged, effective_owner, in_step
from shared.mapping.flow import SILENT, Carried, Failure, Field, Missing, Rows

TRY_AGAIN = frozenset({"replay"})  # a person asked: what was refused before is sent once more
STICKY = ("refused", "fight", "form")  # causes that only new values, a new status or a replay can clear
RETURNS_MAX = 2  # once may be a person who thought better of it


@dataclass(slots=True)
class Draft:
    """A plan in the making. `hopeless`: a required field is missing, so nothing may be written."""

    facts: Facts
    values: dict[Side, dict[str, Scalar]] = field(default_factory=lambda: {side: {} for side in SIDES})
    lines: dict[Side, list[LineWrite]] = field(default_factory=lambda: {side: [] for side in SIDES})
    fields: dict[Side, set[str]] = field(default_factory=lambda: {side: set() for side in SIDES})
    problems: list[Problem] = field(default_factory=list)
    optional: list[Reference] = field(default_factory=list)
    required: list[Reference] = field(default_factory=list)
    hopeless: bool = False

    def plan(self, reason: str, twin: Record | None = None) -> Plan:
        """Return the plan that follows from what was found."""
        if self.required:
            names = ", ".join(f"{r.flow} {r.key}" for r in self.required)
            return Wait(tuple(self.required), f"refers to {names}, which is not linked yet")
        if self.hopeless:
            return Park(tuple(self.problems), self.facts.link)
        writes = {
            side: Write(side, "update", self.values[side], tuple(self.lines[side]), frozenset(self.fields[side]))
            for side in SIDES
            if self.values[side] or self.lines[side]
        }
        return Sync(reason, writes=writes, problems=tuple(self.problems), missing=tuple(self.optional), twin=twin)

    def wanted(self, judged: Iterable[Judged]) -> dict[Side, dict[str, Scalar]]:
        """Return the columns that existing records need, by side; note the fields, and what stands in the way."""
        found: dict[Side, dict[str, Scalar]] = {side: {} for side in SIDES}
        for one in judged:
            match one.verdict:
                case "agree" | "keep":
                    continue
                case "clash":
                    clash = _clash(one, self.facts)
                    self.problems.append(stuck(clash, self.facts) or clash)
                case "both":
                    self._write(self._typed(one), one.name, found)
                case target:
                    self._write({target: self._columns(one, target)}, one.name, found)
        return found

    def _write(self, columns: Mapping[Side, Values], name: str, found: dict[Side, dict[str, Scalar]]) -> None:
        for side, told in columns.items():
            found[side] |= told
            if told:
                self.fields[side].add(name)

    def _typed(self, one: Judged) -> Mapping[Side, Values]:
        """Return what a typed value writes: both sides or, where one of them may not be told so, neither."""
        before = len(self.problems)
        sides = [side for side in SIDES if not in_step(one.carried[OTHER[side]], one.raw[side])]
        columns = {side: self._columns(one, side) for side in sides}
        return columns if len(self.problems) == before else {}

    def told(self, rows: Rows, values: Values, target: Side, prefix: str = "") -> dict[str, Scalar]:
        """Return all that a new record or line is told. Absent values are left out: the system has its defaults."""
        source = OTHER[target]
        raws, says = rows.read[source](values), rows.carry[source](values, self.facts.linked)
        told: dict[str, Scalar] = {}
        for one, raw, carried in zip(rows.fields, raws, says, strict=True):
            if effective_owner(one, in_step_before=False) == target or not one.writes[target]:
                continue
            value = self._sayable(one, prefix + one.name, carried, target, {source: raw, target: None})
            if value is not None and not empty(value):
                told |= one.spread(target, value)
        return told

    def _columns(self, one: Judged, target: Side) -> dict[str, Scalar]:
        carried = one.carried[OTHER[target]]
        before = len(self.problems) + len(self.optional) + len(self.required)
        value = self._sayable(one.field, one.name, carried, target, one.raw)
        if carried is SILENT or len(self.problems) + len(self.optional) + len(self.required) > before:
            return {}
        problem = problem_of(one.name, target, "", "", self.facts, one.raw)
        old = stuck(problem, self.facts) or _fight(one, value, problem, self.facts)
        if old is not None:
            self.problems.append(old)
            return {}
        return one.field.spread(target, value)

    def _sayable(self, row: Field, name: str, carried: Carried, target: Side, raw: Mapping[Side, Value]) -> Value:
        """Return the value if it may be written to the target, else note why not and return None."""
        match carried:
            case Missing(reference):
                (self.required if row.required else self.optional).append(reference)
                return None
            case Failure():
                failures: tuple[Failure, ...] = (carried,)
            case _ if carried is SILENT:
                return None
            case value:
                failures = row.problems(target, value)  # type: ignore[arg-type]  # only values are left
        for failure in failures:
            self.problems.append(problem_of(name, target, failure.rule, failure.message, self.facts, raw))
            self.hopeless = self.hopeless or failure.rule == "required"
        return None if failures else carried  # type: ignore[return-value]  # only values are left


def problem_of(
    name: str, side: Side | Literal[""], cause: str, message: str, facts: Facts, raw: Mapping[Side, Value]
) -> Problem:
    """Return a problem with the digests of what both sides hold."""
    seen = facts.seal.digest(raw["dynamics"]), facts.seal.digest(raw["sap"])
    return Problem(name, side, cause, message, seen, facts.now)


def told_seen(told: Values, facts: Facts) -> tuple[str, str]:
    """Return what a refused new record or line is remembered by: the digest of all that it was told."""
    return facts.seal.digest(tuple(told[name] for name in sorted(told))), ""


def stuck(problem: Problem, facts: Facts) -> Problem | None:
    """Return the old problem if the same values were refused before and nothing changed since (law 14)."""
    if facts.link is None or asked_for(problem.field, facts):
        return None
    for old in facts.link.parked:
        alike = old.field == problem.field and problem.side in (old.side, "") and old.cause.startswith(STICKY)
        if alike and same_context(old, facts) and (not any(problem.seen) or old.seen == problem.seen):
            return old
    return None


def same_context(old: Problem, facts: Facts) -> bool:
    """Return whether neither the target's status nor the mapping changed since a value was refused."""
    return old.context in ("", facts.context.get(old.side, "") if old.side else "")


def _fight(one: Judged, value: Value, problem: Problem, facts: Facts) -> Problem | None:
    """Return a problem if the field would return, again within the hour, to a value it had before (law 9)."""
    if facts.link is None or asked_for(one.name, facts) or _flag_follows(one, value, problem.side, facts):
        return None
    name = f"{problem.side} {one.name}"
    trail = [digest for at, what, digest in facts.link.recent if what == name and at > facts.now - RECENT]
    returns = sum(facts.seal.matches(value, digest) for digest in trail[:-1])
    if returns < RETURNS_MAX:
        return None
    message = (
        f"{one.name} went back and forth in {problem.side}: two automations disagree; "
        "make one of them leave the field alone, or change its owner in the mapping"
    )
    return replace(problem, cause="fight", message=message)


def _flag_follows(one: Judged, value: Value, target: Side | Literal[""], facts: Facts) -> bool:
    """Return whether a flag, with only two values to come back to, follows its one owner and nobody contradicts."""
    base = facts.link.base.get(one.field.name) if facts.link else None
    if target == "" or base is None or not one.based or not isinstance(value, bool):
        return False
    owner = effective_owner(one.field, in_step_before=True)
    return owner == OTHER[target] and facts.seal.matches(one.raw[target], getattr(base, target))


def asked_for(name: str, facts: Facts) -> bool:
    """Return whether a person wants this field written, whatever became of it before."""
    return facts.change.cause in TRY_AGAIN or chosen(name, facts.change) is not None


def _clash(one: Judged, facts: Facts) -> Problem:
    how = "was changed on both sides since it was last in step" if one.based else "differs, and was never in step"
    message = f"{one.name} {how}; make both sides equal, or choose a side for this field"
    if chosen(one.name, facts.change) is not None:
        message += "; the last choice was not applied: a value moved after it was shown"
    return problem_of(one.name, "", "clash", message, facts, one.raw)
