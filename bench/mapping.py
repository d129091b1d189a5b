"""What carrying a record costs: generated code against plain closures, in one run, on one record of 40 fields.

    python -m bench.mapping

Prints microseconds of CPU a record for both (the best of many rounds) and their ratio; trust the ratio.
"""

import sys
import time
from collections.abc import Callable
from decimal import Decimal

from shared.core.model import Column, Reference, Scalar, Value, Values
from shared.mapping.compile.rows import Bound, Scope, bind
from shared.mapping.compile.source import caster, functions, steps
from shared.mapping.flow import SILENT, Carried
from shared.mapping.schema import Row
from shared.mapping.verbs import CodeTable

ROUNDS, RECORDS = 60, 500
TABLE = CodeTable("countries", {"Germany": "DE", "Norway": "NO"}, {"DE": "Germany", "NO": "Norway"})
SPECIAL: tuple[
    tuple[str, int, str | dict[str, object] | list[object], Scalar], ...
] = (  # type, columns in SAP, via, value
    ("text", 2, {"split": {"width": 40}}, "Contoso Deutschland Handelsgesellschaft mbH"),
    ("text", 2, "street", "Königstraße 12a"),
    ("text", 1, {"code": {"table": "countries"}}, "Norway"),
    ("text", 1, ["trim", "lower"], "Info@Contoso.example"),
    ("text", 1, "phone", "+49 (89) 123-45"),
    ("text", 1, ["upper", {"cut": {"length": 20}}, "trim"], "Contoso Deutschland Verwaltung"),
    ("decimal", 1, {"money": {"scale": 2}}, Decimal("52.6500")),
    ("text", 1, {"alpha": {"length": 10}}, "4711"),
)
FIELDS = 40


def rows() -> tuple[list[Bound], Values]:
    """Return 40 bound rows and a record: 8 with verbs, 32 that only move."""
    plain: list[tuple[str, int, list[object], Scalar]] = [
        ("text", 1, [], f"value {n}") for n in range(FIELDS - len(SPECIAL))
    ]
    columns: dict[str, dict[str, Column]] = {"dynamics": {}, "sap": {}}
    said: dict[str, Row] = {}
    values: dict[str, Scalar] = {}
    for at, (kind, count, via, value) in enumerate((*SPECIAL, *plain)):
        names = [f"S{at}_{part}" for part in range(count)]
        columns["dynamics"][f"d{at}"] = Column(kind)  # type: ignore[arg-type]  # the types listed above
        columns["sap"].update({name: Column(kind) for name in names})  # type: ignore[arg-type]
        said[f"field_{at}"] = Row.model_validate({"owner": "dynamics", "dynamics": f"d{at}", "sap": names, "via": via})
        values[f"d{at}"] = value
    scope = Scope(columns, {"countries": TABLE}, {}, _unfit)  # type: ignore[arg-type]
    return [bound for name, row in said.items() if (bound := bind(name, row, scope, (name,)))], values


def _unfit(path: object, message: str) -> None:
    raise AssertionError(f"{path}: {message}")


def closures(bound: list[Bound]) -> Callable[[Values, dict[Reference, str]], tuple[Carried, ...]]:
    """Return the same as generated code does, as a loop over one closure a field."""

    def one(row: Bound) -> Callable[[Values], Carried]:
        (name,) = row.columns["dynamics"]
        cast, each = caster(row, "dynamics"), [step for step, _ in steps(row, "dynamics") if step is not None]

        def carry(values: Values) -> Carried:
            value: Value = values.get(name)
            if value is None or value == "":
                return None
            value = cast(value)
            for step in each:
                if value is not None and value != "":
                    value = step(value)
            return None if value == "" else value

        return carry if "dynamics" in row.ways else lambda _: SILENT

    each = [one(row) for row in bound]
    return lambda values, _references: tuple(carry(values) for carry in each)


def best(work: Callable[[], object]) -> float:
    """Return microseconds of CPU a record, of the quietest round."""
    times: list[float] = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(RECORDS):
            work()
        times.append((time.process_time() - start) / RECORDS * 1e6)
    return min(times)


def main() -> None:
    """Measure and print."""
    bound, values = rows()
    read, carry = functions(bound, "dynamics", "s4")
    plain = closures(bound)
    if carry(values, {}) != plain(values, {}):
        raise AssertionError("both ways must carry alike")
    generated, looped = best(lambda: carry(values, {})), best(lambda: plain(values, {}))
    sys.stdout.write(
        f"{FIELDS} fields, µs a record: read {best(lambda: read(values)):.1f}, carry generated {generated:.1f}\n"
    )
    sys.stdout.write(f"carry with closures {looped:.1f}, which is {looped / generated:.1f} times the generated code\n")


if __name__ == "__main__":
    main()
