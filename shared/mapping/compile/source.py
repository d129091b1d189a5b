"""Writes, for one side, the two functions that run per record: `read` and `carry`. Pure.

Generated source, because a loop over closures costs three times as much (`bench/mapping.py`). Only the layout comes
from here; every name, constant and verb is bound through the namespace (`k3_0`), so no text of a mapping file is code.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from shared.core.model import Column, Reference, Scalar, Side, Value, Values
from shared.mapping.compile.constants import PYTHON, kind_of
from shared.mapping.compile.limits import failure, fits_type
from shared.mapping.compile.rows import Bound
from shared.mapping.flow import SILENT, Carried, Missing, References
from shared.mapping.functions import Calculation
from shared.mapping.verbs import Quiet, Unfit

type Read = Callable[[Values], tuple[Value, ...]]
type Carry = Callable[[Values, References], tuple[Carried, ...]]


def functions(rows: Sequence[Bound], side: Side, folder: str) -> tuple[Read, Carry]:
    """Return `read` and `carry` of one side."""
    made = _build(source(rows, side), rows, side, folder)
    return made["read"], made["carry"]


def source(rows: Sequence[Bound], side: Side) -> str:
    """Return the Python source of both functions."""
    reads = "".join(f"{_read(at, row, side)}, " for at, row in enumerate(rows))
    body = "\n".join(line for at, row in enumerate(rows) for line in _carry(at, row, side))
    results = "".join(f"r{at}, " for at in range(len(rows)))
    return (
        f"def read(values):\n get = values.get\n return ({reads})\n"
        f"def carry(values, references):\n get = values.get\n{body}\n return ({results})\n"
    )


def _build(text: str, rows: Sequence[Bound], side: Side, folder: str) -> dict[str, Any]:
    made: dict[str, Any] = {"SILENT": SILENT, "Missing": Missing, "Reference": Reference, "Unfit": Unfit, "side": side}
    for at, row in enumerate(rows):
        made.update({f"{name}_{at}": value for name, value in _names(row, side, folder).items()})
    exec(compile(text, f"<mapping, {side} side>", "exec"), made)  # noqa: S102  # text of this module only: see above
    return made


def _names(row: Bound, side: Side, folder: str) -> dict[str, Any]:
    """Return what the row's generated lines refer to; each name gets the row's number behind it."""
    columns = row.columns[side]
    names: dict[str, Any] = {f"k{i}": name for i, name in enumerate(columns)}
    for i, (step, absent) in enumerate(steps(row, side)):
        names |= {f"f{i}": step, f"a{i}": absent}
    return names | {
        "T": PYTHON[kind_of(*columns.values())] if len(columns) == 1 else None,
        "cast": caster(row, side),
        "loose": _loose(row, side),
        "fail": partial(_refuse, row),
        "const": row.const,
        "case": partial(_choose, tuple((when.holds, then) for when, then in row.cases)),
        "calc": partial(_calculate, row, row.calculation, tuple(columns.items())) if row.calculation else None,
        "when": row.when.holds if row.when else None,
        "flow": f"{folder}/{row.link.flow}" if row.link else "",
    }


# ------------------------------------------------------------------------------------------------ the text of one row


def _raw(at: int, row: Bound, side: Side) -> str:
    """Return an expression for what the row's columns hold; '' and all-absent parts are None."""
    count = len(row.columns[side])
    if count == 1:
        return f"(None if (v := get(k0_{at})) == '' else v)"
    absent = " & ".join(f"((v{i} := get(k{i}_{at})) is None or v{i} == '')" for i in range(count))
    return f"(None if {absent} else ({', '.join(f"(v{i} if v{i} != '' else None)" for i in range(count))}))"


def _read(at: int, row: Bound, side: Side) -> str:
    if not row.columns[side]:
        return f"const_{at}" if row.row.makes == "const" else f"case_{at}(values)"
    if row.when and side in row.ways:
        return f"({_raw(at, row, side)} if when_{at}(values) else None)"
    return _raw(at, row, side)


