"""A person's choice for a parked field: whether it still holds, and what each side is to be told. Pure.

A choice is about the values that the person saw (law 14). A side that holds what the choice itself puts there has not
moved: an earlier attempt of this very change was here.
"""

from collections.abc import Mapping

from shared.core.digest import Seal, plain, same
from shared.core.merge import accepts
from shared.core.model import OTHER, SIDES, Change, Choice, Side, Value, Values
from shared.mapping.flow import SILENT, Carried, Failure, Field, Missing, References, Rows


def chosen(name: str, change: Change) -> Choice | None:
    """Return the choice for a field, if there is one."""
    return next((choice for choice in change.choices if choice.field == name), None)


def targets(choice: Choice) -> tuple[Side, ...]:
    """Return the sides that a choice writes: a typed value goes to both."""
    return SIDES if choice.typed is not None else (OTHER[choice.take],)


def told(
    choice: Choice, at: int, rows: Rows, values: Mapping[Side, Values], linked: References
) -> Mapping[Side, Carried] | None:
    """Return what each side says to the other if the typed value counts; None where it does not fit the row."""
    field, side = rows.fields[at], choice.take
    typed, columns = choice.typed or (), field.columns[side]
    if len(typed) != len(columns) or field.writes[side] != columns or field.reference:
        return None
    said = rows.carry[side]({**values[side], **dict(zip(columns, typed, strict=True))}, linked)[at]
    return {side: said, OTHER[side]: typed if len(typed) > 1 else typed[0]}


def holds(choice: Choice, field: Field, raw: Mapping[Side, Value], says: Mapping[Side, Carried], seal: Seal) -> bool:
    """Return whether both sides are as the person saw them, and every side to be written can be."""
    for side, seen in zip(SIDES, choice.seen, strict=True):
        written = side in targets(choice)
        if written and (not field.writes[side] or says[OTHER[side]] is SILENT):
            return False
        if not seal.matches(raw[side], seen) and not (written and _is_there(field, raw[side], says[OTHER[side]])):
            return False
    return True


def _is_there(field: Field, raw: Value, wanted: Carried) -> bool:
    """Return whether a side holds what the choice puts there, maybe in a form that the row declares."""
    if wanted is SILENT or isinstance(wanted, Missing | Failure):
        return False
    return same(raw, wanted) or accepts(field.forms, plain(wanted), plain(raw))  # type: ignore[arg-type]  # values
