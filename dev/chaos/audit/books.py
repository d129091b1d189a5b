"""What people really did: the audit's evidence. Every identity carries a serial number in its name, 'Chaos C000012'."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

type Side = Literal["dynamics", "sap"]
type Row = dict[str, Any]

SERIAL = re.compile(r"\b[CSK]\d{6}\b")


def serial_in(name: object) -> str:
    """Return the serial number in a name, '' if it has none."""
    found = SERIAL.search(str(name or "").upper())
    return found[0] if found else ""


@dataclass(frozen=True, slots=True)
class Edit:
    """A value that a person typed, in the form in which the audit compares it."""

    side: Side
    value: str


@dataclass(slots=True)
class Books:
    """`edits` by (serial, field) in the order in which the systems took them. `gone`: which sides somebody deleted.

    `copies` are keys of records that a person copied: doubles by people, not by the sync.
    """

    edits: dict[tuple[str, str], list[Edit]] = field(default_factory=dict)
    gone: dict[str, set[Side]] = field(default_factory=dict)
    copies: set[str] = field(default_factory=set)
    born: dict[str, Side] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def wrote(self, serial: str, side: Side, **values: str) -> None:
        """Note what a person typed."""
        for name, value in values.items():
            self.edits.setdefault((serial, name), []).append(Edit(side, value))

    def deleted(self, serial: str, side: Side) -> None:
        """Note a delete."""
        self.gone.setdefault(serial, set()).add(side)
