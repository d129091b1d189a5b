"""What the app tells of one change, in one wide event; and that a defect's words stay where they were said.

Names, causes and numbers only: a plan's reason up to its colon, a problem's cause, an error's class and status. The
key is told as a keyed digest, by which events of one record can be found.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from shared.core.model import OTHER, Change, Side
from shared.core.plan import Park, Wait
from shared.errors import SyncError
from shared.mapping.flow import Flow
from shared.ports import App
from shared.settlement import Settled
from shared.steps.outcome import Outcome
from shared.telemetry import Operation, cause, cause_of, event, field_name

KEY_DIGITS = 12
STEPS = ("gather", "decide", "apply", "remember")
OUR_WORDS = ("paused", "swept", "rerouted")  # outcomes whose reason is wording of ours without a key


class Defect(Exception):
    """An error that is a bug, told to the host by class and place: 'KeyError at shared/decide.py:120'."""


class veiled:  # noqa: N801 -- used as a verb, like contextlib's own
    """Let no words of an unexpected exception reach the host, which would log them: they may quote a record."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, Exception) and not isinstance(error, SyncError):
            raise Defect(_place(error)) from None


def _place(error: Exception) -> str:
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = f" at {at.tb_frame.f_code.co_qualname}, line {at.tb_lineno}" if at else ""
    return f"{cause_of(error)}{where}"


def tell(
    change: Change, settled: Settled, done: Operation, app: App, *, milliseconds: float, received: datetime | None
) -> None:
    """Write the wide event of a change, and what it means for the business."""
    since = change.first_seen or received
    lag = app.now() - since if since is not None and settled.again_at is None and change.key else None
    outcome = done.made.get("apply")
    told = _outcome(outcome) if isinstance(outcome, Outcome) else {}
    counted = {f"{name}_calls": n for name, n in done.calls.items()}
    counted |= {f"{name}_throttles": n for name, n in done.throttles.items()}
    event(
        "change",
        flow=change.flow,
        side=change.side,
        key_hash=key_hash(change.key, app),
        cause=change.cause,
        correlation=change.correlation,
        attempt=change.attempt,
        plan=told.pop("plan", ""),
        outcome=settled.outcome,
        reason=_reason(settled, done, told.pop("reason", "")),
        again_at=settled.again_at.isoformat() if settled.again_at else None,
        lag_ms=max(round(lag.total_seconds() * 1000), 0) if lag is not None else None,
        duration_ms=round(milliseconds),
        bulk=change.bulk,
        **told,
        **{f"{step}_ms": round(done.milliseconds[step]) for step in STEPS if step in done.milliseconds},
        **counted,
    )
    if isinstance(outcome, Outcome):
        _business(outcome, app.flows[change.flow])


def key_hash(key: str, app: App) -> str:
    """Return a short keyed digest of a record's key ('' of none)."""
    return app.seal.digest(key).partition(":")[2][:KEY_DIGITS] if key else ""


def _outcome(outcome: Outcome) -> dict[str, Any]:
    plan = outcome.plan
    parked = plan.problems if isinstance(plan, Park) else tuple(outcome.problems)
    match plan:
        case Park():
            reason = ", ".join(sorted({cause(problem.cause) for problem in parked}))
        case Wait(missing):
            reason = f"waits for {', '.join(sorted({reference.flow for reference in missing}))}"
        case _:
            reason = plan.reason.partition(":")[0]
    fields = sorted({field_name(name.partition(" ")[2]) for name in outcome.written})
    return {
        "plan": type(plan).__name__.lower(),
        "reason": reason,
        "fields": ", ".join(fields),
        "writes": ", ".join(outcome.writes),
        "problems": ", ".join(sorted({cause(problem.cause) for problem in parked})),
    }


def _reason(settled: Settled, done: Operation, planned: str) -> str:
    if settled.outcome in OUR_WORDS:
        return settled.reason
    return cause_of(done.error) if done.error is not None else planned


def _business(outcome: Outcome, flow: Flow) -> None:
    """Tell the amount of a record that was created just now, if its mapping marks one that is nobody's secret."""
    created: Side | None = next((s for s in OTHER if f"{s} create" in outcome.writes), None)
    record = outcome.facts.records[created] if created else None
    if created is None or record is None or outcome.error is not None:
        return
    found = zip(flow.rows.fields, flow.rows.read[created](record.values), strict=True)
    values: Mapping[str, object] = {f.name: value for f, value in found if not f.personal}
    amounts = [values[f.name] for f in flow.rows.fields if f.money and isinstance(values.get(f.name), Decimal)]
    if amounts:
        currency = values.get("currency")
        known = currency if isinstance(currency, str) else ""
        event(
            "business", flow=flow.name, object=flow.selections[created].object, amount=str(amounts[0]), currency=known
        )
