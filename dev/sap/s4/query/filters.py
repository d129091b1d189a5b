"""The $filter language: text to a predicate over rows, refusing what the metadata does not allow.

Comparisons, `and`, `or`, `not`, parentheses, substringof, startswith, endswith, and paths over one to-one navigation.
Other functions and arithmetic are refused, as most A2X services refuse them.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import eq, ge, gt, le, lt, ne
from typing import Any, NoReturn

from dev.sap.s4.model.edm import SETS, EntitySet, Field, Nav
from dev.sap.s4.model.errors import refused
from dev.sap.s4.model.values import Row, Value
from dev.sap.s4.query import literals

type Related = Callable[[EntitySet, Row, str], Sequence[Row]]

_TOKEN = re.compile(rf"\s*(?:(?P<literal>{literals.PATTERN})|(?P<name>[A-Za-z_][\w/]*)|(?P<mark>[(),]))", re.DOTALL)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {"eq": eq, "ne": ne, "gt": gt, "ge": ge, "lt": lt, "le": le}
_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "substringof": lambda part, text: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
}
DEPTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Expression:
    """A typed piece of the filter; `of` gives all values for a row (several only over a to-many path).

    `name` is the set's own field or "", `equal` what a row must hold for the piece to be true, for a look-up by index.
    """

    edm: str
    of: Callable[[Row], list[Value]]
    name: str = ""
    equal: Row = field(default_factory=dict)
    constant: bool = False

    def holds(self, row: Row) -> bool:
        """Tell whether a boolean expression is true for the row."""
        return any(self.of(row))


def compile_filter(text: str, entity_set: EntitySet, related: Related, *, to_many: bool) -> Expression:
    """Compile the option's value; `to_many` allows paths over to-many navigations, matching any row."""
    return _Parser(text, entity_set, related, to_many=to_many).whole()


