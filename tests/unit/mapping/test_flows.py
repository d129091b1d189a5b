"""What must hold for every flow in mappings/, whatever it says: generated from the flows themselves."""

import itertools
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.digest import same
from shared.core.model import OTHER, SIDES, Column, Scalar, Side, Values
from shared.mapping.flow import SILENT, Carried, Failure, Field, Flow, Missing, Rows
from shared.mapping.load.text import parse
from shared.ops.mappings import MAPPINGS, load_all
from shared.wiring import catalogues

SETTINGS = {
    "S4_ID_TYPE": "ZD365",
    "S4_COMPANY_CODE": "1010",
    "S4_SALES_ORGANIZATION": "1010",
    "S4_DISTRIBUTION_CHANNEL": "10",
    "S4_DIVISION": "00",
    "S4_CURRENCY": "EUR",
}
FLOWS = load_all(MAPPINGS, catalogues(), SETTINGS)
WORDS = sorted(
    {
        text
        for path in (MAPPINGS / "codes").glob("*.yaml")
        for word, code in parse(path.read_text("utf-8")).data.items()
        for text in ((word, str(code)) if word != "back" else code)
    }
)


def row_sets() -> Iterator[tuple[str, Flow, Rows]]:
    for name, flow in FLOWS.items():
        yield name, flow, flow.rows
        if flow.lines is not None:
            yield f"{name} lines", flow, flow.lines.rows


ROW_SETS = list(row_sets())
TO_SAP = [(name, flow, rows, field) for name, flow, rows in ROW_SETS for field in rows.fields if field.writes["sap"]]
TWO_WAY = [
    (name, flow, rows, field) for name, flow, rows in ROW_SETS for field in rows.fields if all(field.writes.values())
]


def columns(flow: Flow, rows: Rows, side: Side) -> dict[str, Column]:
    selection = flow.selections[side]
    if rows is flow.rows:
        return dict(selection.columns)
    return {**selection.line_columns, **{f"header.{name}": column for name, column in selection.columns.items()}}


def of_column(column: Column) -> st.SearchStrategy[Scalar]:
    numbers = {"int": st.integers(-5, 40), "choice": st.integers(-1, 40)}
    match column.type:
        case "flag":
            return st.booleans()
        case "int" | "choice":
            return numbers[column.type]
        case "decimal":
            return st.decimals(-10_000, 10_000, places=column.scale or 0)
        case "date":
            return st.dates()
        case "instant":
            return st.datetimes(timezones=st.just(UTC))
        case _:
            free = st.text(alphabet="aB1 ß-/.@+(", max_size=min(column.max_length or 40, 90))
            return free | st.sampled_from([word for word in WORDS if len(word) <= (column.max_length or 99)])


def carried(rows: Rows, field: Field, side: Side, values: Values) -> Carried:
    return rows.carry[side](values, {})[rows.fields.index(field)]


def says(value: Carried) -> bool:
    return value is not SILENT and not isinstance(value, Failure | Missing)


def as_sap_keeps_it(values: dict[str, Scalar]) -> dict[str, Scalar]:
    """SAP's text columns lose blanks at their end."""
    return {name: value.rstrip() if isinstance(value, str) else value for name, value in values.items()}


