"""The tool that puts defects in: each is one, compiles, and reaches the functions that exist already."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from dev.mutants.operators import mutants
from dev.mutants.swap import know_functions, put_in

SOURCE = '''
"""A text that nobody mutates."""
LIMIT = 3
NAMES = {"a": 1}


def small(number: int = 7) -> bool:
    """Nor this one."""
    if number < LIMIT and not number == 1:
        return True
    return False


class Box:
    size: int = 5

    def add(self, items: list[int]) -> int:
        found = [each + 1 for each in items if each]
        self.size = len(found)
        raise_if(found)
        return max(found) if any(found) else 0


def raise_if(found: list[int]) -> None:
    if len(found) > 9:
        raise ValueError("too many " + str(10))
'''


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    file = tmp_path / "sample.py"
    file.write_text(SOURCE, "utf-8")
    spec = importlib.util.spec_from_file_location("sample", file)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    know_functions({str(file)})
    return found


def test_every_mutant_is_another_program_with_a_name_of_its_own() -> None:
    found = list(mutants("sample.py", SOURCE))
    names = [one.said for one in found]
    programs = {compile(one.tree(SOURCE), "sample.py", "exec") for one in found}
    assert len(set(names)) == len(names)
    assert len(programs) == len(found)
    assert compile(SOURCE, "sample.py", "exec") not in programs


def test_texts_annotations_and_defaults_are_left_alone() -> None:
    lines = {one.line for one in mutants("sample.py", SOURCE)}
    assert not lines & {2, 7, 8, 15}
    assert not any(one.said.endswith("10 to 11") for one in mutants("sample.py", SOURCE))


@pytest.mark.parametrize(
    ("said", "before", "after"),
    [
        ("Lt to LtE", "small(3)", True),
        ("Lt to GtE", "small(0)", False),
        ("And to Or", "small(5)", True),
        ("True to False", "small(0)", False),
        ("3 to 4", "small(3)", True),
        ("max to min", "Box().add([1, 2])", 2),
        ("any to all", "Box().add([-1, 2])", 0),
        ("condition gone", "Box().add([0])", 1),
        ("Expr gone", "Box().add([1] * 10)", 2),
        ("Raise gone", "Box().add([1] * 10)", 2),
    ],
)
def test_a_mutant_changes_what_functions_do(module: ModuleType, said: str, before: str, after: object) -> None:
    mutant = next(one for one in mutants("sample.py", SOURCE) if one.said.endswith(said))
    assert outcome(before, module) != after
    assert put_in(mutant, module, SOURCE)
    assert outcome(before, module) == after


def outcome(call: str, module: ModuleType) -> object:
    try:
        return eval(call, vars(module))  # noqa: S307 -- our own words
    except ValueError as error:
        return str(error)
