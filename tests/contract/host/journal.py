"""The file in which the functions of the test apps write down what reached them, one JSON line each."""

import json
from pathlib import Path


def noted(journal: Path) -> list[dict]:
    """Read the lines that are complete: a function may be writing the next one."""
    complete, _, _ = journal.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in complete.splitlines()]
