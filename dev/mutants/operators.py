"""Small defects: which can be put into a source text, and where. Knows no test.

Left out: texts that people read, annotations, default arguments, defaults of fields, docstrings. They say little.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
CALLS = {"any": "all", "all": "any", "min": "max", "max": "min"}
DROPPED = (ast.Expr, ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Delete)

type Change = Callable[[ast.AST], ast.AST | None]  # of a copied node; None: a statement goes


@dataclass(frozen=True, slots=True)
class Mutant:
    """One defect. `said` names it without its line's number: 'shared/core/merge.py `if a < b:` Lt to LtE'."""

    path: str
    line: int
    node: int  # its number in the order of ast.walk
    which: int  # among the node's changes
    said: str

    def tree(self, source: str) -> ast.Module:
        """Return the module with the defect in it."""
        module = ast.parse(source)
        node = list(ast.walk(module))[self.node]
        _, change = list(_changes(node))[self.which]
        changed = change(copy.deepcopy(node)) or ast.copy_location(ast.Pass(), node)
        _Swap(node, changed).visit(module)
        return ast.fix_missing_locations(module)


class _Swap(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self._new if node is self._old else self.generic_visit(node)


def mutants(path: str, source: str) -> Iterator[Mutant]:
    """Yield every mutant of a source text."""
    module, lines = ast.parse(source), source.splitlines()
    left_out = {id(node) for part in _unsaid(module) for node in ast.walk(part)}
    said = dict[str, int]()
    for number, node in enumerate(ast.walk(module)):
        if id(node) in left_out:
            continue
        for which, (what, _) in enumerate(_changes(node)):
            line = node.target.lineno if isinstance(node, ast.comprehension) else getattr(node, "lineno", 1)
            name = f"{path} `{lines[line - 1].strip()}` {what}"
            said[name] = said.get(name, 0) + 1
            yield Mutant(path, line, number, which, name + (f" #{said[name]}" if said[name] > 1 else ""))


def _unsaid(module: ast.Module) -> Iterator[ast.AST]:
    """Yield the parts that are left alone."""
    for node in ast.walk(module):
        match node:
            case ast.arg(annotation=ast.AST() as part) | ast.AnnAssign(annotation=part):
                yield part
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.args
                yield from [node.returns] if node.returns else []
                yield from node.decorator_list
            case ast.Raise(exc=ast.Call(args=parts)):
                yield from parts
            case ast.keyword(arg="strict", value=part):  # a zip of what is equally long, said aloud
                yield part
            case ast.JoinedStr() | ast.TypeAlias() | ast.Import() | ast.ImportFrom():
                yield node
            case ast.Expr(value=ast.Constant()):
                yield node
            case ast.ClassDef():  # a default of a field would need a new class
                yield from node.decorator_list
                yield from (part for part in node.body if isinstance(part, ast.Assign | ast.AnnAssign))


def _changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """Yield what can be done to a node: in words, and how."""
    yield from _operators(node)
    yield from _values(node)
    if isinstance(node, ast.If | ast.While | ast.IfExp) and not isinstance(node.test, ast.Compare | ast.UnaryOp):
        yield "negated", _set("test", ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test))
    if isinstance(node, DROPPED):
        yield f"{type(node).__name__} gone", lambda _: None


def _operators(node: ast.AST) -> Iterator[tuple[str, Change]]:
    match node:
        case ast.Compare(ops=[*ops]):
            for at, op in enumerate(ops):
                for other in COMPARE[type(op)]:
                    yield f"{type(op).__name__} to {other.__name__}", _compared(at, other)
        case ast.BoolOp(op=op):
            other_op = ast.Or if isinstance(op, ast.And) else ast.And
            yield f"{type(op).__name__} to {other_op.__name__}", _set("op", other_op())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "not gone", lambda _: copy.deepcopy(operand)
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in ARITHMETIC:
            new = ARITHMETIC[type(op)]
            yield f"{type(op).__name__} to {new.__name__}", _set("op", new())


def _values(node: ast.AST) -> Iterator[tuple[str, Change]]:
    match node:
        case ast.Constant(value=bool() as value):
            yield f"{value} to {not value}", _set("value", not value)
        case ast.Constant(value=int() as value):
            yield f"{value} to {value + 1}", _set("value", value + 1)
        case ast.Call(func=ast.Name(id=name)) if name in CALLS:
            yield f"{name} to {CALLS[name]}", _set("func", ast.copy_location(ast.Name(CALLS[name], ast.Load()), node))
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and not value.value):
            yield "return None", _set("value", ast.copy_location(ast.Constant(None), value))
        case ast.comprehension(ifs=[_, *_]):
            yield "condition gone", _set("ifs", [])


def _set(name: str, value: object) -> Change:
    def change(node: ast.AST) -> ast.AST:
        setattr(node, name, value)
        return node

    return change


def _compared(at: int, other: type[ast.cmpop]) -> Change:
    def change(node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Compare):
            node.ops[at] = other()
        return node

    return change
