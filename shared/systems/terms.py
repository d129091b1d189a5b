"""Simple conditions as an OData expression: the same words in V2 and V4, only literals differ. Pure."""

from collections.abc import Callable, Iterable, Sequence

from shared.ports import Term

type Value = str | int | bool | None
# Column and value -> property and literal; '' where the type has no such value.
type Spell = Callable[[str, Value], tuple[str, str]]


def expression(where: Sequence[Term], spell: Spell) -> str:
    """Return "(statecode eq 0 or statecode eq 1) and name ge 'A'" for terms that must all hold, '' for none."""
    return " and ".join(found for term in where if (found := _one(term, spell)))


def _one(term: Term, spell: Spell) -> str:
    if term.test == "in":
        return _joined(" or ", (_compare(term.column, "eq", value, spell) for value in term.values))
    if term.test == "not":
        others = _joined(" and ", (_compare(term.column, "ne", value, spell) for value in term.values))
        # What is absent is something else than any value; databases see that differently, so it is said.
        absent = "" if {None, ""} & set(term.values) else _compare(term.column, "eq", None, spell)
        return _joined(" or ", (others, absent))
    return _joined(" and ", (_compare(term.column, term.test, value, spell) for value in term.values))


def _compare(column: str, how: str, value: Value, spell: Spell) -> str:
    name, literal = spell(column, None if value == "" else value)
    return f"{name} {how} {literal}" if literal else ""


def _joined(word: str, parts: Iterable[str]) -> str:
    found = [part for part in parts if part]
    if len(found) == 1:
        return found[0]
    return f"({word.join(found)})" if found else ""
