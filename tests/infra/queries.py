"""The queries of infra/: their text, what Kusto's parser says of them, and who loads them."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path

from dev.azurite import node
from tests.infra.bicep import INFRA, files

QUERIES = INFRA / "queries"
PARSER = INFRA / "scripts" / "kql.mjs"
LOADED = re.compile(r"loadTextContent\('([^']+)'\)")


def texts() -> dict[str, str]:
    """Return each query by its path below infra/queries, such as 'alerts/lag.kql'."""
    return {path.relative_to(QUERIES).as_posix(): path.read_text("utf-8") for path in sorted(QUERIES.rglob("*.kql"))}


def parse(folder: Path = QUERIES) -> subprocess.CompletedProcess[str]:
    """Run the parser; its output is the columns of each query's result."""
    command = [node(), str(PARSER), "--columns", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@cache
def columns() -> dict[str, list[str]]:
    """Return the columns of each query's result."""
    done = parse()
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def loads() -> list[str]:
    """Return the queries that Bicep loads, each as often as it is loaded."""
    found = []
    for file in files():
        for path in LOADED.findall(file.path.read_text("utf-8")):
            full = (file.path.parent / path).resolve()
            found.append(full.relative_to(QUERIES).as_posix())
    return found
