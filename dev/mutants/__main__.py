"""`python -m dev.mutants shared/core/merge.py …`: without names, all of the pure core. `MUTANTS=300 SEED=2` samples."""

import os
import sys
from pathlib import Path

import pytest

from dev.mutants.run import ROOT, Mutation

CORE = (
    "shared/core", "shared/decide.py", "shared/decision", "shared/settlement.py", "shared/mapping/functions.py",
    "shared/mapping/flow.py", "shared/mapping/compile", "shared/mapping/verbs",
)  # fmt: skip
TESTS = (
    "tests/unit/core",
    "tests/unit/mapping",
    "tests/unit/ops/test_schedule.py",
    "tests/bulk/test_cron.py",
    "tests/laws",
    "tests/mapping_cases",
    "tests/operators",
)
SLOW = ("tests/operators/test_on_the_cloud.py",)


def main(names: list[str]) -> int:
    """Run the mutants; 1 if one survives that docs/mutation.md does not explain."""
    paths = [path for name in names or CORE for path in _sources(ROOT / name)]
    mutation = Mutation(paths, int(os.environ.get("MUTANTS", "0")), int(os.environ.get("SEED", "1")))
    tests = os.environ.get("TESTS", " ".join(TESTS)).split()
    options = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-n0", "-o", "timeout=0", "--no-header", "-s"]
    ended = pytest.main([*options, *(f"--ignore={one}" for one in SLOW), *tests], plugins=[mutation])
    if ended not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return 2
    tried = mutation.tried
    print(
        f"killed {tried.killed}, survived {len(tried.survived)}, explained {tried.explained} "
        f"(docs/mutation.md), not run {tried.not_run} (they need a new class)"
    )
    return 1 if tried.survived else 0


def _sources(place: Path) -> list[str]:
    found = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return [str(path.relative_to(ROOT)) for path in found]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