def _carry(at: int, row: Bound, side: Side) -> Iterator[str]:
    if side not in row.ways:
        yield f" r{at} = SILENT"
    elif row.row.makes == "calc":
        yield f" r{at} = calc_{at}(get)"
    elif row.row.makes == "via" and (row.verbs or len(row.columns[side]) > 1):
        yield from _chain(at, row, side)
    else:
        yield f" r{at} = {_read(at, row, side)}"
        if row.row.makes == "via":
            yield f" if r{at} is not None and type(r{at}) is not T_{at}: r{at} = loose_{at}(r{at})"


def _chain(at: int, row: Bound, side: Side) -> Iterator[str]:
    """Write the row's verbs as one block. An absent value meets only verbs that say what absence becomes."""
    fills = any(absent is not None for _, absent in steps(row, side))
    yield f" s = v = {_read(at, row, side)}"
    yield f" r{at} = None"
    yield " if True:" if fills else " if v is not None:"
    yield "  try:"
    guard = "v is not None and " if fills else ""
    yield f"   if {guard}type(v) is not T_{at}: v = cast_{at}(v)"
    margin = "   "
    for i, (step, absent) in enumerate(steps(row, side)):
        run = f"v = f{i}_{at}(v)" if step else f"v = Reference(flow_{at}, side, v)"
        if absent is not None:
            yield f"{margin}v = a{i}_{at} if v is None or v == '' else f{i}_{at}(v)"
        elif i or fills:
            yield f"{margin}if v is not None and v != '': {run}"
        else:
            yield f"{margin}{run}"
        if step is None:
            yield f"{margin}r{at} = Missing(v) if v else None"
            yield f"{margin}v = references.get(v)"
            yield f"{margin}if v is not None:"
            margin += " "
    yield f"{margin}r{at} = None if v == '' else v"
    yield f"  except Unfit as why: r{at} = fail_{at}(s, why)"


# ------------------------------------------------------------------------------------------- what the text refers to


def steps(row: Bound, side: Side) -> list[tuple[Callable[[Any], Any] | None, Scalar]]:
    """Return each verb's step in the direction of travel, with what absence becomes there. A link has no step."""
    if side == "dynamics":
        return [(None if verb.link else verb.there, verb.absent) for verb in row.verbs]
    return [(None if verb.link else verb.back, verb.absent_back) for verb in row.verbs[::-1]]


def caster(row: Bound, side: Side) -> Callable[[Value], Value]:
    """Return what makes a value (of several columns: each part) the columns' type, or raises Unfit."""
    columns = tuple(row.columns[side].values())

    def cast(value: Value) -> Value:
        if isinstance(value, tuple):
            return tuple(_cast(part, column) for part, column in zip(value, columns, strict=True))
        return _cast(value, columns[0])

    return cast


def _cast(value: Scalar, column: Column) -> Scalar:
    if value is None:
        return None
    why = fits_type(value, column)
    if why is not None:
        raise why
    return Decimal(value) if isinstance(value, int) and column.type == "decimal" else value


def _loose(row: Bound, side: Side) -> Callable[[Value], Carried]:
    cast = caster(row, side)

    def loose(value: Value) -> Carried:
        try:
            return cast(value)
        except Unfit as why:
            return failure(row, value, why)

    return loose


def _refuse(row: Bound, value: Value, why: Unfit) -> Carried:
    return SILENT if isinstance(why, Quiet) else failure(row, value, why)


def _choose(cases: tuple[tuple[Callable[[Values], bool], Scalar], ...], values: Values) -> Scalar:
    return next((then for holds, then in cases if holds(values)), None)


def _calculate(
    row: Bound, made: Calculation, columns: tuple[tuple[str, Column], ...], get: Callable[[str], Scalar]
) -> Carried:
    given = tuple(None if (value := get(name)) == "" else value for name, _ in columns)
    try:
        arguments = [_cast(value, column) for value, (_, column) in zip(given, columns, strict=True)]
        if any(value is None and not may for value, may in zip(arguments, made.optional, strict=True)):
            return None
        found: Scalar = made.function(*arguments)
    except Unfit as why:
        return failure(row, given, why)
    except (ArithmeticError, ValueError):
        return failure(row, given, Unfit("calc", f"amounts that {row.row.calc} can work with", "correct the record"))
    return found
