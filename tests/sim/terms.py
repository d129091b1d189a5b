"""How a simulated system understands the terms of a scan."""

import operator
from collections.abc import Mapping
from typing import Any

from shared.core.model import Scalar
from shared.ports import Term


def holds(term: Term, key: str, values: Mapping[str, Scalar]) -> bool:
    """Whether a term of a scan holds for a record."""
    held: Any = (values.get(term.column) if term.column else key) or None
    wanted: Any = [value if value != "" else None for value in term.values]
    match term.test:
        case "in":
            return held in wanted
        case "not":
            return held not in wanted
        case order:
            return held is not None and bool(getattr(operator, order)(held, wanted[0]))