@pytest.mark.parametrize(
    ("flow", "rows", "field"), [pytest.param(*one[1:], id=f"{one[0]} {one[3].name}") for one in TWO_WAY]
)
@pytest.mark.parametrize("side", SIDES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_a_two_way_row_writes_is_in_step_and_stays_so(
    data: st.DataObject, flow: Flow, rows: Rows, field: Field, side: Side
) -> None:
    known = columns(flow, rows, side)
    values = {name: data.draw(st.none() | of_column(known[name])) for name in field.columns[side]}
    there = carried(rows, field, side, values)
    if not says(there) or field.problems(OTHER[side], there):  # type: ignore[arg-type]  # it says a value
        return
    written = field.spread(OTHER[side], there)  # type: ignore[arg-type]
    if side == "dynamics":
        written = as_sap_keeps_it(written)
    again = carried(rows, field, OTHER[side], written)
    raw = rows.read[side](values)[rows.fields.index(field)]
    held = rows.read[OTHER[side]](written)[rows.fields.index(field)]
    in_step = same(there, held) or (says(again) and same(again, raw))  # type: ignore[arg-type]
    assert in_step, (values, there, written, again)
    if says(again):
        settled = carried(rows, field, side, field.spread(side, again))  # type: ignore[arg-type]
        assert same(settled, there) or same(  # type: ignore[arg-type]
            carried(rows, field, OTHER[side], field.spread(OTHER[side], settled)),  # type: ignore[arg-type]
            again,  # type: ignore[arg-type]
        )


@pytest.mark.parametrize(
    ("flow", "rows", "field"), [pytest.param(*one[1:], id=f"{one[0]} {one[3].name}") for one in TO_SAP]
)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_blanks_that_sap_drops_are_no_difference(data: st.DataObject, flow: Flow, rows: Rows, field: Field) -> None:
    known = columns(flow, rows, "dynamics")
    values = {name: data.draw(st.none() | of_column(known[name])) for name in field.columns["dynamics"]}
    there = carried(rows, field, "dynamics", values)
    if says(there):
        held = as_sap_keeps_it(field.spread("sap", there))  # type: ignore[arg-type]  # it says a value
        assert same(there, tuple(held.values()) if len(held) > 1 else next(iter(held.values())))  # type: ignore[arg-type]


@pytest.mark.parametrize(("flow", "rows"), [pytest.param(*one[1:], id=one[0]) for one in ROW_SETS])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_a_record_holds_reading_and_carrying_never_raise(data: st.DataObject, flow: Flow, rows: Rows) -> None:
    strange: st.SearchStrategy[Scalar] = st.sampled_from([None, "", " ", 0, True, 1.5, "x" * 300])  # type: ignore[list-item]
    for side in SIDES:
        values = {name: data.draw(strange | of_column(column)) for name, column in columns(flow, rows, side).items()}
        raws, said = rows.read[side](values), rows.carry[side](values, {})
        assert len(raws) == len(said) == len(rows.fields)
        for field, value in zip(rows.fields, said, strict=True):
            if says(value):
                field.problems(OTHER[side], value)  # type: ignore[arg-type]
        rows.references(side, values)
        assert isinstance(flow.takes[side](values), bool)


@pytest.mark.parametrize(("flow", "rows"), [pytest.param(*one[1:], id=one[0]) for one in ROW_SETS])
def test_every_column_that_a_row_reads_or_writes_is_selected(flow: Flow, rows: Rows) -> None:
    for field, side in itertools.product(rows.fields, SIDES):
        known = columns(flow, rows, side)
        assert set(field.columns[side]) | set(field.writes[side]) <= known.keys()
        assert all(known[name].create or known[name].update for name in field.writes[side])


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_keys_birthmarks_and_what_retires_are_selected(flow: Flow) -> None:
    for side in SIDES:
        wanted = {key[side] for key in flow.match} | set(flow.retire.get(side, {}))
        wanted |= {flow.birthmark.dynamics, flow.birthmark.holds} if side == "dynamics" else {flow.birthmark.sap}
        assert wanted - {""} <= flow.selections[side].columns.keys()


@pytest.mark.parametrize(("flow", "rows"), [pytest.param(*one[1:], id=one[0]) for one in ROW_SETS])
def test_no_message_tells_a_personal_value(flow: Flow, rows: Rows) -> None:
    secret = "§ecret-Ω"
    for side in SIDES:
        values: Values = dict.fromkeys(columns(flow, rows, side), secret)
        for field, said in zip(rows.fields, rows.carry[side](values, {}), strict=True):
            found = (said,) if isinstance(said, Failure) else field.problems(OTHER[side], secret * 90)
            assert not (field.personal and any(secret in failure.message for failure in found))


def test_the_files_are_plain_yaml_for_other_tools_too() -> None:
    import yaml  # only this test reads as other tools do

    paths = [*MAPPINGS.glob("s4/*.yaml"), *MAPPINGS.glob("codes/*.yaml")]
    assert paths
    for path in paths:
        plain = yaml.safe_load(Path(path).read_text("utf-8"))
        assert False not in plain, path  # NO must stand in quotes for them


@pytest.mark.parametrize(
    ("customer", "supplier", "takes_part"),
    [("1000001", "", True), ("1000001", "1000001", True), ("", "1000001", False), ("", "", True)],
    ids=["a customer", "a customer who supplies too", "only a supplier", "nobody's role yet"],
)
def test_who_only_supplies_is_no_account(customer: str, supplier: str, takes_part: bool) -> None:
    partner = {"BusinessPartnerCategory": "2", "Customer": customer, "Supplier": supplier}
    assert FLOWS["s4/account"].takes["sap"](partner) is takes_part