class _Parser:
    def __init__(self, text: str, entity_set: EntitySet, related: Related, *, to_many: bool) -> None:
        self.set = entity_set
        self.related = related
        self.to_many = to_many
        self.tokens = list(self._tokens(text))
        self.at = 0
        self.depth = 0

    def _tokens(self, text: str) -> list[tuple[str, str, int]]:
        found, position = [], 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise refused(
                    "/IWCOR/CX_DS_EXPR_SYNTAX_ERROR/001", position + 1, f"unexpected {text[position:][:20]!r}"
                )
            kind = match.lastgroup or ""
            found.append((kind, match[kind], match.start(kind) + 1))
            position = match.end()
        return [*found, ("end", "", len(text) + 1)]

    def whole(self) -> Expression:
        expression = self.either()
        if self.peek() != "" or expression.edm != "Boolean":
            self.fail("expected end of the expression" if self.peek() else "a condition is expected")
        return expression

    def peek(self) -> str:
        return self.tokens[self.at][1]

    def take(self, expected: str | None = None) -> tuple[str, str, int]:
        token = self.tokens[self.at]
        if token[0] == "end" or (expected is not None and token[1] != expected):
            self.fail(f"expected {expected or 'an operand'}, found {token[1] or 'the end'}")
        self.at += 1
        return token

    def fail(self, text: str) -> NoReturn:
        raise refused("/IWCOR/CX_DS_EXPR_SYNTAX_ERROR/001", self.tokens[self.at][2], text)

    def either(self) -> Expression:
        parts = self.joined("or", self.both)
        if len(parts) == 1:
            return parts[0]
        return Expression("Boolean", lambda row: [any(part.holds(row) for part in parts)])

    def both(self) -> Expression:
        parts = self.joined("and", self.compared)
        if len(parts) == 1:
            return parts[0]
        equal = {name: value for part in parts for name, value in part.equal.items()}
        return Expression("Boolean", lambda row: [all(part.holds(row) for part in parts)], equal=equal)

    def joined(self, word: str, operand: Callable[[], Expression]) -> list[Expression]:
        """Read operands with the word between them: a flat list, since a key list of hundreds is ordinary."""
        parts = [operand()]
        while self.peek() == word:
            position = self.take()[2]
            parts.append(operand())
            if {part.edm for part in parts[-2:]} != {"Boolean"}:
                raise refused("/IWCOR/CX_DS_EXPR_TYPE_ERROR/001", word, position)
        return parts

    def compared(self) -> Expression:
        left = self.operand()
        if self.peek() not in _COMPARE:
            return left
        _, word, position = self.take()
        right = self.operand()
        if not _comparable(left.edm, right.edm) or ("Null" in {left.edm, right.edm} and word not in {"eq", "ne"}):
            raise refused("/IWCOR/CX_DS_EXPR_TYPE_ERROR/001", word, position)
        compare = _COMPARE[word]
        equal: Row = {left.name: right.of({})[0]} if word == "eq" and left.name and right.constant else {}
        return Expression(
            "Boolean",
            lambda row: [any(_test(compare, one, other) for one in left.of(row) for other in right.of(row))],
            equal=equal,
        )

    def operand(self) -> Expression:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            self.fail("the expression is too deep")
        kind, text, position = self.take()
        if text == "not":
            inner = self.operand()
            if inner.edm != "Boolean":
                raise refused("/IWCOR/CX_DS_EXPR_TYPE_ERROR/001", "not", position)
            result = Expression("Boolean", lambda row: [not inner.holds(row)])
        elif text == "(":
            result = self.either()
            self.take(")")
        elif kind == "literal":
            result = self.literal(text, position)
        elif kind == "name":
            result = self.call(text, position) if self.peek() == "(" else self.path(text)
        else:
            self.at -= 1
            self.fail(f"unexpected {text!r}")
        self.depth -= 1
        return result

    def literal(self, text: str, position: int) -> Expression:
        try:
            literal = literals.parse(text)
        except (ValueError, OverflowError):
            raise refused("/IWCOR/CX_DS_EXPR_SYNTAX_ERROR/001", position, f"invalid literal {text}") from None
        return Expression(literal.edm, lambda _: [literal.value], constant=True)

    def call(self, name: str, position: int) -> Expression:
        if name not in _FUNCTIONS:
            raise refused("/IWCOR/CX_DS_EXPR_TYPE_ERROR/005", name)
        self.take("(")
        first = self.operand()
        self.take(",")
        second = self.operand()
        self.take(")")
        if (first.edm, second.edm) != ("String", "String"):
            raise refused("/IWCOR/CX_DS_EXPR_TYPE_ERROR/001", name, position)
        function = _FUNCTIONS[name]
        return Expression(
            "Boolean", lambda row: [any(function(str(a), str(b)) for a in first.of(row) for b in second.of(row))]
        )

    def path(self, path: str) -> Expression:
        *navs, name = path.split("/")
        if len(navs) > 1:
            self.fail(f"path {path} goes over more than one navigation")
        owner = self.set
        if navs:
            nav = navigation(self.set, navs[0])
            if nav.many and not self.to_many:
                raise refused("/IWCOR/CX_DS_EXPR_TYPE_ERROR/004", nav.name, "$filter")
            owner = SETS[nav.target]
        edm = filterable(owner, name).edm
        if not navs:
            return Expression(edm, lambda row: [row[name]], name=name)
        return Expression(edm, lambda row: [other[name] for other in self.related(self.set, row, navs[0])])


def navigation(entity_set: EntitySet, name: str) -> Nav:
    """Return the navigation or refuse it as unknown."""
    if name not in entity_set.navs:
        raise refused("/IWCOR/CX_DS_EXPR_TYPE_ERROR/002", name, entity_set.type_name)
    return entity_set.navs[name]


def filterable(entity_set: EntitySet, name: str) -> Field:
    """Return the field if it exists and may be filtered and sorted by."""
    if name not in entity_set.fields:
        raise refused("/IWCOR/CX_DS_EXPR_TYPE_ERROR/002", name, entity_set.type_name)
    if not entity_set.fields[name].filterable:
        raise refused("/IWCOR/CX_DS_EXPR_TYPE_ERROR/003", name, entity_set.type_name)
    return entity_set.fields[name]


def _comparable(left: str, right: str) -> bool:
    numeric = literals.NUMERIC
    return left == right or "Null" in {left, right} or (left in numeric and right in numeric)


def _test(compare: Callable[[Any, Any], bool], one: Value, other: Value) -> bool:
    if one is None or other is None:
        # An initial text or number is never null in SAP; a missing date is, and no order includes it.
        return compare(one, other) if compare in {eq, ne} else False
    return compare(one, other)
