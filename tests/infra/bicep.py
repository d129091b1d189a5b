"""Reads Bicep files into what our rules ask about: parameters, variables, resources, modules, outputs.

No compiler is needed: tree-sitter's grammar gives the tree. Values are read as Python's where they are literal; what
only a deployment can compute is an `Expression` with its source text. Nothing is evaluated.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
PARSER = Parser(Language(tree_sitter_bicep.language()))
LITERALS: Mapping[str, Any] = {"true": True, "false": False, "null": None}


class Expression(str):
    """Source text that a deployment computes, such as 'identity.outputs.clientId'."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """`param name type = default`, with its decorators: {'allowed': [['dev', 'prod']]}."""

    name: str
    type: str
    default: Node | None
    decorators: Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Resource:
    """`resource symbol 'type@version' = …`. `body` holds the properties, `condition` the text of its `if`."""

    symbol: str
    type: str
    version: str
    existing: bool
    condition: str
    looped: bool
    body: Mapping[str, Any]
    node: Node


@dataclass(frozen=True, slots=True)
class Call:
    """`module symbol 'path' = …`."""

    symbol: str
    path: Path
    parameters: Mapping[str, Any]
    condition: str


@dataclass(slots=True)
class File:
    """One Bicep file."""

    path: Path
    root: Node
    parameters: dict[str, Parameter] = field(default_factory=dict)
    variables: dict[str, Node] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    outputs: dict[str, Node] = field(default_factory=dict)

    def variable(self, name: str) -> Any:
        """Return a variable's value."""
        return value(self.variables[name])

    def of_type(self, kind: str) -> list[Resource]:
        """Return the resources of a type that this file makes, in any letter case."""
        return [one for one in self.resources.values() if one.type.lower() == kind.lower() and not one.existing]


def read(path: Path) -> File:
    """Read one file."""
    root = PARSER.parse(path.read_bytes()).root_node
    file = File(path, root)
    decorators: dict[str, list[Any]] = {}
    for node in root.named_children:
        if node.type == "decorators":
            decorators = dict(_decorator(one) for one in node.named_children)
            continue
        _declare(node, file, decorators)
        if node.type != "comment":
            decorators = {}
    return file


def files() -> list[File]:
    """Return all files of infra/, main.bicep first."""
    return [read(INFRA / "main.bicep"), *(read(path) for path in sorted(INFRA.glob("modules/**/*.bicep")))]


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    yield node
    for child in node.children:
        yield from walk(child)


def text(node: Node | None) -> str:
    """Return a node's source."""
    return (node.text or b"").decode() if node is not None else ""


def value(node: Node) -> Any:
    """Return a literal as Python's, anything else as an `Expression`."""
    if node.type in ("boolean", "null"):
        return LITERALS[text(node)]
    match node.type:
        case "object":
            pairs = (one for one in node.named_children if one.type == "object_property")
            return {_key(pair.named_children[0]): value(pair.named_children[-1]) for pair in pairs}
        case "array":
            return [value(one) for one in node.named_children if one.type != "comment"]
        case "string" if not any(one.type == "interpolation" for one in node.named_children):
            return _string(node)
        case "number":
            return int(text(node))
        case _:
            return Expression(text(node))


def names_used(node: Node) -> set[str]:
    """Return the symbols that an expression reads; functions, properties and loop variables are not among them."""
    return {text(one) for one in walk(node) if one.type == "identifier" and _reads(one)}


def called(node: Node) -> set[str]:
    """Return the functions that are called below a node."""
    calls = (one for one in walk(node) if one.type == "call_expression")
    return {text(one.child_by_field_name("function")) for one in calls}


def _declare(node: Node, file: File, decorators: dict[str, list[Any]]) -> None:
    named = [one for one in node.named_children if one.type != "comment"]
    match node.type:
        case "parameter_declaration":
            default = named[2] if len(named) > 2 else None
            file.parameters[text(named[0])] = Parameter(text(named[0]), text(named[1]), default, decorators)
        case "variable_declaration":
            file.variables[text(named[0])] = named[1]
        case "output_declaration":
            file.outputs[text(named[0])] = named[-1]
        case "resource_declaration":
            kind, _, version = _string(named[1]).partition("@")
            existing = any(one.type == "existing" for one in node.children)
            body, condition, looped = _body(named[-1])
            held = value(body)
            file.resources[text(named[0])] = Resource(
                text(named[0]), kind, version, existing, condition, looped, held, body
            )
        case "module_declaration":
            body, condition, _ = _body(named[-1])
            path = (file.path.parent / _string(named[1])).resolve()
            file.calls[text(named[0])] = Call(text(named[0]), path, value(body).get("params", {}), condition)


def _body(node: Node) -> tuple[Node, str, bool]:
    """Look through loops and conditions at the object that they make."""
    condition, looped = "", False
    while node.type != "object":
        if node.type == "for_statement":
            looped = True
        elif node.type == "if_statement":
            condition = text(node.named_children[0]).removeprefix("(").removesuffix(")")
        node = node.named_children[-1]
    return node, condition, looped


def _reads(identifier: Node) -> bool:
    parent = identifier.parent
    if parent is None or (parent.type == "object_property" and parent.named_children[0] == identifier):
        return False
    return parent.child_by_field_name("function") != identifier


def _decorator(node: Node) -> tuple[str, list[Any]]:
    call = node.named_children[0]
    arguments = call.child_by_field_name("arguments")
    return text(call.child_by_field_name("function")), [
        value(one) for one in arguments.named_children
    ] if arguments else []


def _key(node: Node) -> str:
    return _string(node) if node.type == "string" else text(node)


def _string(node: Node) -> str:
    return text(node)[1:-1].replace("\\'", "'")
