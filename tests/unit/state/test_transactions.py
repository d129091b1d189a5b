"""Saves are split into transactions that the service takes: few enough, small enough, no row twice, in order."""

from hypothesis import given
from hypothesis import strategies as st

from shared.state import rows
from shared.state.links import OPERATIONS_MAX, TRANSACTION_BYTES_MAX, Save, transactions
from shared.state.rows import Operation


def save(name: str, size: int = 10, *, journal: bool = True) -> Save:
    operations = [Operation("insert", {"PartitionKey": "p", "RowKey": name, "data": "x" * size})]
    if journal:
        operations.append(Operation("insert", {"PartitionKey": "p", "RowKey": f"{name}|j|{len(name)}"}))
    return tuple(operations)


SAVES = st.lists(
    st.builds(
        save,
        st.integers(0, 40).map(str),
        st.sampled_from((1, 1_000, 200_000, 499_000)),
        journal=st.booleans(),
    ),
    max_size=150,
)


@given(SAVES)
def test_every_group_fits_a_transaction_and_together_they_are_the_saves_in_order(saves: list[Save]) -> None:
    groups = list(transactions(saves))
    assert [one for group in groups for one in group] == saves
    for group in groups:
        names = [operation.row["RowKey"] for one in group for operation in one]
        assert len(names) == len(set(names)) <= OPERATIONS_MAX
        size = sum(rows.size(operation.row) for one in group for operation in one)
        assert size <= TRANSACTION_BYTES_MAX or len(group) == 1


def test_what_fits_goes_in_one() -> None:
    assert len(list(transactions([save(str(n)) for n in range(50)]))) == 1
    assert len(list(transactions([save(str(n)) for n in range(51)]))) == 2
    assert len(list(transactions([save(str(n), journal=False) for n in range(100)]))) == 1


def test_the_same_row_again_starts_a_new_one() -> None:
    assert [len(group) for group in transactions([save("a"), save("b"), save("a"), save("c")])] == [2, 2]


def test_no_saves_are_no_transaction() -> None:
    assert list(transactions([])) == []
