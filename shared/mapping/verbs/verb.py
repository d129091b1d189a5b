"""What a verb is: a step from Dynamics' form of a value to SAP's, with the way back where nothing is lost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.core.model import Scalar

type Kind = Literal["any", "text", "flag", "int", "decimal", "date", "instant"]
type Step = Callable[[Any], Any]
type Length = Callable[[int | None], int | None]


class Unfit(Exception):
    """A verb cannot say this value.

    `rule` is a short cause ('code countries'), `expected` and `mend` complete the sentence "found <shape>, expected
    <expected>; <mend>". None of them may hold the value: it may be personal.
    """

    def __init__(self, rule: str, expected: str, mend: str) -> None:
        super().__init__(f"expected {expected}; {mend}")
        self.rule = rule
        self.expected = expected
        self.mend = mend


class Quiet(Unfit):
    """A verb has nothing to say of this value, and the row wants no complaint: the field stays as it is."""

    def __init__(self) -> None:
        super().__init__("", "", "")


def as_long(length: int | None) -> int | None:
    """Return the length of a text that a verb does not lengthen (None: unknown)."""
    return length


def unknown(_length: int | None) -> int | None:
    """Return that nothing is known of the length."""
    return None


def always(length: int) -> Length:
    """Return the length of texts that are at most so long, whatever they come from."""
    return lambda _: length


@dataclass(frozen=True, slots=True)
class CodeTable:
    """A table of mappings/codes/: Dynamics' words to SAP's codes, and back.

    `back` lacks the codes that several words stand for, unless the file chooses one; such `unclear` codes make the
    table one-way. A code whose word is None has no counterpart in Dynamics: it is carried as absent.
    """

    name: str
    there: Mapping[str, str]
    back: Mapping[str, str | None]
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verb:
    """`there` leads from Dynamics to SAP, `back` the other way (None: something is lost).

    Neither is called with an absent value: `absent` and `absent_back` are what absence becomes (None: it stays so).
    `takes` and `gives` are the kinds of value before and after `there`; `parts` how many columns on the Dynamics and
    on the SAP side; `lengths` the longest text that can come of one of so many characters, there and back.
    `link` names the flow whose link translates a key, and `required` makes the record wait for that link.
    `about` is what the verb's behaviour depends on besides its arguments (a code table): for the row's fingerprint.
    `unclear` are the codes that stand in the way of a way back.
    """

    there: Step
    back: Step | None = None
    takes: Kind = "text"
    gives: Kind = "text"
    parts: tuple[int, int] = (1, 1)
    absent: Scalar = None
    absent_back: Scalar = None
    lengths: tuple[Length, Length] = (as_long, as_long)
    link: str = ""
    required: bool = False
    about: Mapping[str, object] = field(default_factory=dict)
    unclear: tuple[str, ...] = ()
