"""Puts a mutant into the modules of this process: new code for the functions that exist, new values for constants."""

import ast
import gc
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType

from dev.mutants.operators import Mutant


def put_in(mutant: Mutant, module: ModuleType, source: str) -> bool:
    """Change the module as the mutant says. Returns False where that needs a new class: such a mutant is not run."""
    tree, file = mutant.tree(source), str(module.__file__)
    old, new = compile(source, file, "exec"), compile(tree, file, "exec")
    pairs = [(was, now) for was, now in _paired(old, new) if not _same(was, now)]
    functions = [(f, now) for was, now in pairs for f in _holders(was)]
    for function, now in functions:
        if len(function.__code__.co_freevars) != len(now.co_freevars):
            return False
        function.__code__ = now
    return bool(functions) or _constant(mutant, tree, module, new)


def _paired(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Yield each function's code before and after, from the outside in."""
    inner = [[c for c in code.co_consts if isinstance(c, CodeType)] for code in (old, new)]
    later = {(c.co_qualname, c.co_firstlineno, _order(inner[1], c)): c for c in inner[1]}
    for was in inner[0]:
        now = later.get((was.co_qualname, was.co_firstlineno, _order(inner[0], was)))
        if now is not None:
            yield was, now
            yield from _paired(was, now)


def _order(codes: list[CodeType], one: CodeType) -> int:
    return [c for c in codes if c.co_qualname == one.co_qualname].index(one)


def _same(was: CodeType, now: CodeType) -> bool:
    return was == now


def _holders(code: CodeType) -> list[FunctionType]:
    """Return the functions that run this code (equal code: the module was compiled anew here)."""
    found = _FUNCTIONS.get((code.co_filename, code.co_qualname, code.co_firstlineno), [])
    return [one for one in found if one.__code__ == code]


_FUNCTIONS: dict[tuple[str, str, int], list[FunctionType]] = {}


def know_functions(files: set[str]) -> None:
    """Find all functions of these files that exist now; once, before the forks."""
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename in files:
            code = one.__code__
            _FUNCTIONS.setdefault((code.co_filename, code.co_qualname, code.co_firstlineno), []).append(one)


def _constant(mutant: Mutant, tree: ast.Module, module: ModuleType, new: CodeType) -> bool:
    """Give a module's changed constant to all modules that hold it."""
    names = [
        target.id
        for statement in tree.body
        if statement.lineno <= mutant.line <= (statement.end_lineno or 0)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)])
        if isinstance(target, ast.Name)
    ]
    if not names:
        return False
    fresh = dict(vars(module))
    exec(new, fresh)  # noqa: S102 -- our own source
    for name in names:
        was = vars(module)[name]
        for holder in (module, *sys.modules.values()):
            if vars(holder).get(name) is was:
                setattr(holder, name, fresh[name])
    return True
