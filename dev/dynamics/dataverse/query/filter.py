"""$filter: text to a predicate over rows, type-checked against the metadata.

A recursive-descent parser for what Dataverse supports: comparisons, and/or/not, contains/startswith/endswith, paths
over single-valued navigation, any/all over collections, and the query functions of `functions`.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from dev.dynamics.dataverse.core.errors import refuse
from dev.dynamics.dataverse.core.values import Ref, Row, Value
from dev.dynamics.dataverse.query.address import Guid, literal
from dev.dynamics.dataverse.query.functions import FUNCTIONS
from dev.dynamics.dataverse.query.terms import (
    COMPARE,
    KIND,
    OPERATORS,
    TEXT,
    Filter,
    Operand,
    Scope,
    Test,
    bad,
    comparable,
    edm_of,
    path_operand,
)

_TOKEN: Final = re.compile(
    r"\s*('(?:[^']|'')*'"
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d))?"
    r"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
    r"|\"[^\"]*\"|@\w+|[A-Za-z_][\w.]*|[(),:/\[\]=])"
)


@dataclass(slots=True)
class Parser:
    """One pass over the tokens of a filter."""

    scope: Scope
    tokens: list[str]
    position: int = 0

    def peek(self) -> str:
        """Give the next word, or the empty text at the end."""
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        """Take the next word, which must be the expected one if one is given."""
        word = self.peek()
        if not word or (expected and word != expected):
            shown = f"Syntax error: expected '{expected or 'an expression'}', found '{word or 'the end'}'."
            raise bad(f"{shown} In '{' '.join(self.tokens)}'.")
        self.position += 1
        return word

    def either(self) -> Filter:
        """``a or b``."""
        first = self.both()
        tests = [first.test]
        while self.peek() == "or":
            self.take()
            tests.append(self.both().test)
        return first if len(tests) == 1 else Filter(lambda row: any(test(row) for test in tests))

    def both(self) -> Filter:
        """``a and b``."""
        parts = [self.one()]
        while self.peek() == "and":
            self.take()
            parts.append(self.one())
        equals: dict[str, Value] = {}
        for part in parts:
            equals |= part.equals
        return parts[0] if len(parts) == 1 else Filter(lambda row: all(part.test(row) for part in parts), equals)

    def one(self) -> Filter:
        """``not a``, ``(a)``, a function, a lambda or a comparison."""
        word = self.peek()
        if word == "not":
            self.take()
            inner = self.one()
            return Filter(lambda row: not inner.test(row))
        if word == "(":
            self.take()
            inner = self.either()
            self.take(")")
            return inner
        following = self.tokens[self.position + 1] if self.position + 1 < len(self.tokens) else ""
        if following == "(":
            return Filter(self._call(self.take()))
        return self._comparison()

    def _call(self, name: str) -> Test:
        self.take("(")
        if name in TEXT:
            return self._text_function(name)
        short = name.removeprefix("Microsoft.Dynamics.CRM.")
        if short == name or short not in FUNCTIONS:
            raise bad(f"An unknown function with name '{name}' was found.")
        arguments: dict[str, object] = {}
        while self.peek() != ")":
            key = self.take()
            self.take("=")
            arguments[key] = self._argument()
            if self.peek() == ",":
                self.take()
        self.take(")")
        operand = self._named_column(str(arguments.pop("PropertyName", "")))
        values = next(iter(arguments.values()), [])
        listed = values if isinstance(values, list) else [values]
        now, user = self.scope.org.clock.now(), self.scope.user_id
        return FUNCTIONS[short](operand.get, [_typed(value, operand) for value in listed], now, user)

    def _named_column(self, name: str) -> Operand:
        """Find the column that a query function names: by logical name, so ``ownerid`` for ``_ownerid_value``."""
        column = self.scope.table.columns.get(name)
        return path_operand(self.scope, [column.wire] if column else name.split("/"))

    def _argument(self) -> object:
        word = self.take()
        if word.startswith("@"):
            alias = Parser(self.scope, tokenize(self.scope.aliases.get(word, "null")))
            return alias._argument()
        if word != "[":
            return word.strip('"') if word.startswith('"') else literal(word)
        values: list[object] = []
        while self.peek() != "]":
            values.append(self._argument())
            if self.peek() == ",":
                self.take()
        self.take("]")
        return values

    def _text_function(self, name: str) -> Test:
        left = self._operand()
        self.take(",")
        right = self._operand()
        self.take(")")
        if left.edm != "Edm.String" or right.edm != "Edm.String":
            raise bad(f"No function signature for the function with name '{name}' matches the specified arguments.")
        match = TEXT[name]

        def test(row: Row) -> bool:
            text, part = left.get(row), right.get(row)
            return isinstance(text, str) and match(text.casefold(), str(part).casefold())

        return test

    def _comparison(self) -> Filter:
        left = self._operand()
        if self.peek() not in COMPARE:
            if left.edm == "Edm.Boolean":
                return Filter(lambda row: left.get(row) is True)
            raise bad(f"Syntax error at '{self.peek() or 'the end'}' in '{' '.join(self.tokens)}'.")
        operator = self.take()
        right = self._operand()
        if left.edm and right.edm and KIND[left.edm] != KIND[right.edm]:
            found = f"Found operand types '{left.edm}' and '{right.edm}' for operator kind '{OPERATORS[operator]}'."
            raise bad(f"A binary operator with incompatible types was detected. {found}")
        compare = COMPARE[operator]
        constant = operator == "eq" and left.column is not None and right.constant is not None
        equals = {left.column.name: right.constant} if constant and left.column else {}
        return Filter(lambda row: compare(comparable(left.get(row)), comparable(right.get(row))), equals)

    def _operand(self) -> Operand:
        word = self.take()
        if word.startswith("@"):
            return Parser(self.scope, tokenize(self.scope.aliases.get(word, "null")))._operand()  # noqa: SLF001 - the same class
        if word in {"true", "false", "null"} or not (word[0].isalpha() or word[0] == "_") or _is_guid_like(word):
            value = literal(word)
            return Operand(edm_of(value), lambda _row: value, None, value)
        path = [word]
        while self.peek() == "/":
            self.take()
            path.append(self.take())
        if path[-1] in {"any", "all"} and self.peek() == "(":
            test = self._lambda(path)
            return Operand("Edm.Boolean", test)
        return path_operand(self.scope, path)

    def _lambda(self, path: list[str]) -> Test:
        quantifier = path.pop()
        relationship = self.scope.table.many.get(path[0])
        if relationship is None or len(path) > 1:
            raise refuse("no property", name=path[0], type=self.scope.table.type)
        store, parent_id = self.scope.org.store, self.scope.table.id
        child = self.scope.org.model.tables[relationship.table]
        self.take("(")
        inner: Test = lambda _row: True  # noqa: E731 - any() without a condition
        if self.peek() != ")":
            variable = self.take()
            self.take(":")
            outer = self.scope
            self.scope = replace(outer, variables={**outer.variables, variable: child})
            inner = self.either().test
            self.scope = outer
        self.take(")")
        over = any if quantifier == "any" else all
        own = self.scope.table.name
        return lambda row: over(
            inner(item) for item in store.linked(child.name, relationship.column, Ref(own, str(row[parent_id])))
        )


def _is_guid_like(token: str) -> bool:
    return token.count("-") == 4  # noqa: PLR2004 - the dashes of an identifier


def _typed(value: object, operand: Operand) -> object:
    """Query functions give all values as text; read them as the column's type."""
    if isinstance(value, str) and operand.edm and KIND[operand.edm] != "text" and not isinstance(value, Guid):
        return comparable(literal(value))
    return comparable(value)  # type: ignore[arg-type] # literals only


def tokenize(text: str) -> list[str]:
    """Split a filter into tokens; what is none is refused with its position."""
    tokens, position = [], 0
    text = text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise bad(f"Syntax error at position {position} in '{text}'.")
        tokens.append(match[1])
        position = match.end()
    return tokens


def parse_filter(text: str, scope: Scope) -> Filter:
    """Compile a $filter, e.g. ``name eq 'x' and not contains(name,'y')``."""
    parser = Parser(scope, tokenize(text))
    found = parser.either()
    if parser.peek():
        raise bad(f"Syntax error at '{parser.peek()}' in '{text}'.")
    return found
